"""The rules that decide a claim by the means of tasks: each takes the tables of one source.

A rule is a function ``(tables, **given) -> Found``. It computes every number, and raises
:class:`~medsam.analysis.claims.claim.Undecidable` where the tables lack what it needs. The sentence
that says the numbers stands with the claim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from medsam.analysis.claims import rules_cases
from medsam.analysis.claims.claim import Found, Told, Undecidable, Verdict, grade, joined
from medsam.analysis.claims.tables import MODES, OTHERS, SETTINGS, Tables
from medsam.analysis.comparison import of_clicks
from medsam.analysis.statistics import ALPHA, TIE, pair, probability
from medsam.datasets.catalog import catalog, task_caveats

Stated = Mapping[str, str]

_POINTS, _BOXES = (1, 2), (3, 4, 5)


def printed(stated: str, *values: float) -> Verdict:
    """Whether values are the printed number.

    Holds where they are when rounded to its digits; but for rounding where a number with decimals
    is off by one more unit of its last digit, as one that was cut, or rounded twice, is.

    Examples
    --------
    >>> printed("0.8650", 0.86495).value, printed("0.1135", 0.11364).value, printed("24", 25).value
    ('holds', 'holds but for rounding', 'does not hold')
    """
    off = [units_off(stated, value) for value in values]
    exact = [units <= 0.5 + 1e-8 for units in off]
    if "." in stated and not all(exact) and max(off) <= 1.5 + 1e-8:
        return Verdict.ROUNDED
    return grade(*exact)


def units_off(stated: str, value: float) -> float:
    """By how many units of the last printed digit a value is off.

    Examples
    --------
    >>> round(units_off("0.1135", 0.1137), 6)
    2.0
    """
    return float(abs(value - float(stated)) * 10 ** len(stated.partition(".")[2]))


def _end(line: pd.Series, end: str) -> tuple[str, float]:
    """Name and value of the ``lowest`` or ``highest`` of a series."""
    if end == "highest":
        return str(line.idxmax()), float(line.max())
    return str(line.idxmin()), float(line.min())


def _by_mode(means: pd.Series) -> str:
    return ", ".join(f"mode {mode} {value:.3f}" for mode, value in means.items())


# Two settings compared; means of settings.


def compare(tables: Tables, first: str, second: str) -> Found:
    """One setting against another, task by task."""
    found = pair(tables.setting(first), tables.setting(second))
    return Found(grade(*found.conditions), found.values | {"words": found.words})


def boxes_over_points(tables: Tables) -> Found:
    """The worst of the box modes against the best of the point modes."""
    wide = tables.by_mode()
    points, boxes = wide[[*_POINTS]], wide[[*_BOXES]]
    worst, best = boxes.min(axis=1), points.max(axis=1)
    found = pair(worst, best)
    lowest, highest = float(boxes.mean().min()), float(points.mean().max())
    lost = tables.called(*worst.index[worst - best < -TIE].sort_values())
    told = found.values | {
        "box": lowest,
        "point": highest,
        "but": f", not on {lost}" if lost else "",
        "test": probability(found.p),
    }
    return Found(grade(lowest > highest, *found.conditions[1:]), told)


def above_others(tables: Tables) -> Found:
    """SAM against each other method with one point, over the tasks."""
    found = {name: pair(tables.click(1), tables.click(1, name)) for name in tables.others()}
    sam = tables.click(1)
    means = [f"{n} {one.second:.3f} ({probability(one.p)})" for n, one in found.items()]
    told: Told = {"n": len(sam), "mean": float(sam.mean()), "means": ", ".join(means)}
    for name, one in found.items():
        told |= {f"{name}: difference": one.difference, f"{name}: p": one.p}
    return Found(grade(*(o.difference > 0 and o.p < ALPHA for o in found.values())), told)


def best_mode(tables: Tables, mode: int) -> Found:
    """The mode with the highest mean, and on how many tasks none is better."""
    wide = tables.by_mode()
    means = wide.mean().sort_values(ascending=False, kind="stable")
    tasks = int((wide[mode] > wide.max(axis=1) - TIE).sum())
    ranked = ", ".join(f"{m}: {value:.3f}" for m, value in means.items())
    told: Told = {"best": int(means.index[0]), "tasks": tasks, "n": len(wide), "ranked": ranked}
    return Found(grade(means.index[0] == mode, tasks > len(wide) / 2), told)


def moderate_and_varied(tables: Tables) -> Found:
    """Mean between 0.4 and 0.7, and a range over tasks of at least 0.5, in each mode."""
    wide = tables.by_mode()
    means, low, high = wide.mean(), wide.min(), wide.max()
    told: Told = {
        "n": len(wide),
        "means": ", ".join(f"{m}: {means[m]:.3f} ({low[m]:.2f}-{high[m]:.2f})" for m in MODES),
        "mean-low": float(means.min()),
        "range-low": float((high - low).min()),
    }
    return Found(grade(means.between(0.4, 0.7).all(), told["range-low"] >= 0.5), told)


def low_rank(tables: Tables, prefix: str) -> Found:
    """Whether the tasks of a prefix are in the lower half, with one point and with boxes."""
    parts, low = [], []
    told: Told = {}
    for mode in (1, 4):
        line = tables.mode(mode)
        named = line[line.index.str.startswith(prefix)]
        if named.empty:
            raise Undecidable(f"No task called {prefix}* in these results.")
        ranks = line.rank(ascending=False, method="min")[named.index].astype(int)
        low += [rank > len(line) / 2 for rank in ranks]
        told |= {f"mode {mode}: {task}": int(rank) for task, rank in ranks.items()}
        each = ", ".join(
            f"{tables.called(task)} {iou:.3f} (rank {rank})"
            for (task, iou), rank in zip(named.items(), ranks, strict=True)
        )
        parts.append(f"Mode {mode}: {each}; median of all {len(line)} tasks {line.median():.3f}.")
    return Found(grade(*low), told | {"parts": " ".join(parts)})


def oracle_moderate(tables: Tables) -> Found:
    """What the oracle adds, against what mode 4 adds to mode 1."""
    gains = tables.by_mode("oracle") - tables.by_mode()
    means, step = gains.mean(), float((tables.mode(4) - tables.mode(1)).mean())
    told: Told = {"n": len(gains), "gains": _by_mode(means), "step": step}
    told |= {"low": float(means.min()), "high": float(means.max())}
    return Found(grade((means > 0).all(), (means < step).all()), told)


def oracle_varies(tables: Tables) -> Found:
    """Spread over the tasks of what the oracle adds, against its mean."""
    gains = tables.by_mode("oracle") - tables.by_mode()
    if len(gains) < 3:
        raise Undecidable(f"{len(gains)} tasks; at least 3 are needed for a spread.")
    spread, means = gains.std(), gains.mean()
    mode = gains.max().idxmax()
    task, largest = _end(gains[mode], "highest")
    told: Told = {
        "n": len(gains),
        "gains": ", ".join(f"mode {m} {means[m]:.3f} ± {spread[m]:.3f}" for m in MODES),
        "task": f"{tables.called(task)}, mode {mode}",
        "largest": largest,
    }
    return Found(grade(*(spread > means)), told)


# Clicks.


def gains_less(tables: Tables) -> Found:
    """SAM's gain from one click to nine, against half of each other method's."""
    line = tables.line()
    own = float(line[9] - line[1])
    try:
        methods = tables.others()
    except Undecidable as error:
        raise Undecidable(
            f"{error} {tables.sam} gains {own:+.3f} from one click to nine."
        ) from None
    gains = {name: float(tables.line(name)[9] - tables.line(name)[1]) for name in methods}
    words = ", ".join(f"{name} {gain:+.3f}" for name, gain in gains.items())
    return Found(
        grade(*(own < gain / 2 for gain in gains.values())), {"SAM": own, **gains, "gains": words}
    )


def saturates(tables: Tables) -> Found:
    """Gain after the third click: of the mean, and task by task."""
    line, gain = tables.line(), tables.click(9) - tables.click(3)
    early, late = float(line[3] - line[1]), float(line[9] - line[3])
    more = gain[gain >= 0.05].sort_values(ascending=False)
    most = [f", most of all {tables.called(t)} ({v:+.3f})" for t, v in more.head(1).items()]
    told: Told = {"gain-1-3": early, "gain-3-9": late, "still-gain": len(more), "n": len(gain)}
    # A third click that lost would leave nothing to compare the later ones with.
    slows = late < early / 2 if early > 0 else late < 0.05
    return Found(grade(slows, len(more) <= len(gain) / 4), told | {"most": "".join(most)})


def passes(tables: Tables, method: str, stated: Stated | None = None) -> Found:
    """The first number of clicks at which a method's mean is above SAM's.

    Where the text states none, it must not be above at any.
    """
    if method not in tables.others():
        raise Undecidable(f"No rows of {method}.")
    line = {name: tables.line(name) for name in (method, tables.sam)}
    table = pd.concat(line, names=["model", "k"]).rename("iou").reset_index()
    first = of_clicks(table, tables.sam)[f"{method.lower()}-passes"]
    # Two numbers of clicks show the crossing: the last below and the first above.
    around = [first - 1, first] if isinstance(first, int) and first > 1 else [1, 9]
    told: Told = {
        "passes": first,
        "way": "never passes" if first == "none" else f"first passes at {first} clicks",
        "shown": "; ".join(
            f"{k} click{'s' * (k > 1)}: {line[method][k]:.4f} against {line[tables.sam][k]:.4f}"
            for k in around
        ),
    }
    right = first == ("none" if stated is None else int(stated["clicks"]))
    if stated is not None and first != "none" and not right:
        told["remark"] = f" The text says {stated['clicks']}."
    return Found(grade(right), told)


def rise_above_points(tables: Tables) -> Found:
    """Means of the other methods at nine clicks against SAM's best mean of its point results."""
    means = [float(tables.mode(mode).mean()) for mode in _POINTS]
    top, oracle = max(float(tables.line().max()), *means), float(tables.line(tables.oracle).max())
    nine = {name: float(tables.click(9, name).mean()) for name in tables.others()}
    words = ", ".join(f"{name} {iou:.4f}" for name, iou in nine.items())
    told: Told = {"SAM": top, "SAM (oracle)": oracle, **nine, "nine": words}
    return Found(grade(*(iou > top for iou in nine.values())), told)


