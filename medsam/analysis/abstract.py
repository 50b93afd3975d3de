"""What the graphical abstract says: the main findings, computed from tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from medsam.analysis.comparison import ORACLE, of_modes
from medsam.analysis.statistics import check_columns
from medsam.errors import InputError, UnknownName
from medsam.prompts import Prompt

if TYPE_CHECKING:
    from medsam.datasets.catalog import CatalogEntry


SHORT = {
    1: "one point",
    2: "a point for each part",
    3: "one box",
    4: "a box for each part",
    5: "one box over all",
}
"""The five modes in a few words."""


def facts(modes: pd.DataFrame, clicks: pd.DataFrame, model: str) -> dict[str, float | int | str]:
    """Compute the findings.

    Parameters
    ----------
    modes : DataFrame
        Columns ``task, name, mode`` (1-5), ``choice`` (``top`` | ``oracle``), ``iou``.
    clicks : DataFrame
        Columns ``task, model, k, iou``; models called ``<name> (oracle)`` are no other methods.
    model : str
        The one that the others are compared with.

    Returns
    -------
    dict
        What :func:`medsam.analysis.comparison.of_modes` tells; ``best-words``; ``clicks``: how
        many; ``first, last``: mean IoU with one and with all of them; ``beats``: tasks on which
        the model is better than every other method with one click; ``passed``: by whom, and the
        first number of clicks at which its mean is above the model's.

    Raises
    ------
    InputError
        If a column or a mode is missing, or there is no row.
    UnknownName
        If the model has no clicks.

    Examples
    --------
    >>> from medsam.analysis import published
    >>> found = facts(published.modes(), published.clicks(), "SAM")
    >>> found["box-wins"], found["beats"], found["passed"]
    (27, 24, 'passed by FocalClick at 9, RITM at 6, SimpleClick at 6 clicks')
    """
    found = of_modes(modes)
    check_columns(clicks, ("task", "model", "k", "iou"), "Table of clicks")
    if model not in set(clicks.model):
        raise UnknownName("model with clicks", model, set(clicks.model))
    lines = clicks.groupby(["k", "model"]).iou.mean().unstack()
    others = [name for name in lines if name != model and not str(name).endswith(ORACLE)]
    first = clicks[clicks.k == clicks.k.min()].pivot(index="task", columns="model", values="iou")
    above = {name: lines.index[lines[name] > lines[model]] for name in others}
    passed = ", ".join(f"{name} at {at[0]}" for name, at in above.items() if len(at))
    return found | {
        "best-words": SHORT[int(found["best"])],
        "clicks": int(lines.index[-1]),
        "first": float(lines[model].iloc[0]),
        "last": float(lines[model].iloc[-1]),
        "beats": int(first[others].lt(first[model], axis=0).all(axis=1).sum()),
        "passed": f"passed by {passed} clicks" if passed else "passed by no other method",
    }


def headlines(found: Mapping[str, Any], model: str) -> tuple[str, str, str, str]:
    """One line a finding of :func:`facts`: over tasks, box against point, best mode, clicks."""
    return (
        f"One point: IoU from {found['lowest-iou']:.2f} to {found['highest-iou']:.2f}, by task",
        f"One box beats one point on {found['box-wins']} of {found['tasks']} tasks",
        f"Best: {found['best-words']}, IoU {found['best-iou']:.2f} "
        f"(with oracle {found['best-oracle']:.2f})",
        f"{found['clicks']} clicks: {model} from {found['first']:.2f} to {found['last']:.2f}, "
        f"{found['passed']}",
    )


# Tables and prompts that the graphical abstract is drawn from.


def numbers(modes: pd.DataFrame, clicks: pd.DataFrame) -> pd.DataFrame:
    """Every number that is drawn, in one table.

    Parameters
    ----------
    modes, clicks : DataFrame
        As for :func:`medsam.analysis.abstract.facts`.

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


def telling_clicks(rows: pd.DataFrame) -> tuple[str, str, Prompt]:
    """The object on which four clicks show best what clicking is.

    Of the objects whose clicks are at least a thirtieth of the image apart, the one whose IoU
    they raise most from the first to the last; of all objects, where none is so.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.rows.read` gives them.

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
    k = min(4, int(made.k.max()))
    first = made[made.k == 1][["image", "task", "iou"]].rename(columns={"iou": "before"})
    last = made[made.k == k].merge(first, on=["image", "task"])
    last["gain"] = (last.iou - last.before).astype(float)
    side = last[["height", "width"]].max(axis=1).astype(float)
    apart = last.prompt.map(_closest) >= side / 30
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
        ``dataset`` (key), ``title`` (without its modality), ``modality, n_tasks``.

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
        Columns ``dataset, task, name, modality``; as :meth:`medsam.pages.study.Study.mode_means`.
    """
    once = modes.drop_duplicates(["dataset", "task"])
    return once[["dataset", "name", "modality"]].rename(columns={"name": "title"}).assign(n_tasks=1)
