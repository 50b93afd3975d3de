"""Rules on single cases: shape and size of the objects, ambiguity, spread within a task."""

from __future__ import annotations

import json

import pandas as pd
from scipy import stats

from medsam.analysis import statistics
from medsam.analysis.claims.claim import Finding, Undecidable, Verdict, grade
from medsam.analysis.claims.tables import Tables

__all__ = [
    "clicks",
    "compact",
    "confident",
    "everything",
    "gain",
    "one_prompt",
    "one_region",
    "size_correlation",
    "size_range",
    "size_within",
    "spread_within",
]


SIZE = "the size of the objects"
EQUAL = 1e-9
"""IoUs of one and the same mask differ by less."""


def _box_px(prompt: str) -> float:
    """Pixels within the box of a prompt of mode 5 (both ends inside)."""
    x0, y0, x1, y1 = json.loads(prompt)["boxes"][0]
    return float((x1 - x0 + 1) * (y1 - y0 + 1))


def compact(tables: Tables) -> Finding:
    """How much of its box an object fills, against IoU, within each task."""
    rows = tables.need_rows("the shape or the contrast of the objects")
    top = rows[(rows.experiment == "mode") & (rows.choice == "top")]
    boxed = top[top.k == 5]
    fill = boxed.object_px.astype(float) / boxed.prompt.map(_box_px)
    cases = boxed[["task", "image"]].assign(fill=fill)
    parts, holds = [], []
    values: dict[str, float | int | str] = {}
    for mode in (1, 5):
        joined = cases.merge(top[top.k == mode][["task", "image", "iou"]], on=["task", "image"])
        rho = pd.Series(
            {
                task: stats.spearmanr(group.fill, group.iou).statistic
                for task, group in joined.groupby("task")
                if len(group) >= 4 and group.fill.nunique() > 1 and group.iou.nunique() > 1
            },
            dtype=float,
        )
        if rho.empty:
            raise Undecidable("No task with 4 cases that differ in shape.")
        found = statistics.pair(rho, rho * 0)
        holds += [found.difference > 0, found.p < 0.05]
        values |= {f"mode {mode}: rho": found.difference, f"mode {mode}: p": found.p}
        parts.append(
            f"mode {mode}: mean Spearman within a task {found.difference:+.2f}, positive in "
            f"{int((rho > 0).sum())} of {len(rho)} tasks ({statistics.probability(found.p)})"
        )
    says = f"Share of its box that an object fills, {len(cases)} cases; {'; '.join(parts)}."
    return Finding(grade(*holds), f"{says} Contrast is not in the rows.", values)


def confident(tables: Tables) -> Finding:
    """Rows keep the score of the chosen masks, not their areas; says how often choices differ."""
    rows = tables.need_rows("areas or intensities of the three masks")
    first = rows[(rows.experiment == "mode") & (rows.k == 1)]
    both = first.pivot_table(index=["task", "image"], columns="choice", values="iou")
    if not {"top", "oracle"} <= set(both):
        raise Undecidable("Rows hold neither areas nor intensities of the masks.")
    other = float((both["oracle"] - both["top"] > EQUAL).mean())
    says = (
        "Rows hold the IoU of the chosen masks, neither areas nor intensities of all three. In "
        f"mode 1 another mask than the most confident is best in {other:.0%} of {len(both)} cases."
    )
    return Finding(Verdict.OPEN, says, {"other": other, "n": len(both)})


def _sizes(tables: Tables) -> pd.Series:
    """Size of each case as a share of its image, by task."""
    cases = tables.cases(SIZE)
    return cases.set_index("task")["size"]


def size_range(tables: Tables) -> Finding:
    """Largest against smallest mean size of a task; two orders of magnitude wanted."""
    means = _sizes(tables).groupby(level=0).mean().sort_values()
    if len(means) < 2:
        raise Undecidable(f"{len(means)} task; at least 2 are needed.")
    ratio = float(means.iloc[-1] / means.iloc[0])
    says = (
        f"Mean size of {len(means)} tasks from {means.iloc[0]:.2%} of the image "
        f"({tables.called([means.index[0]])}) to {means.iloc[-1]:.2%} "
        f"({tables.called([means.index[-1]])}): {ratio:.3g} times."
    )
    return Finding(grade(ratio > 100), says, {"ratio": ratio, "n": len(means)})


