"""Your own images: by a small YAML file, in two folders, or as nnU-Net has them.

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
Slicer the name of a segment; ``labels: instances`` makes a case of each value of a mask, and
``labels: values`` an object of each value, or segment, that any mask holds. An image may be a
folder of DICOM files (``scans/{id}``, or some of its files: ``scans/{id}/IM*.dcm``).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
from medsam.datasets.labels import FULL, Labels, is_name, meaning_of_full, whole_numbers
from medsam.datasets.layouts.files import SLICER, left_out, paired_files
from medsam.datasets.layouts.pairs import is_picture, make_source, of_segment, paired
from medsam.datasets.layouts.tree import Key, Tree, text_of
from medsam.datasets.readers.dicom import is_dicom
from medsam.datasets.readers.itk import segments_of
from medsam.datasets.readers.open import open_volume
from medsam.datasets.readers.pictures import check_values, read_mask
from medsam.datasets.readers.volume import Plane, error_text
from medsam.datasets.source import (
    HEADERS,
    TURNS,
    DiskDataset,
    Picture,
    Reading,
    Scan,
    Source,
    refuse_idle,
)
from medsam.errors import DataError, InputError, UnknownName
from medsam.files import plain_key, read_keys, validated

INSTANCE = "object"
"""The task of labels that are instances."""

_GENERIC = ("image", "images", "img", "imgs", "imagestr")
_FULL = {"object": "a value as any other", "unsure": "unsure, no object"}


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
        Literal["instances", "values"]
        | Annotated[
            dict[str, Annotated[tuple[int, ...] | str, BeforeValidator(_one_or_more)]],
            Field(min_length=1),
        ]
    ) = Field(
        description="Task and its value, values, threshold such as '>0', or name of a Slicer "
        "segment; the same tasks as masks, where these are told one by one. Or: instances, values.",
    )
    title: str = Field("", description="Name for people; the key by default.")
    modality: str = Field("unknown", description="Such as MRI, CT, X-ray, US or PET.")
    ignore: tuple[int, ...] = Field((), description="Values that may stand in masks besides.")
    plane: Plane | None = Field(None, description="How volumes are cut; axial by default.")
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
    def _one_kind(cls, labels: Any, info: ValidationInfo) -> Any:
        masks = info.data.get("masks")
        if isinstance(masks, dict) and set(masks) != set(labels):
            raise ValueError(f"The tasks of the masks: {', '.join(masks)}")
        if len(set(map(is_name, labels.values() if isinstance(labels, dict) else ()))) > 1:
            raise ValueError("Names of segments for all tasks, or none")
        return labels

    @field_validator("one_hot")
    @classmethod
    def _of_values(cls, one_hot: str, info: ValidationInfo) -> str:
        labels = info.data.get("labels")
        rules = labels.values() if isinstance(labels, dict) else [labels]
        if one_hot and any(isinstance(rule, str) for rule in rules):
            raise ValueError("One-hot masks with values as labels")
        return one_hot

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


def open_folders(
    images: Path | str,
    masks: Path | str,
    *,
    key: str = "",
    reading: Reading | None = None,
    progress: bool = True,
) -> DiskDataset:
    """The dataset of two folders: images, and masks of equal file names.

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
        Name of the dataset in the results; by default the name of the images' folder, or of
        the folder around it where that is just "images".
    reading, progress
        As in :func:`open_own`.

    Raises
    ------
    InputError, UnknownName
        As :func:`open_own`.
    """
    whole = Path(images).resolve()
    title = key or text_of(whole.parent.name if whole.name.lower() in _GENERIC else whole.name)
    told = {"key": plain_key(title) or "folder", "title": title, "unit": "", "labels": "values"}
    own = OwnData.model_validate({**told, "images": str(images), "masks": str(masks)})
    return open_own(own, Path(), reading, progress=progress)


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
        What it says counts, and not what the file says. Options: ``turn`` (``shown`` or
        ``stored``: EXIF orientation); with ``labels: values``, ``255`` (``object`` or ``unsure``).
    progress : bool
        A bar on stderr while many masks are read for their values.

    Raises
    ------
    InputError
        If nothing matches, an image can be read by no reader, what 255 means cannot be told, or
        what the file or the reading says has no effect on such data.
    UnknownName
        If there is no such option.
    """
    reading, by_value = _reading_of(own, reading or Reading()), own.labels == "values"
    reading.check_options({"turn": TURNS, **({"255": _FULL} if by_value else {})})
    patterns = own.masks if isinstance(own.masks, dict) else {"": own.masks}
    trees: dict[Path, Tree] = {}
    images, masks = paired_files(own.images, patterns, folder, trees)
    files = [path for of in masks.values() for paths in of.values() for path in paths]
    values = cache(partial(_values_of, files, progress))
    asked, told = reading.options.get("255", ""), dict[str, str]()
    if by_value:
        own = _with_values(own, files, values, asked)
        told |= {"255": _FULL["unsure"]} if FULL in own.ignore else {}

    @cache
    def full() -> bool:
        try:
            return meaning_of_full(values(), asked) == "object"
        except InputError:  # then 255 is outside the list
            return False

    unit: Unit = own.unit if own.unit is not None else ("HU" if own.modality == "CT" else "")
    maker = _Maker(own, reading, unit, full)
    keys = images.keys() | masks.keys()
    sources = [maker.source(key, images.get(key, []), masks.get(key, {})) for key in keys]
    scans = any(isinstance(one, Scan) for one in sources)
    refuse_idle(own.title or own.key, (own.unit, scans, f"unit {own.unit}", "volumes"))
    if scans or not by_value:  # tasks are no part of what decides the pixels of a picture
        told |= {"labels": own.labels if isinstance(own.labels, str) else _words(own.labels)}
    told |= {"one_hot": own.one_hot} if own.one_hot else {}
    return DiskDataset(
        own.key,
        own.title or own.key,
        own.modality,
        [INSTANCE] if isinstance(own.labels, str) else list(own.labels),
        sources,
        reading,
        (unit,),
        told=told,
        skipped=left_out(trees.values()),
        progress=progress,
    )


