"""Example cases: which images stand at a percentile, with the masks that their rows hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsam.analysis.sizes import MODES_SHOWN
from medsam.datasets.sample import Dataset, Sample
from medsam.errors import InputError, ResultsError
from medsam.metrics import iou
from medsam.prompts import Prompt
from medsam.protocol import MAX_CLICKS
from medsam.results.masks import of_rows as of_masks

PERCENTILES = (25, 50, 75)
"""Of the IoU over the images of a task, as in Fig. 3 and Fig. 11-16."""


@dataclass(frozen=True)
class Example:
    """One case as a reader looks at it.

    Attributes
    ----------
    task, image_id, model, protocol, choice : str
        As in the columns of the results (``image_id`` is the column ``image``).
    k : int
        Mode 1 to 5.
    percentile : int
        25, 50 or 75: where the case stands among the IoUs of its task and mode.
    image : (H, W, 3) uint8
    mask, prediction : (H, W) bool
        The object, and what the model made of the prompt.
    prompt : Prompt
    iou, dice, score : float
    """

    task: str
    image_id: str
    model: str
    protocol: str
    choice: str
    k: int
    percentile: int
    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    prediction: NDArray[np.bool_]
    prompt: Prompt
    iou: float
    dice: float
    score: float


def at_percentile(rows: pd.DataFrame, percentile: float) -> pd.Series:
    """The row whose IoU stands at that percentile (nearest rank).

    Parameters
    ----------
    rows : DataFrame
        Rows of one task, mode and choice.
    percentile : float
        0 to 100.

    Raises
    ------
    InputError
        If there is no row with an IoU.
    """
    kept = rows.dropna(subset=["iou"]).sort_values(["iou", "image"], kind="stable")
    if kept.empty:
        raise InputError(
            "No row with an IoU to take a percentile of. "
            "Allowed: rows of one task, mode and choice with status ok."
        )
    rank = max(1, math.ceil(percentile / 100 * len(kept)))
    return kept.iloc[rank - 1]


def slots(
    rows: pd.DataFrame,
    modes: Sequence[int],
    *,
    rank_by: int | None = None,
    show: Sequence[str] = ("top",),
) -> pd.DataFrame:
    """The rows that stand at the 25th, 50th and 75th percentile of each task.

    Parameters
    ----------
    rows : DataFrame
        Results of one model under one protocol.
    modes : sequence of int
        Modes to take.
    rank_by : int, optional
        The mode whose IoU, of the most confident mask, ranks the images: every mode then shows
        the same image in a slot.
        By default each mode ranks for itself.
    show : sequence of {"top", "oracle"}
        Choices of mask to take of these images.

    Returns
    -------
    DataFrame
        Rows of the results with a column ``percentile``.
    """
    kept = rows[(rows.experiment == "mode") & (rows.status == "ok")]
    found = [kept.iloc[:0].assign(percentile=0)]
    for _, of_task in kept.groupby("task", sort=False):
        for mode in modes:
            of_mode = of_task[of_task.k == mode]
            ranked = of_mode if rank_by is None else of_task[of_task.k == rank_by]
            ranked = ranked[ranked.choice == "top"]
            for percentile in PERCENTILES:
                image = at_percentile(ranked, percentile).image
                there = of_mode[(of_mode.image == image) & of_mode.choice.isin(show)]
                found.append(there.assign(percentile=percentile))
    return pd.concat(found, ignore_index=True)


def of_rows(rows: pd.DataFrame, dataset: Dataset) -> list[Example]:
    """The cases of some rows, with the images and the masks that the rows hold.

    Parameters
    ----------
    rows : DataFrame
        Rows of the results with the columns ``percentile``, as :func:`slots` gives it, and
        ``mask`` (:func:`medsam.results.masks.attach`).
    dataset : Dataset
        That which the rows came from.

    Returns
    -------
    list of Example
        In the order of the rows.

    Raises
    ------
    ResultsError
        If a row has no mask, an image is gone, or a mask does not have the IoU that its row says:
        the rows are then of other data.
    """
    samples = load(dataset, rows.image)
    return [
        Example(
            task=row.task,
            image_id=row.image,
            model=row.model,
            protocol=row.protocol,
            choice=row.choice,
            k=int(row.k),
            percentile=int(row.percentile),
            image=samples[row.image].image,
            mask=samples[row.image].masks[row.task],
            prediction=prediction,
            prompt=Prompt.from_json(row.prompt),
            iou=float(row.iou),
            dice=float(row.dice),
            score=float(row.score),
        )
        for row, prediction in masks_of(rows, samples)
    ]


def load(dataset: Dataset, images: Iterable[str]) -> dict[str, Sample]:
    """Some images of a dataset by their ids.

    Raises
    ------
    ResultsError
        If one is gone.
    """
    wanted = set(images)
    found = {case.id: case.load() for case in dataset.cases() if case.id in wanted}
    gone = sorted(wanted - set(found))
    if gone:
        raise ResultsError(
            f"Images {gone} of the results are not in dataset {dataset.key!r}. "
            "Allowed: the data that the results were computed from."
        )
    return found


def masks_of(
    rows: pd.DataFrame, samples: Mapping[str, Sample]
) -> Iterator[tuple[Any, NDArray[np.bool_]]]:
    """Each row, as a named tuple, with the (H, W) bool mask that it scores.

    Raises
    ------
    ResultsError
        If a row has no mask, or the mask does not have the IoU that the row says.
    """
    for row, prediction in zip(rows.itertuples(), of_masks(rows), strict=True):
        mask = samples[str(row.image)].masks[str(row.task)]
        said = float(str(row.iou))
        now = iou(prediction, mask) if prediction.shape == mask.shape else math.nan
        if not math.isclose(now, said, abs_tol=1e-6):
            raise ResultsError(
                f"{row.task} on {row.image}: IoU {now:.4f} now, {said:.4f} in the results. "
                "Allowed: the data that the results were computed from. Run the study into a new "
                "folder."
            )
        yield row, prediction


def steps(examples: Iterable[Example]) -> dict[str, list[Example]]:
    """The clicks of each task in turn.

    Raises
    ------
    InputError
        If those of a task are not 1, 2, 3, ... on one image.
    """
    found: dict[str, list[Example]] = {}
    for example in sorted(examples, key=lambda one: one.k):
        found.setdefault(example.task, []).append(example)
    for task, case in found.items():
        clicks, images = [one.k for one in case], sorted({one.image_id for one in case})
        if clicks != list(range(1, len(case) + 1)) or len(images) != 1:
            raise InputError(
                f"Task {task!r}: clicks {clicks} on images {images}. Allowed: 1, 2, 3, ... on one "
                "image. Choose with medsam.analysis.examples.step_slots."
            )
    return found


def table(examples: Sequence[Example]) -> pd.DataFrame:
    """Which cases are shown, without their pixels.

    Returns
    -------
    DataFrame
        ``task, image, model, protocol, choice, k, percentile, iou, dice, score, prompt`` (JSON).
    """
    columns = ["task", "image", "model", "protocol", "choice", "k", "percentile"]
    columns += ["iou", "dice", "score", "prompt"]
    rows = [vars(one) | {"image": one.image_id, "prompt": one.prompt.to_json()} for one in examples]
    return pd.DataFrame([{name: row[name] for name in columns} for row in rows], columns=columns)


IMAGES = 8
"""So many images at most; all their objects open a picture."""


def opening(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of a few images that have, between them, small, middling and large objects.

    The objects of each task, from the smallest to the largest, fall into three parts of equal
    count. Image after image is taken, each time the one with most parts that no image has yet
    (of equal ones the first by name), until every part has one or there are :data:`IMAGES`. A model
    reads an image once for all its objects: few images give many pictures.

    Parameters
    ----------
    rows : DataFrame
        Results of one dataset, model and protocol.

    Returns
    -------
    DataFrame
        Rows of modes 2 and 4, both choices of mask, with a column ``percentile`` (0: none), for
        :func:`medsam.analysis.examples.of_rows`.
    """
    kept = rows[(rows.experiment == "mode") & rows.k.isin(MODES_SHOWN) & rows.iou.notna()]
    kept = kept[(kept.status == "ok") & (kept.object_px > 0)]
    once = kept.drop_duplicates(["task", "image"]).sort_values(
        ["object_px", "image"], kind="stable"
    )
    of_task = once.groupby("task", sort=False)
    third = (3 * of_task.cumcount()) // of_task["image"].transform("size")
    parts: dict[str, set[tuple[str, int]]] = {}
    for task, image, part in zip(once.task, once.image, third, strict=True):
        parts.setdefault(image, set()).add((task, int(part)))
    missing = set().union(*parts.values())
    taken: list[str] = []
    while missing and len(taken) < IMAGES:
        best = max(sorted(parts), key=lambda image: len(parts[image] & missing))
        missing -= parts[best]
        taken.append(best)
    return kept[kept.image.isin(taken)].assign(percentile=0)


