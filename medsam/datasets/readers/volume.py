"""One 3D image on its own grid, read slice by slice.

Slices are shown the radiological way: axial from below (anterior up), coronal from the front
(superior up), both with the patient's right on the left of the picture; sagittal with anterior
on the left and superior up. Which stored axis that is, and in which direction it runs, comes
from the affine, so that it does not matter how a file is stored.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from medsam.errors import DataError, MedsamError, UnknownName

__all__ = ["PLANES", "Plane", "Stored", "Turned", "Volume", "check_plane", "lay_onto"]


Plane = Literal["axial", "coronal", "sagittal", "stored"]
PLANES: tuple[Plane, ...] = get_args(Plane)
"""How a volume is cut. ``stored``: along the last stored axis, in stored order, not turned by
the affine (columns are the first stored axis, rows the second)."""

_AXES = {"sagittal": 0, "coronal": 1, "axial": 2}


def check_plane(name: str) -> Plane:
    """The plane of that name.

    Raises
    ------
    UnknownName
        If there is none; lists those there are.
    """
    for plane in PLANES:
        if plane == name:
            return plane
    raise UnknownName("plane", name, PLANES)


class Stored(Protocol):
    """What a volume asks of its pixels: an array, a memory map, or a proxy to a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """As stored."""

    def __getitem__(self, index: Any, /) -> Any:
        """The part of it that is asked for."""


