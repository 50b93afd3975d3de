"""The images of a live widget as its state holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from medsam.datasets.sample import Sample
from medsam.errors import InputError
from medsam.prompts import Prompt
from medsam.widgets.kit.cases import around
from medsam.widgets.kit.state import encode_mask, fingerprint, number, uri

DARK = 12
"""Grey value up to which a pixel is dark, and of no interest to a reader."""


def _clicks(rows: pd.DataFrame, image: str, task: str) -> dict[str, Any] | None:
    """Algorithm 1's clicks on one object and what they gave; None where the rows have none.

    ``points`` and ``labels`` of all clicks in turn; ``iou`` and ``dice`` after each, of the scored
    mask.
    """
    run = rows[(rows.image == image) & (rows.task == task) & (rows.status == "ok")]
    run = run[(run.experiment == "clicks") & (run.choice == "top")].sort_values("k")
    if run.empty:
        return None
    last = Prompt.from_json(run.prompt.iloc[-1])
    # Where no error is left the last answer stands: there are fewer clicks than rows.
    run = run.head(len(last.points))
    return {
        "points": last.points.tolist(),
        "labels": last.labels.tolist(),
        **{name: list(map(number, run[name])) for name in ("iou", "dice")},
    }


def describe(
    samples: Iterable[Sample],
    titles: Mapping[str, str],
    rows: pd.DataFrame | None = None,
) -> list[dict[str, Any]]:
    """One entry an image: its picture, its objects, Algorithm 1's clicks.

    Parameters
    ----------
    samples : iterable of Sample
        At least one; objects without a pixel are left out.
    titles : mapping of str to str
        What a reader calls each task; the key itself where it has none.
    rows : DataFrame, optional
        Results of one model under one protocol, in which the clicks are looked up.

    Raises
    ------
    InputError
        If there is no sample, one comes twice, or one has no object.
    """
    found: dict[str, dict[str, Any]] = {}
    for sample in samples:
        masks = {task: mask for task, mask in sample.masks.items() if mask.any()}
        if sample.id in found or not masks:
            raise InputError(
                f"Image {sample.id!r} comes twice, or has no object. Allowed: each image once, "
                "with a mask to compare with. Leave it out."
            )
        # What is not dark, and every object.
        shown = np.logical_or.reduce([sample.image.max(axis=2) > DARK, *masks.values()])
        found[sample.id] = {
            "id": sample.id,
            "size": list(sample.image.shape[:2]),
            # The site encodes the image for the model from the picture, bit for bit.
            "key": fingerprint(sample.image),
            "image": uri(Image.fromarray(sample.image), lossless=True, quality=100, method=6),
            "view": around(shown, margin=0.04, least=1),
            "objects": [
                {
                    "task": task,
                    "title": titles.get(task, task),
                    "mask": encode_mask(mask),
                    "clicks": None if rows is None else _clicks(rows, sample.id, task),
                }
                for task, mask in masks.items()
            ],
        }
    if not found:
        raise InputError("No image to try. Allowed: at least one. Take some of a dataset.")
    return list(found.values())
