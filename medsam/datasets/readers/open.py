"""Opens a volume of any of the kinds that are read here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.readers import dicom, itk, nifti
from medsam.datasets.readers.dicom import is_dicom
from medsam.datasets.readers.volume import Volume
from medsam.errors import DataError, InputError

__all__ = ["KINDS", "SUFFIXES", "open_volume", "read_array"]


# Plain arrays: NumPy (.npy, .npz) and MATLAB (.mat, up to version 7) files.


SUFFIXES = (".mat", ".npy", ".npz")
"""Endings of these files, in any case of letters."""


def read_array(
    path: Path, *, variable: str | None = None, spacing: tuple[float, float, float] | None = None
) -> Volume | NDArray[Any]:
    """Read an array.

    Parameters
    ----------
    path : Path
    variable : str, optional
        Which array of a .npz or .mat file of several.
    spacing : (float, float, float), optional
        Between rows, columns and slices in mm; 1 unless given, since such files do not tell.

    Returns
    -------
    (H, W) array or Volume
        A 3D array is rows, columns, slices, and is taken for axial pictures from below up: both
        ``plane="stored"`` and ``"axial"`` give ``array[:, :, k]`` as it is. Of a .npy file one
        slice at a time is read.

    Raises
    ------
    DataError
        If the file is missing, torn, of another kind, holds several arrays and none is named,
        Python objects, anything but real numbers, or neither two nor three dimensions.
    InputError
        If a spacing is not above 0.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(
            f"File {path.name!r} ends in {path.suffix!r}. Allowed: {', '.join(SUFFIXES)}. "
            "Rename it if it is one of these, or export it as one."
        )
    steps = np.asarray(spacing or (1, 1, 1), np.float64)
    if steps.shape != (3,) or not (np.isfinite(steps).all() and (steps > 0).all()):
        raise InputError(
            f"Spacing {spacing!r}. Allowed: three numbers above 0 (rows, columns, slices in mm). "
            "Give these."
        )
    name = f"{'MATLAB file' if suffix == '.mat' else 'Array'} {path.name!r}"
    try:
        array = _load(path, name, variable)
    except DataError:
        raise
    except OSError as error:
        raise _unreadable(name, error.strerror or str(error)) from None
    except Exception as error:  # zipfile, zlib, pickle and scipy each have their own
        raise _unreadable(name, f"{type(error).__name__}: {error}") from error
    if array.dtype.kind not in "buif":
        raise DataError(
            f"{name}: values of type {array.dtype}. Allowed: bool, integer or float. Save the "
            "plain numbers."
        )
    if array.ndim not in (2, 3) or not array.size:
        raise DataError(
            f"{name}: shape {array.shape}. Allowed: two dimensions (a picture) or three (rows, "
            "columns, slices), none of them 0. Save one image a file."
        )
    if array.ndim == 2:
        return np.asarray(array)
    rows, columns, slices = steps
    # As in DICOM: columns run to the patient's left, rows to the back.
    affine = np.diag([-columns, -rows, slices, 1.0])
    return Volume(array.transpose(1, 0, 2), affine, name)


def _load(path: Path, name: str, variable: str | None) -> NDArray[Any]:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        if variable is not None:
            raise _no_variable(name, variable, [])
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return array
    if suffix == ".npz":
        with np.load(path, allow_pickle=False) as stored:
            return np.asarray(stored[_chosen(list(stored.files), variable, name)])
    return _load_mat(path, name, variable)


def _load_mat(path: Path, name: str, variable: str | None) -> NDArray[Any]:
    from scipy import io

    try:
        with open(path, "rb") as file:
            kinds = {one: kind for one, _, kind in io.whosmat(file)}
            named = [one for one, kind in kinds.items() if kind not in ("function", "opaque")]
            chosen = _chosen(named, variable, name)
            file.seek(0)
            return np.asarray(io.loadmat(file, variable_names=[chosen])[chosen])
    except NotImplementedError:
        raise DataError(
            f"{name}: it is of version 7.3 (HDF5). Allowed: versions 4 to 7. Save it in MATLAB "
            "again with save(..., '-v7')."
        ) from None


