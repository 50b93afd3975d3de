"""Your own images: a small YAML file, or two folders of equal file names.

A file such as ::

    key: liver-mr
    modality: MRI
    images: images/{id}.nii.gz
    masks: labels/{id}_seg.nii.gz
    labels: {liver: 1, tumour: [2, 3]}

Paths are relative to the file. ``{id}`` and ``{group}`` (the patient) stand for a part of a path
without ``/``, ``*`` for any part of it; a path without ``{id}`` is a folder whose files are paired
by stem, or one file. Where each object has a mask file of its own ::

    masks: {liver: masks/{id}_liver.png, tumour: masks/{id}_tumour_*.png}

``labels`` may then be left out: whatever is not 0 is the object, and an image has the objects of
which it has a file. An object is a value, several, a threshold (``'>0'``), or in files of 3D
Slicer the name of a segment; ``labels: instances`` makes a case of each value of a mask. An image
may be a folder of DICOM files (``scans/{id}``, or some of its files: ``scans/{id}/IM*.dcm``).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from tqdm import tqdm

from medsam.datasets.catalog import MODALITIES
from medsam.datasets.intensity import INTENSITIES, Unit
from medsam.datasets.labels import FULL, Labels, is_name, meaning_of_full, whole_numbers
from medsam.datasets.layouts.pairs import Key, grouped, is_picture, problem
from medsam.datasets.layouts.tree import Tree, expression, text_of
from medsam.datasets.readers import itk, nifti, open
from medsam.datasets.readers.dicom import is_dicom, open_series, read_picture
from medsam.datasets.readers.itk import segments_of
from medsam.datasets.readers.open import open_labels, open_volume
from medsam.datasets.readers.pictures import SUFFIXES as PICTURES
from medsam.datasets.readers.pictures import check_values, read_image, read_mask
from medsam.datasets.readers.volume import Plane, check_plane, error_text
from medsam.datasets.source import (
    Broken,
    Channel,
    DiskDataset,
    Instances,
    LabelVolume,
    Picture,
    Reading,
    Scan,
    Source,
)
from medsam.errors import DataError, InputError, UnknownName
from medsam.files import plain_key

__all__ = ["FolderDataset", "OwnData", "open_nnunet", "open_own", "read_own"]

_SLICER = ".seg.nrrd"
_VOLUMES = sorted({".dcm", *open.SUFFIXES, *itk.SUFFIXES, *nifti.SUFFIXES})
_STEM = rf"(?P<id>[^/]+?)(?:{'|'.join(map(re.escape, (_SLICER, *PICTURES, *_VOLUMES)))})"
"""A file that is read as an image, directly in a folder."""

Files = dict[Key, list[Path]]
"""Files by (id, group)."""


def _one_or_more(given: Any) -> Any:
    """A single value is a list of one."""
    return (given,) if isinstance(given, int) and not isinstance(given, bool) else given


class OwnData(BaseModel):
    """What a YAML file of one's own data may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(pattern=r"^[\w.+-]+$", description="Name of the dataset in the results.")
    images: str = Field(description="Pattern with {id}, or a folder; relative to the file.")
    masks: str | dict[str, str] = Field(
        description="The same for the masks; or, where each object has a file, one a task."
    )
    labels: (
        Literal["instances"]
        | Annotated[
            dict[str, Annotated[tuple[int, ...] | str, BeforeValidator(_one_or_more)]],
            Field(min_length=1),
        ]
    ) = Field(
        description="Task and its value, values, threshold such as '>0', or name of a Slicer "
        "segment; the same tasks as masks, where these are told one by one. Or: instances.",
    )
    title: str = Field("", description="Name for people; the key by default.")
    modality: str = Field("unknown", description="Such as MRI, CT, X-ray, US or PET.")
    ignore: tuple[int, ...] = Field((), description="Values that may stand in masks besides.")
    plane: Plane = Field("axial", description="How volumes are cut.")
    unit: Literal["", "HU", "SUV"] | None = Field(
        None, description="What numbers mean; HU for volumes of modality CT by default."
    )
    intensity: str | None = Field(None, description=f"One of {', '.join(INTENSITIES)}.")
    window: tuple[float, float] | None = Field(None, description="Level and width.")
    one_hot: Literal["", "background", "objects"] = Field(
        "", description="Value n is the n-th channel; the first is the background, or an object."
    )
    trust_image: bool = Field(False, description="Take the image's grid for the labels too.")

    @model_validator(mode="before")
    @classmethod
    def _whole_files(cls, raw: Any) -> Any:
        """Of a file for each object, whatever is not 0 counts unless labels say otherwise."""
        if isinstance(raw, dict) and isinstance(raw.get("masks"), dict) and "labels" not in raw:
            return {**raw, "labels": dict.fromkeys(raw["masks"], ">0")}
        return raw

    @field_validator("labels")
    @classmethod
    def _same_tasks(cls, labels: Any, info: ValidationInfo) -> Any:
        masks = info.data.get("masks")
        if not isinstance(masks, dict):
            return labels
        if labels == "instances":
            raise ValueError("Instances, but a mask file for each task")
        if masks.keys() != labels.keys():
            raise ValueError(f"Tasks {', '.join(labels)}, but masks of {', '.join(masks)}")
        return labels

    @field_validator("modality")
    @classmethod
    def _known_modality(cls, modality: str) -> str:
        """As the catalog writes it, where it has one, in any case of letters."""
        return {one.lower(): one for one in MODALITIES}.get(modality.lower(), modality)


