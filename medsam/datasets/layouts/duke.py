"""Duke breast MRI in 3D: which series is before contrast, and which segment is which tissue.

``Breast_MRI_NNN/<study>/<series>/*.dcm`` and, for 100 of the 922 patients,
``Segmentation_Breast_MRI_NNN_Breast.seg.nrrd`` and ``…_Dense_and_Vessels.seg.nrrd``. Which value
of the second is dense tissue differs by file, so that the name in its header decides, and in
some files each segment has a layer of its own. Masks are laid on the image by their headers'
geometry, not by turning arrays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from medsam.datasets.intensity import Unit
from medsam.datasets.labels import Labels
from medsam.datasets.layouts.pairs import make_source, of_segment
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.readers.dicom import dicom_files
from medsam.datasets.readers.itk import segments_of
from medsam.datasets.readers.volume import error_text
from medsam.datasets.source import Reading, Source
from medsam.errors import DataError, InputError

_TABLE = r"Breast-Cancer-MRI-filepath_filename-mapping\.(csv|xlsx)"
_COLUMNS = ["original_path_and_filename", "classic_path", "descriptive_path"]
_SEGMENTS = {"mri_breast_breast": "breast", "mri_breast_fgt": "dense"}
"""Of each task: what the name of its segment holds."""


def read_table(tree: Tree) -> dict[str, set[str]]:
    """Folder names of the series before contrast, by patient, from the collection's own table.

    Raises
    ------
    InputError
        If the table is not there, cannot be read, or has other columns.
    """
    import pandas as pd

    found = tree.find([_TABLE]).get(("", ""))
    if not found:
        raise InputError(
            "MRI-Breast: no Breast-Cancer-MRI-filepath_filename-mapping (.csv or .xlsx). Allowed: "
            "that table, which names the series before contrast. Put it into the folder."
        )
    path = min(found, key=lambda path: path.suffix)  # .csv first
    try:
        read = pd.read_csv if path.suffix.lower() == ".csv" else pd.read_excel
        table = read(path, dtype=str, keep_default_na=False)[_COLUMNS]
    except Exception as error:  # a torn spreadsheet fails in as many ways as it has parts
        raise InputError(
            f"Table {path.name!r} cannot be read ({error_text(error)}). Allowed: the collection's "
            f"table as .csv or .xlsx, with {', '.join(_COLUMNS)}. Download it again."
        ) from error
    names: dict[str, set[str]] = {}
    for original, *paths in table.itertuples(index=False):
        parts = original.split("/")
        if parts[-2:-1] == ["pre"]:
            names.setdefault(parts[1], set()).update(Path(path).parent.name for path in paths)
    return names


def pick_series(names: Mapping[str, set[str]], patient: str, series: Sequence[Path]) -> Path:
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
            "Allowed: one. Download that series."
        )
    return found[0]


def scan(
    name: str,
    group: str,
    images: Sequence[tuple[Path, Unit]],
    masks: Sequence[tuple[Path, Labels, int | None]],
    reading: Reading,
    *,
    table: Mapping[str, set[str]],
) -> Source:
    """A patient's scan, from the folders of all series and the masks.

    Raises
    ------
    DataError
        If the series or a segment cannot be told.
    """
    series = pick_series(table, name, [path for path, _ in images])
    layers = [(path, *_segment(path, rules)) for path, rules, _ in masks]
    return make_source(name, group, [(dicom_files(series), "")], layers, reading)


def _segment(path: Path, rules: Labels) -> tuple[Labels, int]:
    """Labels and layer of the segment of a file that is the task's."""
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
    return labels
