"""Whether two shards say the same of the units that both have."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from medsam.errors import ResultsError
from medsam.results import ORDER, table

__all__ = ["TOLERANCE", "agree"]

TOLERANCE = 1e-6
"""By which scores may differ: the last digits are those of the machine."""

_SCORES = ("iou", "dice", "nsd", "hd95", "score")
# What a run may write otherwise without another result.
_WORDS = ("reason",)


def agree(one: Path, other: Path, units: Collection[tuple[str, str]]) -> None:
    """Raise unless the rows of units are the same in two shards of one identity.

    Parameters
    ----------
    one, other : Path
    units : collection of (image, task)

    Raises
    ------
    ResultsError
        If a row is in one of them only, or differs; scores by more than :data:`TOLERANCE`.
    """
    left, right = (_rows(shard, units) for shard in (one, other))
    if len(left) != len(right):
        raise _error(one, other, left, f"{len(left)} and {len(right)} rows of it")
    for name in (name for name in left if name not in _WORDS):
        a, b = left[name], right[name]
        if name in _SCORES:
            same = np.isclose(a, b, rtol=0, atol=TOLERANCE, equal_nan=True)
        else:
            same = ((a == b) | (a.isna() & b.isna())).to_numpy(bool)
        if not same.all():
            first = left[~same].iloc[:1]
            values = [side[name][~same].iloc[0] for side in (left, right)]
            raise _error(one, other, first, f"{name} {values[0]} and {values[1]}")


def _rows(shard: Path, units: Collection[tuple[str, str]]) -> pd.DataFrame:
    rows = table(shard).to_pandas()
    kept = rows[pd.MultiIndex.from_frame(rows[["image", "task"]]).isin(units)]
    ordered: pd.DataFrame = kept.sort_values([*ORDER], ignore_index=True)
    return ordered


def _error(one: Path, other: Path, rows: pd.DataFrame, words: str) -> ResultsError:
    row = rows.iloc[0]
    return ResultsError(
        f"{one} and {other} both have rows of image {row.image!r}, task {row.task}, from the same "
        f"files, but not the same ones: {words}. Allowed: equal rows (scores to {TOLERANCE:g}), or "
        "those of one of them. Find out which is right and leave the other out."
    )
