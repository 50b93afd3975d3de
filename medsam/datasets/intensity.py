"""From any intensity to the 8-bit RGB that the models take.

The paper says nothing of this step, and its released scripts start from 8-bit pictures, which
they divide by their maximum. For volumes in Hounsfield or uptake units that has no meaning, so
the usual ways are choices by name, recorded with the results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medsam.errors import DataError, InputError, UnknownName

Unit = Literal["", "HU", "SUV"]
"""What stored numbers mean: nothing known, Hounsfield units, or standardised uptake values."""

INTENSITIES = {
    "modality": "as is usual: CT by a window, PET by a range of SUV, all else by its maximum",
    "max": "divided by the maximum (the released scripts); below 0, shifted to 0 first",
    "window": "a window in stored units (by default the soft-tissue window of CT)",
    "percentile": "the 0.5th to 99.5th percentile of what is not background",
    "slice": "each slice of a volume from its lowest to its highest value; pictures as max",
}
"""The ways to 8 bit, by name."""

WINDOW = (40.0, 400.0)
"""Level and width in HU of the soft-tissue window."""

SUV_RANGE = (0.0, 10.0)
"""Standardised uptake values shown from black to full."""

_PERCENTILES = (0.5, 99.5)
_CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class Intensity:
    """A way to 8 bit.

    Parameters
    ----------
    name : str
        One of :data:`INTENSITIES`.
    window : (float, float), optional
        Level and width in stored units. With ``modality``, a window that is given shows all but
        PET; without one, CT is shown by :data:`WINDOW`.

    Raises
    ------
    UnknownName
        If there is no such way.
    InputError
        If the window has no width, or the way uses none.

    Examples
    --------
    >>> Intensity("window", (0, 200)).grey(np.array([[-100.0, 0.0, 100.0]]), unit="HU")
    array([[  0, 127, 255]], dtype=uint8)
    """

    name: str = "modality"
    window: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.name not in INTENSITIES:
            raise UnknownName("intensity", self.name, INTENSITIES)
        if self.window is None:
            return
        level, width = self.window
        if not (np.isfinite(level) and np.isfinite(width) and width > 0):
            raise InputError(
                f"A window of level {level:g} and width {width:g}. Allowed: a width above 0. Give "
                "level and width, such as 40 400."
            )
        if self.name not in ("modality", "window"):
            raise InputError(
                f"A window with intensity {self.name!r}, which uses none. Allowed: intensity "
                "modality or window. Leave one of the two out."
            )

    def words(self, unit: Unit = "") -> str:
        """What is done to values of that unit, for the settings of a result.

        Examples
        --------
        >>> Intensity("modality").words("HU")
        'window 40/400'
        """
        way = self._way(unit)
        if way == "window":
            level, width = self.window or WINDOW
            return f"window {level:g}/{width:g}"
        if way == "suv":
            return f"SUV {SUV_RANGE[0]:g} to {SUV_RANGE[1]:g}"
        return way

    def grey(
        self, array: NDArray[Any], *, unit: Unit = "", name: str = "image"
    ) -> NDArray[np.uint8]:
        """One channel of a slice to 8 bit.

        Parameters
        ----------
        array : (H, W) of bool, integer or float
        unit : {"", "HU", "SUV"}
        name : str
            What an error calls the image.

        Returns
        -------
        (H, W) uint8

        Raises
        ------
        DataError
            If values are not finite, or are all the same where a maximum or percentiles are
            asked for.
        """
        way = self._way(unit)
        if way == "max":
            low = min(array.min(initial=0), 0) if array.dtype.kind in "if" else 0
            shifted = array.astype(np.float64) - low if low < 0 and np.isfinite(low) else array
            return to_uint8_rgb(shifted, name=name)[..., 0]
        _check_values(array, name)
        if way == "percentile":
            tissue = array[array > array.min()]
            if not tissue.size:
                raise DataError(
                    f"{name}: all {array.size} values are the same. Allowed: at least two "
                    "different ones, for percentiles."
                )
            low, high = np.percentile(tissue, _PERCENTILES)
            # Nearly all of it has one value: shown full, not black.
            low = low if low < high else array.min()
        elif way == "slice":
            low, high = array.min(), array.max()
            high = high if low < high else low + 1  # one value: black
        elif way == "suv":
            low, high = SUV_RANGE
        else:
            level, width = self.window or WINDOW
            low, high = level - width / 2, level + width / 2
        part = (array.astype(np.float64) - low) / (high - low)
        return np.asarray(np.clip(part, 0, 1) * 255, np.uint8)

    def rgb(self, array: NDArray[Any], *, name: str = "image") -> NDArray[np.uint8]:
        """A picture to (H, W, 3) uint8, as :meth:`grey`; all colours by one scale.

        Raises
        ------
        DataError
            As :meth:`grey` and :func:`to_uint8_rgb`.
        """
        if self._way("") in ("max", "slice"):
            return to_uint8_rgb(array, name=name)
        grey = self.grey(array[..., :3] if array.ndim == 3 else array, name=name)
        return grey if grey.ndim == 3 else np.repeat(grey[..., None], 3, axis=2)

    def _way(self, unit: Unit) -> str:
        if self.name != "modality":
            return self.name
        if self.window is not None and unit != "SUV":
            return "window"
        return {"HU": "window", "SUV": "suv"}.get(unit, "max")


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
    array = np.asarray(array)
    planes = array[..., None] if array.ndim == 2 else array
    if planes.ndim != 3 or planes.shape[2] not in _CHANNELS:
        raise DataError(
            f"{name}: shape {array.shape}. Allowed: (H, W) or (H, W, C) with 1, 3 or 4 channels. "
            "Take one slice of a volume, and move the channels to the end."
        )
    planes = planes[..., :3]
    _check_values(planes, name)
    low, high = planes.min(), planes.max()
    if low < 0:
        raise DataError(
            f"{name}: values from {low:g} to {high + 0:g}, some below 0. Allowed: values >= 0. "
            "Window it first."
        )
    if high == 0:
        raise DataError(
            f"{name}: all {array.size} values are 0. Allowed: at least one value above 0, "
            "since the image is divided by its maximum."
        )
    if planes.dtype.kind == "u" and planes.dtype.itemsize <= 2:
        # One division a grey level instead of one a pixel: same result, no float image.
        table = (np.arange(int(high) + 1) / int(high) * 255).astype(np.uint8)
        scaled = table[planes]
    else:
        scaled = (planes.astype(np.float64) / float(high) * 255).astype(np.uint8)
    return np.repeat(scaled, 3, axis=2) if scaled.shape[2] == 1 else np.ascontiguousarray(scaled)


def _check_values(array: NDArray[Any], name: str) -> None:
    if array.dtype.kind not in "buif" or not array.size:
        raise DataError(
            f"{name}: shape {array.shape} of type {array.dtype}. Allowed: at least one pixel, of "
            "bool, integer or float. Convert it to real numbers first."
        )
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        raise DataError(
            f"{name}: {bad} of {array.size} values are NaN or infinite. "
            "Allowed: finite values. Replace them (0 for the background) first."
        )
