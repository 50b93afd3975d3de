"""The rules that decide a claim: each takes the tables of one source.

A rule is a function ``(tables, **given) -> Found``. It computes every number, and raises
:class:`~medsam.analysis.claims.claim.Undecidable` where the tables lack what it needs. What it is
asked of, and the sentence that says the numbers, stand with the claim. Settings are named as
:meth:`~medsam.analysis.claims.tables.Tables.by_task` says; several of them are a list, or a
mapping where a reader calls them otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from medsam.analysis.claims.claim import Found, Told, Undecidable, Verdict, grade, joined
from medsam.analysis.claims.tables import Tables, clicks
from medsam.analysis.statistics import ALPHA, FEWEST_PAIRS, pair, probability, relation
from medsam.datasets.catalog import catalog, task_caveats

Stated = Mapping[str, str]
Names = Mapping[str, str] | Sequence[str]


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


def _each(values: pd.Series, form: str = ".4f", sep: str = ", ") -> str:
    """Names and values in words."""
    return sep.join(f"{name} {value:{form}}" for name, value in values.items())


def _long(wide: pd.DataFrame) -> pd.DataFrame:
    """One row a ``task`` and ``setting`` that has a ``value``."""
    named = wide.melt(var_name="setting", ignore_index=False)
    return named.reset_index(names="task").dropna(ignore_index=True)


# Means over the tasks.


def means_above(tables: Tables, above: Names, below: Names = (), times: float = 1) -> Found:
    """Whether the mean of each of some settings, so many times, is above those of all others."""
    upper = tables.wide(above).mean()
    lower = tables.wide(below).mean() if below else pd.Series({"nothing": 0.0})
    told: Told = {"above": _each(upper), "most": float(lower.max()), "best": str(lower.idxmax())}
    return Found(grade(*(upper * times > lower.max())), told | {"below": _each(lower)})


def moderate_and_varied(tables: Tables, of: Names) -> Found:
    """Mean between 0.4 and 0.7, and a range over tasks of at least 0.5, of each setting."""
    wide = tables.wide(of)
    means, low, high = wide.mean(), wide.min(), wide.max()
    each = ", ".join(f"{m} {means[m]:.3f} ({low[m]:.2f}-{high[m]:.2f})" for m in map(str, wide))
    varied = (high - low).min() >= 0.5
    return Found(grade(means.between(0.4, 0.7).all(), varied), {"n": len(wide), "means": each})


def varies(tables: Tables, of: Names) -> Found:
    """Whether each setting spreads over the tasks by more than its mean."""
    wide = tables.wide(of)
    if len(wide) < 3:
        raise Undecidable(f"{len(wide)} tasks; at least 3 are needed for a spread.")
    spread, means = wide.std(), wide.mean()
    long = _long(wide)
    most = long.sort_values("value", ascending=False, kind="stable").iloc[0]
    told: Told = {
        "n": len(wide),
        "each": ", ".join(f"{m} {means[m]:.3f} ± {spread[m]:.3f}" for m in map(str, wide)),
        "largest": f"{tables.called(most.task)}, {most.setting}, {most.value:.3f}",
    }
    return Found(grade(*(spread > means)), told)


def mean(tables: Tables, of: str, stated: Stated) -> Found:
    """The mean over the tasks of a setting, as it is printed."""
    line = tables.by_task(of)
    value, number = float(line.mean()), stated["iou"]
    told: Told = {"mean": value, "n": len(line)}
    verdict = printed(number, value)
    if verdict is not Verdict.HOLDS:
        one_prompt = tables.values.filter(regex=r"^(mode \d|1 click)( oracle)?$").mean()
        near = str((one_prompt - float(number)).abs().idxmin())
        off = units_off(number, one_prompt[near])
        told["remark"] = (
            f" The text prints {number}, {units_off(number, value):.0f} units of its last digit "
            f"off. Nearest mean of one prompt in the tables: {near}, {one_prompt[near]:.4f}"
            f"{'' if off <= 0.5 else f', still {off:.0f} off'}."
        )
    return Found(verdict, told)


def passes(tables: Tables, method: str, stated: Stated | None = None) -> Found:
    """The first number of clicks at which a method's mean is above SAM's.

    Where the text states none, it must not be above at any.
    """
    theirs, own = tables.line(method), tables.line()
    above = [int(k) for k in own.index[theirs > own]]
    first = above[0] if above else None
    # Two numbers of clicks show the crossing: the last below and the first above.
    around = [first - 1, first] if first and first > 1 else [1, 9]
    told: Told = {
        "way": f"first passes at {first} clicks" if first else "never passes",
        "shown": "; ".join(f"{clicks(k)}: {theirs[k]:.4f} against {own[k]:.4f}" for k in around),
    }
    wanted = int(stated["clicks"]) if stated else None
    if wanted and first and first != wanted:
        told["remark"] = f" The text says {wanted}."
    return Found(grade(first == wanted), told)


# Task by task.


def compare(tables: Tables, first: str | list[str], second: str | list[str]) -> Found:
    """One setting against another; of several, the worst of the first against the best."""
    one, two = ([names] if isinstance(names, str) else names for names in (first, second))
    worst, best = tables.wide(one).min(axis=1), tables.wide(two).max(axis=1)
    if worst.index.intersection(best.index).empty:
        raise Undecidable("No task that has both.")
    found = pair(worst, best)
    return Found(grade(*found.conditions), {"words": found.words})


def tasks_above(
    tables: Tables,
    first: str,
    over: list[str],
    by: float = 0,
    least: int = 0,
    share: tuple[float, float] = (-1, 1),
    stated: Stated | None = None,
) -> Found:
    """Tasks on which a setting is above the best of others by more than so much.

    Wanted are at least so many of them, a share between two numbers, or as many as are printed.
    """
    off = (tables.by_task(first) - tables.wide(over).max(axis=1)).dropna()
    off = off.rename(tables.called).sort_values(ascending=False)
    above = off[off > by]
    told: Told = {
        "tasks": len(above),
        "n": len(off),
        "those": _each(above, "+.3f") or "none",
        "others": ", ".join(sorted(off.index[len(above) :])) or "none",
        "most": _each(off[:1], "+.3f"),
        "lowest": _each(off[-1:], "+.3f"),
    }
    if stated is None:
        low, high = share
        return Found(grade(len(above) >= least and low < len(above) / len(off) <= high), told)
    verdict = printed(stated["tasks"], len(above))
    if verdict is not Verdict.HOLDS:
        told["remark"] = f" The text says {stated['tasks']}."
    return Found(verdict, told)


def almost_all(tables: Tables, first: str, over: Names) -> Found:
    """Share of pairs (task, other setting) in which a setting is above; 9 of 10 wanted."""
    others = tables.wide(over)
    won = others.lt(tables.by_task(first), axis=0).sum()
    total = others.count()
    each = ", ".join(f"{name} {won[name]} of {total[name]}" for name in map(str, others))
    told: Told = {"wins": won.sum(), "pairs": total.sum(), "share": won.sum() / total.sum()}
    return Found(grade(told["share"] >= 0.9), told | {"each": each})


def low_rank(tables: Tables, of: str, prefix: str) -> Found:
    """Whether the tasks of a prefix are in the lower half."""
    line = tables.by_task(of)
    named = _named(line, prefix)
    ranks = line.rank(ascending=False, method="min")[named.index].astype(int)
    each = ", ".join(
        f"{tables.called(task)} {named[str(task)]:.3f} (rank {rank})"
        for task, rank in ranks.items()
    )
    told: Told = {"each": each, "n": len(line), "median": line.median()}
    return Found(grade(*(ranks > len(line) / 2)), told)


def _named(line: pd.Series, prefix: str, besides: str = "") -> pd.Series:
    """Values of the tasks whose keys begin so."""
    named = line[line.index.str.startswith(prefix)]
    if named.empty:
        raise Undecidable(f"No task called {prefix}* in these results.{besides}")
    return named


def extreme(tables: Tables, of: list[str], end: str, stated: Stated, named: str = "") -> Found:
    """The ``lowest`` or ``highest`` value of the tasks in some settings, and of which task."""
    wide, best = tables.wide(of), {"lowest": "idxmin", "highest": "idxmax"}[end]
    values = _long(wide)
    most = values.loc[values.value.agg(best)]
    task, iou = str(most.task), float(most.value)
    told: Told = {
        "End": end.capitalize(),
        "n": len(values),
        "each": "; ".join(
            f"{name}: {tables.called(at)} {wide[str(name)][str(at)]:.4f}"
            for name, at in wide.agg(best).items()
        ),
    }
    if task.startswith(named):
        verdict = printed(stated["iou"], iou)
        if verdict is not Verdict.HOLDS:
            told["remark"] = f" The text prints {stated['iou']}."
        return Found(Verdict.PARTLY if verdict is Verdict.FAILS and named else verdict, told)
    meant = wide[wide.index.str.startswith(named)].mean(axis=1)
    if len(meant):
        task = str(meant.agg(best))
        also = _each(wide.T[task], sep="; ")
        told["remark"] = f" The task that the text means, {tables.called(task)}: {also}."
        if tables.rows is None and task in task_caveats():  # of the published tables
            told["remark"] += f" {task_caveats()[task]}"
    return Found(Verdict.FAILS, told)


def correlates(tables: Tables, x: str, y: str, wanted: str) -> Found:
    """Correlations over tasks: ``rising``, not significant (``weak``), or both (``clear``)."""
    both = pd.concat({"x": tables.by_task(x), "y": tables.by_task(y)}, axis=1).dropna()
    if len(both) < FEWEST_PAIRS or (both.nunique() == 1).any():
        raise Undecidable(f"{len(both)} tasks; a correlation needs {FEWEST_PAIRS} that differ.")
    found = relation(both.x, both.y)
    conditions = {
        "rising": (found.r > 0, found.rho > 0),
        "weak": (found.r_p >= ALPHA, found.rho_p >= ALPHA),
        "clear": (found.rho > 0, found.rho_p < ALPHA),
    }[wanted]
    told: Told = found._asdict()
    told |= {"r_test": probability(found.r_p), "rho_test": probability(found.rho_p)}
    told |= {f"{side}_{end}": both[side].agg(end) for side in both for end in ("min", "max")}
    return Found(grade(*conditions), told)


def counts(tables: Tables, stated: Stated) -> Found:
    """Number of tasks in both tables, and of the datasets that they come from."""
    modes, clicks = (tables.by_task(name).index for name in ("mode 1", "1 click"))
    known = {task.key: key for key, entry in catalog().items() for task in entry.tasks}
    sets = len({known.get(task) for task in modes} - {None})
    both = printed(stated["tasks"], len(modes), len(clicks)), printed(stated["datasets"], sets)
    told: Told = {"modes": len(modes), "clicks": len(clicks), "datasets": sets}
    return Found(joined(both), told)


# Single cases.


def undecided(tables: Tables, why: str) -> Found:
    """What no table can decide."""
    raise Undecidable(why)


def spread_within(tables: Tables, mode: int) -> Found:
    """Interquartile range of IoU over the images of a task; 0.1 wanted in most tasks."""
    cases = tables.cases("the IoU of single images")
    low, high = (cases.groupby("task")[mode].quantile(q) for q in (0.25, 0.75))
    wide = high - low
    many = int((wide >= 0.1).sum())
    told: Told = {"cases": len(cases), "median": wide.median(), "many": many, "n": len(wide)}
    return Found(grade(many > len(wide) / 2), told)


def compact(tables: Tables, mode: int) -> Found:
    """How much of its box an object fills, against IoU, within each task."""
    rows = tables.need_rows("the shape or the contrast of the objects")
    if "prompt" not in rows:
        raise Undecidable("These rows come without prompts, and so without boxes.")
    top = rows[(rows.experiment == "mode") & (rows.choice == "top")]
    boxed = top[top.k == 5]
    fill = boxed.assign(fill=boxed.object_px.astype(float) / boxed.prompt.map(_box_pixels))
    both = fill[["task", "image", "fill"]].merge(top[top.k == mode], on=["task", "image"])
    found = {task: relation(part.fill, part.iou).rho for task, part in both.groupby("task")}
    rho = pd.Series(found, dtype=float).dropna()
    if rho.empty:
        raise Undecidable(f"No task with {FEWEST_PAIRS} cases that differ in shape.")
    above = pair(rho, rho * 0)
    told: Told = {"cases": len(both), "n": len(rho), "positive": int((rho > 0).sum())}
    told |= {"rho": above.difference, "test": probability(above.p)}
    return Found(grade(above.difference > 0, above.p < ALPHA), told)


def _box_pixels(prompt: str) -> float:
    """Pixels within the box of a prompt of mode 5 (both ends inside)."""
    x0, y0, x1, y1 = json.loads(prompt)["boxes"][0]
    return float((x1 - x0 + 1) * (y1 - y0 + 1))


def size_range(tables: Tables) -> Found:
    """Largest against smallest mean size of a task; two orders of magnitude wanted."""
    means = tables.by_task("size").sort_values()
    if len(means) < 2:
        raise Undecidable(f"{len(means)} task; at least 2 are needed.")
    low, *_, high = (f"{size:.2%} of the image ({tables.called(t)})" for t, size in means.items())
    ratio = means.iloc[-1] / means.iloc[0]
    return Found(grade(ratio > 100), {"ratio": ratio, "n": len(means), "low": low, "high": high})


def size_within(tables: Tables, prefix: str, broad: bool) -> Found:
    """Coefficient of variation of the size within the named tasks, against the median task."""
    cases = tables.cases("the size of the objects")
    sizes = cases.groupby("task")["size"]
    variation = (sizes.std() / sizes.mean()).dropna()
    if variation.empty:
        raise Undecidable("No task with 2 cases or more.")
    median = variation.median()
    besides = f" The median coefficient of variation within {len(variation)} tasks: {median:.2f}."
    named = _named(variation, prefix, besides)
    told: Told = {"median": median, "n": len(variation)}
    told["each"] = _each(named.rename(tables.called), ".2f")
    return Found(grade(*((named > median) if broad else (named < median))), told)


def grid_matters(tables: Tables) -> Found:
    """Best IoU of a mask by the number of points a side of the grid."""
    rows = tables.need_rows("results of the segment-everything mode")
    grids = rows[rows.experiment.str.startswith("everything-", na=False)]
    grids = grids.dropna(subset=["k", "iou"])
    means = grids.groupby("k").iou.mean()
    if len(means) < 2:
        raise Undecidable("No rows of the experiment 'everything' with two grids or more.")
    told: Told = {"images": grids.image.nunique()}
    told["each"] = ", ".join(f"{k} points a side {iou:.3f}" for k, iou in means.items())
    return Found(grade(np.ptp(means) >= 0.01), told)


RULES: dict[str, Callable[..., Found]] = {
    rule.__name__: rule
    for rule in (
        *(means_above, moderate_and_varied, varies, mean, passes, compare, tasks_above),
        *(almost_all, low_rank, extreme, correlates, counts, undecided, spread_within, compact),
        *(size_range, size_within, grid_matters),
    )
}
"""Rules by name."""
