"""Rules on single cases: size, shape and parts of the objects, spread within a task."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from medsam.analysis.claims.claim import Found, Told, Undecidable, Verdict, grade
from medsam.analysis.claims.tables import Tables
from medsam.analysis.statistics import ALPHA, FEWEST_PAIRS, pair, probability, relation

_PARTS = "how many regions each object has"
_EQUAL = 1e-9
"""IoUs of one and the same mask differ by less."""
_EXACT = 5e-7
"""Published values have seven digits or more: a smaller difference is none."""


def compact(tables: Tables) -> Found:
    """How much of its box an object fills, against IoU, within each task."""
    rows = tables.need_rows("the shape or the contrast of the objects")
    top = rows[(rows.experiment == "mode") & (rows.choice == "top")]
    boxed = top[top.k == 5]
    cases = boxed[["task", "image"]].assign(
        fill=boxed.object_px.astype(float) / boxed.prompt.map(_box_pixels)
    )
    parts, holds = [], []
    told: Told = {}
    for mode in (1, 5):
        both = cases.merge(top[top.k == mode][["task", "image", "iou"]], on=["task", "image"])
        found = {task: relation(part.fill, part.iou).rho for task, part in both.groupby("task")}
        rho = pd.Series(found, dtype=float).dropna()
        if rho.empty:
            raise Undecidable(f"No task with {FEWEST_PAIRS} cases that differ in shape.")
        above = pair(rho, rho * 0)
        holds += [above.difference > 0, above.p < ALPHA]
        told |= {f"mode {mode}: rho": above.difference, f"mode {mode}: p": above.p}
        parts.append(
            f"mode {mode}: mean Spearman within a task {above.difference:+.2f}, positive in "
            f"{int((rho > 0).sum())} of {len(rho)} tasks ({probability(above.p)})"
        )
    return Found(grade(*holds), told | {"n": len(cases), "parts": "; ".join(parts)})


def _box_pixels(prompt: str) -> float:
    """Pixels within the box of a prompt of mode 5 (both ends inside)."""
    x0, y0, x1, y1 = json.loads(prompt)["boxes"][0]
    return float((x1 - x0 + 1) * (y1 - y0 + 1))


def confident(tables: Tables) -> Found:
    """Rows keep the score of the chosen masks, not their areas; says how often choices differ."""
    rows = tables.need_rows("areas or intensities of the three masks")
    first = rows[(rows.experiment == "mode") & (rows.k == 1)]
    both = first.pivot_table(index=["task", "image"], columns="choice", values="iou")
    if not {"top", "oracle"} <= set(both):
        raise Undecidable("Rows hold neither areas nor intensities of the masks.")
    other = float((both["oracle"] - both["top"] > _EQUAL).mean())
    return Found(Verdict.OPEN, {"other": other, "n": len(both)})


def spread_within(tables: Tables) -> Found:
    """Interquartile range of IoU over the images of a task; 0.1 wanted in most tasks."""
    cases = tables.cases("the IoU of single images")
    parts, holds = [], []
    told: Told = {}
    for mode in (1, 4):
        by_task = cases.groupby("task")[mode]
        wide = by_task.quantile(0.75) - by_task.quantile(0.25)
        many = int((wide >= 0.1).sum())
        holds.append(many > len(wide) / 2)
        told[f"mode {mode}"] = float(wide.median())
        parts.append(
            f"mode {mode}: median {wide.median():.3f}, at least 0.1 in {many} of {len(wide)} tasks"
        )
    return Found(grade(*holds), told | {"n": len(cases), "parts": "; ".join(parts)})


def grid_matters(tables: Tables) -> Found:
    """Best IoU of a mask by the number of points a side of the grid."""
    rows = tables.need_rows("results of the segment-everything mode")
    grids = rows[rows.experiment.str.startswith("everything-", na=False)].dropna(
        subset=["k", "iou"]
    )
    means = grids.groupby("k").iou.mean()
    if len(means) < 2:
        raise Undecidable("No rows of the experiment 'everything' with two grids or more.")
    parts = ", ".join(f"{k} points a side {iou:.3f}" for k, iou in means.items())
    off = float(means.max() - means.min())
    told = {"difference": off, "images": grids.image.nunique(), "parts": parts}
    return Found(grade(off >= 0.01), told)


# The size of an object as a share of its image.


def _sizes(tables: Tables) -> Any:
    cases = tables.cases("the size of the objects")
    return cases.groupby("task")["size"]


def size_range(tables: Tables) -> Found:
    """Largest against smallest mean size of a task; two orders of magnitude wanted."""
    means = _sizes(tables).mean().sort_values()
    if len(means) < 2:
        raise Undecidable(f"{len(means)} task; at least 2 are needed.")
    ratio = float(means.iloc[-1] / means.iloc[0])
    low, high = (f"{means.iloc[n]:.2%}" for n in (0, -1))
    small, large = (tables.called(means.index[n]) for n in (0, -1))
    ends = {"low": f"{low} of the image ({small})", "high": f"{high} ({large})"}
    return Found(grade(ratio > 100), {"ratio": ratio, "n": len(means), **ends})


def size_within(tables: Tables, prefix: str, broad: bool) -> Found:
    """Coefficient of variation of the size within the named tasks, against the median task."""
    sizes = _sizes(tables)
    variation = (sizes.std() / sizes.mean()).dropna()
    if variation.empty:
        raise Undecidable("No task with 2 cases or more.")
    named = variation[variation.index.str.startswith(prefix)]
    median = float(variation.median())
    if named.empty:
        raise Undecidable(
            f"No task called {prefix}* in these results. Median coefficient of variation of the "
            f"size within the {len(variation)} tasks here: {median:.2f}."
        )
    parts = ", ".join(f"{tables.called(task)} {value:.2f}" for task, value in named.items())
    right = (named > median) if broad else (named < median)
    told: Told = {"median": median, "n": len(variation), "parts": parts}
    return Found(grade(*right), told | {str(task): float(v) for task, v in named.items()})


def size_and_iou(tables: Tables, aspect: str) -> Found:
    """Mean size of a task against its mean IoU in modes 2 and 4."""
    means = _sizes(tables).mean()
    if len(means) < FEWEST_PAIRS:
        raise Undecidable(f"{len(means)} tasks; a correlation with an interval needs at least 4.")
    parts, holds = [], []
    told: Told = {}
    for mode in (2, 4):
        one = _correlation(means, tables.mode(mode))
        told |= {f"mode {mode}: {name}": value for name, value in one.items()}
        for name in ("r", "rho"):
            holds.append(one[name] > 0 if aspect == "rising" else one[f"{name}-p"] >= ALPHA)
        parts.append(
            f"mode {mode}: Pearson {one['r']:+.2f} (95% {one['r-low']:+.2f} to "
            f"{one['r-high']:+.2f}, {probability(one['r-p'])}), Spearman "
            f"{one['rho']:+.2f} ({probability(one['rho-p'])})"
        )
    return Found(grade(*holds), told | {"n": len(means), "parts": "; ".join(parts)})


def _correlation(x: pd.Series, y: pd.Series) -> Told:
    """Pearson and Spearman of two series by task."""
    both = pd.concat([x, y], axis=1, join="inner").dropna().astype(float)
    found = relation(both.iloc[:, 0], both.iloc[:, 1])._asdict()
    names = ("n", "r", "r_low", "r_high", "r_p", "rho", "rho_p")
    return {name.replace("_", "-"): found[name] for name in names}


# Objects of several parts (regions).


def one_region(tables: Tables) -> Found:
    """Modes 1 = 2 and 3 = 4 = 5 where there is one region."""
    if tables.rows is None:
        return _one_region_published(tables)
    cases = tables.cases(_PARTS)
    one = cases[cases.n_regions == 1]
    if one.empty:
        raise Undecidable("No case of one region in these results.")
    points, boxes = (float(_range(one[[*modes]]).max()) for modes in ((1, 2), (3, 4, 5)))
    says = (
        f"{len(one)} of {len(cases)} cases have one region; on these modes 1 and 2 differ by at "
        f"most {points:.1g}, modes 3, 4 and 5 by at most {boxes:.1g}"
    )
    told: Told = {"cases": len(one), "points": points, "boxes": boxes, "words": says}
    return Found(grade(points < _EXACT, boxes < _EXACT), told)


def _one_region_published(tables: Tables) -> Found:
    """Tasks where modes 3, 4 and 5 agree have one region throughout: then 1 and 2 must agree."""
    wide = tables.by_mode()
    tasks = wide[_range(wide[[3, 4, 5]]) < _EXACT]
    if tasks.empty:
        raise Undecidable("No task where modes 3, 4 and 5 agree, so none of one region throughout.")
    points = float(_range(tasks[[1, 2]]).max())
    says = (
        f"Modes 3, 4 and 5 agree on {len(tasks)} of {len(wide)} tasks "
        f"({tables.called(*sorted(tasks.index))}); there modes 1 and 2 differ by at most "
        f"{points:.4f}, as do draws among equally central pixels"
    )
    return Found(
        grade(True, points < _EXACT), {"tasks": len(tasks), "points": points, "words": says}
    )


def _range(wide: pd.DataFrame) -> pd.Series:
    return wide.max(axis=1) - wide.min(axis=1)


def gain_with_parts(tables: Tables, better: int, than: int) -> Found:
    """What a prompt for each part adds, against the share of cases of several parts, by task."""
    cases = tables.cases(_PARTS)
    share = (cases.n_regions > 1).groupby(cases.task).mean()
    added = (cases[better] - cases[than]).groupby(cases.task).mean()
    if len(share) < FEWEST_PAIRS or share.nunique() == 1 or added.nunique() == 1:
        raise Undecidable(
            f"{len(share)} tasks with shares of several parts from {share.min():.2f} to "
            f"{share.max():.2f}; a correlation needs 4 tasks that differ."
        )
    found = _correlation(share, added)
    words = {
        "share": f"{share.min():.2f} to {share.max():.2f}",
        "gain": f"{added.min():+.3f} to {added.max():+.3f}",
        "test": probability(found["rho-p"]),
    }
    return Found(grade(found["rho"] > 0, found["rho-p"] < ALPHA), found | words)


def _by_parts(cases: pd.DataFrame, value: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Mean of a value by task for objects of one part and of several; tasks that have both."""
    both = value.groupby([cases.task, cases.n_regions > 1]).mean().unstack()
    both = both.reindex(columns=[False, True]).dropna()
    if both.empty:
        raise Undecidable("No task with objects of one part and of several.")
    return both[False], both[True]