def below_boxes(tables: Tables, who: str) -> Found:
    """Nine clicks against SAM's box modes: ``who`` is SAM or a method."""
    if who != "SAM" and who not in tables.others():
        raise Undecidable(f"No rows of {who}. Allowed: any of {', '.join(OTHERS)}.")
    name = tables.sam if who == "SAM" else who
    line = tables.line(name)
    boxes = {mode: float(tables.mode(mode).mean()) for mode in _BOXES}
    parts = []
    for mode, iou in boxes.items():
        above = line.index[line > iou]
        way = f"passed at click {above[0]}" if len(above) else "not passed"
        parts.append(f"mode {mode} {iou:.4f} ({way})")
    told: Told = {"name": name, "nine": float(line[9]), "boxes": ", ".join(parts)}
    told |= {f"mode {mode}": iou for mode, iou in boxes.items()}
    return Found(grade(*(line[9] < iou for iou in boxes.values())), told)


# Tasks counted.


def falls(tables: Tables) -> Found:
    """Tasks on which clicks after the third lower SAM's IoU by at least 0.01."""
    change = (tables.click(9) - tables.click(3)).sort_values()
    down = change[change <= -0.01]
    each = ", ".join(f"{tables.called(task)} {value:+.3f}" for task, value in down.items())
    told: Told = {"tasks": len(down), "n": len(change), "told": f": {each}" if each else ""}
    return Found(grade(len(down) > 0), told)