def step_slots(rows: pd.DataFrame) -> pd.DataFrame:
    """The clicks of the case of each task that stands in the middle by the IoU after the last.

    No case is picked by hand.

    Parameters
    ----------
    rows : DataFrame
        Results of one model under one protocol.

    Returns
    -------
    DataFrame
        Rows of the results with a column ``percentile``, for
        :func:`medsam.analysis.examples.of_rows`: for each task one image with all its clicks.

    Raises
    ------
    InputError
        If there are no such rows.
    """
    kept = rows[(rows.experiment == "clicks") & (rows.choice == "top") & (rows.status == "ok")]
    ranked = kept[kept.k == MAX_CLICKS]
    if ranked.empty:
        there = sorted(kept.k.dropna().astype(int).unique().tolist())
        raise InputError(
            f"No row of {MAX_CLICKS} clicks with choice 'top' (there: {there or 'none'}). "
            "Allowed: rows of the experiment 'clicks', of a model that takes points."
        )
    found = []
    for task, of_task in ranked.groupby("task", sort=False):
        image = at_percentile(of_task, 50).image
        case = kept[(kept.task == task) & (kept.image == image)].sort_values("k")
        found.append(case.assign(percentile=50))
    chosen: pd.DataFrame = pd.concat(found, ignore_index=True)
    return chosen