def one_part_easier(tables: Tables) -> Found:
    """IoU of mode 1 for objects of one part and of several, within each task."""
    cases = tables.cases(_PARTS)
    found = pair(*_by_parts(cases, cases[1]))
    told = found.values | {"cases": len(cases), "words": found.words}
    return Found(grade(*found.conditions), told)


def clicks_help_parts(tables: Tables) -> Found:
    """Gain from the first click to the third: several parts against one.

    Published tables do not tell the parts. There, what mode 4 adds to mode 3 stands in for them:
    it is 0 for objects of one region.
    """
    if tables.rows is None:
        parts = tables.mode(4) - tables.mode(3)
        one = _correlation(parts, tables.click(3) - tables.click(1))
        says = (
            f"The table has no number of parts; mode 4 minus mode 3 stands in for it. Against the "
            f"gain from one click to three, {one['n']} tasks: Spearman {one['rho']:+.2f} "
            f"({probability(one['rho-p'])})."
        )
        return Found(grade(one["rho"] > 0, one["rho-p"] < ALPHA), one | {"words": says})
    cases = tables.cases(_PARTS, "clicks")
    if not {1, 3} <= set(cases):
        raise Undecidable("No rows with one click and with three.")
    one_part, several = _by_parts(cases, cases[3] - cases[1])
    found = pair(several, one_part)
    says = (
        f"Gain from one click to three, {len(cases)} cases, objects of several parts against those "
        f"of one of the same task. {found.words}"
    )
    return Found(grade(*found.conditions), found.values | {"words": says})


RULES = (
    *(compact, confident, spread_within, grid_matters, size_range, size_within, size_and_iou),
    *(one_region, gain_with_parts, one_part_easier, clicks_help_parts),
)
