"""Your own images, by a small YAML file or as nnU-Net has them.

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
from collections.abc import Mapping, Sequence
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
    ValidationInfo,
    field_validator,
    model_validator,
)
from tqdm import tqdm

from medsam.datasets.catalog import MODALITIES
from medsam.datasets.intensity import INTENSITIES, Unit
from medsam.datasets.labels import Labels, is_name, meaning_of_full, whole_numbers
from medsam.datasets.layouts.files import Files, Masks, left_out, paired_files
from medsam.datasets.layouts.pairs import is_picture, make_source, of_segment, paired
from medsam.datasets.layouts.tree import Tree, text_of
from medsam.datasets.readers.dicom import is_dicom
from medsam.datasets.readers.itk import segments_of
from medsam.datasets.readers.open import open_volume
from medsam.datasets.readers.pictures import check_values, read_mask
from medsam.datasets.readers.volume import Plane, error_text
from medsam.datasets.source import (
    HEADERS,
    TURNS,
    DiskDataset,
    Instances,
    Picture,
    Reading,
    Scan,
    Source,
)
from medsam.errors import DataError, InputError, UnknownName
from medsam.files import plain_key, read_keys, validated

_BAR_FROM = 50  # masks; fewer are scanned before a bar could be read
INSTANCE = "object"
"""The task of labels that are instances."""


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
    headers: str = Field("agree", description=f"Which count: {', '.join(HEADERS)}.")

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
    return validated(OwnData, read_keys(file), file.name)


@dataclass(frozen=True)
class Rules:
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

    def layers(self, path: Path, pattern: str) -> list[tuple[Path, Labels, int | None]]:
        """Which images of a mask file are read (the only one: none), and the values in each.

        Raises
        ------
        DataError
            If it has none of the segments.
        """
        labels = self.labels[pattern]
        if self.one_hot is not None:
            return [
                (path, Labels({task: (1,)}), value - 1 + self.one_hot)
                for task, values in labels.tasks.items()
                for value in values
                if isinstance(value, int)
            ]
        if not self.segments:
            return [(path, labels, None)]
        found = segments_of(path)
        named = {t: of_segment(t, n, found) for t, n in self.segments.items() if t in labels.tasks}
        out: list[tuple[Path, Labels, int | None]] = [(path, *one) for one in named.values() if one]
        if not out:
            names, wanted = (one.name for one in found), self.segments.values()
            raise DataError(
                f"{path.name!r} has the segments {', '.join(map(repr, names))}. Allowed: "
                f"{', '.join(map(repr, wanted))}. Name them as the file does."
            )
        return out


def make_sources(
    images: Files, masks: Masks, rules: Rules, reading: Reading, unit: Unit = ""
) -> list[Source]:
    """Pictures and scans; what cannot be used is a source that says why."""
    sources: list[Source] = []
    for key in images.keys() | masks.keys():
        # Two patients may both have an image of that name.
        name, group = f"{key[1]}/{key[0]}".strip("/"), key[1] or key[0]
        image = images.get(key, [])
        each = [(path, task) for task, of in masks.get(key, {}).items() for path in of]
        joined = ["image"] if len(image) > 1 and all(map(is_dicom, image)) else []
        joined += [] if "" in rules.labels else ["mask"]
        parts = {"image": image, "mask": [path for path, _ in each]}
        make = partial(_source, name, group, image, each, rules, unit, reading)
        sources.append(paired(name, group, parts, make, joined))
    return sources


def _source(
    name: str,
    group: str,
    image: Sequence[Path],
    masks: Sequence[tuple[Path, str]],
    rules: Rules,
    unit: Unit,
    reading: Reading,
) -> Source:
    """The picture or the scan of an image and its masks.

    Raises
    ------
    DataError
        If these do not go together.
    """
    channel = image[0] if len(image) == 1 else tuple(image)
    if any(is_picture(path) for path, _ in masks) and (rules.segments or rules.one_hot is not None):
        raise DataError(
            f"{name!r} is a picture. Allowed: volumes, where masks have segments or a channel "
            "for each value. Save the labels 1..n as a grey PNG."
        )
    layers = [layer for path, pattern in masks for layer in rules.layers(path, pattern)]
    made = make_source(name, group, [(channel, unit)], layers, reading)
    if not rules.instances:
        return made
    if not isinstance(made, Picture):
        raise DataError(
            f"{name!r} is a volume. Allowed: pictures, where labels are instances. Name the values."
        )
    return Instances(made, INSTANCE)


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
    patterns = own.masks if isinstance(own.masks, dict) else {"": own.masks}
    trees: dict[Path, Tree] = {}
    images, masks = paired_files(own.images, patterns, folder, trees)
    files = [path for of in masks.values() for paths in of.values() for path in paths]
    unit: Unit = own.unit if own.unit is not None else ("HU" if own.modality == "CT" else "")
    sources = make_sources(images, masks, _rules_of(own, patterns, files), reading, unit)
    kinds = {type(one) for one in sources}
    scans = Scan in kinds
    alone = own.model_fields_set & {"plane", "headers", "unit"}
    if alone and Picture in kinds and not scans:
        raise InputError(
            f"Key {min(alone)!r} with pictures. Allowed: with volumes. Leave it out of the file."
        )
    told = {"labels": own.labels if isinstance(own.labels, str) else label_words(own.labels)}
    told |= {"one_hot": own.one_hot} if own.one_hot else {}
    return DiskDataset(
        own.key,
        own.title or own.key,
        own.modality,
        [INSTANCE] if own.labels == "instances" else list(own.labels),
        sources,
        settings=reading.settings(told, (unit,) if scans else ("",), volumes=scans),
        skipped=left_out(trees.values()),
        progress=progress,
    )


def _reading_of(own: OwnData, asked: Reading) -> Reading:
    """How files become pixels: what was asked for, else what the file says."""
    asked.check_options({"turn": TURNS})
    untold = asked.intensity == "modality" and asked.window is None
    return replace(
        asked,
        plane=asked.plane or own.plane,
        headers=own.headers if asked.headers == "agree" else asked.headers,
        intensity=(own.intensity or "modality") if untold else asked.intensity,
        window=own.window if untold else asked.window,
    )


def _rules_of(own: OwnData, patterns: Mapping[str, str], files: Sequence[Path]) -> Rules:
    if isinstance(own.labels, str):
        return Rules({"": Labels({INSTANCE: ">0"})}, instances=True)

    @cache
    def full() -> bool:
        try:
            return meaning_of_full(values_of(files, progress=False).values()) == "object"
        except InputError:  # then 255 is outside the list
            return False

    segments = {task: str(rule) for task, rule in own.labels.items() if is_name(rule)}
    whole = not any(isinstance(rule, str) for rule in own.labels.values())
    if (segments and len(segments) < len(own.labels)) or (own.one_hot and not whole):
        raise InputError(
            f"Labels {label_words(own.labels)}. Allowed: names of segments for all tasks or none; "
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
    return Rules(labels, segments, one_hot)


def label_words(labels: Mapping[str, Any]) -> str:
    """Tasks and their values in words."""
    return "; ".join(f"{task} {rule}" for task, rule in labels.items())


def values_of(files: Sequence[Path], *, progress: bool) -> dict[Path, set[int]]:
    """Label values of each mask; those that cannot be read are left to their cases."""
    few = len(files) < (_BAR_FROM if all(map(is_picture, files)) else 3)
    values: dict[Path, set[int]] = {}
    for path in tqdm(files, "masks", disable=not progress or few, unit="file", file=sys.stderr):
        try:
            values[path] = _values_in(path)
        except DataError:
            continue
    return values


def _values_in(path: Path) -> set[int]:
    name = f"Mask {path.name!r}"
    if is_picture(path):
        array = read_mask(path)
        check_values(array, name)
        return set(np.unique(array).tolist())
    array = open_volume(path).array
    found = np.unique(whole_numbers(np.unique(array), name))
    return {int(value) for value in found if value >= 0}


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
