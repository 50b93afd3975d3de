"""DICOM series as volumes, of which one slice at a time is read.

pydicom reads them. Slices are put in order by where they lie in the patient, never by file name
or InstanceNumber; a file of many frames (enhanced CT, MR) is a series of its frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets._dicom import Frame, read_pixels
from medsam.datasets._dicom_series import (
    affine_of,
    axes_of,
    check_grid,
    found,
    in_order,
    no_place,
    one_series,
    same_place,
)
from medsam.datasets.turned import Turned
from medsam.datasets.volume import Volume
from medsam.errors import DataError

__all__ = ["open_masks", "open_series"]

_KEPT = 8  # slices in memory: a picture is looked at a few times in a row


def open_series(source: Path | Sequence[Path], *, series: str | None = None) -> Volume:
    """Open the DICOM files of one series; of their pixels nothing is read yet.

    Slices of the series are read one by one. Asked for across it, each would read all files: then
    the pixels are rewritten once into a temporary file in which the slices follow each other (see
    :class:`~medsam.datasets.turned.Turned`).

    Parameters
    ----------
    source : Path, or sequence of Path
        The folder in which the files lie (not those below it), or the files. In a folder,
        DICOM is known by its first bytes or by ``.dcm``; DICOMDIR, hidden files and DICOM
        without pictures (reports, structure sets, segmentations) are passed over.
    series : str, optional
        Which one where there are several: its SeriesInstanceUID, number or description.

    Returns
    -------
    Volume
        (columns, rows, slices) as stored, in order along the normal of the slices; rescaled,
        MONOCHROME1 turned round.

    Raises
    ------
    DataError
        If there is no file, several series, a gap, two slices at one place, slices of
        different sizes or directions, colour, frames without places, or a compression that
        cannot be unpacked. Torn pixels are an error of their slice.
    """
    name, frames = found(source)
    frames = one_series(frames, series, name)
    check_grid(frames, name)
    if len(frames) == 1 and frames[0].position is None:
        ordered, affine = frames, affine_of(frames[0], np.zeros(3), np.eye(3), frames[0].thickness)
    else:
        ordered, affine = in_order(frames, name)
    slices = _Slices(ordered)
    return Volume(slices, affine, name, slices.close)


def open_masks(source: Path | Sequence[Path], like: Volume, *, series: str | None = None) -> Volume:
    """Masks of one 2D DICOM file a slice, laid onto an image series by where they lie.

    Parameters
    ----------
    source, series
        As in :func:`open_series`.
    like : Volume
        The image, as :func:`open_series` gives it.

    Returns
    -------
    Volume
        On the grid of ``like``; slices without a mask file are 0.

    Raises
    ------
    DataError
        As :func:`open_series` (gaps are none of its errors), and if a mask does not lie on a
        slice of the image, pixel for pixel.
    """
    name, frames = found(source)
    frames = one_series(frames, series, name)
    check_grid(frames, name)
    wanted = (like.shape[1], like.shape[0])
    if frames[0].shape != wanted:
        raise DataError(
            f"{name}: masks of {frames[0].shape} (rows, columns), {like.name} has {wanted}. "
            "Allowed: one size. See whether it is the series that the masks were drawn on."
        )
    into = np.linalg.inv(like.affine)
    at: list[Frame | None] = [None] * like.shape[2]
    outside = []
    for frame in frames:
        if frame.position is None or frame.orientation is None:
            raise no_place(frame, name)
        own = affine_of(frame, np.array(frame.position), axes_of(frame), frame.thickness)
        place = into @ own
        k = float(place[2, 3])
        nearest = round(k)
        # Where the four corners of the picture fall within the slice, in pixels off.
        corners = np.array([[i, j, 0, 1] for i in (0, wanted[1] - 1) for j in (0, wanted[0] - 1)])
        off = np.abs((corners @ place.T)[:, :3] - corners[:, :3] - [0, 0, nearest]).max(0)
        if (off[:2] > 0.5).any() or off[2] > 0.25 or not 0 <= nearest < like.shape[2]:
            outside.append(frame.file)
            continue
        twin = at[nearest]
        if twin is not None:
            raise same_place([twin, frame], name)
        at[nearest] = frame
    if outside:
        shown = ", ".join(outside[:4]) + (", …" if len(outside) > 4 else "")
        raise DataError(
            f"{name}: {len(outside)} of {len(frames)} masks lie on no slice of {like.name}: "
            f"{shown}. Allowed: masks with the position and the direction of an image slice. "
            "Add the missing image slices, or take these masks out."
        )
    slices = _Slices(at, wanted)
    return Volume(slices, like.affine, name, slices.close)


class _Slices:
    """(columns, rows, slices), each in a file; 0 where there is none."""

    def __init__(self, frames: Sequence[Frame | None], shape: tuple[int, int] | None = None):
        self._frames = frames
        rows, columns = shape or next(frame.shape for frame in frames if frame)
        self.shape = (columns, rows, len(frames))
        self._pixels = lru_cache(maxsize=_KEPT)(self._read)
        self._turned: Turned | None = None

    def _read(self, k: int) -> NDArray[Any]:
        frame = self._frames[k]
        return np.zeros(self.shape[:2], np.uint8) if frame is None else read_pixels(frame).T

    def __getitem__(self, index: Any, /) -> Any:
        cut = next(axis for axis, at in enumerate(index) if not isinstance(at, slice))
        if cut == 2:
            return self._pixels(int(index[2]))[index[:2]]
        if self._turned is None or self._turned.cut != cut:
            self.close()
            # Slices may differ in type (each has its own slope): float64 holds all of them.
            self._turned = Turned(self._block, self.shape, np.dtype(np.float64), cut)
        return self._turned.slice(int(index[cut]))

    def _block(self, index: Any) -> NDArray[np.float64]:
        """Whole slices, from one to another."""
        numbers = range(index[2].start, index[2].stop)
        block = np.empty((*self.shape[:2], len(numbers)))
        for n, k in enumerate(numbers):
            block[:, :, n] = self._read(k)
        return block

    def close(self) -> None:
        """Let go what is kept."""
        self._pixels.cache_clear()
        if self._turned is not None:
            self._turned.close()
        self._turned = None