def read_own(file: Path) -> OwnData:
    """What a YAML file says.

    Raises
    ------
    InputError
        If it cannot be read, is not YAML, or says something that is not allowed.
    UnknownName
        If it has a key that does not exist.
    """
    import yaml

    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())
        raise InputError(
            f"Data file {str(file)!r} cannot be read ({words}). Allowed: a YAML file. Mend it."
        ) from error
    if not isinstance(raw, dict):
        raise InputError(
            f"Data file {str(file)!r} holds {type(raw).__name__}. Allowed: keys and values, at "
            "least key, images, masks and labels. See the page 'Run it again'."
        )
    for name in raw:
        if name not in OwnData.model_fields:
            raise UnknownName(f"key of {file.name}", str(name), OwnData.model_fields)
    try:
        return OwnData.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"][:2]))
        field = OwnData.model_fields[str(first["loc"][0])]
        raise InputError(
            f"Data file {file.name!r}, {where}: {first['msg']}. Allowed: {field.description} Mend "
            "the file."
        ) from error


_GENERIC = ("image", "images", "img", "imgs", "imagestr")
_BAR_FROM = 50  # masks; fewer are scanned before a bar could be read
_INSTANCE = "object"
_FULL = {"object": "a value as any other", "unsure": "unsure, no object"}
_TURNS = {"shown": "as shown (EXIF)", "stored": "as stored"}


@dataclass(frozen=True)
class _Rules:
    """How the masks of a dataset are read.

    Attributes
    ----------
    labels : mapping of str to Labels
        By the pattern of the mask file: that of one task, or all ("").
    segments : mapping of str to str
        Names of segments of 3D Slicer's files, by task.
    one_hot : int or None
        Number of the channel that is value 1, where each value has a channel.
    instances : bool
        Each value of a mask is a case.
    """

    labels: Mapping[str, Labels]
    segments: Mapping[str, str] = field(default_factory=dict)
    one_hot: int | None = None
    instances: bool = False


def _sources(
    images: Files,
    masks: Mapping[Key, Mapping[str, list[Path]]],
    rules: _Rules,
    unit: Unit,
    reading: Reading,
) -> list[Source]:
    """Pictures and scans; what cannot be used is a source that says why."""

    def make(key: Key) -> Source:
        # Two patients may both have an image of that name.
        name, group = f"{key[1]}/{key[0]}".strip("/"), key[1] or key[0]
        each = [(path, task) for task, of in masks.get(key, {}).items() for path in of]
        of_image = images.get(key, [])
        series = len(of_image) > 1 and all(map(is_dicom, of_image))
        drawn = [path for path, _ in each]
        parts = {"image": of_image[:1] if series else of_image, "mask": drawn}
        reason = problem(name, parts, joined=() if "" in rules.labels else ["mask"])
        try:
            if reason:
                raise DataError(reason)
            return _source(name, group, of_image, each, rules, unit, reading)
        except DataError as error:
            return Broken(name, group, str(error), (*of_image, *drawn))

    return [make(key) for key in images.keys() | masks.keys()]


