"""Which series of a Duke breast MRI study is the one before contrast.

The collection's own table tells it (``Breast-Cancer-MRI-filepath_filename-mapping``): a row a
file, with columns ``original_path_and_filename`` (``DICOM_Images/Breast_MRI_001/pre/…``),
``classic_path`` and ``descriptive_path``, the last two by how the download named its folders.
Without it the descriptions in the DICOM headers have to do, which differ by scanner.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from medsam.errors import DataError, InputError

__all__ = ["TABLE", "by_description", "by_table", "described", "read_table"]

TABLE = "Breast-Cancer-MRI-filepath_filename-mapping"
"""Name of the collection's table, saved as .csv or .xlsx."""

_ORIGINAL, _PATHS = "original_path_and_filename", ("classic_path", "descriptive_path")
_PRE = re.compile(r"(?<![a-z])pre(?![a-z])", re.IGNORECASE)
_DYNAMIC = re.compile(r"dyn|vibrant|multi ?phase", re.IGNORECASE)
_LATER = re.compile(r"(?<![a-z])ph ?\d|\d ?(?:st|nd|rd|th)(?![a-z])|post", re.IGNORECASE)


def read_table(path: Path) -> dict[str, set[str]]:
    """Folder names of the series before contrast, by patient.

    Parameters
    ----------
    path : Path
        ``.csv`` or ``.xlsx``.

    Raises
    ------
    InputError
        If it cannot be read, or has other columns.
    """
    names: dict[str, set[str]] = {}
    for row in _rows(path):
        parts = [part for part in (row[_ORIGINAL] or "").split("/") if part]
        if "pre" in parts[2:-1]:
            for column in _PATHS:
                folders = [part for part in (row.get(column) or "").split("/") if part]
                names.setdefault(parts[1], set()).update(folders[-2:-1])
    return names


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        if path.suffix.lower() == ".csv":
            with open(path, encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                _check(path, reader.fieldnames or ())
                yield from reader
            return
        import pandas as pd

        table = pd.read_excel(path, dtype=str, keep_default_na=False, engine="openpyxl")
        _check(path, list(table.columns))
        for row in table.to_dict("records"):
            yield {str(column): value for column, value in row.items()}
    except InputError:
        raise
    except Exception as error:  # a torn spreadsheet fails in as many ways as it has parts
        raise InputError(
            f"Table {path.name!r} cannot be read ({type(error).__name__}: {error}). Allowed: the "
            "collection's table as .csv or .xlsx. Download it again."
        ) from error


def _check(path: Path, columns: Sequence[str]) -> None:
    if _ORIGINAL not in columns or not set(_PATHS) & set(columns):
        raise InputError(
            f"Table {path.name!r} has columns {', '.join(map(str, columns)) or '(none)'}. Allowed: "
            f"{_ORIGINAL}, and {' or '.join(_PATHS)}. Download it again."
        )


def by_table(names: Mapping[str, set[str]], patient: str, folders: Sequence[Path]) -> Path:
    """The folder of a patient's series before contrast, by the table.

    Raises
    ------
    DataError
        If the table does not name exactly one of the folders.
    """
    wanted = names.get(patient, set())
    found = [folder for folder in folders if folder.name in wanted]
    if len(found) != 1:
        raise DataError(
            f"{patient}: the table names {' or '.join(sorted(wanted)) or 'no series'} as before "
            f"contrast, of which {len(found)} are among the {len(folders)} folders (such as "
            f"{folders[0].name!r}). Allowed: one. Download that series, with the folder names "
            "that the download tool gives, or take series by "
            "description (--option series=description)."
        )
    return found[0]


def described(folder: Path, files: Sequence[Path]) -> tuple[int, str]:
    """Number and description of a series, from the header of its first file.

    Raises
    ------
    DataError
        If that is no DICOM file.
    """
    import pydicom

    try:
        header = pydicom.dcmread(
            files[0], stop_before_pixels=True, specific_tags=["SeriesNumber", "SeriesDescription"]
        )
        return int(header.get("SeriesNumber") or 0), str(header.get("SeriesDescription") or "")
    except Exception as error:  # pydicom raises nearly anything on a broken header
        raise DataError(
            f"DICOM {files[0].name!r} in {folder.name!r} cannot be read ({type(error).__name__}: "
            f"{error}). Allowed: a DICOM file. Download it again."
        ) from error


def by_description(patient: str, series: Mapping[Path, tuple[int, str]]) -> Path:
    """The folder of a patient's series before contrast, by what the series are called.

    The only one there is; else the one called "pre"; else the dynamic series that is not called
    a later phase ("Ph2", "1st pass", "post"). Of several with one description, the lowest number.

    Parameters
    ----------
    patient : str
    series : mapping of folder to (number, description)

    Raises
    ------
    DataError
        If that does not decide.

    Examples
    --------
    >>> by_description("a", {Path("x"): (4, "ax dyn 1st pass"), Path("y"): (3, "ax dyn pre")})
    PosixPath('y')
    """
    if len(series) == 1:
        return next(iter(series))
    for pattern in (_PRE, _DYNAMIC):
        found = {
            folder: told
            for folder, told in series.items()
            if pattern.search(told[1]) and not _LATER.search(told[1])
        }
        if len({words for _, words in found.values()}) == 1:
            return min(found, key=lambda folder: found[folder][0])
    shown = ", ".join(f"{number} {words!r}" for number, words in sorted(series.values()))
    raise DataError(
        f"{patient}: which of {len(series)} series is before contrast cannot be told from their "
        f"descriptions ({shown}). Allowed: one called 'pre', or one dynamic series that is no "
        f"later phase. Put {TABLE}.csv into the folder (--option series=table), or keep that "
        "series alone."
    )
