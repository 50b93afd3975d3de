"""Labels that are stored on another grid than their image, laid onto it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.volume import Volume
from medsam.errors import DataError

__all__ = ["lay_onto"]

_NEAR = 0.25  # voxels; grids whose voxels lie nearer than that to each other are one grid


def lay_onto(volume: Volume, like: Volume) -> Volume:
    """A label volume on the grid of an image, by where both lie in the patient.

    Where the voxels of both fall together (a cropped extent, other order or direction of the
    axes), values are moved as they are; otherwise each voxel of the image takes the label of
    the nearest voxel.

    Parameters
    ----------
    volume : Volume
        Labels; 0 is the background. It is read whole with the first slice that is asked for,
        and closed with the volume that is returned.
    like : Volume
        The image; only its grid is looked at.

    Returns
    -------
    Volume
        Stored as ``like`` is; 0 where ``volume`` tells nothing.

    Raises
    ------
    DataError
        With the first slice: if labels lie outside the image, or the labels are torn.
    """
    return Volume(_Laid(volume, like), like.affine, volume.name, volume.close)


class _Laid:
    """Labels on the grid of the image, laid when the first are asked for."""

    def __init__(self, volume: Volume, like: Volume):
        self._volume, self._like = volume, like
        self.shape = like.shape
        self._array: NDArray[Any] | None = None

    def __getitem__(self, index: Any, /) -> Any:
        if self._array is None:
            self._array = _laid(self._volume, self._like)
        return self._array[index]


def _laid(volume: Volume, like: Volume) -> NDArray[Any]:
    count = volume.count("stored")
    labels = np.stack([volume.slice("stored", k).T for k in range(count)], axis=-1)
    into = np.linalg.inv(like.affine) @ volume.affine  # stored index to stored index
    moved = np.rint(into)
    turn = np.abs(moved[:3, :3])
    ends = np.array(np.meshgrid(*([0, n - 1] for n in labels.shape))).reshape(3, -1)
    ends = np.vstack([ends, np.ones(8)])
    one_grid = (turn.sum(0) == 1).all() and (turn.sum(1) == 1).all()
    one_grid = one_grid and np.abs((into - moved) @ ends)[:3].max() <= _NEAR
    place = moved if one_grid else into
    outside = _outside(labels, place, like.shape, 0.0 if one_grid else 0.5)
    if outside:
        raise DataError(
            f"{volume.name}: {outside} labelled voxels lie outside {like.name}. Allowed: labels "
            "within the image. See whether they belong together, or mend the headers."
        )
    return (_moved if one_grid else _nearest)(labels, place, like.shape)


def _outside(
    labels: NDArray[Any], place: NDArray[np.float64], shape: tuple[int, ...], spare: float
) -> int:
    """Number of labelled voxels whose centre lies outside by more than half a voxel."""
    count = 0
    for k in range(labels.shape[2]):
        i, j = np.nonzero(labels[:, :, k])
        there = place[:3] @ np.stack([i, j, np.full_like(i, k), np.ones_like(i)])
        limit = np.array(shape)[:, None] - 0.5 + spare
        count += int(((there < -0.5 - spare) | (there > limit)).any(axis=0).sum())
    return count


def _moved(
    labels: NDArray[Any], place: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[Any]:
    """Values moved by whole voxels, with axes in another order and direction."""
    axes = np.abs(place[:3, :3]).argmax(axis=1)  # which axis of the labels each of like's is
    block = labels.transpose(axes)
    to, of = [], []
    for axis in range(3):
        length = block.shape[axis]
        start = int(place[axis, 3])
        if place[axis, axes[axis]] < 0:
            block = np.flip(block, axis)
            start -= length - 1
        first, last = max(start, 0), min(start + length, shape[axis])
        to.append(slice(first, max(last, first)))
        of.append(slice(first - start, max(last, first) - start))
    laid = np.zeros(shape, labels.dtype)
    laid[tuple(to)] = block[tuple(of)]
    return laid


def _nearest(
    labels: NDArray[Any], place: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[Any]:
    from scipy import ndimage

    laid = np.zeros(shape, labels.dtype)
    for box in ndimage.find_objects((labels != 0).view(np.uint8)):  # one box around all labels
        # Only the part of the image that the box can reach: labels fill little of a scan.
        ends = np.array(np.meshgrid(*([one.start - 1, one.stop] for one in box))).reshape(3, -1)
        there = place[:3, :3] @ ends + place[:3, 3:]
        first = np.clip(np.floor(there.min(1)).astype(int), 0, shape)
        last = np.clip(np.ceil(there.max(1)).astype(int) + 1, first, shape)
        if (last > first).all():
            back = np.linalg.inv(place)
            start = back[:3, :3] @ first + back[:3, 3]
            part = ndimage.affine_transform(
                labels, back[:3, :3], start, tuple(last - first), order=0, mode="grid-constant"
            )
            laid[tuple(map(slice, first, last))] = part
    return laid
