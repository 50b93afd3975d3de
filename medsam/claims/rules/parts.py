"""Rules on objects of several parts (regions). Most need the rows of single cases."""

from __future__ import annotations

import pandas as pd

from medsam.claims import numbers
from medsam.claims.claim import Finding, Undecidable, grade
from medsam.claims.tables import Tables

__all__ = ["clicks", "gain", "one_prompt", "one_region"]

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
    found = numbers.correlation(share, added)
    says = (
        f"{found['n']} tasks, share of cases with several parts {share.min():.2f} to "
        f"{share.max():.2f}: gain of mode {better} over mode {than} {added.min():+.3f} to "
        f"{added.max():+.3f}, Spearman {found['rho']:+.2f} "
        f"({numbers.probability(found['rho-p'])})."
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
    found = numbers.pair(both["one"], both["several"])
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
        found = numbers.correlation(parts, tables.click(3) - tables.click(1))
        says = (
            f"The table has no number of parts; mode 4 less mode 3 stands in for it. Against the "
            f"gain from one click to three, {found['n']} tasks: Spearman {found['rho']:+.2f} "
            f"({numbers.probability(found['rho-p'])})."
        )
        return Finding(grade(found["rho"] > 0, found["rho-p"] < 0.05), says, found)
    cases = tables.cases(WHAT, "clicks")
    if not {1, 3} <= set(cases):
        raise Undecidable("No rows with one click and with three.")
    both = _by_parts(cases, cases[3] - cases[1])
    pair = numbers.pair(both["several"], both["one"])
    says = (
        f"Gain from one click to three, {len(cases)} cases, objects of several parts against those "
        f"of one of the same task. {pair.words}"
    )
    return Finding(grade(*pair.conditions), says, pair.values)
