"""NIfTI files (.nii, .nii.gz), of which one slice at a time is read.

nibabel reads them; with indexed_gzip (which nibabel takes by itself) a slice of a .nii.gz is
found without unpacking what stands behind it.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from medsam.datasets.volume import Volume
from medsam.errors import DataError

__all__ = ["SUFFIXES", "open_nifti"]

SUFFIXES = (".nii", ".nii.gz")
"""Endings of NIfTI files, in any case of letters."""

_GZIP = b"\x1f\x8b"


def open_nifti(path: Path, *, channel: int | None = None, whole: bool = False) -> Volume:
    """Open a NIfTI file.

    Parameters
    ----------
    path : Path
    channel : int, optional
        Which image of a 4D file, from 0.
    whole : bool
        Slices will be asked for across the stored order. A packed file is then unpacked once
        into a temporary file (not into memory), since each slice would read all of it.

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
    wanted = path.name.lower().endswith(".gz")
    if packed != wanted:
        raise DataError(
            f"{name}: it is {'gzip' if packed else 'not gzip'} inside. Allowed: .nii.gz for a "
            f"packed file, .nii for a plain one. Rename it to end in "
            f"{'.nii.gz' if packed else '.nii'}."
        )
    try:
        image: Any = nibabel.load(path, mmap=False, keep_file_open=True)
        stored: Any = image.dataobj
        shape = tuple(int(n) for n in image.shape)
    except Exception as error:  # nibabel raises nearly anything on a broken header
        raise DataError(
            f"{name} cannot be read ({type(error).__name__}: {error}). Allowed: a complete "
            "NIfTI-1 or NIfTI-2 file. Download or export it again."
        ) from error
    if len(shape) > 3:
        stored = _one_channel(stored, shape, channel, name)
    if packed and whole:
        return _unpacked(path, image, shape, channel, name)
    return Volume(stored, image.affine, name, lambda: _release(image))


def _packed(path: Path, name: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(2) == _GZIP
    except FileNotFoundError:
        raise DataError(f"{name} does not exist. Allowed: a file. Check the path.") from None
    except PermissionError:
        raise DataError(
            f"{name}: no permission to read it. Allowed: a readable file. Change its permissions."
        ) from None
    except OSError as error:
        raise DataError(
            f"{name} cannot be read ({error.strerror or error}). Allowed: a readable file. "
            "Check the disk."
        ) from None


class _Channel:
    """One 3D image of a 4D one, still on disk."""

    def __init__(self, stored: Any, shape: tuple[int, ...], channel: int):
        self._stored, self._channel = stored, channel
        self._more = len(shape) - 4
        self.shape = shape[:3]

    def __getitem__(self, index: Any, /) -> Any:
        return self._stored[(*index, self._channel, *(0,) * self._more)]


def _one_channel(stored: Any, shape: tuple[int, ...], channel: int | None, name: str) -> Any:
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
    return _Channel(stored, shape, channel)


def _unpacked(
    path: Path, image: Any, shape: tuple[int, ...], channel: int | None, name: str
) -> Volume:
    """The same file unpacked into a temporary one that goes when it is closed."""
    import nibabel

    _release(image)
    folder = tempfile.TemporaryDirectory(prefix="medsam-")
    plain = Path(folder.name) / "volume.nii"
    try:
        with gzip.open(path, "rb") as source, open(plain, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except (OSError, EOFError) as error:
        folder.cleanup()
        raise DataError(
            f"{name} cannot be unpacked ({type(error).__name__}: {error}). Allowed: a complete "
            "file, and room for it in the temporary folder. Download it again, or free some space."
        ) from error
    opened: Any = nibabel.load(plain, mmap=True)
    stored: Any = opened.dataobj
    if len(shape) > 3:
        stored = _one_channel(stored, shape, channel, name)
    return Volume(stored, np.asarray(opened.affine), name, folder.cleanup)


def _release(image: Any) -> None:
    """Close the file that nibabel keeps open."""
    opener = getattr(image.dataobj, "_opener", None)
    if opener is not None:
        opener.close_if_mine()