def far_above_others(tables: Tables) -> Found:
    """Tasks on which SAM is at least 0.3 above every other method with one point."""
    above = (tables.click(1) - tables.best_other()).sort_values(ascending=False)
    many = int((above >= 0.3).sum())
    most, least = (f"{tables.called(above.index[n])}, {above.iloc[n]:+.3f}" for n in (0, -1))
    told: Told = {"tasks": many, "n": len(above), "most": most, "least": least}
    return Found(grade(many > 1), told | {"largest": float(above.iloc[0])})


def almost_all(tables: Tables) -> Found:
    """Share of pairs (task, method) in which SAM is better with one point; 9 of 10 wanted."""
    sam = tables.click(1)
    won = {name: int((sam > tables.click(1, name)).sum()) for name in tables.others()}
    total, wins = len(sam) * len(won), sum(won.values())
    parts = ", ".join(f"{name} {number} of {len(sam)}" for name, number in won.items())
    told: Told = {"share": wins / total, "pairs": total, "wins": wins, **won, "parts": parts}
    return Found(grade(wins / total >= 0.9), told)


def most_tasks_gain(tables: Tables) -> Found:
    """Tasks on which nine clicks of a method beat one, and SAM's nine."""
    parts, holds = [], []
    told: Told = {}
    for name in tables.others():
        one, nine = tables.click(1, name), tables.click(9, name)
        better, above = int((nine > one).sum()), int((nine > tables.click(9)).sum())
        low = tables.called(*one.index[nine <= one].sort_values())
        holds.append(better > 0.9 * len(one))
        told |= {f"{name}: gains": better, f"{name}: above SAM": above}
        parts.append(
            f"{name} gains on {better} of {len(one)}{f' (not {low})' if low else ''} and is above "
            f"{tables.sam} on {above}"
        )
    return Found(grade(*holds), told | {"parts": "; ".join(parts)})


