"""One 3D image on its own grid, read slice by slice.

Slices are shown the radiological way: axial from below (anterior up), coronal from the front
(superior up), both with the patient's right on the left of the picture; sagittal with anterior
on the left and superior up. Which stored axis that is, and in which direction it runs, comes
from the affine, so that it does not matter how a file is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from medsam.errors import DataError, MedsamError, UnknownName

__all__ = ["PLANES", "Plane", "Stored", "Volume", "check_plane"]

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