def _source(
    name: str,
    group: str,
    image: Sequence[Path],
    masks: Sequence[tuple[Path, str]],
    rules: _Rules,
    unit: Unit,
    reading: Reading,
) -> Source:
    """The picture or the scan of an image and its masks.

    Raises
    ------
    DataError
        If these do not go together.
    """
    first = image[0]
    labelled = [(path, rules.labels[task]) for path, task in masks]
    if is_picture(first) or (
        len(image) == 1
        and first.is_file()
        and is_dicom(first)
        and all(is_picture(path) for path, _ in masks)
    ):
        if rules.segments or rules.one_hot is not None:
            raise DataError(
                f"{name!r} is a picture. Allowed: volumes, where masks have segments or a channel "
                "for each value. Save the labels 1..n as a grey PNG."
            )
        turn = reading.options.get("turn", "")
        read = read_image if is_picture(first) else read_picture
        picture = Picture(name, group, first, tuple(labelled), reading.to_uint8, read, turn=turn)
        return Instances(picture, _INSTANCE) if rules.instances else picture
    if rules.instances:
        raise DataError(
            f"{name!r} is a volume. Allowed: pictures, where labels are instances. Name the values."
        )
    files = tuple(image)
    opened = partial(open_volume, first) if len(files) == 1 else partial(open_series, files)
    grid = first if len(files) == 1 else files
    return Scan(
        name,
        group,
        (Channel(opened, files, unit),),
        tuple(
            LabelVolume(partial(open_labels, path, grid, layer), (path,), of)
            for path, labels in labelled
            for layer, of in _layers(path, labels, rules)
        ),
        check_plane(reading.plane),
        reading.to_uint8,
        trust_image=reading.trust_image,
    )


def _layers(path: Path, labels: Labels, rules: _Rules) -> list[tuple[int | None, Labels]]:
    """Which images of a mask file are read (the only one: none), and the values in each."""
    if rules.one_hot is not None:
        return [
            (value - 1 + rules.one_hot, Labels({task: (1,)}))
            for task, values in labels.tasks.items()
            for value in values
            if isinstance(value, int)
        ]
    if not rules.segments:
        return [(None, labels)]
    found = segments_of(path)
    several = any(one.layer for one in found)
    by_name = {one.name.strip().lower(): one for one in found}
    out: list[tuple[int | None, Labels]] = []
    for task, name in rules.segments.items():
        one = by_name.get(name.strip().lower())
        if one is not None and task in labels.tasks:
            others = {each.value for each in found if each.layer == one.layer} - {one.value}
            of_task = Labels({task: (one.value,)}, tuple(sorted(others)))
            out.append((one.layer if several else None, of_task))
    if not out:
        names, wanted = (one.name for one in found), rules.segments.values()
        raise DataError(
            f"{path.name!r} has the segments {', '.join(map(repr, names))}. Allowed: "
            f"{', '.join(map(repr, wanted))}. Name them as the file does."
        )
    return out