def _chosen(listed: list[str], variable: str | None, name: str) -> str:
    if variable is None and len(listed) == 1:
        return listed[0]
    if variable is None or variable not in listed:
        raise _no_variable(name, variable, listed)
    return variable


def _no_variable(name: str, variable: str | None, listed: list[str]) -> DataError:
    asked = f"no array {variable!r}" if variable is not None else f"{len(listed)} arrays"
    return DataError(
        f"{name}: {asked} in it. Allowed: {', '.join(sorted(listed)) or 'none to be named'}. "
        "Name one of these (variable), or save one array a file."
    )


def _unreadable(name: str, why: str) -> DataError:
    return DataError(
        f"{name} cannot be read ({why}). Allowed: a complete, readable file of plain numbers. "
        "Check the path, or save it again."
    )


KINDS = "a folder of DICOM files, or " + ", ".join(
    sorted({".dcm", *SUFFIXES, *itk.SUFFIXES, *nifti.SUFFIXES})
)
"""What can be opened, for people."""


def open_volume(
    path: Path,
    *,
    channel: int | None = None,
    series: str | None = None,
    variable: str | None = None,
    spacing: tuple[float, float, float] | None = None,
) -> Volume:
    """Open a volume by what it is: a folder of DICOM, or a file by its ending.

    Parameters
    ----------
    path : Path
        DICOM without an ending is known by its first bytes.
    channel : int, optional
        Which image of a NIfTI, NRRD or MetaImage file of several, from 0.
    series : str, optional
        Which series of a DICOM folder of several.
    variable : str, optional
        Which array of a .npz or .mat file of several.
    spacing : (float, float, float), optional
        Of a plain array: rows, columns, slices in mm.

    Returns
    -------
    Volume

    Raises
    ------
    DataError
        If it is missing, of no known kind, or cannot be opened.
    InputError
        If a choice is made that this kind of file does not have.

    See Also
    --------
    medsam.datasets.readers.nifti.open_nifti, medsam.datasets.readers.dicom.open_series,
    medsam.datasets.readers.itk.open_itk, medsam.datasets.readers.open.read_array
    """
    choices = {"channel": channel, "series": series, "variable": variable, "spacing": spacing}
    given = {name: value for name, value in choices.items() if value is not None}
    lower = path.name.lower()
    if not path.exists():
        raise DataError(f"{str(path)!r} does not exist. Allowed: {KINDS}. Check the path.")
    allowed: tuple[str, ...]
    opened: Callable[[], Any]
    if path.is_dir():
        allowed, opened = ("series",), lambda: dicom.open_series(path, series=series)
    elif lower.endswith(nifti.SUFFIXES):
        allowed, opened = ("channel",), lambda: nifti.open_nifti(path, channel=channel)
    elif lower.endswith(itk.SUFFIXES):
        allowed, opened = ("channel",), lambda: itk.open_itk(path, layer=channel)
    elif lower.endswith(SUFFIXES):
        allowed = ("variable", "spacing")
        opened = lambda: read_array(path, variable=variable, spacing=spacing)  # noqa: E731
    elif is_dicom(path):
        allowed, opened = (), lambda: dicom.open_series([path])
    else:
        raise DataError(
            f"File {path.name!r} is of no known kind. Allowed: {KINDS}. Convert it to one of "
            "these, such as .nii.gz."
        )
    for name in given:
        if name not in allowed:
            raise InputError(
                f"{name}={given[name]!r} for {path.name!r}. Allowed: "
                f"{' or '.join(allowed) or 'no choice'} for this kind of file. Leave it out."
            )
    volume = opened()
    if not isinstance(volume, Volume):
        raise DataError(
            f"Array {path.name!r}: shape {volume.shape}. Allowed: three dimensions (rows, columns, "
            "slices). Read it as a picture."
        )
    return volume
