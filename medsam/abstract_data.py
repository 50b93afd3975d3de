"""Tables and prompts that the graphical abstract is drawn from."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from medsam import summary
from medsam.abstract import ORACLE
from medsam.errors import InputError
from medsam.prompts import Prompt

if TYPE_CHECKING:
    from medsam.datasets.entry import CatalogEntry

__all__ = ["data_of", "data_of_run", "numbers", "of_run", "telling_clicks"]


def numbers(modes: pd.DataFrame, clicks: pd.DataFrame) -> pd.DataFrame:
    """Every number that is drawn, in one table.

    Parameters
    ----------
    modes, clicks : DataFrame
        As for :func:`medsam.abstract.facts`.

    Returns
    -------
    DataFrame
        ``experiment`` (``mode`` | ``clicks``), ``task, name, modality, model, k, choice, iou``.
        Where the clicks are those of the model of the modes, its name stands with them only.
    """
    one = modes.rename(columns={"mode": "k"}).assign(experiment="mode")
    more = clicks.assign(experiment="clicks")
    both = pd.concat([one, more], ignore_index=True)
    columns = ["experiment", "task", "name", "modality", "model", "k", "choice", "iou"]
    return both.reindex(columns=columns)


def of_run(rows: pd.DataFrame) -> pd.DataFrame:
    """Clicks of a run in the form of the published tables.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.read` gives them.

    Returns
    -------
    DataFrame
        ``task, modality, model, k, iou``; with oracle a model is called ``<name> (oracle)``.
    """
    table = summary.clicks(rows)
    table["model"] = table.model.where(table.choice == "top", table.model + ORACLE)
    return table[["task", "modality", "model", "k", "iou"]]


def telling_clicks(rows: pd.DataFrame, k: int = 4) -> tuple[str, str, Prompt]:
    """The object on which k clicks show best what clicking is.

    Of the objects whose clicks are at least a twentieth of the image apart, the one whose IoU
    they raise most from the first to the last; of all objects, where none is so.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.read` gives them.
    k : int
        Clicks; fewer where all objects have fewer.

    Returns
    -------
    (image, task, Prompt)
        The prompt has the points in the order in which they were made.

    Raises
    ------
    InputError
        If there are no rows of clicks.
    """
    made = rows[(rows.experiment == "clicks") & (rows.choice == "top")]
    if made.empty:
        raise InputError(
            f"{len(rows)} rows, none of clicks. Allowed: rows of the experiment 'clicks'. "
            "A model that takes boxes only has none."
        )
    k = min(k, int(made.k.max()))
    first = made[made.k == 1][["image", "task", "iou"]].rename(columns={"iou": "before"})
    last = made[made.k == k].merge(first, on=["image", "task"])
    last["gain"] = (last.iou - last.before).astype(float)
    side = last[["height", "width"]].max(axis=1).astype(float)
    apart = last.prompt.map(_closest) >= side / 20
    best = (last[apart] if apart.any() else last).sort_values("gain", kind="stable").iloc[-1]
    return str(best.image), str(best.task), Prompt.from_json(best.prompt)


def _closest(text: str) -> float:
    """Distance of the two points that are closest to each other; 0 for one point."""
    points = Prompt.from_json(text).points
    return min((float(np.hypot(*(a - b))) for a, b in combinations(points, 2)), default=0.0)


def data_of(entries: Iterable[CatalogEntry]) -> pd.DataFrame:
    """Datasets with their number of tasks, for the drawing.

    Returns
    -------
    DataFrame
        ``dataset`` (key), ``title`` (less its modality), ``modality, n_tasks``.

    Examples
    --------
    >>> from medsam.datasets.catalog import catalog
    >>> data_of(catalog().values()).head(2).to_numpy().tolist()
    [['mri_spine', 'Spine', 'MRI', 2], ['mri_heart', 'Heart', 'MRI', 1]]
    """
    return pd.DataFrame(
        [(one.key, one.title.partition("-")[2], one.modality, len(one.tasks)) for one in entries],
        columns=["dataset", "title", "modality", "n_tasks"],
    )


def data_of_run(modes: pd.DataFrame) -> pd.DataFrame:
    """Tasks of a run, as :func:`data_of` gives datasets.

    Parameters
    ----------
    modes : DataFrame
        Columns ``dataset, task, name, modality``; as :meth:`medsam.notebook.Study.mode_means`.
    """
    once = modes.drop_duplicates(["dataset", "task"])
    return once[["dataset", "name", "modality"]].rename(columns={"name": "title"}).assign(n_tasks=1)