def open_own(
    own: OwnData, folder: Path, reading: Reading | None = None, *, progress: bool = True
) -> DiskDataset:
    """The dataset that a YAML file describes.

    Parameters
    ----------
    own : OwnData
    folder : Path
        What its paths are relative to.
    reading : Reading, optional
        What it says counts, and not what the file says.
    progress : bool
        A bar while the labels of volumes are read.

    Raises
    ------
    InputError
        If nothing matches, an image can be read by no reader, or what the file or the reading
        says has no effect on such data.
    UnknownName
        If there is no such option.
    """
    reading = _reading_of(own, reading or Reading())
    unit: Unit = own.unit if own.unit is not None else ("HU" if own.modality == "CT" else "")
    patterns = own.masks if isinstance(own.masks, dict) else {"": own.masks}
    trees: dict[Path, Tree] = {}
    images, masks = _pairs(own.images, patterns, folder, trees)
    files = [path for of in masks.values() for paths in of.values() for path in paths]
    rules = _rules_of(own, patterns, files)
    sources = _sources(images, masks, rules, unit, reading)
    volumes = any(isinstance(one, Scan) for one in sources)
    alone = own.model_fields_set & {"plane", "trust_image", "unit"}
    if alone and not volumes and any(isinstance(one, Picture) for one in sources):
        raise InputError(
            f"Key {min(alone)!r} with pictures. Allowed: with volumes. Leave it out of the file."
        )
    return DiskDataset(
        own.key,
        own.title or own.key,
        own.modality,
        [_INSTANCE] if own.labels == "instances" else list(own.labels),
        sources,
        settings={
            **({"plane": reading.plane} if volumes else {}),
            "intensity": reading.to_uint8.words(unit if volumes else ""),
            "labels": own.labels if isinstance(own.labels, str) else _label_words(own.labels),
            **({"one_hot": own.one_hot} if own.one_hot else {}),
            **_settings(reading),
        },
        skipped=_unmatched(trees.values()),
        progress=progress,
    )


def _reading_of(own: OwnData, asked: Reading) -> Reading:
    """How files become pixels: what was asked for, else what the file says."""
    _check_options(asked, {"turn": _TURNS})
    untold = asked.intensity == "modality" and asked.window is None
    return replace(
        asked,
        plane=asked.plane or own.plane,
        headers="image" if own.trust_image else asked.headers,
        intensity=(own.intensity or "modality") if untold else asked.intensity,
        window=own.window if untold else asked.window,
    )


def _check_options(reading: Reading, known: Mapping[str, Mapping[str, str]]) -> None:
    for name, value in reading.options.items():
        if name not in known:
            raise UnknownName("option of such data", name, known)
        if value not in known[name]:
            raise UnknownName(f"value of option {name}", value, known[name])


def _settings(reading: Reading) -> dict[str, str]:
    """What was asked for besides plane and intensity."""
    turn = reading.options.get("turn")
    return {
        **({"headers": "image"} if reading.trust_image else {}),
        **({"turn": _TURNS[turn]} if turn else {}),
    }


def _rules_of(own: OwnData, patterns: Mapping[str, str], files: Sequence[Path]) -> _Rules:
    if isinstance(own.labels, str):
        return _Rules({"": Labels({_INSTANCE: ">0"})}, instances=True)

    @cache
    def full() -> bool:
        try:
            return meaning_of_full(_values(files, progress=False).values()) == "object"
        except InputError:  # then 255 is outside the list
            return False

    segments = {task: str(rule) for task, rule in own.labels.items() if is_name(rule)}
    whole = not any(isinstance(rule, str) for rule in own.labels.values())
    if (segments and len(segments) < len(own.labels)) or (own.one_hot and not whole):
        raise InputError(
            f"Labels {_label_words(own.labels)}. Allowed: names of segments for all tasks or none; "
            "of one-hot masks values. Write one kind."
        )
    # The values of segments are in the files.
    told: dict[str, Any] = {
        task: (1,) if task in segments else rule for task, rule in own.labels.items()
    }
    labels = {
        pattern: Labels({pattern: told[pattern]} if pattern else told, own.ignore, full)
        for pattern in patterns
    }
    one_hot = {"": None, "background": 1, "objects": 0}[own.one_hot]
    return _Rules(labels, segments, one_hot)


def _label_words(labels: Mapping[str, Any]) -> str:
    return "; ".join(f"{task} {rule}" for task, rule in labels.items())


def _unmatched(trees: Iterable[Tree]) -> list[tuple[str, str]]:
    """Files of the folders that no pattern has matched."""
    trees = list(trees)
    used = {tree.paths[below] for tree in trees for below in tree.used}
    left = {
        tree.root / below: (f"{tree.root.name}/{below}", why)
        for tree in trees
        for below, why in tree.skipped("not of a pattern")
        if tree.paths.get(below) not in used
    }
    return [left[path] for path in sorted(left)]


