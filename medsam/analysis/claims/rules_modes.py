"""Rules on the five modes, for the published table and for a run alike."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from medsam.analysis import statistics
from medsam.analysis.claims.claim import Finding, Undecidable, Verdict, grade
from medsam.analysis.claims.tables import Tables
from medsam.analysis.statistics import TIE, agrees, ends, steps

__all__ = [
    "averages",
    "best",
    "boxes_over_points",
    "counts",
    "extreme",
    "extreme_of_modes",
    "mean",
    "names",
    "oracle_depends",
    "oracle_moderate",
    "pair",
    "poor",
    "twice",
    "varies",
    "wins",
]


MODES = range(1, 6)
POINTS, BOXES = (1, 2), (3, 4, 5)


def pair(tables: Tables, better: int, than: int) -> Finding:
    """One mode against another, task by task."""
    found = statistics.pair(tables.mode(better), tables.mode(than))
    return Finding(
        grade(*found.conditions),
        f"Mode {better} against mode {than}. {found.words}",
        found.values,
    )


def boxes_over_points(tables: Tables) -> Finding:
    """The worst of the box modes against the best of the point modes."""
    points = pd.concat([tables.mode(m) for m in POINTS], axis=1)
    boxes = pd.concat([tables.mode(m) for m in BOXES], axis=1)
    means = boxes.mean().min() > points.mean().max()
    found = statistics.pair(boxes.min(axis=1), points.max(axis=1))
    lost = (boxes.min(axis=1) - points.max(axis=1)) < -TIE
    but = tables.called(sorted(lost.index[lost]))
    says = (
        f"Lowest mean of a box mode {boxes.mean().min():.3f}, highest of a point mode "
        f"{points.mean().max():.3f}. Worst box mode against best point mode of each task: better "
        f"on {found.wins} of {found.n}{f', not on {but}' if but else ''} "
        f"({statistics.probability(found.p)})."
    )
    return Finding(
        grade(bool(means), found.wins > found.losses, found.p < 0.05), says, found.values
    )


def best(tables: Tables, mode: int) -> Finding:
    """The mode with the highest mean, and on how many tasks none is better."""
    wide = pd.concat({m: tables.mode(m) for m in MODES}, axis=1)
    means = wide.mean()
    top = (wide[mode] > wide.max(axis=1) - TIE).sum()
    order = sorted(MODES, key=lambda m: -means[m])
    ranked = ", ".join(f"{m}: {means[m]:.3f}" for m in order)
    says = (
        f"Means by mode, best first: {ranked}. Mode {mode} is best, or alike to the best, on {top} "
        f"of {len(wide)} tasks."
    )
    first = order[0]
    values = {"best": first, "tasks": int(top), "n": len(wide)}
    return Finding(grade(first == mode, top > len(wide) / 2), says, values)


def poor(tables: Tables, prefix: str) -> Finding:
    """Whether the tasks of a prefix are in the lower half, with one point and with boxes."""
    parts, low = [], []
    values: dict[str, float | int | str] = {}
    for mode in (1, 4):
        line = tables.mode(mode)
        named = line[line.index.str.startswith(prefix)]
        if named.empty:
            raise Undecidable(f"No task called {prefix}* in these results.")
        ranks = line.rank(ascending=False, method="min")[named.index].astype(int)
        low += [bool(rank > len(line) / 2) for rank in ranks]
        told = ", ".join(
            f"{tables.called([str(task)])} {iou:.3f} (rank {rank})"
            for (task, iou), rank in zip(named.items(), ranks, strict=True)
        )
        parts.append(f"Mode {mode}: {told}; median of all {len(line)} tasks {line.median():.3f}.")
        values |= {f"mode {mode}: {task}": int(rank) for task, rank in ranks.items()}
    return Finding(grade(*low), " ".join(parts), values)


def _gains(tables: Tables) -> pd.DataFrame:
    return pd.concat({m: tables.mode(m, "oracle") - tables.mode(m) for m in MODES}, axis=1)


def oracle_moderate(tables: Tables) -> Finding:
    """What the oracle adds, against what mode 4 adds to mode 1."""
    means = _gains(tables).mean()
    step = float((tables.mode(4) - tables.mode(1)).mean())
    told = ", ".join(f"mode {m} {gain:.3f}" for m, gain in means.items())
    says = (
        f"Mean gain over {len(_gains(tables))} tasks: {told}. For comparison, mode 4 is "
        f"{step:+.3f} from mode 1."
    )
    values = {"low": float(means.min()), "high": float(means.max()), "box-step": step}
    return Finding(grade(bool((means > 0).all()), bool((means < step).all())), says, values)


def oracle_depends(tables: Tables) -> Finding:
    """Spread over the tasks of what the oracle adds, against its mean."""
    gains = _gains(tables)
    if len(gains) < 3:
        raise Undecidable(f"{len(gains)} tasks; at least 3 are needed for a spread.")
    spread, means = gains.std(), gains.mean()
    wide = spread > means
    mode = max(MODES, key=lambda m: gains[m].max())
    task, largest = ends(gains[mode], "highest")
    told = ", ".join(f"mode {m} {means[m]:.3f} ± {spread[m]:.3f}" for m in MODES)
    says = (
        f"Gain, mean ± standard deviation over {len(gains)} tasks: {told}. Largest: "
        f"{tables.called([task])}, mode {mode}, {largest:.3f}."
    )
    values = {"modes": int(wide.sum()), "largest": largest}
    return Finding(grade(*map(bool, wide)), says, values)


def varies(tables: Tables) -> Finding:
    """Mean between 0.4 and 0.7, and a range over tasks of at least 0.5, in each mode."""
    wide = pd.concat({m: tables.mode(m) for m in MODES}, axis=1)
    means, ranges = wide.mean(), wide.max() - wide.min()
    told = ", ".join(
        f"{m}: {means[m]:.3f} ({wide[m].min():.2f}-{wide[m].max():.2f})" for m in MODES
    )
    says = f"Mean and range over {len(wide)} tasks, by mode: {told}."
    values = {"mean-low": float(means.min()), "range-low": float(ranges.min())}
    moderate, broad = means.between(0.4, 0.7).all(), (ranges >= 0.5).all()
    return Finding(grade(bool(moderate), bool(broad)), says, values)


# Rules on numbers that the text prints: they are of SAM ViT-H on the paper's tasks.


_QUOTED = "The text's number is of SAM ViT-H on the 28 tasks of the paper. "


def _other_data(tables: Tables, says: str, values: Mapping[str, float | int | str]) -> Finding:
    return Finding(Verdict.OPEN, f"{_QUOTED}Here: {says}", values=values)


def extreme(tables: Tables, end: str, named: str, stated: Mapping[str, str]) -> Finding:
    """Lowest or highest task with one point, in Fig. 2 (mode 1) and in Fig. 4 (one click)."""
    figures = ("", "") if tables.rows is not None else (" (Fig. 2)", " (Fig. 4)")
    lines = {f"mode 1{figures[0]}": tables.mode(1), f"one click{figures[1]}": tables.click(1)}
    found = {name: ends(line, end) for name, line in lines.items()}
    values: dict[str, float | int | str] = {}
    parts = []
    for name, (task, iou) in found.items():
        values |= {f"{name}: task": task, f"{name}: iou": iou}
        parts.append(f"{name}: {tables.called([task])} {iou:.4f}")
    says = f"{end.capitalize()} of {len(next(iter(lines.values())))} tasks, {'; '.join(parts)}."
    if not tables.quoted:
        return _other_data(tables, says, values)
    right = all(task.startswith(named) for task, _ in found.values())
    exact = [agrees(stated["iou"], iou) for _, iou in found.values()]
    if right:
        says += "" if all(exact) else f" The text prints {stated['iou']}."
        verdict = Verdict.HOLDS if all(exact) else Verdict.PARTLY
    else:
        verdict = Verdict.FAILS
        theirs = {
            name: ends(line[line.index.str.startswith(named)], end) for name, line in lines.items()
        }
        also = "; ".join(f"{name} {iou:.4f}" for name, (_, iou) in theirs.items())
        task = next(iter(theirs.values()))[0]
        says += f" The task that the text means, {tables.called([task])}: {also}."
    return Finding(verdict, says, values=values)


def extreme_of_modes(tables: Tables, end: str, stated: Mapping[str, str]) -> Finding:
    """Lowest or highest IoU over the tasks and the five modes."""
    table = pd.concat({mode: tables.mode(mode) for mode in range(1, 6)}, names=["mode"])
    table.index = pd.Index([f"{mode}:{task}" for mode, task in table.index])
    place, iou = ends(table, end)
    mode, _, task = place.partition(":")
    values: dict[str, float | int | str] = {"mode": int(mode), "task": task, "iou": iou}
    says = (
        f"{end.capitalize()} of {len(table)} values (tasks × modes): {tables.called([task])}, "
        f"mode {mode}, {iou:.4f}."
    )
    if not tables.quoted:
        return _other_data(tables, says, values)
    best = grade(agrees(stated["iou"], iou))
    return Finding(best, says, values=values)


def _settings(tables: Tables) -> dict[str, pd.Series]:
    """Every setting of one prompt that a mean could have been printed of."""
    lines: dict[str, pd.Series] = {}
    for k in range(1, 6):
        lines[f"mode {k}"] = tables.mode(k)
        lines[f"mode {k} oracle"] = tables.mode(k, "oracle")
    lines["one click"] = tables.click(1)
    lines["one click oracle"] = tables.click(1, tables.oracle)
    return lines


def mean(tables: Tables, of: str, stated: Mapping[str, str]) -> Finding:
    """A mean over the tasks: ``mode 3``, ``one click``, ``one click oracle``, or a method."""
    lines = _settings(tables)
    wanted = lines[of] if of in lines else tables.click(1, of)
    value, n = float(wanted.mean()), len(wanted)
    values: dict[str, float | int | str] = {"mean": value, "n": n}
    what = of if of in lines else f"{of}, one click"
    says = f"Mean of {n} tasks, {what}: {value:.4f}."
    # One point is in two tables, and random ties make them differ.
    twin = {"one click": "mode 1", "one click oracle": "mode 1 oracle"}.get(of)
    if twin:
        values[twin] = float(lines[twin].mean())
        says += f" The other table of one point ({twin}): {values[twin]:.4f}."
    if not tables.quoted:
        return _other_data(tables, says, values)
    if agrees(stated["iou"], value):
        return Finding(Verdict.HOLDS, says, values=values)
    near = min(lines, key=lambda name: abs(float(lines[name].mean()) - float(stated["iou"])))
    closest = float(lines[near].mean())
    off = steps(stated["iou"], closest)
    says += (
        f" The text prints {stated['iou']}, {steps(stated['iou'], value):.0f} units of its last "
        f"digit off. Nearest mean in the tables: {near}, {closest:.4f}"
        f"{'' if agrees(stated['iou'], closest) else f', still {off:.0f} off'}."
    )
    return Finding(Verdict.FAILS, says, values=values)


_SETTINGS = {
    "point": ("mode 1", "one click"),
    "point oracle": ("mode 1 oracle", "one click oracle"),
    "box": ("mode 3",),
}


def wins(tables: Tables, setting: str, stated: Mapping[str, str]) -> Finding:
    """Tasks on which SAM is above each other method with one click, in each table of SAM."""
    lines = _settings(tables)
    methods = tables.others()
    best = pd.concat([tables.click(1, name) for name in methods], axis=1).max(axis=1)
    values: dict[str, float | int | str] = {}
    parts, right = [], []
    for name in _SETTINGS[setting]:
        above = lines[name] > best.reindex(lines[name].index)
        values |= {name: int(above.sum()), "n": len(above)}
        right.append(agrees(stated["tasks"], above.sum()))
        lost = tables.called(sorted(above.index[~above]))
        parts.append(f"{name} on {above.sum()} of {len(above)}{f' (not {lost})' if lost else ''}")
    says = f"Above {', '.join(methods)} with one click: {'; '.join(parts)}."
    if not tables.quoted:
        raise Undecidable(_QUOTED + says)
    says += "" if all(right) else f" The text says {stated['tasks']}."
    return Finding(grade(*right), says, values=values)


# Rules on the published tables as a whole: whether they agree with one another and the text.


def _spellings(tables: Tables) -> pd.DataFrame:
    if tables.spellings is None:
        raise Undecidable("A statement on the published tables; a run has one name for each task.")
    return tables.spellings


def names(tables: Tables) -> Finding:
    """Whether a task has one name in all published files."""
    both = _spellings(tables)
    other = both[both.in_modes != both.in_clicks]
    pairs = [f"{a!r} and {b!r}" for a, b in zip(other.in_modes, other.in_clicks, strict=True)]
    says = f"{len(both) - len(other)} of {len(both)} tasks have one name"
    says += f"; Fig. 2 and Fig. 4 and 5 call the others {'; '.join(pairs)}." if pairs else "."
    return Finding(grade(not pairs), says, {"differ": len(other), "n": len(both)})


def counts(tables: Tables, stated: Mapping[str, str]) -> Finding:
    """Number of tasks in both tables, and of the datasets that they come from."""
    from medsam.datasets.catalog import catalog

    modes, clicks = tables.modes.task.nunique(), tables.clicks.task.nunique()
    known = {task.key: key for key, entry in catalog().items() for task in entry.tasks}
    sets = {known.get(task) for task in tables.modes.task} - {None}
    says = (
        f"{modes} tasks in the table of modes (Fig. 2), {clicks} in those of clicks (Fig. 4, 5), "
        f"of {len(sets)} data sets of the catalog."
    )
    values = {"modes": modes, "clicks": clicks, "datasets": len(sets)}
    if not tables.quoted:
        return Finding(Verdict.OPEN, f"The text counts the paper's data. Here: {says}", values)
    right = [agrees(stated["tasks"], n) for n in (modes, clicks)]
    return Finding(grade(*right, agrees(stated["datasets"], len(sets))), says, values)


def averages(tables: Tables) -> Finding:
    """Whether the published averages are the means of the published tasks."""
    if tables.averages is None:
        raise Undecidable("A statement on the published tables; a run's means are computed.")
    means = tables.clicks.groupby(["model", "k"]).iou.mean()
    off = (tables.averages.set_index(["model", "k"]).iou - means).abs()
    says = f"{len(off)} averages; largest difference from the mean of the tasks {off.max():.1g}."
    return Finding(grade(bool(off.max() < 5e-7)), says, {"largest": float(off.max())})


def twice(tables: Tables) -> Finding:
    """Mode 1 and the first click, which are one prompt for an object of one region."""
    parts, alike = [], []
    values: dict[str, float | int | str] = {}
    for choice, model in (("top", tables.sam), ("oracle", tables.oracle)):
        off = (tables.mode(1, choice) - tables.click(1, model)).abs()
        task = str(off.idxmax())
        alike += [bool(off.max() < 5e-3)]
        values |= {f"{choice}: largest": float(off.max()), f"{choice}: mean": float(off.mean())}
        parts.append(
            f"{choice}: largest difference of {len(off)} tasks {off.max():.3f} "
            f"({tables.called([task])}), mean {off.mean():.4f}"
        )
    return Finding(grade(*alike), f"Mode 1 and one click, {'; '.join(parts)}.", values)
