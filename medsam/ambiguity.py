"""What a model makes of an ambiguous prompt: every mask of mode 1, measured (section 3.4, Fig. 7).

The table is kept as a Parquet file, image by image, so that neither a second run nor a run that
was cut off computes again what is there.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from tqdm import tqdm

from medsam.datasets.sample import Case, Dataset
from medsam.errors import InputError, ResultsError
from medsam.examples import at_percentile
from medsam.kept import KeptTable
from medsam.metrics import iou
from medsam.models.contract import Prediction, PromptableModel
from medsam.prompts import Prompt
from medsam.protocol import Protocol
from medsam.ranks import MEASURES, of_case

__all__ = ["SCHEMA", "Ambiguous", "examples", "measure", "place"]

_VERSION = 1
_EVERY = 16  # images between two saves: what a kill can cost
_WORDS = ("dataset", "task", "image", "group", "modality", "model", "protocol")

SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in _WORDS),
        pa.field("rank", pa.int16(), metadata={"meaning": "1 is the most confident mask"}),
        pa.field("index", pa.int16(), metadata={"meaning": "place in the model's own order"}),
        pa.field("score", pa.float64(), metadata={"meaning": "the model's estimate of the IoU"}),
        pa.field("area", pa.int64(), metadata={"meaning": "pixels of the mask"}),
        pa.field("object_px", pa.int64(), metadata={"meaning": "pixels of the object"}),
        *(pa.field(name, pa.float64(), metadata={"meaning": MEASURES[name]}) for name in MEASURES),
        pa.field("prompt", pa.string(), metadata={"meaning": "compact JSON; points xy, pixels"}),
    ]
)
"""Columns, one row a mask, with their meaning."""


@dataclass(frozen=True, eq=False)
class Ambiguous:
    """One case of Fig. 7.

    Attributes
    ----------
    task, image_id : str
    image : (H, W, 3) uint8
    mask : (H, W) bool
        The object.
    prompt : Prompt
        One point.
    masks : (K, H, W) bool
        Most confident first.
    scores, ious : sequence of float
        The model's own estimate, and the IoU with the object.
    """

    task: str
    image_id: str
    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    prompt: Prompt
    masks: NDArray[np.bool_]
    scores: Sequence[float]
    ious: Sequence[float]


def place(
    folder: Path, dataset: Dataset, model: PromptableModel, protocol: Protocol
) -> tuple[Path, dict[str, Any]]:
    """The file of a table, and what its rows depend on; other weights have another file."""
    identity = {
        "dataset": dataset.key,
        "model": model.name,
        "protocol": protocol.as_dict(),
        "weights": dict(model.provenance()),
        "data": json.loads(json.dumps(dict(getattr(dataset, "settings", {})))),
        "version": _VERSION,
    }
    signed = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{dataset.key}-{model.name}-{protocol.name}")[:80]
    return folder / "ambiguity" / f"{name}-{signed[:12]}.parquet", identity


def measure(
    rows: pd.DataFrame,
    dataset: Dataset,
    model: PromptableModel,
    protocol: Protocol,
    folder: Path,
    *,
    progress: bool = True,
) -> pd.DataFrame:
    """Measure every mask of mode 1, one prediction a case; continue what is there.

    Parameters
    ----------
    rows : DataFrame
        Results of one model under one protocol: they tell the prompts.
    dataset, model, protocol
        Those that the rows came from.
    folder : Path
        Results folder. The table is kept in ``ambiguity`` below it.
    progress : bool
        A bar on stderr.

    Returns
    -------
    DataFrame
        One row a case and rank: the columns of :data:`SCHEMA`, see
        :data:`medsam.ranks.MEASURES`.

    Raises
    ------
    InputError
        If the rows have no case of mode 1.
    ResultsError
        If the table cannot be read or written, an image is gone, or the masks are not those of
        the rows.
    """
    chosen = _oracle(rows)
    kept = KeptTable(*place(Path(folder), dataset, model, protocol), SCHEMA)
    cases = {case.id: case for case in dataset.cases()}
    asked, fresh = {}, []
    for image, of_image in chosen.groupby("image", sort=False):
        case = _there(cases, str(image), dataset)
        prompts = dict(zip(of_image.task, of_image.prompt, strict=True))
        told = json.dumps([case.digest(), sorted(prompts.items())])
        asked[case.id] = hashlib.sha256(told.encode()).hexdigest()
        if kept.images.get(case.id) != asked[case.id]:
            fresh.append((case, of_image))
    constant = {"dataset": dataset.key, "modality": dataset.modality, "model": model.name}
    constant["protocol"] = protocol.name
    bar = tqdm(fresh, desc="ambiguity", unit="image", disable=not progress)
    try:
        for number, (case, of_image) in enumerate(bar, 1):
            found = []
            for row, pixels, mask, prediction in _answers(case, of_image, model):
                prompt = Prompt.from_json(row.prompt)
                about = {"task": row.task, "image": case.id, "group": case.group}
                about |= {"object_px": int(row.object_px), "prompt": row.prompt}
                measures = of_case(pixels, mask, prediction, prompt)
                found += [constant | about | one for one in measures]
            kept.take(case.id, asked[case.id], found)
            if number % _EVERY == 0:
                kept.save()
    finally:
        # Ctrl-C as well: what is complete is kept.
        if fresh:
            kept.save()
    table = pd.DataFrame(kept.rows, columns=SCHEMA.names)
    return table[table.image.isin(asked)].reset_index(drop=True)


def examples(
    rows: pd.DataFrame,
    dataset: Dataset,
    model: PromptableModel,
    tasks: Sequence[str] | None = None,
    percentile: float = 50,
) -> list[Ambiguous]:
    """A case of each task with all its masks: the one whose top IoU stands at a percentile.

    Parameters
    ----------
    rows : DataFrame
        Results of one model under one protocol.
    dataset, model
        Those that the rows came from.
    tasks : sequence of str, optional
        By default the first five of the dataset that have a case.
    percentile : float
        Of the IoU of the most confident mask in mode 1: nobody has chosen the case by eye.

    Raises
    ------
    InputError, ResultsError
        As :func:`measure`.
    """
    oracle, found = _oracle(rows), []
    cases = {case.id: case for case in dataset.cases()}
    with_case = [task for task in dataset.tasks if (oracle.task == task).any()]
    for task in with_case[:5] if tasks is None else tasks:
        of_task = rows[_mode1(rows, "top") & (rows.task == task)]
        image = str(at_percentile(of_task, percentile).image)
        chosen = oracle[(oracle.task == task) & (oracle.image == image)]
        for row, pixels, mask, prediction in _answers(_there(cases, image, dataset), chosen, model):
            order = prediction.ranking
            found.append(
                Ambiguous(
                    task=task,
                    image_id=image,
                    image=pixels,
                    mask=mask,
                    prompt=Prompt.from_json(row.prompt),
                    masks=prediction.masks[order],
                    scores=[float(score) for score in prediction.scores[order]],
                    ious=[iou(one, mask) for one in prediction.masks[order]],
                )
            )
    return found


def _mode1(rows: pd.DataFrame, choice: str) -> pd.Series:
    return (
        (rows.experiment == "mode")
        & (rows.k == 1)
        & (rows.choice == choice)
        & (rows.status == "ok")
    ).fillna(False)


def _oracle(rows: pd.DataFrame) -> pd.DataFrame:
    """The oracle's rows of mode 1: a prompt, and the best IoU of its masks."""
    found = rows[_mode1(rows, "oracle")]
    if found.empty:
        raise InputError(
            f"{len(rows)} rows, none of mode 1. Allowed: at least one case of one point. Take "
            "a model that takes points, and data with an object."
        )
    return found


def _there(cases: Mapping[str, Case], image: str, dataset: Dataset) -> Case:
    if image not in cases:
        raise ResultsError(
            f"Image {image!r} of the results is not in dataset {dataset.key!r}. Allowed: the data "
            "that the results were computed from."
        )
    return cases[image]


def _answers(
    case: Case, of_image: pd.DataFrame, model: PromptableModel
) -> Iterator[tuple[Any, NDArray[np.uint8], NDArray[np.bool_], Prediction]]:
    """Row, image, object and prediction of each case of an image, embedded once."""
    sample = case.load()
    embedding = model.embed(sample.image)
    for row in of_image.itertuples():
        mask = sample.masks[str(row.task)]
        (prediction,) = model.predict(embedding, [Prompt.from_json(str(row.prompt))])
        now = max(iou(one, mask) for one in prediction.masks)
        if not math.isclose(now, float(str(row.iou)), abs_tol=1e-3):
            raise ResultsError(
                f"{row.task} on {case.id}: best IoU {now:.4f} now, {row.iou:.4f} in the results. "
                "Allowed: the data and weights that the results were computed from. Run the study "
                "into a new folder."
            )
        yield row, sample.image, mask, prediction
