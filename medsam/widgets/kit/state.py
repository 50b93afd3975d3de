"""What a widget carries: pictures, numbers, and arrays that occur more than once."""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["CHOICES", "MAX_SIDE", "QUALITY", "Pool", "data_uri", "number"]

MAX_SIDE = 640
"""Pixels of the longer side of a picture in the page; masks keep every pixel."""

QUALITY = 90
"""WebP quality of the pictures, 100 for lossless. Masks are always exact."""

CHOICES = {"top": "most confident mask", "oracle": "oracle mask"}
"""How a mask was chosen, in words."""


def data_uri(image: NDArray[np.uint8]) -> str:
    """The picture as WebP or PNG, whichever is smaller."""
    picture = Image.fromarray(image)
    if (image == image[..., :1]).all():
        picture = picture.convert("L")
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    kinds: dict[str, dict[str, Any]] = {
        "webp": {"quality": QUALITY, "method": 6, "lossless": QUALITY >= 100},
        "png": {"optimize": True},
    }
    encoded = {}
    for kind, options in kinds.items():
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        encoded[kind] = buffer.getvalue()
    kind = min(encoded, key=lambda name: len(encoded[name]))
    return f"data:image/{kind};base64,{base64.b64encode(encoded[kind]).decode()}"


def number(value: float) -> float | None:
    """JSON has no NaN; four decimals are more than is shown."""
    return round(float(value), 4) if math.isfinite(value) else None


class Pool:
    """Arrays that occur more than once, encoded and stored once under a short name."""

    def __init__(self, letter: str, encode: Callable[[NDArray[Any]], Any]):
        self.letter, self.encode = letter, encode
        self.values: dict[str, Any] = {}
        self._names: dict[bytes, str] = {}

    def add(self, array: NDArray[Any]) -> str:
        """Name of an array, which is encoded if it is new."""
        digest = hashlib.blake2b(f"{array.shape}".encode(), digest_size=16)
        digest.update(np.ascontiguousarray(array).tobytes())
        key = digest.digest()
        if key not in self._names:
            self._names[key] = f"{self.letter}{len(self._names)}"
            self.values[self._names[key]] = self.encode(array)
        return self._names[key]
