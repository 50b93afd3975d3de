"""How many clicks a model needs: number of clicks, failures, and area under the click curve.

From rows whose ``experiment`` is ``"clicks"``. A case is one image for one task; its click
curve is the IoU after 1, 2, ... clicks. A curve may end early only where its last IoU is 1:
prediction and object agree and no click is left to make (protocol ``no_error="stop"``). The
last value then stands for the clicks that remain, as it does in our own rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsam.errors import InputError

__all__ = ["LIMIT", "TARGETS", "curves", "effort", "number_of_clicks"]

TARGETS = (0.80, 0.85, 0.90)
"""IoUs to reach: NoC@80, NoC@85 and NoC@90 of the literature on interactive segmentation."""
LIMIT = 9
"""Clicks after which a case has failed: as many as the paper makes (section 3.3). Most of the
literature takes 20: numbers under different limits do not compare."""

Failed = Literal["limit", "left_out"]
FAILED = ("limit", "left_out")

KEYS = ["dataset", "task", "model", "protocol", "choice"]
_CASE = [*KEYS, "image", "group"]


def curves(rows: pd.DataFrame, limit: int = LIMIT) -> pd.DataFrame:
    """Click curve of each case.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.read` gives them; rows of other experiments are left
        aside, and so are cases that have no clicks (``status`` not ``ok``).
    limit : int
        Clicks of a curve; later ones are left aside.

    Returns
    -------
    DataFrame
        Indexed by ``dataset, task, model, protocol, choice, image, group``; columns 1 to
        ``limit``: IoU, 0 to 1.

    Raises
    ------
    InputError
        If columns are missing, there is no click, a click is there twice, or a curve has a gap
        or ends before the limit at an IoU below 1.
    """
    missing = [name for name in [*_CASE, "experiment", "k", "iou"] if name not in rows.columns]
    if missing:
        raise InputError(
            f"Rows without {', '.join(missing)}. Allowed: the columns of the results. "
            "Take rows from medsam.results.read."
        )
    if limit < 1:
        raise InputError(f"Limit of {limit} clicks. Allowed: 1 or more.")
    kept = rows[(rows.experiment == "clicks") & rows.iou.notna()]
    if kept.empty:
        raise InputError(
            f"{len(rows)} rows, none of a click. Allowed: rows with experiment 'clicks' and "
            "an IoU. `medsam summary` tells what a folder has."
        )
    twice = kept.duplicated([*_CASE, "k"])
    if twice.any():
        first = _name(kept[twice].iloc[0])
        raise InputError(
            f"{int(twice.sum())} clicks are there twice, the first on {first}. "
            "Allowed: one row for each click of a case. Take rows of one results folder."
        )
    wide = kept.pivot(index=_CASE, columns="k", values="iou").astype(float)
    wide = wide.reindex(columns=range(1, limit + 1))
    filled = wide.ffill(axis=1)
    # Absent clicks are allowed only after a perfect one.
    bad = (wide.isna() & ~(filled == 1)).any(axis=1) | (
        wide.isna() & wide.bfill(axis=1).notna()
    ).any(axis=1)
    if bad.any():
        case = wide[bad].iloc[0]
        there = [int(k) for k in case.dropna().index]
        last = f"{case.dropna().iloc[-1]:.3f}" if there else "none"
        raise InputError(
            f"{int(bad.sum())} cases without all clicks 1 to {limit}; the first, "
            f"{_name(wide[bad].index.to_frame().iloc[0])}, has clicks {there}, the last IoU "
            f"{last}. Allowed: every click up to the limit, or up to an IoU of 1. Lower the limit "
            "or compute the rest."
        )
    return filled


def _name(row: pd.Series) -> str:
    return f"{row['task']} of {row['image']!r} ({row['model']}, {row['choice']})"


def number_of_clicks(
    curve: NDArray[np.float64], target: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Clicks until the IoU first reaches a target.

    Parameters
    ----------
    curve : (N, K) float
        IoU of N cases after 1 to K clicks.
    target : float
        Reached where the IoU is at or above it, be it lost again by a later click.

    Returns
    -------
    (N,) int, (N,) bool
        Number of clicks, and whether the target was not reached: the number is then K, which
        is no more than a lower bound.

    Examples
    --------
    >>> number_of_clicks(np.array([[0.5, 0.9, 0.7], [0.1, 0.2, 0.3]]), 0.8)
    (array([2, 3]), array([False,  True]))
    """
    reached = curve >= target
    failed = np.asarray(~reached.any(axis=1))
    return np.where(failed, curve.shape[1], reached.argmax(axis=1) + 1), failed


def _area(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area under each curve from the first click to the last by trapezoids, over its width."""
    if curve.shape[1] == 1:
        return curve[:, 0]
    inner = curve.sum(axis=1) - (curve[:, 0] + curve[:, -1]) / 2
    return np.asarray(inner / (curve.shape[1] - 1))


def effort(
    rows: pd.DataFrame,
    targets: Sequence[float] = TARGETS,
    limit: int = LIMIT,
    *,
    failed: Failed = "limit",
) -> pd.DataFrame:
    """Clicks to reach each target, failures, and area under the click curve.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.read` gives them.
    targets : sequence of float
        IoUs, above 0 to 1.
    limit : int
        A case that has not reached the target after this many clicks has failed.
    failed : {"limit", "left_out"}
        What a case that failed adds to the mean number of clicks: the limit, as is usual, so
        that the mean is a lower bound; or nothing, so that it is about the others only.

    Returns
    -------
    DataFrame
        One row per dataset, task, model, protocol, choice and target. ``n``: cases;
        ``clicks``: mean number of clicks (NoC; null where all failed and are left out);
        ``failures``: cases that failed; ``failed``: their share, 0 to 1; ``area``: mean area
        under the curve from the first click to the last, over its width, 0 to 1 (the same
        for each target; with a limit of 1 the IoU itself).

    Raises
    ------
    InputError
        As :func:`curves`, or if a target or a policy is not allowed.

    Examples
    --------
    >>> rows = pd.DataFrame({"dataset": "d", "task": "t", "model": "m", "protocol": "paper",
    ...     "choice": "top", "image": "i", "group": "i", "experiment": "clicks",
    ...     "k": [1, 2, 3], "iou": [0.5, 0.7, 0.9]})
    >>> effort(rows, targets=[0.7], limit=3)[["target", "n", "clicks", "failures", "area"]]
       target  n  clicks  failures  area
    0     0.7  1     2.0         0   0.7
    """
    if failed not in FAILED:
        raise InputError(f"failed={failed!r}. Allowed: {', '.join(FAILED)}. Take one of these.")
    if not targets or any(not 0 < target <= 1 for target in targets):
        raise InputError(
            f"Targets {list(targets)}. Allowed: IoUs above 0 up to 1, such as {list(TARGETS)}."
        )
    table = curves(rows, limit)
    curve = table.to_numpy()
    of_case = table.index.to_frame(index=False).assign(area=_area(curve))
    tables = []
    for target in targets:
        number, missed = number_of_clicks(curve, target)
        counted = number.astype(float)
        if failed == "left_out":
            counted[missed] = np.nan
        grouped = of_case.assign(clicks=counted, missed=missed).groupby(KEYS, observed=True)
        tables.append(
            grouped.agg(
                n=("image", "size"),
                clicks=("clicks", "mean"),
                failures=("missed", "sum"),
                failed=("missed", "mean"),
                area=("area", "mean"),
            )
            .reset_index()
            .assign(target=target, limit=limit)
        )
    order = [*KEYS, "target", "limit", "n", "clicks", "failures", "failed", "area"]
    return pd.concat(tables)[order].sort_values([*KEYS, "target"], ignore_index=True)
