"""One case a task, click by click: which rows Fig. 6 shows."""

from __future__ import annotations

import pandas as pd

from medsam.errors import InputError
from medsam.evaluation import MAX_CLICKS
from medsam.examples import at_percentile

__all__ = ["slots"]


def slots(
    rows: pd.DataFrame, *, percentile: float = 50, at: int = MAX_CLICKS, choice: str = "top"
) -> pd.DataFrame:
    """The clicks of the case of each task that stands at a percentile.

    Parameters
    ----------
    rows : DataFrame
        Results of one model under one protocol.
    percentile : float
        0 to 100, of the IoU over the images of a task: no case is picked by hand.
    at : int
        Number of clicks whose IoU ranks the images.
    choice : {"top", "oracle"}

    Returns
    -------
    DataFrame
        Rows of the results with a column ``percentile``, for
        :func:`medsam.examples.predict_again`: for each task one image with all its clicks.

    Raises
    ------
    InputError
        If there are no such rows.
    """
    kept = rows[(rows.experiment == "clicks") & (rows.choice == choice) & (rows.status == "ok")]
    ranked = kept[kept.k == at]
    if ranked.empty:
        there = sorted(kept.k.dropna().astype(int).unique().tolist())
        raise InputError(
            f"No row of {at} clicks with choice {choice!r} (there: {there or 'none'}). "
            "Allowed: rows of the experiment 'clicks', of a model that takes points."
        )
    found = []
    for task, of_task in ranked.groupby("task", sort=False):
        image = at_percentile(of_task, percentile).image
        case = kept[(kept.task == task) & (kept.image == image)].sort_values("k")
        found.append(case.assign(percentile=percentile))
    chosen: pd.DataFrame = pd.concat(found, ignore_index=True)
    return chosen