def size_within(tables: Tables, prefix: str, broad: bool) -> Finding:
    """Coefficient of variation of the size within the named tasks, against the median task."""
    groups = _sizes(tables).groupby(level=0)
    variation = (groups.std() / groups.mean()).dropna()
    if variation.empty:
        raise Undecidable("No task with 2 cases or more.")
    named = variation[variation.index.str.startswith(prefix)]
    median = float(variation.median())
    if named.empty:
        raise Undecidable(
            f"No task called {prefix}* in these results. Median coefficient of variation of the "
            f"size within the {len(variation)} tasks here: {median:.2f}."
        )
    told = ", ".join(f"{tables.called([str(t)])} {v:.2f}" for t, v in named.items())
    says = (
        f"Coefficient of variation of the size: {told}; median of {len(variation)} tasks "
        f"{median:.2f}."
    )
    right = (named > median) if broad else (named < median)
    return Finding(
        grade(*map(bool, right)),
        says,
        {"median": median, **{str(task): float(v) for task, v in named.items()}},
    )


def size_correlation(tables: Tables, aspect: str) -> Finding:
    """Mean size of a task against its mean IoU in modes 2 and 4."""
    means = _sizes(tables).groupby(level=0).mean()
    if len(means) < 4:
        raise Undecidable(f"{len(means)} tasks; a correlation with an interval needs at least 4.")
    parts, holds = [], []
    values: dict[str, float | int | str] = {}
    for mode in (2, 4):
        found = statistics.correlation(means, tables.mode(mode))
        values |= {f"mode {mode}: {name}": value for name, value in found.items()}
        if aspect == "rising":
            holds += [found["r"] > 0, found["rho"] > 0]
        else:
            holds += [found["r-p"] >= 0.05, found["rho-p"] >= 0.05]
        parts.append(
            f"mode {mode}: Pearson {found['r']:+.2f} (95% {found['r-low']:+.2f} to "
            f"{found['r-high']:+.2f}, {statistics.probability(found['r-p'])}), Spearman "
            f"{found['rho']:+.2f} ({statistics.probability(found['rho-p'])})"
        )
    return Finding(grade(*holds), f"{len(means)} tasks; {'; '.join(parts)}.", values)


def spread_within(tables: Tables) -> Finding:
    """Interquartile range of IoU over the images of a task; 0.1 wanted in most tasks."""
    cases = tables.cases("the IoU of single images")
    parts, holds = [], []
    values: dict[str, float | int | str] = {}
    for mode in (1, 4):
        by_task = cases.groupby("task")[mode]
        wide = by_task.quantile(0.75) - by_task.quantile(0.25)
        holds += [bool((wide >= 0.1).mean() > 0.5)]
        values[f"mode {mode}"] = float(wide.median())
        parts.append(
            f"mode {mode}: median {wide.median():.3f}, at least 0.1 in "
            f"{int((wide >= 0.1).sum())} of {len(wide)} tasks"
        )
    says = f"Interquartile range of IoU within a task, {len(cases)} cases; {'; '.join(parts)}."
    return Finding(grade(*holds), says, values)


def everything(tables: Tables) -> Finding:
    """Best IoU of a mask by the number of points a side of the grid."""
    rows = tables.need_rows("results of the segment-everything mode")
    grids = rows[rows.experiment == "everything"].dropna(subset=["k", "iou"])
    means = grids.groupby("k").iou.mean()
    if len(means) < 2:
        raise Undecidable("No rows of the experiment 'everything' with two grids or more.")
    told = ", ".join(f"{k} points a side {iou:.3f}" for k, iou in means.items())
    off = float(means.max() - means.min())
    says = f"Best IoU of a mask, mean of {grids.image.nunique()} images: {told}."
    return Finding(grade(off >= 0.01), says, {"difference": off})


# Rules on objects of several parts (regions). Most need the rows of single cases.


WHAT = "how many regions each object has"
EXACT = 5e-7
"""Published values have seven digits or more: a smaller difference is none."""


def _largest(wide: pd.DataFrame, modes: list[int]) -> float:
    return float((wide[modes].max(axis=1) - wide[modes].min(axis=1)).max())


def one_region(tables: Tables) -> Finding:
    """Modes 1 = 2 and 3 = 4 = 5 where there is one region."""
    if tables.rows is None:
        return _one_region_published(tables)
    cases = tables.cases(WHAT)
    one = cases[cases.n_regions == 1]
    if one.empty:
        raise Undecidable("No case of one region in these results.")
    points, boxes = _largest(one, [1, 2]), _largest(one, [3, 4, 5])
    says = (
        f"{len(one)} of {len(cases)} cases have one region; on these modes 1 and 2 differ by at "
        f"most {points:.1g}, modes 3, 4 and 5 by at most {boxes:.1g}."
    )
    values = {"cases": len(one), "points": points, "boxes": boxes}
    return Finding(grade(points < EXACT, boxes < EXACT), says, values)


