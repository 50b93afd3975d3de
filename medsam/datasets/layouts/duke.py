"""Duke breast MRI in 3D: which series is before contrast, and which segment is which tissue.

``Breast_MRI_NNN/<study>/<series>/*.dcm`` and, for 100 of the 922 patients,
``Segmentation_Breast_MRI_NNN_Breast.seg.nrrd`` and ``…_Dense_and_Vessels.seg.nrrd``. Which value
of the second is dense tissue differs by file, so that the name in its header decides, and in
some files each segment has a layer of its own. Masks are laid on the image by their headers'
geometry, not by turning arrays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from medsam.datasets.labels import Labels
from medsam.datasets.layouts.pairs import make_scan, of_segment
from medsam.datasets.readers.dicom import dicom_files, open_series, read_header
from medsam.datasets.readers.itk import open_itk, segments_of
from medsam.datasets.readers.volume import Volume
from medsam.datasets.source import LabelVolume, Reading, Source
from medsam.errors import DataError, InputError

_ORIGINAL, _PATHS = "original_path_and_filename", ("classic_path", "descriptive_path")
_PRE = re.compile(r"(?<![a-z])pre(?![a-z])", re.IGNORECASE)
_DYNAMIC = re.compile(r"dyn|vibrant|multi ?phase", re.IGNORECASE)
_LATER = re.compile(r"(?<![a-z])ph ?\d|\d ?(?:st|nd|rd|th)(?![a-z])|post", re.IGNORECASE)
_SEGMENTS = {"mri_breast_breast": "breast", "mri_breast_fgt": "dense"}
"""Of each task: what the name of its segment holds."""


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
    import pandas as pd

    try:
        read = pd.read_csv if path.suffix.lower() == ".csv" else pd.read_excel
        table = read(path, dtype=str, keep_default_na=False)
    except Exception as error:  # a torn spreadsheet fails in as many ways as it has parts
        raise InputError(
            f"Table {path.name!r} cannot be read ({type(error).__name__}: {error}). Allowed: the "
            "collection's table as .csv or .xlsx. Download it again."
        ) from error
    columns = [column for column in _PATHS if column in table]
    if _ORIGINAL not in table or not columns:
        raise InputError(
            f"Table {path.name!r} has columns {', '.join(map(str, table.columns))}. Allowed: "
            f"{_ORIGINAL}, and {' or '.join(_PATHS)}. Download it again."
        )
    names: dict[str, set[str]] = {}
    for original, *paths in table[[_ORIGINAL, *columns]].itertuples(index=False):
        parts = [part for part in original.split("/") if part]
        if "pre" in parts[2:-1]:
            for told in paths:
                folders = [part for part in told.split("/") if part]
                names.setdefault(parts[1], set()).update(folders[-2:-1])
    return names


def by_table(names: Mapping[str, set[str]], patient: str, series: Sequence[Path]) -> Path:
    """The folder of a patient's series before contrast, by the table.

    A folder has the name that the table gives, or ends in the same number (the last digits of the
    series' UID), since download tools name folders differently.

    Raises
    ------
    DataError
        If the table does not name exactly one of the folders.
    """
    wanted = names.get(patient, set())
    ends = {end[0] for name in wanted if (end := re.search(r"(?<=-)\d{4,}$", name))}
    fits = re.compile(rf"(?:.*[^.\d]|.*\.\d*)?(?:{'|'.join(ends) or '(?!)'})")
    found = [folder for folder in series if folder.name in wanted]
    found = found or [folder for folder in series if fits.fullmatch(folder.name)]
    if len(found) != 1:
        raise DataError(
            f"{patient}: the table names {' or '.join(sorted(wanted)) or 'no series'}, of which "
            f"{len(found)} are among the {len(series)} folders (such as {series[0].name!r}). "
            "Allowed: one. Download that series, or use --option series=description."
        )
    return found[0]


def by_description(patient: str, series: Sequence[Path]) -> Path:
    """The folder of a patient's series before contrast, by what their headers call them.

    The only one there is; else the one called "pre"; else the dynamic series that is not called
    a later phase ("Ph2", "1st pass", "post"). Of several with one description, the lowest number.

    Raises
    ------
    DataError
        If that does not decide, or a file is no DICOM file.
    """
    described = {folder: _description(dicom_files(folder)[0]) for folder in series}
    if len(described) == 1:
        return next(iter(described))
    for pattern in (_PRE, _DYNAMIC):
        found = {
            folder: about
            for folder, about in described.items()
            if pattern.search(about[1]) and not _LATER.search(about[1])
        }
        if len({words for _, words in found.values()}) == 1:
            return min(found, key=lambda folder: found[folder][0])
    shown = ", ".join(f"{number} {words!r}" for number, words in sorted(described.values()))
    raise DataError(
        f"{patient}: which of {len(series)} series is before contrast cannot be told from their "
        f"descriptions ({shown}). Allowed: one called 'pre', or one dynamic series that is no "
        "later phase. Use the collection's table (--option series=table)."
    )


def _description(file: Path) -> tuple[int, str]:
    """Number and description of the series of a file."""
    header = read_header(file)
    return int(header.get("SeriesNumber") or 0), str(header.get("SeriesDescription") or "")


def picker(tables: Sequence[Path], way: str) -> Callable[[str, Sequence[Path]], Path]:
    """How the series before contrast is found, from a patient's name and folders of series.

    Raises
    ------
    InputError
        If it is to be found by the table and there is none.
    """
    if way == "description":
        return by_description
    if not tables:
        raise InputError(
            "MRI-Breast: no Breast-Cancer-MRI-filepath_filename-mapping (.csv or .xlsx). Allowed: "
            "that table, which names the series before contrast. Put it into the folder, or use "
            "--option series=description."
        )
    return partial(by_table, read_table(min(tables, key=lambda path: path.suffix)))  # .csv first


def scan(
    name: str,
    group: str,
    images: Sequence[Path],
    masks: Sequence[tuple[Path, Labels]],
    reading: Reading,
    *,
    pick: Callable[[str, Sequence[Path]], Path],
) -> Source:
    """A patient's scan, from the folders of all series and the masks.

    Raises
    ------
    DataError
        If the series or a segment cannot be told.
    """
    files = dicom_files(pick(name, images))
    labels = [_labels(*mask, files) for mask in masks]
    return make_scan(name, group, [(files, "")], labels, reading)


def _labels(path: Path, rules: Labels, image: tuple[Path, ...]) -> LabelVolume:
    """The segment of a file that is the task's."""
    (task,) = rules.tasks
    word, segments = _SEGMENTS[task], segments_of(path)
    found = [one.name for one in segments if word in one.name.lower()]
    if word == "breast" and len(segments) == 1:
        found = [segments[0].name]  # the file's name says what it is
    labels = of_segment(task, found[0], segments) if len(found) == 1 else None
    if labels is None:
        names = ", ".join(repr(one.name) for one in segments) or "none"
        raise DataError(
            f"NRRD {path.name!r}: segments {names}. Allowed: one whose name holds {word!r}. Name "
            "the segments in the file's header (SegmentN_Name)."
        )
    return LabelVolume(partial(_open_mask, path, labels[1], image), (path,), labels[0])


def _open_mask(path: Path, layer: int, image: Sequence[Path]) -> Volume:
    return open_itk(path, layer=layer).resampled_to(open_series(image))