def _pairs(
    images: str, masks: Mapping[str, str], folder: Path, trees: dict[Path, Tree]
) -> tuple[Files, dict[Key, dict[str, list[Path]]]]:
    """Images, and their masks by what they hold, both by (id, group).

    A file that is a mask by some pattern is no image, as both may lie in one folder; where only
    the images' paths name the patient, masks are those of equal id.
    """
    if all("{" not in each and (folder / each).is_file() for each in masks.values()):
        path = folder / images
        if "{" in images or not path.exists():
            raise InputError(
                f"The masks {', '.join(map(repr, masks.values()))} are one file each, and the "
                f"images {images!r}: {'a pattern' if '{' in images else 'nothing is there'}. "
                "Allowed: one image, a file or the folder of a DICOM series. Give its path."
            )
        stem = re.fullmatch(_STEM, path.name, re.IGNORECASE)
        key = (stem["id"] if stem else path.name, "")
        return {key: [path]}, {key: {task: [folder / each] for task, each in masks.items()}}
    every = _files(images, folder, "images", trees)
    by_task = {task: _files(each, folder, "masks", trees) for task, each in masks.items()}
    taken = {path for of_task in by_task.values() for paths in of_task.values() for path in paths}
    found = {key: [path for path in paths if path not in taken] for key, paths in every.items()}
    found = {key: paths for key, paths in found.items() if paths}
    groups = {name: group for name, group in found if group}
    joined: dict[Key, dict[str, list[Path]]] = {}
    for task, of_task in by_task.items():
        for (name, group), paths in of_task.items():
            joined.setdefault((name, group or groups.get(name, "")), {})[task] = paths
    if not found.keys() & joined.keys():
        patterns = " and ".join(map(repr, masks.values()))
        raise InputError(
            f"No image and mask of equal {{id}}: {len(found)} images match {images!r} "
            f"({_some(found)}), {len(joined)} masks match {patterns} ({_some(joined)}). "
            "Allowed: patterns whose {id} is the same for both. Mend the patterns."
        )
    return found, joined


def _files(pattern: str, folder: Path, what: str, trees: dict[Path, Tree]) -> Files:
    """Files, and folders of DICOM files, by (id, group) of a pattern or a folder."""
    root, rest = folder / pattern, ""
    if "{" in pattern:
        if "{id}" not in pattern:
            raise InputError(
                f"Pattern {pattern!r} has no {{id}}. Allowed: {{id}}, and {{group}} for the "
                "patient. Put {id} where the names of images differ."
            )
        parts = pattern.split("/")
        fixed = next(i for i, part in enumerate(parts) if "{" in part or "*" in part)
        root, rest = folder / "/".join(parts[:fixed]), "/".join(parts[fixed:])
    tree = trees[root] = trees.get(root) or Tree(root)
    if rest:
        found = grouped(tree, tree.match(expression(rest), anywhere=False), "id", "group")
        found |= _series(tree, expression(rest))
    else:
        found = {(key, ""): paths for key, paths in _by_stem(tree).items()}
    if not found:
        raise InputError(
            f"No file below {str(root)!r} (such as {next(iter(tree.paths))!r}) fits the {what} "
            f"{pattern!r}. Allowed: a pattern with {{id}}, such as images/{{id}}.nii.gz, or a "
            "folder. Mend it."
        )
    return found


def _some(keys: Iterable[Key]) -> str:
    names = [key[0] for key in keys]
    return ", ".join(names[:2]) + (", …" if len(names) > 2 else "")


def _series(tree: Tree, pattern: str) -> Files:
    """Folders of DICOM files whose path below the root fits, by (id, group)."""
    files: dict[str, list[str]] = {}
    for below in tree.paths:
        files.setdefault(below.rpartition("/")[0], []).append(below)
    found: Files = {}
    for below, inside in files.items():
        match = re.fullmatch(pattern, below, re.IGNORECASE)
        if match and any(is_dicom(tree.paths[one]) for one in inside):
            parts = match.groupdict()
            key = (parts["id"], parts.get("group") or "")
            found.setdefault(key, []).append(tree.paths[inside[0]].parent)
            tree.used.update(inside)
    return found


