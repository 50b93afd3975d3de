"""From any intensity to the 8-bit RGB that the models take.

The paper says nothing of this step, and its released scripts start from 8-bit pictures, which
they divide by their maximum. For volumes in Hounsfield or uptake units that has no meaning, so
the usual ways are choices by name, recorded with the results.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
        """A slice of a volume to 8 bit, value by value.

        Parameters
        ----------
        array : array of bool, integer or float
        unit : {"", "HU", "SUV"}
        name : str
            What an error calls the image.

        Returns
        -------
        uint8, of that shape
            Fractions are cut off, not rounded.

        Raises
        ------
        DataError
            If there is no value, some are not finite, or all are the same where a maximum or
            percentiles are asked for.
        """
        if array.dtype.kind not in "buif" or not array.size:
            raise DataError(
                f"{name}: shape {array.shape} of type {array.dtype}. Allowed: at least one pixel, "
                "of bool, integer or float. Convert it to real numbers first."
            )
        bad = array.size - int(np.isfinite(array).sum())
        if bad:
            raise DataError(
                f"{name}: {bad} of {array.size} values are NaN or infinite. "
                "Allowed: finite values. Replace them (0 for the background) first."
            )
        low, high = self._range(array, self._way(unit), name)
        if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
            # A division a grey level instead of one a pixel.
            return np.asarray(_scaled(np.arange(int(array.max()) + 1), low, high)[array])
        return _scaled(array, low, high)

    def _range(self, array: NDArray[Any], way: str, name: str) -> tuple[float, float]:
        """Which values are black and full."""
        lowest, highest = float(array.min()), float(array.max())
        if way == "suv":
            return SUV_RANGE
        if way == "window":
            level, width = self.window or WINDOW
            return level - width / 2, level + width / 2
        if way == "slice":
            return lowest, highest if lowest < highest else lowest + 1  # one value: black
        if way == "max":
            if highest <= min(lowest, 0):
                raise DataError(
                    f"{name}: all {array.size} values are {highest:g}. Allowed: at least one value "
                    "above 0, since the image is divided by its maximum."
                )
            return min(lowest, 0), highest
        tissue = array[array > lowest]
        if not tissue.size:
            raise DataError(
                f"{name}: all {array.size} values are the same. Allowed: at least two "
                "different ones, for percentiles."
            )
        low, high = np.percentile(tissue, _PERCENTILES)
        # Nearly all of it has one value: shown full, not black.
        return (low if low < high else lowest), high

    def rgb(self, array: NDArray[Any], *, name: str = "image") -> NDArray[np.uint8]:
        """A picture to 8 bit; all colours by one scale.

        Parameters
        ----------
        array : (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of bool, integer or float
            A fourth channel is taken for alpha and dropped before any value is looked for.
        name : str
            What an error calls the image, such as its file name.

        Returns
        -------
        (H, W, 3) uint8
            A new C-contiguous array; a grey image is repeated three times.

        Raises
        ------
        DataError
            If the array has another shape, and as :meth:`grey`.
        """
        planes = array[..., None] if array.ndim == 2 else array
        if planes.ndim != 3 or planes.shape[2] not in _CHANNELS:
            raise DataError(
                f"{name}: shape {array.shape}. Allowed: (H, W) or (H, W, C) with 1, 3 or 4 "
                "channels. Take one slice of a volume, and move the channels to the end."
            )
        way = replace(self, name="max") if self.name == "slice" else self
        return np.repeat(way.grey(planes[..., :3], name=name), 3 // min(planes.shape[2], 3), axis=2)

    def _way(self, unit: Unit) -> str:
        if self.name != "modality":
            return self.name
        if self.window is not None and unit != "SUV":
            return "window"
        return {"HU": "window", "SUV": "suv"}.get(unit, "max")


def _scaled(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    part = (values.astype(np.float64) - low) / (high - low)
    return np.asarray(np.clip(part, 0, 1) * 255, np.uint8)


def to_uint8_rgb(array: NDArray[Any], *, name: str = "image") -> NDArray[np.uint8]:
    """Divide by the maximum, times 255, cut to 8 bit: :meth:`Intensity.rgb` of ``"max"``.

    8-bit images are treated the same, so that a dark one is brightened.

    Notes
    -----
    Source: the released code, ``uint8(image / image.max() * 255)`` in float64.

    Examples
    --------
    >>> to_uint8_rgb(np.array([[0, 1, 2]]))[..., 0]
    array([[  0, 127, 255]], dtype=uint8)
    """
    return Intensity("max").rgb(np.asarray(array), name=name)