def _reading_of(own: OwnData, asked: Reading) -> Reading:
    """How files become pixels: what was asked for, else what the file says."""
    untold = asked.intensity == "modality" and asked.window is None
    return replace(
        asked,
        plane=asked.plane or own.plane or "",
        headers=own.headers if asked.headers == "agree" else asked.headers,
        intensity=(own.intensity or "modality") if untold else asked.intensity,
        window=own.window if untold else asked.window,
    )


def _words(labels: Mapping[str, Any]) -> str:
    """Tasks and their values in words."""
    return "; ".join(f"{task} {rule}" for task, rule in labels.items())


def _with_values(
    own: OwnData, files: Sequence[Path], values: Callable[[], list[set[int]]], asked: str
) -> OwnData:
    """The same with the objects that the masks hold as its labels, and what 255 is."""
    names = _segment_names(files)
    if names and not asked:
        return own.model_copy(update={"labels": names})
    full = asked and any(FULL in found for found in values())
    refuse_idle(own.title, (asked, full, f"option 255={asked}", "masks that hold 255"))
    meaning = meaning_of_full(values(), asked)
    ignore = (FULL,) if meaning == "unsure" else ()
    found = {1} if meaning == "object" else set().union(*values()) - {0, *ignore}
    labels = {f"object-{value}": (value,) for value in sorted(found or {1})}
    return own.model_copy(update={"labels": labels, "ignore": (*own.ignore, *ignore)})


def _segment_names(masks: Sequence[Path]) -> dict[str, str]:
    """Names of the segments of 3D Slicer's files by task; none if a mask is of another kind."""
    names: dict[str, str] = {}
    for path in masks:
        if not path.name.lower().endswith(SLICER):
            return {}
        try:
            for one in segments_of(path):
                names.setdefault(f"object-{plain_key(one.name.strip().lower())}", one.name)
        except DataError:
            return {}
    return names


def _values_of(files: Sequence[Path], progress: bool) -> list[set[int]]:
    """Label values of each mask; those that cannot be read are left to their cases."""
    values = []
    bar = tqdm(files, "masks", disable=not progress, delay=1, unit="file", file=sys.stderr)
    for path in bar:
        with suppress(DataError):
            values.append(_values_in(path))
    return values


