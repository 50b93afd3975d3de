"""Masks that rows score, as text: COCO's run-length code, which many tools read.

A row holds the ``counts`` of the code; its size stands in the columns ``height`` and ``width``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pycocotools import mask as coco

from medsam.errors import ResultsError
from medsam.regions import Mask
from medsam.results.rows import ORDER, existing, query

__all__ = ["attach", "decode", "encode", "of_rows"]


def encode(mask: Mask) -> str:
    """Code a (H, W) bool mask.

    Examples
    --------
    >>> encode(np.eye(3, dtype=bool))
    '013000'
    """
    found: str = coco.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    return found


def decode(counts: str, height: int, width: int) -> Mask:
    """The (H, W) bool mask of a code.

    Examples
    --------
    >>> decode("013000", 3, 3).astype(int).tolist()
    [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    """
    size = [int(height), int(width)]
    return np.asarray(coco.decode({"size": size, "counts": counts.encode()}), bool)


def attach(folder: Path | str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the column ``mask``, read from a results folder; others stay on the disk.

    Parameters
    ----------
    folder : path
        Results folder.
    rows : DataFrame
        Some of its rows, with the columns of :data:`medsam.results.rows.ORDER`.

    Raises
    ------
    ResultsError
        If there are no results, or one cannot be read.
    """
    same = " and ".join(f"r.{name} is not distinct from w.{name}" for name in ORDER)
    with query(existing(Path(folder))) as connection:
        connection.register("wanted", rows[[*ORDER]].assign(place=range(len(rows))))
        found = connection.execute(
            f"select w.place, r.mask from wanted w left join rows r on {same} order by w.place"
        ).df()
    return rows.assign(mask=found["mask"].to_list())


def of_rows(rows: pd.DataFrame) -> list[NDArray[np.bool_]]:
    """The masks that rows score, in their order.

    Parameters
    ----------
    rows : DataFrame
        With the column ``mask``; see :func:`attach`.

    Raises
    ------
    ResultsError
        If a row has none; says what to run.
    """
    lacking = rows[rows["mask"].isna()]
    if len(lacking):
        first = lacking.iloc[0]
        raise ResultsError(
            f"{len(lacking)} rows of {first['model']} have no mask, such as {first['task']} on "
            f"{first['image']}. Allowed: rows of `medsam run --keep-masks chosen`. Run it into "
            "a new folder."
        )
    columns = (rows["mask"], rows["height"], rows["width"])
    return [decode(*one) for one in zip(*columns, strict=True)]