class Volume:
    """A 3D image, of which one slice at a time is in memory.

    Parameters
    ----------
    stored : array, memory map or proxy
        (I, J, K) as stored; only slices of it are asked for.
    affine : (4, 4) float
        From stored indices to mm in the patient's right, anterior, superior (RAS+).
    name : str
        What an error calls it, such as its file name.
    close : callable, optional
        Releases what is open.

    Attributes
    ----------
    shape : (int, int, int)
        As stored.

    Raises
    ------
    DataError
        If it is not 3D, is empty, or the affine tells no orientation.
    """

    def __init__(
        self,
        stored: Stored,
        affine: NDArray[np.float64],
        name: str = "volume",
        close: Callable[[], None] | None = None,
    ):
        self.name, self._stored, self._close = name, stored, close
        shape = tuple(int(n) for n in stored.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise DataError(
                f"{name}: shape {shape}. Allowed: three dimensions, each at least 1. Save one 3D "
                "image a file (one channel, one time point)."
            )
        self.shape = (shape[0], shape[1], shape[2])
        self.affine = np.asarray(affine, np.float64)
        self._axis, self._sign = _orientation(self.affine, name)

    def count(self, plane: Plane) -> int:
        """Number of slices in a plane."""
        return self.shape[self._cut(plane)]

    def spacing(self, plane: Plane) -> tuple[float, float]:
        """Size of a pixel of that plane, (row, column) in mm."""
        size = np.sqrt((self.affine[:3, :3] ** 2).sum(0))
        row, column = self._rows_columns(plane)
        return float(size[row]), float(size[column])

    def slice(self, plane: Plane, index: int) -> NDArray[Any]:
        """One slice.

        Parameters
        ----------
        plane : {"axial", "coronal", "sagittal", "stored"}
        index : int
            From inferior, posterior, left (patient's) on; from the first for ``stored``.

        Returns
        -------
        (H, W) array
            Stored values (with the file's own scaling applied).

        Raises
        ------
        DataError
            If the file is torn there, or the index is not one of the volume.
        """
        cut, count = self._cut(plane), self.count(plane)
        if not 0 <= index < count:
            raise DataError(
                f"{self.name}: {plane} slice {index}. Allowed: 0 to {count - 1}. "
                "Choose one of these."
            )
        row, column = self._rows_columns(plane)
        turned = plane != "stored"
        at: list[Any] = [slice(None)] * 3
        at[cut] = count - 1 - index if turned and self._sign[cut] < 0 else index
        try:
            found = np.asarray(self._stored[tuple(at)])
        except MedsamError:
            raise
        except Exception as error:  # a torn file fails in as many ways as there are decoders
            raise DataError(
                f"{self.name}: {plane} slice {index} cannot be read ({said(error)}). "
                "Allowed: a complete file. Download or export it again."
            ) from error
        picture = found if row < column else found.T
        if turned:
            # Rows run from superior (or anterior) down, columns from the right (or anterior) on.
            picture = picture[:: -self._sign[row], :: -self._sign[column]]
        # Big-endian files keep their byte order in the dtype; the rest of the code need not know.
        return picture.astype(picture.dtype.newbyteorder("="), copy=False)

    def slice_shape(self, plane: Plane) -> tuple[int, int, int]:
        """Number of slices of a plane, and their rows and columns."""
        row, column = self._rows_columns(plane)
        return self.count(plane), self.shape[row], self.shape[column]

    def apart(self, other: Volume, *, stored: bool = False) -> float:
        """How far the corners of both lie from each other, in voxels of this one, at most.

        Corners are compared in the patient's space, whatever way each is stored; or in the order
        of storing, for pictures that are cut in that order.
        """
        ends = [self._corners(stored), other._corners(stored)]
        inverse = np.linalg.inv(self.affine[:3, :3])
        return float(np.abs((ends[0] - ends[1]) @ inverse.T).max())

    def _corners(self, stored: bool) -> NDArray[np.float64]:
        """(8, 3) corners in mm, from left, posterior, inferior on (or as stored)."""
        inside = np.array(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij")).reshape(3, -1).T
        ends = np.ones((8, 4))
        for world, axis in enumerate(range(3) if stored else self._axis):
            turned = not stored and self._sign[axis] < 0
            ends[:, axis] = (1 - inside if turned else inside)[:, world] * (self.shape[axis] - 1)
        return np.asarray((ends @ self.affine.T)[:, :3])

    def on_grid_of(self, other: Volume) -> Volume:
        """The same pixels, taken to lie where the other's header says.

        Raises
        ------
        DataError
            If their shapes (as stored) differ.
        """
        if self.shape != other.shape:
            raise DataError(
                f"{self.name} has shape {self.shape} as stored, {other.name} has {other.shape}. "
                "Allowed: one shape, since the image's header is taken for both. Resample the "
                "labels to the image's grid (nearest neighbour)."
            )
        return Volume(self._stored, other.affine, self.name, self._close)

    def close(self) -> None:
        """Release the file; the volume is not used afterwards."""
        if self._close is not None:
            self._close()

    def _cut(self, plane: Plane) -> int:
        return 2 if plane == "stored" else self._axis[_AXES[plane]]

    def _rows_columns(self, plane: Plane) -> tuple[int, int]:
        """Stored axes of the rows and columns of a picture."""
        if plane == "stored":
            return 1, 0
        columns, rows = (axis for axis in range(3) if axis != _AXES[plane])
        return self._axis[rows], self._axis[columns]


def said(error: Exception) -> str:
    """What another library said, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _orientation(affine: NDArray[np.float64], name: str) -> tuple[list[int], list[int]]:
    """Stored axis of each of right, anterior, superior; and the sign of each stored axis."""
    from nibabel import orientations

    io_orientation: Any = orientations.io_orientation  # nibabel's functions carry no types
    good = affine.shape == (4, 4) and bool(np.isfinite(affine).all())
    # Against the product of the voxel's sides: how small a voxel is says nothing.
    sides = float(np.prod(np.linalg.norm(affine[:3, :3], axis=0))) if good else 0.0
    if not sides or abs(np.linalg.det(affine[:3, :3])) < 1e-3 * sides:
        raise DataError(
            f"{name}: its affine {affine.tolist()} tells no orientation. Allowed: a (4, 4) matrix "
            "of finite numbers with three independent axes. Mend the file's header."
        )
    found = np.asarray(io_orientation(affine))
    axis = [int(np.flatnonzero(found[:, 0] == world)[0]) for world in range(3)]
    return axis, [int(sign) for sign in found[:, 1]]


# Labels that are stored on another grid than their image, laid onto it.


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


# A volume rewritten once so that the slices that are asked for follow each other.


_BLOCK = 8 << 20
"""Bytes that are turned at a time."""

_IN_MEMORY = 16 << 20
"""Bytes up to which the copy needs no file."""


class Turned:
    """The slices of a volume along one axis, usually not the one that it is stored along.

    Read as it is stored, each of these would touch the whole volume. Here it is read once, in
    blocks along its last axis, and written into a temporary file along the wanted one. Memory is
    that of a block, whatever the size of the volume; the file has no name and goes when it is
    closed, or the program ends, however it ends.

    Parameters
    ----------
    read : callable
        From an index of three slices to that part of the volume, as stored.
    shape : (int, int, int)
    dtype : dtype
        Of what ``read`` gives.
    cut : int
        Axis that the slices are counted along; 2 is a plain copy, for a source that is slow to
        go back in.

    Raises
    ------
    DataError
        If the temporary folder has no room.
    Exception
        Whatever ``read`` raises.
    """

    def __init__(
        self,
        read: Callable[[Any], NDArray[Any]],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        cut: int,
    ):
        self.cut, self._dtype = cut, np.dtype(dtype)
        self._rest = tuple(n for axis, n in enumerate(shape) if axis != cut)
        self._size = self._dtype.itemsize * self._rest[0] * self._rest[1]
        # Not a with block: it lives as long as the volume is open.
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, prefix="medsam-")  # noqa: SIM115
        try:
            self._write(read, shape)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DataError(
                    f"No room for {self._size * shape[cut] / 2**20:.0f} MiB in the temporary "
                    f"folder {tempfile.gettempdir()!r}. Allowed: room for a volume that is cut "
                    "across its stored order. Free some, or set TMPDIR to another folder."
                ) from error
            raise

    def _write(self, read: Callable[[Any], NDArray[Any]], shape: tuple[int, ...]) -> None:
        slab = self._dtype.itemsize * shape[0] * shape[1]
        step = max(1, _BLOCK // slab)
        for first in range(0, shape[2], step):
            block = read((slice(None), slice(None), slice(first, min(first + step, shape[2]))))
            if self.cut == 2:
                self._file.seek(first * self._size)
                self._file.write(block.tobytes("F"))
                continue
            # Each slice in one piece. Slab by slab, what is read and what is written both fit a
            # processor's cache: six times faster than in one go.
            seen = np.moveaxis(block, self.cut, -1)
            turned = np.empty(seen.shape, seen.dtype, order="F")
            for at in range(seen.shape[1]):
                turned[:, at] = seen[:, at]
            for index in range(shape[self.cut]):
                row = self._dtype.itemsize * self._rest[0] * first
                self._file.seek(index * self._size + row)
                self._file.write(turned[..., index].tobytes("F"))

    def slice(self, index: int) -> NDArray[Any]:
        """One slice, with the axes that are left in their order."""
        self._file.seek(index * self._size)
        found = np.frombuffer(self._file.read(self._size), self._dtype)
        return found.reshape(self._rest, order="F")

    def close(self) -> None:
        """Let the temporary file go."""
        self._file.close()