def _by_stem(tree: Tree) -> dict[str, list[Path]]:
    """Files directly in a folder that are read as images, and folders of DICOM files in it."""
    by_id = grouped(tree, tree.match(_STEM, anywhere=False), "id")
    found = {key[0]: paths for key, paths in by_id.items()}
    for below, path in tree.paths.items():
        if "/" not in below and below not in tree.used and "." not in below and is_dicom(path):
            found.setdefault(below, []).append(path)
            tree.used.add(below)
    for key, paths in _series(tree, r"(?P<id>[^/]+)").items():
        found.setdefault(key[0], []).extend(paths)
    return found


def _values(files: Sequence[Path], *, progress: bool) -> dict[Path, set[int]]:
    """Label values of each mask; those that cannot be read are left to their cases."""
    few = len(files) < (_BAR_FROM if all(map(is_picture, files)) else 3)
    values: dict[Path, set[int]] = {}
    for path in tqdm(files, "masks", disable=not progress or few, unit="file", file=sys.stderr):
        try:
            values[path] = _values_of(path)
        except DataError:
            continue
    return values


def _values_of(path: Path) -> set[int]:
    name = f"Mask {path.name!r}"
    if is_picture(path):
        array = read_mask(path)
        check_values(array, name)
        return set(np.unique(array).tolist())
    array = open_volume(path).array
    found = np.unique(whole_numbers(np.unique(array), name))
    return {int(value) for value in found if value >= 0}


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
        _check_options(reading, {"turn": _TURNS, "255": _FULL})
        folders = {"image": Path(images), "mask": Path(masks)}
        trees = {kind: Tree(folder) for kind, folder in folders.items()}
        if folders["image"].samefile(folders["mask"]):
            raise InputError(
                f"Images and masks are the same folder {str(images)!r}. Allowed: two folders, or a "
                "YAML file with a pattern for each. Give the folder of the masks."
            )
        found = {kind: _by_stem(tree) for kind, tree in trees.items()}
        for kind, files in found.items():
            if not files:
                raise InputError(
                    f"No image among the {len(trees[kind].paths)} files of {str(folders[kind])!r}. "
                    f"Allowed: {', '.join(PICTURES)}, or volumes ({', '.join(_VOLUMES)}). Give "
                    "another folder."
                )
        if not found["image"].keys() & found["mask"].keys():
            raise InputError(
                f"No image and mask of equal stem. Got images {_two(found['image'])}, masks "
                f"{_two(found['mask'])}. Allowed: 'a.png' in both folders, or a YAML file with a "
                "pattern for each. Give one of these."
            )
        single = [paths[0] for paths in found["mask"].values() if len(paths) == 1]
        rules, told = _rules_in(single, reading.options.get("255", ""), progress)
        tasks = list(rules.labels[""].tasks)
        sources = _sources(
            {(stem, ""): paths for stem, paths in found["image"].items()},
            {(stem, ""): {"": paths} for stem, paths in found["mask"].items()},
            rules,
            "",
            reading,
        )
        volumes = any(not is_picture(path) for each in found["image"].values() for path in each)
        scans = any(isinstance(one, Scan) for one in sources)
        whole = folders["image"].resolve()
        title = whole.parent.name if whole.name.lower() in _GENERIC else whole.name
        title = text_of(title)
        words = _label_words(rules.segments or rules.labels[""].tasks)
        super().__init__(
            key or (plain_key(title) if volumes else title) or "folder",
            key or title or "folder",
            modality,
            tasks,
            sources,
            settings={
                **({"plane": reading.plane, "labels": words} if scans else {}),
                "intensity": reading.to_uint8.words(),
                **told,
                **_settings(reading),
            },
            skipped=[
                one
                for kind, tree in trees.items()
                for one in _skipped(folders[kind].name, tree, _VOLUMES if scans else PICTURES)
            ],
            progress=progress,
        )


