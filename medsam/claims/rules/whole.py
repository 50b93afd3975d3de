"""Rules on the published tables as a whole: whether they agree with one another and the text."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from medsam.claims.claim import Finding, Undecidable, Verdict, grade
from medsam.claims.numbers import agrees
from medsam.claims.tables import Tables

__all__ = ["averages", "counts", "names", "twice"]


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
