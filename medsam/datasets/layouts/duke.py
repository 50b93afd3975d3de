"""Duke breast MRI with masks of breast and dense (fibroglandular) tissue.

``Breast_MRI_NNN/<study>/<series>/*.dcm`` and, for 100 of the 922 patients,
``Segmentation_Breast_MRI_NNN_Breast.seg.nrrd`` and ``…_Dense_and_Vessels.seg.nrrd``. Which value
of the second is dense tissue differs by file, so that the name in its header decides, and in
some files each segment has a layer of its own. Masks are laid on the image by their headers'
geometry, not by turning arrays.

Options: ``series``, how the series before contrast is found (by ``table``, the collection's own,
or by ``description``); ``flagged``, whether patients 246 and 435, which one public project leaves
out for errors in the masks, are kept. The paper does not say that it left them out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from medsam.datasets.labels import Labels
from medsam.datasets.layouts.layout import Layout
from medsam.datasets.layouts.pairs import problem
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.readers.dicom import open_series
from medsam.datasets.readers.itk import open_itk, segments_of
from medsam.datasets.readers.volume import Volume, check_plane
from medsam.datasets.source import Broken, Channel, LabelVolume, Reading, Scan, Source
from medsam.errors import DataError, InputError

__all__ = ["TABLE", "by_description", "by_table", "find_sources", "read_table"]

TABLE = "Breast-Cancer-MRI-filepath_filename-mapping"
"""Name of the collection's table, saved as .csv or .xlsx."""

_ORIGINAL, _PATHS = "original_path_and_filename", ("classic_path", "descriptive_path")
_PRE = re.compile(r"(?<![a-z])pre(?![a-z])", re.IGNORECASE)
_DYNAMIC = re.compile(r"dyn|vibrant|multi ?phase", re.IGNORECASE)
_LATER = re.compile(r"(?<![a-z])ph ?\d|\d ?(?:st|nd|rd|th)(?![a-z])|post", re.IGNORECASE)
_FLAGGED = {"Breast_MRI_246", "Breast_MRI_435"}
_SEGMENTS = {
    "Breast": ("mri_breast_breast", "breast"),
    "Dense_and_Vessels": ("mri_breast_fgt", "dense"),
}
"""Of each file: the task, and what the name of its segment holds."""

Series = Mapping[Path, Sequence[Path]]
"""Files by the folder of their series."""


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


def by_table(names: Mapping[str, set[str]], patient: str, series: Series) -> Path:
    """The folder of a patient's series before contrast, by the table.

    Raises
    ------
    DataError
        If the table does not name exactly one of the folders.
    """
    wanted = names.get(patient, set())
    found = [folder for folder in series if folder.name in wanted]
    if len(found) != 1:
        raise DataError(
            f"{patient}: the table names {' or '.join(sorted(wanted)) or 'no series'}, of which "
            f"{len(found)} are among the {len(series)} folders (such as {next(iter(series)).name!r}"
            "). Allowed: one. Download that series under the names that the download tool gives, "
            "or use --option series=description."
        )
    return found[0]


def by_description(patient: str, series: Series) -> Path:
    """The folder of a patient's series before contrast, by what their headers call them.

    The only one there is; else the one called "pre"; else the dynamic series that is not called
    a later phase ("Ph2", "1st pass", "post"). Of several with one description, the lowest number.

    Raises
    ------
    DataError
        If that does not decide, or a file is no DICOM file.
    """
    described = {folder: _description(folder, files[0]) for folder, files in series.items()}
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
        f"later phase. Put {TABLE}.csv into the folder (--option series=table)."
    )


def _description(folder: Path, file: Path) -> tuple[int, str]:
    """Number and description of a series."""
    import pydicom

    try:
        tags = ["SeriesNumber", "SeriesDescription"]
        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=tags)
        return int(header.get("SeriesNumber") or 0), str(header.get("SeriesDescription") or "")
    except Exception as error:  # pydicom raises nearly anything on a broken header
        raise DataError(
            f"DICOM {file.name!r} in {folder.name!r} cannot be read ({type(error).__name__}: "
            f"{error}). Allowed: a DICOM file. Download it again."
        ) from error


