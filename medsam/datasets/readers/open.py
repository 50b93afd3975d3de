"""Opens a volume of any of the kinds that are read here, plain arrays among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.readers import dicom, itk, nifti
from medsam.datasets.readers.volume import Volume, error_text
from medsam.errors import DataError

Files = Path | tuple[Path, ...]
"""A file, a folder of DICOM files, or the files of a DICOM series."""

SUFFIXES = (".mat", ".npy", ".npz")
"""Endings of plain arrays, in any case of letters."""

KINDS = "a folder of DICOM files, or " + ", ".join(
    sorted({".dcm", *SUFFIXES, *itk.SUFFIXES, *nifti.SUFFIXES})
)
"""What can be opened, for people."""


def open_volume(path: Files, layer: int | None = None, sizes: nifti.Sizes = "") -> Volume:
    """Open a volume by what it is: a folder or files of DICOM, or a file by its ending.

    Parameters
    ----------
    path : Path, or tuple of Path
        DICOM without an ending is known by its first bytes; a DICOM segmentation is its labels.
    layer : int, optional
        Which image of a file that holds several, from 0.
    sizes : {"", "affine", "pixdim"}
        What tells the size of a voxel of a NIfTI file.

    Raises
    ------
    DataError
        If it is missing, of no known kind, or cannot be opened.
    """
    if isinstance(path, tuple):
        return dicom.open_series(path)
    lower = path.name.lower()
    if not path.exists():
        raise DataError(f"{str(path)!r} does not exist. Allowed: {KINDS}. Check the path.")
    if path.is_dir():
        return dicom.open_series(path)
    if lower.endswith(nifti.SUFFIXES):
        return nifti.open_nifti(path, layer=layer, sizes=sizes)
    if lower.endswith(itk.SUFFIXES):
        return itk.open_itk(path, layer=layer)
    if lower.endswith(SUFFIXES):
        return open_array(path, layer=layer)
    if dicom.is_dicom(path):
        return dicom.open_file(path)
    raise DataError(
        f"File {path.name!r} is of no known kind. Allowed: {KINDS}. Convert it to one of "
        "these, such as .nii.gz."
    )


def open_labels(path: Path, image: Files, layer: int | None = None) -> Volume:
    """Open labels, put onto the grid of their image where they are a crop of it.

    Parameters
    ----------
    path : Path
    image : Path, or tuple of Path
    layer : int, optional
        As in :func:`open_volume`.

    Raises
    ------
    DataError
        As :func:`open_volume`; not if the image cannot be opened, which says so itself.
    """
    labels = open_volume(path, layer)
    try:
        whole = open_volume(image)
    except DataError:
        return labels
    crop = labels.shape != whole.shape and labels.is_crop_of(whole)
    return labels.resampled_to(whole) if crop else labels


def open_array(path: Path, *, layer: int | None = None) -> Volume:
    """Read the one array of a NumPy (.npy, .npz) or MATLAB (.mat, up to version 7) file.

    Returns
    -------
    Volume
        Rows, columns, slices, of no known size, taken for axial pictures from below up: both
        ``plane="stored"`` and ``"axial"`` give ``array[:, :, k]`` as it is. One picture is a
        volume of one slice.

    Raises
    ------
    DataError
        If the file is torn, of another kind, or holds several arrays, Python objects, anything
        but real numbers, or other than three dimensions.
    """
    name = f"{'MATLAB file' if path.suffix.lower() == '.mat' else 'Array'} {path.name!r}"
    try:
        arrays = _arrays(path)
    except Exception as error:  # zipfile, zlib, pickle and scipy each have their own
        raise DataError(
            f"{name} cannot be read ({error_text(error)}). Allowed: a complete file of plain "
            "numbers, in MATLAB of version 7 or before. Check the path, or save it again."
        ) from error
    array = next(iter(arrays.values())) if len(arrays) == 1 else np.empty(0)
    if array.ndim == 4 and layer is not None and layer < array.shape[3]:
        array = array[..., layer]
    array = array[..., None] if array.ndim == 2 else array
    if array.dtype.kind not in "buif" or array.ndim != 3 or not array.size:
        found = ", ".join(f"{key} {one.shape} of type {one.dtype}" for key, one in arrays.items())
        raise DataError(
            f"{name}: {len(arrays)} arrays ({found.strip()}). Allowed: one, of three dimensions "
            "(rows, columns, slices), of bool, integer or float. Save one image a file."
        )
    # As in DICOM: columns run to the patient's left, rows to the back.
    grid = np.diag([-1.0, -1.0, 1.0, 1.0])
    return Volume(array.transpose(1, 0, 2), grid, name, unsure="arrays tell no size of a voxel")


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return {"": np.load(path, allow_pickle=False)}
    if suffix == ".npz":
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    from scipy import io

    with open(path, "rb") as file:
        stored = io.loadmat(file)
    return {key: array for key, array in stored.items() if not key.startswith("__")}