def wins(tables: Tables, settings: list[str], stated: Stated) -> Found:
    """Tasks on which SAM is above each other method with one click, in each table of SAM."""
    best = tables.best_other()
    told: Told = {"methods": ", ".join(tables.others())}
    parts, counted = [], []
    for name in settings:
        line = tables.setting(name)
        above = line > best.reindex(line.index)
        counted.append(int(above.sum()))
        told |= {name: counted[-1], "n": len(above)}
        lost = tables.called(*above.index[~above].sort_values())
        parts.append(f"{name} on {above.sum()} of {len(above)}{f' (not {lost})' if lost else ''}")
    verdict = printed(stated["tasks"], *counted)
    if verdict is not Verdict.HOLDS:
        told["remark"] = f" The text says {stated['tasks']}."
    return Found(verdict, told | {"parts": "; ".join(parts)})


# Numbers that the text prints: they are of SAM ViT-H on the paper's tasks.


def extreme(tables: Tables, end: str, named: str, stated: Stated) -> Found:
    """Lowest or highest task with one point, in Fig. 2 (mode 1) and in Fig. 4 (one click)."""
    figures = ("", "") if tables.rows is not None else (" (Fig. 2)", " (Fig. 4)")
    lines = {f"mode 1{figures[0]}": tables.mode(1), f"one click{figures[1]}": tables.click(1)}
    found = {name: _end(line, end) for name, line in lines.items()}
    told: Told = {
        "End": end.capitalize(),
        "n": len(tables.mode(1)),
        "parts": "; ".join(f"{n}: {tables.called(t)} {iou:.4f}" for n, (t, iou) in found.items()),
    }
    told |= {f"{name}: iou": iou for name, (_, iou) in found.items()}
    if all(task.startswith(named) for task, _ in found.values()):
        verdict = printed(stated["iou"], *(iou for _, iou in found.values()))
        if verdict is not Verdict.HOLDS:
            told["remark"] = f" The text prints {stated['iou']}."
        return Found(Verdict.PARTLY if verdict is Verdict.FAILS else verdict, told)
    meant = {n: line[line.index.str.startswith(named)] for n, line in lines.items()}
    if all(map(len, meant.values())):
        ends = {name: _end(line, end) for name, line in meant.items()}
        also = "; ".join(f"{name} {iou:.4f}" for name, (_, iou) in ends.items())
        task = next(iter(ends.values()))[0]
        told["remark"] = f" The task that the text means, {tables.called(task)}: {also}."
        if tables.rows is None and task in task_caveats():  # of the published tables
            told["remark"] = f"{told['remark']} {task_caveats()[task]}"
    return Found(Verdict.FAILS, told)


