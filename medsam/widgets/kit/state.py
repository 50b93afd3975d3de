"""What a widget carries: pictures, masks and numbers, each array stored once."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medsam.analysis.examples import Example
from medsam.figures.html import embedded

MAX_SIDE = 640
"""Pixels of the longer side of a picture in the page; masks keep every pixel."""

CHOICES = {"top": "scored mask", "oracle": "oracle mask"}
"""How a mask was chosen, in words."""


def uri(picture: Image.Image, kind: str = "webp", **options: Any) -> str:
    """A picture as a data URI; options are those of Pillow's encoder."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return embedded(buffer.getvalue(), f"image/{kind}")


def data_uri(image: NDArray[np.uint8]) -> str:
    """The image as WebP or PNG, whichever is smaller; at most ``MAX_SIDE`` pixels long."""
    picture = Image.fromarray(image)
    if (image == image[..., :1]).all():
        picture = picture.convert("L")
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    return min(uri(picture, quality=90, method=6), uri(picture, "png", optimize=True), key=len)


def encode_mask(mask: NDArray[np.bool_]) -> str:
    """Run lengths of a mask, row by row, as js/masks.js reads them.

    Parameters
    ----------
    mask : (H, W) bool

    Returns
    -------
    str
        Lengths of background, object, background, ...; the first may be 0. As text, because a
        notebook on disk gives each number of a list a line of its own.

    Examples
    --------
    >>> encode_mask(np.array([[0, 1, 1], [1, 0, 0]], bool))
    '1 3 2'
    >>> encode_mask(np.ones((1, 2), bool))
    '0 2'
    """
    flat = np.asarray(mask, bool).ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs: list[int] = np.diff([0, *changes, flat.size]).tolist()
    return " ".join(map(str, [0, *runs] if flat[0] else runs))


def number(value: float) -> float | None:
    """Four decimals, which are more than is shown; None for NaN, which JSON has not."""
    return round(float(value), 4) if math.isfinite(value) else None


def fingerprint(array: NDArray[Any]) -> str:
    """Hash of an array's shape and values.

    Examples
    --------
    >>> fingerprint(np.zeros((2, 3, 3), np.uint8))
    'eba3176a9a9b36dc'
    """
    content = f"{array.shape}".encode() + array.tobytes()
    return hashlib.blake2b(content, digest_size=8).hexdigest()


class Pool:
    """Arrays that occur more than once, encoded and stored once under a short name."""

    def __init__(self, letter: str, encode: Callable[[NDArray[Any]], str]):
        self.letter, self.encode = letter, encode
        self.values: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def add(self, array: NDArray[Any]) -> str:
        """Name of an array, which is encoded if it is new."""
        key = fingerprint(array)
        if key not in self._names:
            self._names[key] = f"{self.letter}{len(self._names)}"
            self.values[self._names[key]] = self.encode(array)
        return self._names[key]


class Pools:
    """Pictures and masks of examples."""

    def __init__(self) -> None:
        self.images, self.masks = Pool("i", data_uri), Pool("m", encode_mask)

    def case(self, e: Example, view: Sequence[int]) -> dict[str, Any]:
        """An example as the page has it; ``view`` is the part ``[x0, y0, x1, y1]`` to show."""
        return {
            "id": e.image_id,
            "size": list(e.mask.shape),
            "view": list(view),
            "image": self.images.add(e.image),
            "truth": self.masks.add(e.mask),
            "prediction": self.masks.add(e.prediction),
            **{"points": [], "labels": [], "boxes": []},
            **json.loads(e.prompt.to_json()),
            **{name: number(getattr(e, name)) for name in ("iou", "dice", "score")},
        }
