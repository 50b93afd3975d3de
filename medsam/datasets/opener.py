"""Opens a volume of any of the kinds that are read here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from medsam.datasets import arrays, dicom, itk, nifti
from medsam.datasets._dicom import is_dicom
from medsam.datasets.volume import Volume
from medsam.errors import DataError, InputError

__all__ = ["KINDS", "open_volume"]

KINDS = "a folder of DICOM files, or " + ", ".join(
    sorted({".dcm", *arrays.SUFFIXES, *itk.SUFFIXES, *nifti.SUFFIXES})
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
    medsam.datasets.nifti.open_nifti, medsam.datasets.dicom.open_series,
    medsam.datasets.itk.open_itk, medsam.datasets.arrays.read_array
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
    elif lower.endswith(arrays.SUFFIXES):
        allowed = ("variable", "spacing")
        opened = lambda: arrays.read_array(path, variable=variable, spacing=spacing)  # noqa: E731
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
