"""One 3D image on its own grid, cut into slices.

Slices are shown the radiological way: axial from below (anterior up), coronal from the front
(superior up), both with the patient's right on the left of the picture; sagittal with anterior
on the left and superior up. Which stored axis that is, and in which direction it runs, comes
from the affine, so that it does not matter how a file is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.sample import Place
from medsam.errors import DataError, UnknownName

Plane = Literal["axial", "coronal", "sagittal", "stored"]
PLANES: tuple[Plane, ...] = get_args(Plane)
"""How a volume is cut. ``stored``: along the last stored axis, in stored order, not oriented by
the affine (columns are the first stored axis, rows the second)."""

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM and ITK count to the patient's left and posterior, affines here to right and anterior."""

_AXES = {
    "axial": (0, 1, 2),
    "coronal": (0, 2, 1),
    "sagittal": (1, 2, 0),
    "stored": (0, 1, 2),
}
"""Axes of the patient (right, anterior, superior), or of the file, along which columns, rows and
slices run."""

_SAME_VOXEL = 0.25  # voxels; grids whose voxels lie nearer than that to each other are one grid
_OUTSIDE = 0.9  # voxels beyond the last centre from which on a label lies outside


def check_plane(name: str) -> Plane:
    """The plane of that name.

    Raises
    ------
    UnknownName
        If there is none; lists those there are.
    """
    if name not in PLANES:
        raise UnknownName("plane", name, PLANES)
    return name


