"""From any intensity to the 8-bit RGB that the models take."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.errors import DataError

__all__ = ["to_uint8_rgb"]

_CHANNELS = (1, 3, 4)


def to_uint8_rgb(array: NDArray[Any], *, name: str = "image") -> NDArray[np.uint8]:
    """Divide by the maximum, times 255, cut to 8 bit (``intensity="max"``).

    8-bit images are treated the same, so that a dark one is brightened.

    Parameters
    ----------
    array : (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of bool, integer or float
        Finite values >= 0, at least one above 0. A fourth channel is taken for alpha and
        dropped before the maximum is looked for.
    name : str
        What an error calls the image, such as its file name.

    Returns
    -------
    (H, W, 3) uint8
        RGB, a new C-contiguous array; a grey image is repeated three times.

    Raises
    ------
    DataError
        If the array is empty, of another shape or type, has values that are not finite or
        are negative, or is 0 everywhere (there is no maximum to divide by).

    Notes
    -----
    Source: the released code, ``uint8(image / image.max() * 255)`` in float64; fractions
    are cut off, not rounded.

    Examples
    --------
    >>> to_uint8_rgb(np.array([[0, 1, 2]]))[..., 0]
    array([[  0, 127, 255]], dtype=uint8)
    """
    array = _planes(np.asarray(array), name)
    if array.dtype == np.bool_:
        array = array.view(np.uint8)
    if array.dtype.kind == "f":
        bad = array.size - int(np.isfinite(array).sum())
        if bad:
            raise DataError(
                f"{name}: {bad} of {array.size} values are NaN or infinite. "
                "Allowed: finite values >= 0. Replace them (0 for the background) first."
            )
    low, high = array.min(), array.max()
    if low < 0:
        raise DataError(
            f"{name}: values from {low:g} to {high + 0:g}, some below 0. Allowed: values >= 0. "
            "Window it first: clip to the range of interest and subtract its lower end."
        )
    if high == 0:
        raise DataError(
            f"{name}: all {array.size} values are 0. Allowed: at least one value above 0, "
            "since the image is divided by its maximum. Leave the image out."
        )
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        # One division a grey level instead of one a pixel: same result, no float image.
        table = (np.arange(int(high) + 1) / int(high) * 255).astype(np.uint8)
        scaled = table[array]
    else:
        scaled = (array.astype(np.float64) / float(high) * 255).astype(np.uint8)
    return np.repeat(scaled, 3, axis=2) if scaled.shape[2] == 1 else np.ascontiguousarray(scaled)


def _planes(array: NDArray[Any], name: str) -> NDArray[Any]:
    """(H, W, 1) or (H, W, 3) view of a real-valued array that is not empty."""
    if array.dtype.kind not in "buif":
        raise DataError(
            f"{name}: values of type {array.dtype}. Allowed: bool, integer or float. "
            "Convert it to real numbers first."
        )
    planes = array[..., None] if array.ndim == 2 else array
    if planes.ndim != 3 or planes.shape[2] not in _CHANNELS:
        raise DataError(
            f"{name}: shape {array.shape}. Allowed: (H, W) or (H, W, C) with 1, 3 or 4 channels. "
            "Take one slice of a volume, and move the channels to the end."
        )
    if not planes.size:
        raise DataError(
            f"{name}: shape {array.shape} holds no pixel. Allowed: at least one. "
            "Leave the image out."
        )
    return planes[..., :3]
