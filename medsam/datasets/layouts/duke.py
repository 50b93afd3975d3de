"""Duke breast MRI with masks of breast and dense (fibroglandular) tissue.

``Breast_MRI_NNN/<study>/<series>/*.dcm`` and, for 100 of the 922 patients,
``Segmentation_Breast_MRI_NNN_Breast.seg.nrrd`` and ``…_Dense_and_Vessels.seg.nrrd``. Which value
of the second is dense tissue differs by file, so that the name in its header decides, and in
some files each segment has a layer of its own. Masks are laid on the image by their headers'
geometry, not by turning arrays.

Options: ``series``, how the series before contrast is told (see :mod:`.precontrast`; by
``table``, the collection's own, unless asked otherwise); ``flagged``, whether patients 246 and
435, which one public project leaves out for errors in the masks, are kept. The paper does not
say that it did, so that they are.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from medsam.datasets.labels import Labels
from medsam.datasets.layouts.layout import Layout, Settings, grouped, not_one_each
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.readers.dicom import open_series
from medsam.datasets.readers.itk import lay_onto, open_itk, segments_of
from medsam.datasets.readers.volume import Volume
from medsam.datasets.sample import Sample
from medsam.datasets.source import Broken, Channel, LabelVolume, Scan, Source
from medsam.errors import DataError, InputError

__all__ = [
    "LAYOUT",
    "TABLE",
    "by_description",
    "by_table",
    "dense_is_inside",
    "described",
    "read_table",
]


# Which series of a Duke breast MRI study is the one before contrast.


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


_PATIENT = r"(?P<id>Breast_MRI_\d+)"
_IMAGE = rf"{_PATIENT}/[^/]+/[^/]+/[^/]+\.(?i:dcm)"
_MASK = r"Segmentation_(?P<id>Breast_MRI_\d+)_(?P<part>Breast|Dense_and_Vessels)\.seg\.nrrd"
_FLAGGED = {"Breast_MRI_246", "Breast_MRI_435"}
_SEGMENTS = {
    "Breast": ("mri_breast_breast", "breast"),
    "Dense_and_Vessels": ("mri_breast_fgt", "dense"),
}
"""Of each file: the task, and what the name of its segment holds."""

Pick = Callable[[str, dict[Path, list[Path]]], Path]


def _find(tree: Tree, settings: Settings) -> Sequence[Source]:
    masks = grouped(tree.match(_MASK), "id", "part")
    pick = _picker(tree, settings) if masks else None
    folders: dict[str, dict[Path, list[Path]]] = {}
    for one in tree.match(_IMAGE):
        of_patient = folders.setdefault(one.parts["id"], {})
        of_patient.setdefault(one.path.parent, []).append(one.path)
    drop = _FLAGGED if settings.options["flagged"] == "drop" else set()
    sources: list[Source] = []
    for name in sorted({name for name, _ in masks} - drop):
        parts = {part: masks.get((name, part), []) for part in _SEGMENTS}
        broken = not_one_each(name, name, parts)
        assert pick is not None
        sources.append(broken or _scan(name, folders.get(name, {}), parts, pick, settings))
    return sources


def _picker(tree: Tree, settings: Settings) -> Pick:
    """How the series before contrast is told, from a patient's name, folders and files."""
    tables = [one.path for one in tree.match(rf"{re.escape(TABLE)}\.(?:csv|xlsx)")]
    if settings.options["series"] == "description":
        return lambda name, series: by_description(
            name, {folder: described(folder, files) for folder, files in series.items()}
        )
    if not tables:
        raise InputError(
            f"MRI-Breast: no table {TABLE} below {str(tree.root)!r}. Allowed: that "
            "table of the collection (.csv or .xlsx), which names the series before "
            "contrast; or series by their descriptions. Put it there, or choose the other "
            "(--option series=description)."
        )
    names = read_table(min(tables, key=lambda path: path.suffix))  # .csv first
    return lambda name, series: by_table(names, name, list(series))


def _scan(
    name: str,
    series: dict[Path, list[Path]],
    parts: dict[str, list[Path]],
    pick: Pick,
    settings: Settings,
) -> Source:
    """A patient's scan, or why there is none."""
    masks = tuple(paths[0] for paths in parts.values())
    try:
        if not series:
            raise DataError(
                f"{name}: masks, but no image. Allowed: its series before contrast as DICOM "
                f"(Duke-Breast-Cancer-MRI/{name}/<study>/<series>/*.dcm). Download it."
            )
        files = tuple(series[pick(name, series)])
        labels = tuple(_labels(part, path, files) for part, path in zip(parts, masks, strict=True))
    except DataError as error:
        return Broken(name, name, str(error), masks)
    return Scan(
        name,
        name,
        (Channel(partial(open_series, files), files),),
        labels,
        settings.plane,
        settings.intensity,
        trust_image=settings.trust_image,
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


def _open_mask(path: Path, layer: int | None, image: Sequence[Path]) -> Volume:
    return lay_onto(open_itk(path, layer=layer), open_series(image))


def dense_is_inside(sample: Sample) -> str | None:
    """Whether the dense tissue of a slice lies within the breast, as whoever drew it states.

    Segments are told by their names and laid on the image by their headers; a wrong name or a
    mask that lies turned would put dense tissue outside.

    Parameters
    ----------
    sample : Sample
        A slice with masks of both tasks.

    Returns
    -------
    str or None
        What was tested, on which slice, and whether it held; ``None`` if either is missing.
    """
    breast, dense = (sample.masks.get(f"mri_breast_{task}") for task in ("breast", "fgt"))
    if breast is None or dense is None or not breast.any() or not dense.any():
        return None
    inside = float((dense & breast).sum() / dense.sum())
    held = inside > 0.99 and breast.sum() > dense.sum()
    return (
        f"Dense tissue within the breast, tested on {sample.id}: {inside:.0%} of {dense.sum()} "
        f"pixels (expected: above 99%). {'Held.' if held else 'Did not hold.'}"
    )


LAYOUT = Layout(
    "mri_breast",
    _MASK,
    "Duke-Breast-Cancer-MRI (Breast_MRI_NNN/<study>/<series>/*.dcm) and Segmentation_Masks_NRRD",
    _find,
    options={"series": ("table", "description"), "flagged": ("keep", "drop")},
)
