"""NIfTI files (.nii, .nii.gz).

nibabel reads them, not SimpleITK, which fills torn files with zeros without an error, refuses
NIfTI-2 and axes that are not at right angles, rounds scaled values to float32, and prefers
another of two grids in the header.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.readers.volume import Volume, error_text
from medsam.errors import DataError

__all__ = ["SUFFIXES", "open_nifti"]

SUFFIXES = (".nii", ".nii.gz")
"""Endings of NIfTI files, in any case of letters."""

_MM = {"meter": 1e3, "micron": 1e-3}


def open_nifti(path: Path, *, layer: int | None = None) -> Volume:
    """Open a NIfTI file; its pixels are read with the first slice.

    Parameters
    ----------
    path : Path
    layer : int, optional
        Which image of several along the fourth axis, from 0.

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
    if layer is not None and len(whole) == 4 and layer < whole[3]:
        one = partial(_layer, image, layer)
        return Volume(one, affine, name, whole[:3], _unsure(image, affine))
    axes = [n for n in whole[2:] if n > 1] or [1]
    shape = (*whole[:2], *axes) if len(whole) >= 2 and layer is None else whole
    return Volume(
        lambda: np.asarray(image.dataobj).reshape(shape),
        affine,
        name,
        shape,
        _unsure(image, affine),
    )


def _layer(image: Any, layer: int) -> NDArray[Any]:
    return np.asarray(image.dataobj[..., layer])


def _unsure(image: Any, affine: NDArray[np.float64]) -> str:
    """Why a header does not tell the size of a voxel; empty if it does."""
    sizes = np.linalg.norm(np.asarray(image.affine)[:3, :3], axis=0)
    zooms = np.ones(3)
    told = image.header.get_zooms()[:3]
    zooms[: len(told)] = told
    if not np.allclose(sizes[: len(told)], zooms[: len(told)], rtol=0.01, atol=0):
        words = (" x ".join(f"{n:.4g}" for n in each) for each in (sizes, zooms))
        return "its affine tells voxels of {} mm, its pixdim {}".format(*words)
    if (np.abs(affine) == np.eye(4)).all():
        return "its affine is the identity, which stands for no header"
    return ""


def _in_mm(image: Any) -> NDArray[np.float64]:
    """The affine, in mm whatever unit the header tells; its origin 0 where the header has none."""
    affine = np.array(image.affine, np.float64)
    if not (image.header["sform_code"] or image.header["qform_code"]):
        affine[:3, 3] = 0
    try:
        unit = image.header.get_xyzt_units()[0]
    except KeyError:  # a code that does not exist: as good as none
        unit = "unknown"
    affine[:3] *= _MM.get(unit, 1.0)
    return affine