def _values_in(path: Path) -> set[int]:
    name = f"Mask {path.name!r}"
    if is_picture(path):
        values = np.unique(read_mask(path))
        check_values(values, name)
    else:
        values = np.unique(whole_numbers(np.unique(open_volume(path).array), name))
    return {int(value) for value in values if value >= 0}


@dataclass(frozen=True)
class _Maker:
    """Makes pictures and scans of the files of one's own data."""

    own: OwnData
    reading: Reading
    unit: Unit
    full: Callable[[], bool]

    def source(self, key: Key, image: Sequence[Path], masks: Mapping[str, list[Path]]) -> Source:
        """A picture or a scan; what cannot be used is a source that says why."""
        # Two patients may both have an image of that name.
        name, group = f"{key[1]}/{key[0]}".strip("/"), key[1] or key[0]
        each = [(path, task) for task, of in masks.items() for path in of]
        joined = ["image"] if len(image) > 1 and all(map(is_dicom, image)) else []
        joined += ["mask"] if isinstance(self.own.masks, dict) else []

        def make() -> Source:
            layers = [layer for path, task in each for layer in self._layers(path, task)]
            channel = image[0] if len(image) == 1 else tuple(image)
            made = make_source(name, group, [(channel, self.unit)], layers, self.reading)
            if self.own.labels != "instances":
                return made
            if not isinstance(made, Picture):
                raise DataError(
                    f"{name!r} is a volume. Allowed: pictures, where labels are instances. Name "
                    "the values."
                )
            return replace(made, instances=True)

        parts = {"image": image, "mask": [path for path, _ in each]}
        return paired(name, group, parts, make, joined)

    def _layers(self, path: Path, task: str) -> list[tuple[Path, Labels, int | None]]:
        """Which images of a mask file are read (the only one: none), and the values in each.

        Raises
        ------
        DataError
            If it is of a kind without such images, or has none of the segments.
        """
        own = self.own
        if isinstance(own.labels, str):
            return [(path, Labels({INSTANCE: ">0"}), None)]
        rules: dict[str, Any] = {task: own.labels[task]} if task else own.labels
        named = any(map(is_name, rules.values()))
        if is_picture(path) and (named or own.one_hot):
            raise DataError(
                f"{path.name!r} is a picture. Allowed: volumes, where masks have segments or a "
                "channel for each value. Save the labels 1..n as a grey PNG."
            )
        if own.one_hot:
            first = 1 if own.one_hot == "objects" else 0
            pairs = [(name, value) for name, values in rules.items() for value in values]
            return [(path, Labels({name: (1,)}), value - first) for name, value in pairs]
        if not named:
            return [(path, Labels(rules, own.ignore, self.full), None)]
        found = segments_of(path)
        layers = [one for name, rule in rules.items() if (one := of_segment(name, rule, found))]
        if not layers:
            raise DataError(
                f"{path.name!r} has the segments {', '.join(repr(one.name) for one in found)}. "
                f"Allowed: {', '.join(map(repr, rules.values()))}. Name them as the file does."
            )
        return [(path, *layer) for layer in layers]


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
    options = dict(reading.options)
    channel = options.pop("channel", "0")
    file = folder / "dataset.json"
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        labels, ignore = _nnunet_labels(raw["labels"])
        channels = {**(raw.get("channel_names") or raw["modality"])}
        ending = str(raw.get("file_ending", ".nii.gz"))
        what = str(channels.get(channel, "")).upper()
        name = text_of(folder.resolve().name)
        told = {
            "key": plain_key(name) or "nnunet",
            "title": str(raw.get("name") or name),
            "modality": "CT" if what == "CT" else "MRI" if "MR" in what else "unknown",
            "images": f"imagesTr/{{id}}_{channel:>04}{ending}",
            "masks": f"labelsTr/{{id}}{ending}",
            "labels": labels,
            "ignore": ignore,
        }
        own = OwnData.model_validate(told)
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{str(file)!r} cannot be used ({error_text(error)}). Allowed: nnU-Net's dataset.json "
            "with labels and channel_names. Give its folder."
        ) from error
    if channel not in channels:
        raise UnknownName("channel", channel, channels)
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