def find_sources(layout: Layout, tree: Tree, reading: Reading) -> list[Source]:
    """The scans of patients with masks; what cannot be used is a source that says why.

    Raises
    ------
    InputError
        If series are to be found by the table and there is none.
    """
    masks = layout.files(tree, layout.masks)
    series: dict[str, dict[Path, list[Path]]] = {}
    for one in tree.match(layout.expression(layout.images["image"][0])):
        of_patient = series.setdefault(one.parts["id"], {})
        of_patient.setdefault(one.path.parent, []).append(one.path)
    if not masks:
        return []
    pick = _picker(tree, reading.options["series"])
    drop = _FLAGGED if reading.options["flagged"] == "drop" else set()
    return [
        _scan(key[0], series.get(key[0], {}), parts, pick, reading)
        for key, parts in sorted(masks.items())
        if key[0] not in drop
    ]


def _picker(tree: Tree, way: str) -> Callable[[str, Series], Path]:
    """How the series before contrast is found, from a patient's name and series."""
    tables = [one.path for one in tree.match(rf"{re.escape(TABLE)}\.(?:csv|xlsx)")]
    if way == "description":
        return by_description
    if not tables:
        raise InputError(
            f"MRI-Breast: no table {TABLE} (.csv or .xlsx) below {str(tree.root)!r}. Allowed: that "
            "table, which names the series before contrast. Put it there, or use "
            "--option series=description."
        )
    return partial(by_table, read_table(min(tables, key=lambda path: path.suffix)))  # .csv first


def _scan(
    name: str,
    series: Series,
    masks: Mapping[str, list[Path]],
    pick: Callable[[str, Series], Path],
    reading: Reading,
) -> Source:
    """A patient's scan, or why there is none."""
    parts = {part: masks.get(part, []) for part in _SEGMENTS}
    paths = tuple(path for each in parts.values() for path in each)
    try:
        if reason := problem(name, parts):
            raise DataError(reason)
        if not series:
            raise DataError(
                f"{name}: masks, but no image. Allowed: its series before contrast as DICOM "
                f"(Duke-Breast-Cancer-MRI/{name}/<study>/<series>/*.dcm). Download it."
            )
        files = tuple(series[pick(name, series)])
        labels = tuple(_labels(part, each[0], files) for part, each in parts.items())
    except DataError as error:
        return Broken(name, name, str(error), paths)
    return Scan(
        name,
        name,
        (Channel(partial(open_series, files), files),),
        labels,
        check_plane(reading.plane),
        reading.to_uint8,
        trust_image=reading.trust_image,
    )


def _labels(part: str, path: Path, image: tuple[Path, ...]) -> LabelVolume:
    """The segment of a file that is the task's."""
    task, word = _SEGMENTS[part]
    segments = segments_of(path)
    found = [one for one in segments if word in one.name.lower()]
    if part == "Breast" and len(segments) == 1:
        found = list(segments)  # the file's name says what it is
    if len(found) != 1:
        names = ", ".join(repr(one.name) for one in segments) or "none"
        raise DataError(
            f"NRRD {path.name!r}: segments {names}. Allowed: one whose name holds {word!r}. Name "
            "the segments in the file's header (SegmentN_Name)."
        )
    one = found[0]
    others = {other.value for other in segments if other.layer == one.layer} - {one.value}
    return LabelVolume(
        partial(_open_mask, path, one.layer, image),
        (path,),
        Labels({task: (one.value,)}, tuple(sorted(others))),
    )


def _open_mask(path: Path, layer: int, image: Sequence[Path]) -> Volume:
    return open_itk(path, layer=layer).resampled_to(open_series(image))
