"""DICOM segmentations (SEG), one volume a segment, laid onto an image.

highdicom reads them: one bit a voxel, fractions, label maps, frames that are left out because
nothing is on them, and segments that overlap.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets._dicom import LPS_TO_RAS
from medsam.datasets.lay import lay_onto
from medsam.datasets.volume import Volume
from medsam.errors import DataError

__all__ = ["THRESHOLD", "open_seg"]

THRESHOLD = 0.5
"""A voxel of a fractional segmentation counts from this part on."""


def open_seg(
    path: Path, like: Volume, segments: Sequence[int | str] | None = None
) -> list[tuple[int, str, Volume]]:
    """Open a DICOM segmentation.

    Parameters
    ----------
    path : Path
    like : Volume
        The image, onto whose grid the segments are laid by where they lie in the patient.
    segments : sequence of int or str, optional
        Only these, by number or label.

    Returns
    -------
    list of (int, str, Volume)
        Number, label and voxels (0 or 1) of each segment, in the order of their numbers. A
        segment is a volume of its own, since segments may overlap. It is read with its first
        slice.

    Raises
    ------
    DataError
        If the file is missing, torn, no segmentation, not on a grid, or has no such segment;
        with the first slice, if labels lie outside the image.
    """
    name = f"DICOM segmentation {path.name!r}"
    seg = _read(path, name)
    labels = {
        int(number): str(seg.get_segment_description(number).segment_label)
        for number in seg.segment_numbers
        if number != 0  # the background of a label map
    }
    wanted = set(labels) if segments is None else _chosen(labels, segments, name)
    grid = _geometry(seg, name)
    return [
        (
            number,
            label,
            lay_onto(
                Volume(_Voxels(seg, number, grid.spatial_shape), _affine(grid), f"{name}, {label}"),
                like,
            ),
        )
        for number, label in sorted(labels.items())
        if number in wanted
    ]


class _Voxels:
    """Voxels of one segment, (columns, rows, slices), found when the first are asked for."""

    def __init__(self, seg: Any, number: int, shape: Sequence[int]):
        self._seg, self._number = seg, number
        self.shape = tuple(shape)[::-1]
        self._array: NDArray[Any] | None = None

    def __getitem__(self, index: Any, /) -> Any:
        if self._array is None:
            told = self._seg.get_volume(
                segment_numbers=[self._number],
                rescale_fractional=True,
                allow_missing_positions=True,
            )
            self._array = (np.asarray(told.array)[..., 0] >= THRESHOLD).view(np.uint8).T
        return self._array[index]


def _affine(grid: Any) -> NDArray[np.float64]:
    """Of (columns, rows, slices), RAS+; in highdicom slices come first, and it counts in LPS."""
    return np.asarray(LPS_TO_RAS @ np.asarray(grid.affine)[:, [2, 1, 0, 3]])


def _geometry(seg: Any, name: str) -> Any:
    try:
        grid = seg.get_volume_geometry(allow_missing_positions=True)
        why = "its frames are not parallel, or not whole gaps apart"
    except Exception as error:  # highdicom says so in several ways
        grid, why = None, str(error)
    if grid is None:
        raise DataError(
            f"{name}: it lies on no grid ({why}). Allowed: parallel frames, whole slices apart, in "
            "the patient's coordinates. Export it on the grid of its image."
        )
    return grid


def _read(path: Path, name: str) -> Any:
    import highdicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return highdicom.seg.segread(path)
    except OSError as error:
        why = error.strerror or str(error)
    except Exception as error:  # highdicom and pydicom raise nearly anything on other files
        why = f"{type(error).__name__}: {error}"
    raise DataError(
        f"{name} cannot be read ({why}). Allowed: a complete DICOM file of the kind Segmentation. "
        "Check the path, or download or export it again."
    )


def _chosen(labels: Mapping[int, str], segments: Sequence[int | str], name: str) -> set[int]:
    wanted = set()
    for one in segments:
        mine = {number for number, label in labels.items() if one in (number, label)}
        if not mine:
            listed = ", ".join(f"{number} {label!r}" for number, label in sorted(labels.items()))
            raise DataError(
                f"{name}: no segment {one!r}. Allowed: {listed}. Name one of these, by number or "
                "label."
            )
        wanted |= mine
    return wanted