def _rules_in(masks: Sequence[Path], full: str, progress: bool) -> tuple[_Rules, dict[str, str]]:
    """The objects that masks hold, and what was decided of 255."""
    segments = _segment_names(masks)
    if segments:
        return _Rules({"": Labels(dict.fromkeys(segments, (1,)))}, segments), {}
    values = _values(masks, progress=progress)
    meaning = meaning_of_full(values.values(), full)
    objects = sorted(set().union(*values.values()) - {0})
    if meaning == "object":
        objects = [1]
    ignore = (FULL,) if meaning == "unsure" else ()
    labels = {f"object-{value}": (value,) for value in objects if value not in ignore}
    rules = _Rules({"": Labels(labels or {"object-1": (1,)}, ignore, lambda: meaning == "object")})
    return rules, {"255": _FULL["unsure"]} if ignore else {}


def _segment_names(masks: Sequence[Path]) -> dict[str, str]:
    """Names of the segments of 3D Slicer's files by task; none if a mask is of another kind."""
    names: dict[str, str] = {}
    for path in masks:
        if not path.name.lower().endswith(_SLICER):
            return {}
        try:
            for one in segments_of(path):
                task = plain_key(one.name.strip().lower())
                names.setdefault(f"object-{task}", one.name)
        except DataError:
            return {}
    return names


def _skipped(folder: str, tree: Tree, endings: Iterable[str]) -> list[tuple[str, str]]:
    """Other files of a folder, and folders in it."""
    reasons = {}
    for below, _ in tree.skipped(""):
        name, slash, _ = below.partition("/")
        why = "a folder; folders are not searched" if slash else f"not one of {', '.join(endings)}"
        reasons[f"{folder}/{name}"] = why
    return list(reasons.items())


def _two(files: Mapping[str, list[Path]]) -> str:
    names = [paths[0].name for _, paths in sorted(files.items())]
    return ", ".join(map(repr, names[:2])) + (", …" if len(names) > 2 else "")


def open_nnunet(
    folder: Path, reading: Reading | None = None, *, progress: bool = True
) -> DiskDataset:
    """A dataset in the form of nnU-Net: imagesTr/x_0000.nii.gz, labelsTr/x.nii.gz, dataset.json.

    Parameters
    ----------
    folder : Path
        That of ``dataset.json``, which names labels, channels and the ending.
    reading : Reading, optional
        Its option ``channel`` is the number of the channel that is shown; 0 by default.
    progress : bool
        A bar while the labels of volumes are read.

    Raises
    ------
    InputError
        If ``dataset.json`` is missing or says something else, or nothing matches.
    UnknownName
        If there is no such channel.
    """
    reading = reading or Reading()
    file = folder / "dataset.json"
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        labels, ignore = _nnunet_labels(raw["labels"])
        channels = raw.get("channel_names") or raw["modality"]
        ending = raw.get("file_ending", ".nii.gz")
        options = dict(reading.options)
        channel = options.pop("channel", "0")
        if channel not in channels:
            raise UnknownName("channel", channel, channels)
        what = str(channels[channel]).upper()
        modality = "CT" if what == "CT" else "MRI" if "MR" in what else "unknown"
        name = text_of(folder.resolve().name)
        told = {
            "key": plain_key(name) or "nnunet",
            "title": str(raw.get("name") or name),
            "modality": modality,
            "images": f"imagesTr/{{id}}_{int(channel):04d}{ending}",
            "masks": f"labelsTr/{{id}}{ending}",
            "labels": labels,
            "ignore": ignore,
        }
        own = OwnData.model_validate(told)
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{str(file)!r} cannot be used ({error_text(error)}). Allowed: nnU-Net's dataset.json "
            "with labels and channel_names. Give its folder."
        ) from error
    found = open_own(own, folder, replace(reading, options=options), progress=progress)
    others = re.compile(rf"imagesTr/.*_\d{{4}}{re.escape(ending)}", re.IGNORECASE)
    found.skipped = [one for one in found.skipped if not others.fullmatch(one[0])]
    found.settings["channel"] = f"{channel} ({channels[channel]})"
    return found


def _nnunet_labels(raw: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Tasks and their values (regions are several), and values that mean unsure."""
    if all(key.isdecimal() for key in raw):  # nnU-Net 1: name by value
        raw = {str(name): int(value) for value, name in raw.items()}
    ignore = raw.get("ignore", [])
    labels = {name: value for name, value in raw.items() if value != 0 and name != "ignore"}
    return labels, tuple(ignore if isinstance(ignore, list) else [ignore])