def _one_region_published(tables: Tables) -> Finding:
    """Tasks where modes 3, 4 and 5 agree have one region throughout: then 1 and 2 must agree."""
    wide = pd.concat({m: tables.mode(m) for m in range(1, 6)}, axis=1)
    same = (wide[[3, 4, 5]].max(axis=1) - wide[[3, 4, 5]].min(axis=1)) < EXACT
    tasks = wide[same]
    if tasks.empty:
        raise Undecidable("No task where modes 3, 4 and 5 agree, so none of one region throughout.")
    points = _largest(tasks, [1, 2])
    says = (
        f"Modes 3, 4 and 5 agree on {len(tasks)} of {len(wide)} tasks "
        f"({tables.called(sorted(map(str, tasks.index)))}); there modes 1 and 2 differ by at most "
        f"{points:.4f}, as do draws among equally central pixels."
    )
    values = {"tasks": len(tasks), "points": points}
    return Finding(grade(bool(same.any()), points < EXACT), says, values)


def gain(tables: Tables, better: int, than: int) -> Finding:
    """What a prompt for each part adds, against the share of cases of several parts, by task."""
    cases = tables.cases(WHAT)
    share = (cases.n_regions > 1).groupby(cases.task).mean()
    added = (cases[better] - cases[than]).groupby(cases.task).mean()
    if len(share) < 4 or share.nunique() == 1 or added.nunique() == 1:
        raise Undecidable(
            f"{len(share)} tasks with shares of several parts from {share.min():.2f} to "
            f"{share.max():.2f}; a correlation needs 4 tasks that differ."
        )
    found = statistics.correlation(share, added)
    says = (
        f"{found['n']} tasks, share of cases with several parts {share.min():.2f} to "
        f"{share.max():.2f}: gain of mode {better} over mode {than} {added.min():+.3f} to "
        f"{added.max():+.3f}, Spearman {found['rho']:+.2f} "
        f"({statistics.probability(found['rho-p'])})."
    )
    return Finding(grade(found["rho"] > 0, found["rho-p"] < 0.05), says, found)


def _by_parts(cases: pd.DataFrame, value: pd.Series) -> pd.DataFrame:
    """Mean of a value by task for objects of one part and of several; tasks that have both."""
    several = (cases.n_regions > 1).map({True: "several", False: "one"})
    both = value.groupby([cases.task, several]).mean().unstack()
    if {"one", "several"} - set(both):
        raise Undecidable("No task with objects of one part and of several.")
    found: pd.DataFrame = both.dropna()
    if found.empty:
        raise Undecidable("No task with objects of one part and of several.")
    return found


def one_prompt(tables: Tables) -> Finding:
    """IoU of mode 1 for objects of one part and of several, within each task."""
    cases = tables.cases(WHAT)
    both = _by_parts(cases, cases[1])
    found = statistics.pair(both["one"], both["several"])
    says = (
        f"Mode 1, {len(cases)} cases, objects of one part against those of several of the same "
        f"task. {found.words}"
    )
    return Finding(grade(*found.conditions), says, found.values)


def clicks(tables: Tables) -> Finding:
    """Gain from the first click to the third: several parts against one.

    Published tables do not tell the parts. There, what mode 4 adds to mode 3 stands in for them:
    it is 0 for objects of one region.
    """
    if tables.rows is None:
        parts = tables.mode(4) - tables.mode(3)
        found = statistics.correlation(parts, tables.click(3) - tables.click(1))
        says = (
            f"The table has no number of parts; mode 4 less mode 3 stands in for it. Against the "
            f"gain from one click to three, {found['n']} tasks: Spearman {found['rho']:+.2f} "
            f"({statistics.probability(found['rho-p'])})."
        )
        return Finding(grade(found["rho"] > 0, found["rho-p"] < 0.05), says, found)
    cases = tables.cases(WHAT, "clicks")
    if not {1, 3} <= set(cases):
        raise Undecidable("No rows with one click and with three.")
    both = _by_parts(cases, cases[3] - cases[1])
    pair = statistics.pair(both["several"], both["one"])
    says = (
        f"Gain from one click to three, {len(cases)} cases, objects of several parts against those "
        f"of one of the same task. {pair.words}"
    )
    return Finding(grade(*pair.conditions), says, pair.values)
