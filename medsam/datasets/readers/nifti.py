"""NIfTI files (.nii, .nii.gz), of which one slice at a time is read.

nibabel reads header and pixels; a .nii.gz is unpacked as far as it is asked for, block by block.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.readers.volume import Turned, Volume, said
from medsam.errors import DataError, MedsamError

__all__ = ["SUFFIXES", "open_nifti"]

SUFFIXES = (".nii", ".nii.gz")
"""Endings of NIfTI files, in any case of letters."""

_GZIP = b"\x1f\x8b"
_BLOCK = 8 << 20
"""Bytes of a packed file that are unpacked at a time."""
_MM = {"meter": 1e3, "micron": 1e-3}


def open_nifti(path: Path, *, channel: int | None = None) -> Volume:
    """Open a NIfTI file; of its pixels nothing is read yet.

    Slices along the last stored axis are read one after the other. Asked for across it, or of a
    packed file from the top down, each would read the whole file: then the pixels are rewritten
    once, in blocks, into a temporary file in which the slices follow each other (see
    :class:`~medsam.datasets.readers.volume.Turned`).

    Parameters
    ----------
    path : Path
    channel : int, optional
        Which image of a 4D file, from 0.

    Returns
    -------
    Volume
        The sform or qform says where it lies; without either, the file's voxel sizes alone.

    Raises
    ------
    DataError
        If the file is missing, unreadable, torn, no NIfTI, packed though its name says
        otherwise (or the reverse), or 4D without a channel.
    """
    import nibabel

    name = f"NIfTI {path.name!r}"
    packed = _packed(path, name)
    if packed != path.name.lower().endswith(".gz"):
        raise DataError(
            f"{name}: it is {'gzip' if packed else 'not gzip'} inside. Allowed: .nii.gz for a "
            f"packed file, .nii for a plain one. Rename it to end in "
            f"{'.nii.gz' if packed else '.nii'}."
        )
    try:
        image: Any = nibabel.load(path, mmap=False)
        if not isinstance(image, nibabel.Nifti1Pair):
            raise TypeError(f"it is a {type(image).__name__}")
        pixels = _Pixels(path, image.dataobj, packed)
        affine = _in_mm(image)
    except MedsamError:
        raise
    except Exception as error:  # nibabel raises nearly anything on a broken header
        raise DataError(
            f"{name} cannot be read ({said(error)}). Allowed: a complete "
            "NIfTI-1 or NIfTI-2 file. Download or export it again."
        ) from error
    if len(pixels.whole) > 3:
        pixels.more = _channel(pixels.whole, channel, name)
    return Volume(pixels, affine, name, pixels.close)


def _packed(path: Path, name: str) -> bool:
    try:
        with open(path, "rb") as file:
            first = file.read(2)
    except FileNotFoundError:
        link = " (a link to a file that is not there)" if path.is_symlink() else ""
        raise DataError(f"{name} does not exist{link}. Allowed: a file. Check the path.") from None
    except PermissionError:
        raise DataError(
            f"{name}: no permission to read it. Allowed: a readable file. Change its permissions."
        ) from None
    except OSError as error:
        raise DataError(
            f"{name} cannot be read ({error.strerror or error}). Allowed: a readable file. "
            "Check the disk."
        ) from None
    if not first:
        raise DataError(
            f"{name} is empty (0 bytes). Allowed: a complete file. Download or export it again."
        )
    return first == _GZIP


def _in_mm(image: Any) -> NDArray[np.float64]:
    """The affine, in mm whatever unit the header tells."""
    affine = np.array(image.affine, np.float64)
    try:
        unit = image.header.get_xyzt_units()[0]
    except KeyError:  # a code that does not exist: as good as none
        unit = "unknown"
    affine[:3] *= _MM.get(unit, 1.0)
    return affine


def _channel(shape: tuple[int, ...], channel: int | None, name: str) -> tuple[int, ...]:
    """Where the one image of a file of several stands, in the axes after the third."""
    count = shape[3]
    if any(n != 1 for n in shape[4:]):
        raise DataError(
            f"{name}: shape {shape}. Allowed: three dimensions, or four with the images along the "
            "fourth. Save each image as a file of its own."
        )
    if channel is None and count == 1:
        channel = 0
    if channel is None or not 0 <= channel < count:
        raise DataError(
            f"{name}: {count} images in one file, asked for number {channel}. Allowed: one of 0 "
            f"to {count - 1}. Name one (channel), or save it as a file of its own."
        )
    return (channel, *(0,) * (len(shape) - 4))


class _Pixels:
    """One 3D image in a file, scaled as its slices are read. The file is opened at the first."""

    def __init__(self, path: Path, proxy: Any, packed: bool):
        self._path, self._packed = path, packed
        self.whole = tuple(int(n) for n in proxy.shape)
        self._spec = (self.whole, proxy.dtype, proxy.offset)
        self._scale = float(proxy.slope), float(proxy.inter)
        self._file: Any = None
        self._proxy: Any = None
        self._block: Any = None
        self._first = 0
        self._torn: Exception | None = None
        self._turned: Turned | None = None
        self._failed: dict[int, Exception] = {}
        self.more: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.whole[:3] if self.more else self.whole

    def __getitem__(self, index: Any, /) -> Any:
        from nibabel.volumeutils import apply_read_scaling

        cut = next(axis for axis, at in enumerate(index) if not isinstance(at, slice))
        if int(np.prod(self.shape[cut + 1 :])) > 1 or (cut == 2 and self._goes_back(index[2])):
            if self._turned is None or self._turned.cut != cut:
                self._close_turned()
                self._turned = self._turn(cut)
            found = self._turned.slice(index[cut])
        elif self._packed and cut == 2:
            found = self._near(index)
        else:
            found = self._raw(index)
        return apply_read_scaling(found, *self._scale)

    def _turn(self, cut: int) -> Turned:
        """The copy that is sliced there; one that failed is not tried again for each slice."""
        if cut in self._failed:
            raise self._failed[cut]
        self._block = None  # one is in memory, and the copy makes its own
        try:
            return Turned(self._raw, self.shape, self._spec[1], cut)
        except Exception as error:
            self._failed[cut] = error
            raise

    def _goes_back(self, index: int) -> bool:
        """A packed file from the top down, or at random: each step back would start at its top."""
        turned = self._turned is not None and self._turned.cut == 2
        return self._packed and (turned or index < self._first)

    def _near(self, index: Any) -> Any:
        """A slice of a packed file, with its neighbours: unpacked together."""
        step = max(1, _BLOCK // (self._spec[1].itemsize * self.shape[0] * self.shape[1]))
        first = index[2] - index[2] % step
        if self._block is None or self._first != first:
            self._block = None  # before the next is made: one is in memory
            until = min(first + step, self.shape[2])
            self._block = self._raw((slice(None), slice(None), slice(first, until)))
            self._first = first
        return self._block[(*index[:2], index[2] - first)]

    def _raw(self, index: Any) -> Any:
        """The part that is asked for, unscaled."""
        from nibabel.arrayproxy import ArrayProxy

        if self._torn is not None:
            raise self._torn
        if self._file is None:
            self._file = (gzip.open if self._packed else open)(self._path, "rb")
            proxy: Any = ArrayProxy
            self._proxy = proxy(self._file, self._spec, mmap=False)
        try:
            return self._proxy[(*index, *self.more)]
        except Exception as error:
            if self._packed:  # what follows a tear is lost, and where the file stands uncertain
                self._torn = OSError(said(error))
            raise

    def _close_turned(self) -> None:
        if self._turned is not None:
            self._turned.close()
        self._turned = None

    def close(self) -> None:
        self._close_turned()
        if self._file is not None:
            self._file.close()
        self._file = self._proxy = self._block = None
