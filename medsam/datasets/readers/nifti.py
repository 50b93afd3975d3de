"""NIfTI files (.nii, .nii.gz).

nibabel reads them, not SimpleITK, which fills torn files with zeros without an error, refuses
NIfTI-2 and axes that are not at right angles, rounds scaled values to float32, and prefers
another of two grids in the header.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.readers.volume import Volume, error_text
from medsam.errors import DataError

Sizes = Literal["", "affine", "pixdim"]
"""Which part of a header tells the size of a voxel; by default both must say the same."""

SUFFIXES = (".nii", ".nii.gz")
"""Endings of NIfTI files, in any case of letters."""

_CHOOSE = "--headers affine or pixdim says which counts"
_MM = {"meter": 1e3, "micron": 1e-3}


def open_nifti(path: Path, *, layer: int | None = None, sizes: Sizes = "") -> Volume:
    """Open a NIfTI file; its pixels are read with the first slice.

    Parameters
    ----------
    path : Path
    layer : int, optional
        Which image of several along the fourth axis, from 0.
    sizes : {"", "affine", "pixdim"}
        What tells the size of a voxel where these two differ.

    Returns
    -------
    Volume
        The sform or qform says where it lies; without either, the file's voxel sizes alone. A 2D
        image is a volume of one slice, and slices along the fourth axis are one volume.

    Raises
    ------
    DataError
        If the file is missing, unreadable, no NIfTI, packed though its name says otherwise (or
        the reverse), or holds several images.
    """
    import nibabel

    name = f"NIfTI {path.name!r}"
    try:
        image: Any = nibabel.load(path, mmap=False)
        if not isinstance(image, nibabel.Nifti1Pair):
            raise TypeError(f"it is a {type(image).__name__}")
        affine = _in_mm(image)
    except Exception as error:  # nibabel raises nearly anything on a broken header
        raise DataError(
            f"{name} cannot be read ({error_text(error)}). Allowed: a complete NIfTI file, .nii, "
            "or .nii.gz if packed. Check the path, or download it again."
        ) from error
    whole = image.shape
    sides = _zooms(image) * _mm(image) if sizes == "pixdim" else None
    unsure = "" if sizes else _unsure(image, affine)
    if sides is not None and not (np.isfinite(sides).all() and sides.min() > 0):
        unsure = "its pixdim tells no size of a voxel"
    if layer is not None and len(whole) == 4 and layer < whole[3]:
        one = whole[:3]
        return Volume(
            lambda: np.asarray(image.dataobj[..., layer]), affine, name, one, unsure, sides
        )
    axes = [n for n in whole[2:] if n > 1] or [1]
    shape = (*whole[:2], *axes) if len(whole) >= 2 and layer is None else whole
    return Volume(
        lambda: np.asarray(image.dataobj).reshape(shape), affine, name, shape, unsure, sides
    )


def _unsure(image: Any, affine: NDArray[np.float64]) -> str:
    """Why a header does not tell the size of a voxel; empty if it does."""
    sides, zooms = np.linalg.norm(np.asarray(image.affine)[:3, :3], axis=0), _zooms(image)
    axes = min(3, len(image.shape))
    if not np.allclose(sides[:axes], zooms[:axes], rtol=0.01, atol=0):
        words = (" x ".join(f"{n:.4g}" for n in each) for each in (sides, zooms))
        return "its affine tells voxels of {} mm, its pixdim {} ({})".format(*words, _CHOOSE)
    if (np.abs(affine) == np.eye(4)).all():
        return f"its affine is the identity, which stands for no header ({_CHOOSE})"
    return ""


def _zooms(image: Any) -> NDArray[np.float64]:
    """Sizes of a voxel by the header's pixdim, in its unit; 1 along axes that it does not tell."""
    zooms = np.ones(3)
    told = image.header.get_zooms()[:3]
    zooms[: len(told)] = told
    return zooms


def _mm(image: Any) -> float:
    """The header's unit in mm."""
    try:
        return _MM.get(image.header.get_xyzt_units()[0], 1.0)
    except KeyError:  # a code that does not exist: as good as none
        return 1.0


def _in_mm(image: Any) -> NDArray[np.float64]:
    """The affine, in mm whatever unit the header tells; its origin 0 where the header has none."""
    affine = np.array(image.affine, np.float64)
    if not (image.header["sform_code"] or image.header["qform_code"]):
        affine[:3, 3] = 0
    affine[:3] *= _mm(image)
    return affine
