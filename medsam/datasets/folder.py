"""Two folders: images, and masks of equal file names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from medsam.datasets.labels import FULL, Labels, meaning_of_full
from medsam.datasets.layouts.files import SLICER, left_out, paired_files
from medsam.datasets.layouts.pairs import is_picture
from medsam.datasets.layouts.tree import Tree, text_of
from medsam.datasets.own import Rules, label_words, make_sources, values_of
from medsam.datasets.readers.itk import segments_of
from medsam.datasets.source import TURNS, DiskDataset, Reading, Scan
from medsam.errors import DataError, InputError
from medsam.files import plain_key

_GENERIC = ("image", "images", "img", "imgs", "imagestr")
_FULL = {"object": "a value as any other", "unsure": "unsure, no object"}


class FolderDataset(DiskDataset):
    """Images of one folder with the masks of equal stem of another.

    Each value 1..n of a mask is an object, its task ``object-<value>``; in files of 3D Slicer each
    segment, its task ``object-<name>``. 255 is 1 where masks hold 0, 1 and 255 alone, and no object
    where it lies beside classes. The tasks are those of any mask, and every picture counts for
    every task: where a value is absent, its mask is empty. A case that cannot be used (no mask, no
    image, shapes that differ, a broken file) is still a case; its ``load`` says what is wrong.

    Parameters
    ----------
    images, masks : path
        Folders of pictures (PNG, TIFF, BMP, JPEG, DICOM), of volumes (NIfTI, NRRD, MetaImage,
        arrays), or of folders of DICOM files. Other folders inside them are not searched.
        Hidden files are passed over.
    key : str, optional
        Name of the dataset in the results; by default the name of the images' folder, or
        of the folder around it where that is just "images".
    modality : str
        Such as "MRI" or "CT".
    reading : Reading, optional
        How files become pixels. Options: ``turn`` (``shown`` or ``stored``: EXIF orientation),
        ``255`` (``object`` or ``unsure``).
    progress : bool
        A bar on stderr while many masks are scanned for their values.

    Raises
    ------
    InputError
        If a folder is missing, is a file, holds no image, both are the same, no stem is in both,
        or what 255 means cannot be told.
    UnknownName
        If there is no such option.
    """

    def __init__(
        self,
        images: Path | str,
        masks: Path | str,
        *,
        key: str | None = None,
        modality: str = "unknown",
        reading: Reading | None = None,
        progress: bool = True,
    ):
        reading = reading or Reading()
        reading = replace(reading, plane=reading.plane or "axial")
        reading.check_options({"turn": TURNS, "255": _FULL})
        trees = {Path(folder): Tree(Path(folder)) for folder in (images, masks)}
        if Path(images).samefile(masks):
            raise InputError(
                f"Images and masks are the same folder {str(images)!r}. Allowed: two folders, or a "
                "YAML file with a pattern for each. Give the folder of the masks."
            )
        found, drawn = paired_files(str(images), {"": str(masks)}, Path(), trees)
        single = [each[""][0] for each in drawn.values() if len(each[""]) == 1]
        rules, told = _rules_in(single, reading.options.get("255", ""), progress)
        volumes = any(not is_picture(path) for each in found.values() for path in each)
        title = folder_title(Path(images))
        tasks = list(rules.labels[""].tasks)
        sources = make_sources(found, drawn, rules, reading)
        scans = any(isinstance(one, Scan) for one in sources)
        if scans:
            told["labels"] = label_words(rules.segments or rules.labels[""].tasks)
        super().__init__(
            key or (plain_key(title) if volumes else title) or "folder",
            key or title or "folder",
            modality,
            tasks,
            sources,
            settings=reading.settings(told, volumes=scans),
            skipped=left_out(trees.values()),
            progress=progress,
        )


def folder_title(images: Path) -> str:
    """The name of a folder of images, or of the folder around it where that is just "images"."""
    whole = images.resolve()
    return text_of(whole.parent.name if whole.name.lower() in _GENERIC else whole.name)


def _rules_in(masks: Sequence[Path], full: str, progress: bool) -> tuple[Rules, dict[str, str]]:
    """The objects that masks hold, and what was decided of 255."""
    segments = _segment_names(masks)
    if segments and not full:
        return Rules({"": Labels(dict.fromkeys(segments, (1,)))}, segments), {}
    values = values_of(masks, progress=progress)
    if full and not any(FULL in found for found in values.values()):
        raise InputError(
            f"--option 255={full} with masks none of which holds 255. Allowed: with masks that do. "
            "Leave it out."
        )
    meaning = meaning_of_full(values.values(), full)
    objects = sorted(set().union(*values.values()) - {0})
    if meaning == "object":
        objects = [1]
    ignore = (FULL,) if meaning == "unsure" else ()
    labels = {f"object-{value}": (value,) for value in objects if value not in ignore}
    rules = Rules({"": Labels(labels or {"object-1": (1,)}, ignore, lambda: meaning == "object")})
    return rules, {"255": _FULL["unsure"]} if ignore else {}


def _segment_names(masks: Sequence[Path]) -> dict[str, str]:
    """Names of the segments of 3D Slicer's files by task; none if a mask is of another kind."""
    names: dict[str, str] = {}
    for path in masks:
        if not path.name.lower().endswith(SLICER):
            return {}
        try:
            for one in segments_of(path):
                task = plain_key(one.name.strip().lower())
                names.setdefault(f"object-{task}", one.name)
        except DataError:
            return {}
    return names
