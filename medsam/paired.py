"""The effect of a choice: the same cases under two protocols, with an interval over images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsam.errors import InputError

__all__ = ["Effect", "effect", "mean_of_tasks", "wide"]

RESAMPLES = 2000
LEVEL = 0.95


class Effect(NamedTuple):
    """IoU under one protocol less IoU under another.

    Attributes
    ----------
    base, variant : float
        Mean IoU: over the images of each task, and then over tasks.
    delta : float
        Variant less base.
    low, high : float
        95 % bootstrap interval of ``delta``, images drawn with all their tasks.
    changed : float
        Fraction of cases whose IoU is not the same.
    cases, images, tasks : int
        Of how many.
    """

    base: float
    variant: float
    delta: float
    low: float
    high: float
    changed: float
    cases: int
    images: int
    tasks: int


def mean_of_tasks(values: NDArray[np.float64], index: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mean over images, then over tasks, for each draw of images.

    Parameters
    ----------
    values : (tasks, images) float
        NaN where an image is no case of a task.
    index : (..., n) int
        Images.

    Returns
    -------
    (...) float
        A task of which no image was drawn does not count.

    Examples
    --------
    >>> mean_of_tasks(np.array([[0.1, 0.3], [0.5, np.nan]]), np.array([[0, 1], [1, 1]])).tolist()
    [0.35, 0.3]
    """
    drawn = values[:, index]
    there = ~np.isnan(drawn)
    count = there.sum(-1)
    sums = np.where(there, drawn, 0).sum(-1)
    means = np.divide(sums, count, out=np.zeros_like(sums), where=count > 0)
    found: NDArray[np.float64] = means.sum(0) / (count > 0).sum(0)
    return found


def effect(wide: pd.DataFrame, base: str, variant: str) -> Effect:
    """The effect of a variant.

    Parameters
    ----------
    wide : DataFrame
        IoU; index ``task, image``, one column a protocol.
    base, variant : str
        Columns.

    Returns
    -------
    Effect
        The interval is the percentile interval of 2000 draws; where no case differs, or there is
        one image only, it is the value itself.
    """
    difference = (wide[variant] - wide[base]).unstack("image")
    values = difference.to_numpy(np.float64)
    images = np.arange(values.shape[1])
    delta = float(mean_of_tasks(values, images))
    low = high = delta
    changed = float((wide[variant] != wide[base]).mean())
    if changed and len(images) > 1:
        from scipy.stats import bootstrap

        interval = bootstrap(
            (images,),
            lambda index, axis: mean_of_tasks(values, np.moveaxis(index, axis, -1)),
            n_resamples=RESAMPLES,
            confidence_level=LEVEL,
            method="percentile",
            vectorized=True,
            rng=np.random.default_rng(0),
        ).confidence_interval
        low, high = float(interval.low), float(interval.high)
    before, after = (float(wide[name].groupby("task").mean().mean()) for name in (base, variant))
    return Effect(
        before,
        after,
        delta,
        low,
        high,
        changed,
        len(wide),
        len(images),
        len(values),
    )


def wide(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """IoU by case (task and image), one column a protocol, every case whole.

    Raises
    ------
    InputError
        If a case is missing under one of the protocols.
    """
    table = rows.pivot(index=["task", "image"], columns="protocol", values="iou").reindex(
        columns=list(names)
    )
    short = [name for name in names if table[name].isna().any()]
    if short or table.empty:
        raise InputError(
            f"{len(table)} cases, of which some have no IoU under {', '.join(short) or 'any'}. "
            "Allowed: the same cases under every protocol. Run the study for each of them."
        )
    return table