def extreme_of_modes(tables: Tables, end: str, stated: Stated) -> Found:
    """Lowest or highest IoU over the tasks and the five modes."""
    wide = {(m, str(task)): v for m in MODES for task, v in tables.mode(m).items()}
    mode, task = (max if end == "highest" else min)(wide, key=lambda place: wide[place])
    iou = float(wide[mode, task])
    told: Told = {"End": end.capitalize(), "n": len(wide), "name": tables.called(task)}
    return Found(printed(stated["iou"], iou), told | {"mode": mode, "iou": iou})


def mean(tables: Tables, of: str, stated: Stated) -> Found:
    """A mean over the tasks: ``mode 3``, ``one click``, ``one click oracle``, or a method."""
    line = tables.setting(of)
    value, number = float(line.mean()), stated["iou"]
    what = of if of in SETTINGS else f"{of}, one click"
    told: Told = {"mean": value, "n": len(line), "what": what, "twin": ""}
    # One point is in two tables, and random ties make them differ.
    if of.startswith("one click"):
        twin = of.replace("one click", "mode 1")
        told[twin] = float(tables.setting(twin).mean())
        told["twin"] = f" The other table of one point ({twin}): {told[twin]:.4f}."
    verdict = printed(number, value)
    if verdict is not Verdict.HOLDS:
        means = {name: float(tables.setting(name).mean()) for name in SETTINGS}
        near = min(means, key=lambda name: abs(means[name] - float(number)))
        off = units_off(number, means[near])
        told["remark"] = (
            f" The text prints {number}, {units_off(number, value):.0f} units of its last digit "
            f"off. Nearest mean in the tables: {near}, {means[near]:.4f}"
            f"{'' if off <= 0.5 else f', still {off:.0f} off'}."
        )
    return Found(verdict, told)


# The published tables as a whole: whether they agree with one another and the text.


def one_name(tables: Tables) -> Found:
    """Whether a task has one name in all published files."""
    both = tables.spellings
    if both is None:
        raise Undecidable("A statement on the published tables; a run has one name for each task.")
    other = both[both.in_modes != both.in_clicks]
    pairs = [f"{a!r} and {b!r}" for a, b in zip(other.in_modes, other.in_clicks, strict=True)]
    others = f"; Fig. 2 and Fig. 4 and 5 call the others {'; '.join(pairs)}" if pairs else ""
    told: Told = {"differ": len(other), "same": len(both) - len(other), "n": len(both)}
    return Found(grade(not pairs), told | {"told": others})


def counts(tables: Tables, stated: Stated) -> Found:
    """Number of tasks in both tables, and of the datasets that they come from."""
    modes, clicks = tables.modes.task.nunique(), tables.clicks.task.nunique()
    known = {task.key: key for key, entry in catalog().items() for task in entry.tasks}
    sets = len({known.get(task) for task in tables.modes.task} - {None})
    both = printed(stated["tasks"], modes, clicks), printed(stated["datasets"], sets)
    return Found(joined(both), {"modes": modes, "clicks": clicks, "datasets": sets})


def same_twice(tables: Tables) -> Found:
    """Mode 1 and the first click, which are one prompt for an object of one region."""
    parts, alike = [], []
    told: Told = {}
    for choice, model in (("top", tables.sam), ("oracle", tables.oracle)):
        off = (tables.mode(1, choice) - tables.click(1, model)).abs()
        alike.append(off.max() < 5e-3)
        told |= {f"{choice}: largest": float(off.max()), f"{choice}: mean": float(off.mean())}
        parts.append(
            f"{choice}: largest difference of {len(off)} tasks {off.max():.3f} "
            f"({tables.called(off.idxmax())}), mean {off.mean():.4f}"
        )
    return Found(grade(*alike), told | {"parts": "; ".join(parts)})


RULES: dict[str, Callable[..., Found]] = {
    rule.__name__: rule
    for rule in (
        *(compare, boxes_over_points, above_others, best_mode, low_rank, moderate_and_varied),
        *(oracle_moderate, oracle_varies, gains_less, saturates, passes, rise_above_points),
        *(below_boxes, falls, far_above_others, almost_all, most_tasks_gain, wins, extreme),
        *(extreme_of_modes, mean, one_name, counts, same_twice, *rules_cases.RULES),
    )
}
"""Rules by name."""
