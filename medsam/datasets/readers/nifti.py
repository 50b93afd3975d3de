"""NIfTI files (.nii, .nii.gz).

nibabel reads them, not SimpleITK, which fills torn files with zeros without an error, refuses
NIfTI-2 and axes that are not at right angles, rounds scaled values to float32, and prefers
another of two grids in the header.
"""

from __future__ import annotations

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


def open_nifti(path: Path) -> Volume:
    """Open a NIfTI file; its pixels are read with the first slice.

    Returns
    -------
    Volume
        The sform or qform says where it lies; without either, the file's voxel sizes alone.

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
    shape = image.shape
    if len(shape) > 3 and set(shape[3:]) == {1}:
        shape = shape[:3]
    return Volume(lambda: np.asarray(image.dataobj).reshape(shape), affine, name, shape)


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