class Volume:
    """A 3D image, whose pixels are read with the first slice and kept.

    Parameters
    ----------
    pixels : (I, J, K) array, or callable
        As stored, or what reads them.
    affine : (4, 4) float
        From stored indices to mm in the patient's right, anterior, superior (RAS+).
    name : str
        What an error calls it, such as its file name.
    shape : sequence of int, optional
        As stored; needed where pixels are yet to be read.
    unsure : str
        Why the size of a voxel is not known, if it is not; the affine then tells axes alone.
    sides : (3,) float, optional
        Size of a voxel in mm, where that is not what the affine tells.

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
        pixels: NDArray[Any] | Callable[[], NDArray[Any]],
        affine: NDArray[np.float64],
        name: str = "volume",
        shape: tuple[int, ...] | None = None,
        unsure: str = "",
        sides: NDArray[np.float64] | None = None,
    ):
        self.name, self.unsure = name, unsure
        self._read: Callable[[], NDArray[Any]] = pixels if callable(pixels) else lambda: pixels
        shape = shape if callable(pixels) else pixels.shape
        if shape is None or len(shape) != 3 or min(shape) < 1:
            raise DataError(
                f"{name}: shape {shape}. Allowed: three dimensions, each at least 1. Save one 3D "
                "image a file; of labels in channels say `one_hot` in a data file."
            )
        self.shape = (int(shape[0]), int(shape[1]), int(shape[2]))
        self.affine = np.asarray(affine, np.float64)
        self._sides = np.linalg.norm(self.affine[:3, :3], axis=0) if sides is None else sides
        self._axis, self._sign = _orientation(self.affine, name)

    @property
    def array(self) -> NDArray[Any]:
        """(I, J, K) values as stored, with the file's own scaling applied; read once.

        Raises
        ------
        DataError
            If the file is torn; it is not tried a second time.
        """
        if isinstance(self._pixels, DataError):
            raise DataError(str(self._pixels))
        return self._pixels

    @cached_property
    def _pixels(self) -> NDArray[Any] | DataError:
        try:
            found = self._read()
        except DataError as error:
            return error
        except Exception as error:  # a torn file fails in as many ways as there are decoders
            return DataError(
                f"{self.name}: its pixels cannot be read ({error_text(error)}). "
                "Allowed: a complete file. Download or export it again."
            )
        # Big-endian files keep their byte order in the dtype; other code need not know.
        return found.astype(found.dtype.newbyteorder("="), copy=False)

    def count(self, plane: Plane) -> int:
        """Number of slices in a plane."""
        return self.slice_shape(plane)[0]

    def spacing(self, plane: Plane) -> tuple[float, float] | None:
        """Size of a pixel of that plane, (row, column) in mm, if it is known."""
        columns, rows, _ = self._stored_axes(plane)
        return None if self.unsure else (float(self._sides[rows]), float(self._sides[columns]))

    def slice_shape(self, plane: Plane) -> tuple[int, int, int]:
        """Number of slices of a plane, and their rows and columns."""
        columns, rows, slices = (self.shape[axis] for axis in self._stored_axes(plane))
        return slices, rows, columns

    def slice(self, plane: Plane, index: int) -> NDArray[Any]:
        """(H, W) values of one slice.

        Parameters
        ----------
        plane : {"axial", "coronal", "sagittal", "stored"}
        index : int
            From inferior, posterior, left (patient's) on; from the first for ``stored``.

        Raises
        ------
        DataError
            If the file is torn, or the index is not one of the volume.
        """
        if not 0 <= index < self.count(plane):
            raise DataError(
                f"{self.name}: {plane} slice {index}. Allowed: 0 to {self.count(plane) - 1}. "
                "Choose one of these."
            )
        return self._cut(self.array, plane, index)

    def place(self, plane: Plane, index: int) -> Place:
        """Where the pixels of one slice lie."""
        numbers = np.arange(np.prod(self.shape)).reshape(self.shape)
        return Place(self.affine, self.shape, self._cut(numbers, plane, index))

    def _cut(self, array: NDArray[Any], plane: Plane, index: int) -> NDArray[Any]:
        """One slice of an array of this shape."""
        if plane == "stored":
            return np.asarray(array[..., index].T)
        whole = self._oriented(array).transpose(_AXES[plane])
        # Rows run from superior (or anterior) down, columns from the right (or anterior) on.
        return np.asarray(whole[::-1, ::-1, index].T)

    def corner_distance(self, other: Volume, *, stored: bool = False) -> float:
        """How far the corners of both lie from each other, in voxels of this one, at most.

        Corners are compared in the patient's space, whatever way each is stored; or in the order
        of storing, for pictures that are cut in that order.
        """
        difference = self._corners(stored) - other._corners(stored)
        return float(np.abs(difference @ np.linalg.inv(self.affine[:3, :3]).T).max())

    def with_grid_of(self, other: Volume) -> Volume:
        """The same pixels, taken to lie where the header of another one of that shape says."""
        return Volume(lambda: self.array, other.affine, self.name, self.shape)

    def is_crop_of(self, image: Volume) -> bool:
        """Whether all voxels fall on voxels of an image, whatever way both are stored.

        An origin of 0 is taken for a header that tells no place.
        """
        if not (self.affine[:3, 3].any() and image.affine[:3, 3].any()):
            return False
        into = np.linalg.inv(image.affine) @ self.affine  # stored index to stored index
        whole, ends = np.rint(into), self._ends.reshape(8, 4)
        places = (ends @ whole.T)[:, :3]
        off = np.abs(ends @ (into - whole).T).max()
        inside = ((places >= 0) & (places < image.shape)).all()
        return bool(off <= _SAME_VOXEL and inside and round(abs(np.linalg.det(whole))) == 1)

    def resampled_to(self, image: Volume) -> Volume:
        """These labels on the grid of an image: each of its voxels takes the nearest label.

        Where the voxels of both fall together (a crop, other order or direction of the axes),
        labels stay as they are. Voxels beyond these labels are 0.

        Raises
        ------
        DataError
            With the first slice: if labels lie outside the image.
        """
        return Volume(lambda: self._resampled(image), image.affine, self.name, image.shape)

    def _resampled(self, image: Volume) -> NDArray[Any]:
        import SimpleITK

        sitk: Any = SimpleITK  # its functions carry no types
        into = np.linalg.inv(image.affine) @ self.affine
        places = np.argwhere(np.rint(self.array)) @ into[:3, :3].T + into[:3, 3]
        beyond = np.maximum(-places, places - np.array(image.shape) + 1) > _OUTSIDE
        outside = int(beyond.any(axis=1).sum())
        if outside:
            raise DataError(
                f"{self.name}: {outside} labelled voxels lie outside {image.name}. Allowed: labels "
                "within the image. See whether they belong together, or mend the headers."
            )
        kind = np.uint8 if self.array.dtype == np.bool_ else self.array.dtype
        labels = sitk.GetImageFromArray(np.ascontiguousarray(self.array.T, kind))
        labels.SetOrigin(into[:3, 3].tolist())  # all in voxels of the image
        sides = np.linalg.norm(into[:3, :3], axis=0)
        labels.SetSpacing(sides.tolist())
        labels.SetDirection((into[:3, :3] / sides).ravel().tolist())
        grid: Any = sitk.Resample(
            labels, image.shape, sitk.Transform(), sitk.sitkNearestNeighbor, (0.0, 0.0, 0.0)
        )
        return np.asarray(sitk.GetArrayFromImage(grid).T)

    @property
    def _ends(self) -> NDArray[np.int64]:
        """(2, 2, 2, 4) stored indices of the corners, each with a 1 behind it."""
        sides = ((0, n - 1) for n in self.shape)
        return np.stack(np.meshgrid(*sides, 1, indexing="ij"), axis=-1)[:, :, :, 0]

    def _corners(self, stored: bool) -> NDArray[np.float64]:
        """(2, 2, 2, 3) corners in mm, from left, posterior, inferior on (or as stored)."""
        ends = self._ends if stored else self._oriented(self._ends)
        return np.asarray((ends @ self.affine.T)[..., :3])

    def _oriented(self, array: NDArray[Any]) -> NDArray[Any]:
        """What lies along the stored axes, along the patient's: right, anterior, superior."""
        turned = array[tuple(slice(None, None, sign) for sign in self._sign)]
        return turned.transpose(*self._axis, *range(3, array.ndim))

    def _stored_axes(self, plane: Plane) -> list[int]:
        """Stored axes of columns, rows and slices."""
        return [axis if plane == "stored" else self._axis[axis] for axis in _AXES[plane]]


def error_text(error: Exception) -> str:
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
