"""The images of a live widget as its state holds them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medsam.datasets.sample import Sample
from medsam.errors import DataError, InputError
from medsam.widgets.kit.runs import runs_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["clicks_of", "describe", "fingerprint", "from_uri", "in_view", "lossless_uri"]

DARK, MARGIN = 12, 0.04
"""Grey value up to which a pixel is dark, and the margin as a part of the longer side."""


def fingerprint(image: NDArray[np.uint8]) -> str:
    """Name of an image by its pixels: what its features are called on the site.

    Examples
    --------
    >>> fingerprint(np.zeros((2, 3, 3), np.uint8))
    'eba3176a9a9b36dc'
    """
    digest = hashlib.blake2b(f"{image.shape}".encode(), digest_size=8)
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def lossless_uri(image: NDArray[np.uint8]) -> str:
    """The picture as lossless WebP: the site encodes it for the model from this, bit for bit."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "webp", lossless=True, quality=100, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def from_uri(uri: str, key: str) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: the picture that :func:`lossless_uri` wrote.

    Raises
    ------
    DataError
        If its pixels are not those of the key.
    """
    data = base64.b64decode(uri.split(",", 1)[1])
    image = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    if fingerprint(image) != key:
        raise DataError(
            f"Picture {key!r} of a widget has the pixels of {fingerprint(image)!r}. "
            "Allowed: the picture as it was written. Execute the notebook again."
        )
    return image


def in_view(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> list[int]:
    """The part of an image to look at: what is not dark, every object, and a margin.

    Parameters
    ----------
    image : (H, W, 3) uint8
    mask : (H, W) bool
        Union of the objects.

    Returns
    -------
    [x0, y0, x1, y1] of int
        Pixels, both ends inside.

    Examples
    --------
    >>> image = np.zeros((100, 80, 3), np.uint8)
    >>> image[30:60, 20:50] = 200
    >>> in_view(image, np.zeros((100, 80), bool))
    [18, 28, 51, 61]
    """
    height, width = mask.shape
    bright = mask | (image.max(axis=2) > DARK)
    y, x = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    if not len(y):
        return [0, 0, width - 1, height - 1]
    margin = round(max(y[-1] - y[0], x[-1] - x[0]) * MARGIN) + 1
    return [
        max(0, int(x[0]) - margin),
        max(0, int(y[0]) - margin),
        min(width - 1, int(x[-1]) + margin),
        min(height - 1, int(y[-1]) + margin),
    ]


def clicks_of(rows: pd.DataFrame, image: str, task: str) -> dict[str, Any] | None:
    """Algorithm 1's clicks on one object and what they gave, from the rows of a run.

    Parameters
    ----------
    rows : DataFrame
        Results of one model under one protocol.
    image, task : str
        As in the columns.

    Returns
    -------
    dict or None
        ``points``, ``labels`` of all clicks in turn; ``iou`` and ``dice`` after each, of the
        most confident mask. ``None`` where the rows have no clicks for this object.
    """
    of_object = rows[(rows.image == image) & (rows.task == task) & (rows.status == "ok")]
    run = of_object[(of_object.experiment == "clicks") & (of_object.choice == "top")]
    run = run.sort_values("k")
    if run.empty:
        return None
    last = json.loads(run.prompt.iloc[-1])
    # Where no error is left the last answer stands: there are fewer clicks than rows.
    count = len(last["points"])
    values = {name: run[name].astype(float).round(4).tolist()[:count] for name in ("iou", "dice")}
    return {"points": last["points"], "labels": last["labels"], **values}


def _object(
    sample: Sample, task: str, titles: Mapping[str, str], rows: pd.DataFrame | None
) -> dict[str, Any]:
    return {
        "task": task,
        "title": titles.get(task, task),
        "mask": runs_text(sample.masks[task]),
        "clicks": None if rows is None else clicks_of(rows, sample.id, task),
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
        Results in which the clicks are looked up.

    Raises
    ------
    InputError
        If there is no sample, one comes twice, or one has no object.
    """
    samples = list(samples)
    _check(samples)
    return [
        {
            "id": sample.id,
            "size": list(sample.image.shape[:2]),
            "key": fingerprint(sample.image),
            "image": lossless_uri(sample.image),
            "view": in_view(sample.image, np.logical_or.reduce(list(sample.masks.values()))),
            "objects": [
                _object(sample, task, titles, rows)
                for task, mask in sample.masks.items()
                if mask.any()
            ],
        }
        for sample in samples
    ]


def _check(samples: Sequence[Sample]) -> None:
    if not samples:
        raise InputError(
            "No image to try. Allowed: at least one medsam.datasets.sample.Sample. "
            "Take some of a dataset."
        )
    seen: set[str] = set()
    for sample in samples:
        if sample.id in seen:
            raise InputError(f"Image {sample.id!r} twice. Allowed: each image once. Drop one.")
        seen.add(sample.id)
        if not any(mask.any() for mask in sample.masks.values()):
            raise InputError(
                f"Image {sample.id!r} has no object. Allowed: at least one mask with a pixel, "
                "with which a prediction can be compared. Choose another image."
            )
