"""Whether the rows of a results folder can be right."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from medsam.errors import ResultsError
from medsam.results import existing, table, told

__all__ = ["Check", "check"]

_PROMPT = ["task", "image", "experiment", "k"]


@dataclass
class Check:
    """What was found.

    Attributes
    ----------
    files, rows, units : int
        What was read.
    wrong : list of str
        A sentence for each fault: where, what, and what to do.
    """

    files: int = 0
    rows: int = 0
    units: int = 0
    wrong: list[str] = field(default_factory=list)


def check(folder: Path | str) -> Check:
    """Read every shard: whole, complete, each unit once, and with numbers that can be.

    Parameters
    ----------
    folder : path
        Results folder, flat or partitioned.

    Raises
    ------
    ResultsError
        If there are no results.
    """
    found = Check()
    owners: dict[tuple[str, ...], tuple[Path, bool]] = {}
    for shard in existing(Path(folder)):
        found.files += 1
        try:
            about, rows = told(shard), table(shard).to_pandas()
        except ResultsError as error:
            found.wrong.append(str(error))
            continue
        identity = about["identity"]
        found.rows += len(rows)
        key = (identity["dataset"], identity["model"], identity["protocol"]["name"])
        counts = rows.groupby(["image", "task"]).size()
        for image, task, _, failed in about["units"]:
            found.units += 1
            there, before = owners.get((*key, image, task), (shard, True))
            owners[(*key, image, task)] = shard, failed
            if not before:
                found.wrong.append(
                    f"{shard}: image {image!r}, task {task} is in {there}, too. Each unit counts "
                    "once. Merge the folder into a new one with `medsam results merge`."
                )
            if not counts.get((image, task), 0):
                found.wrong.append(
                    f"{shard}: image {image!r}, task {task} has no row. Delete the file and run "
                    "again; only its rows are computed anew."
                )
        extra = set(counts.index) - {(unit[0], unit[1]) for unit in about["units"]}
        if extra:
            found.wrong.append(
                f"{shard}: rows of {len(extra)} units that it does not name. Delete the file and "
                "run again."
            )
        found.wrong += [f"{shard}: {words}. Delete it and run again." for words in _numbers(rows)]
    return found


def _numbers(rows: pd.DataFrame) -> list[str]:
    """What no run can have written."""
    scored = rows[rows.iou.notna()]
    wrong = []
    for name in ("iou", "dice", "nsd"):
        out = scored[name].notna() & ~scored[name].between(0, 1)
        if out.any():
            wrong.append(f"{int(out.sum())} rows with {name} outside 0 to 1")
    apart = ~np.isclose(scored.dice, 2 * scored.iou / (1 + scored.iou), atol=1e-9)
    if apart.any():
        wrong.append(f"{int(apart.sum())} rows whose Dice is not 2 IoU / (1 + IoU)")
    twice = rows.duplicated([*_PROMPT, "choice", "model", "protocol", "dataset"])
    if twice.any():
        wrong.append(f"{int(twice.sum())} rows that are there twice")
    return wrong
