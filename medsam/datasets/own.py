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
which it has a file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
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

from medsam.datasets.intensity import INTENSITIES, WINDOW, Unit
from medsam.datasets.labels import Labels
from medsam.datasets.layouts.pairs import Key, grouped, is_picture, make_source, problem
from medsam.datasets.layouts.tree import Tree, expression
from medsam.datasets.readers import itk, nifti, open
from medsam.datasets.readers.open import open_volume
from medsam.datasets.readers.pictures import SUFFIXES as PICTURES
from medsam.datasets.readers.pictures import read_labels
from medsam.datasets.readers.volume import Plane, check_plane
from medsam.datasets.source import Broken, DiskDataset, Reading, Source
from medsam.errors import DataError, InputError, UnknownName

__all__ = ["FolderDataset", "OwnData", "open_own", "read_own"]

_VOLUMES = sorted({*open.SUFFIXES, *itk.SUFFIXES, *nifti.SUFFIXES})
_STEM = rf"(?P<id>[^/]+?)(?:{'|'.join(map(re.escape, (*PICTURES, *_VOLUMES)))})"
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
    labels: dict[str, Annotated[tuple[int, ...] | str, BeforeValidator(_one_or_more)]] = Field(
        min_length=1,
        description="Task and its value, values, or threshold such as '>0'; the same tasks as "
        "masks, where these are told one by one.",
    )
    title: str = Field("", description="Name for people; the key by default.")
    modality: str = Field("unknown", description="Such as MRI, CT, X-ray, US or PET.")
    ignore: tuple[int, ...] = Field((), description="Values that may stand in masks besides.")
    plane: Plane = Field("axial", description="How volumes are cut.")
    unit: Literal["", "HU", "SUV"] | None = Field(
        None, description="What numbers mean; HU for volumes of modality CT by default."
    )
    intensity: str | None = Field(None, description=f"One of {', '.join(INTENSITIES)}.")
    window: tuple[float, float] = Field(WINDOW, description="Level and width.")
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
    def _same_tasks(cls, labels: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        masks = info.data.get("masks")
        if isinstance(masks, dict) and masks.keys() != labels.keys():
            raise ValueError(f"Tasks {', '.join(labels)}, but masks of {', '.join(masks)}")
        return labels


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
        Intensity and plane instead of the file's own, where they are not the default.
    progress : bool
        A bar while the labels of volumes are read.

    Raises
    ------
    InputError
        If nothing matches, or an image can be read by no reader.
    """
    asked = reading or Reading()
    reading = replace(
        asked,
        plane=asked.plane or own.plane,
        headers="image" if own.trust_image else asked.headers,
    )
    if asked.intensity == "modality" and asked.window is None:
        reading = replace(reading, intensity=own.intensity or "modality", window=own.window)
    unit: Unit = own.unit if own.unit is not None else ("HU" if own.modality == "CT" else "")
    patterns = own.masks if isinstance(own.masks, dict) else {"": own.masks}
    rules = {
        task: Labels({task: own.labels[task]} if task else own.labels, own.ignore)
        for task in patterns
    }
    images, masks = _pairs(own.images, patterns, folder)

    def make(key: Key) -> Source:
        # Two patients may both have an image of that name.
        name, group = f"{key[1]}/{key[0]}".strip("/"), key[1] or key[0]
        each = [(path, rules[task]) for task, of in masks.get(key, {}).items() for path in of]
        parts = {"image": images.get(key, []), "mask": [path for path, _ in each]}
        reason = problem(name, parts, joined=["mask"])
        if reason:
            return Broken(name, group, reason, (*parts["image"], *parts["mask"]))
        return make_source(name, group, [(parts["image"][0], unit)], each, reading)

    volumes = any(not is_picture(paths[0]) for paths in images.values())
    return DiskDataset(
        own.key,
        own.title or own.key,
        own.modality,
        list(own.labels),
        [make(key) for key in images.keys() | masks.keys()],
        settings={
            **({"plane": reading.plane} if volumes else {}),
            "intensity": reading.to_uint8.words(unit if volumes else ""),
            "labels": _label_words(own.labels),
            **({"headers": "image"} if asked.trust_image else {}),
        },
        progress=progress,
    )


def _label_words(labels: Mapping[str, Any]) -> str:
    return "; ".join(f"{task} {rule}" for task, rule in labels.items())


def _pairs(
    images: str, masks: Mapping[str, str], folder: Path
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
    every = _files(images, folder, "images")
    by_task = {task: _files(each, folder, "masks") for task, each in masks.items()}
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


def _files(pattern: str, folder: Path, what: str) -> Files:
    """Files by (id, group) of a pattern or a folder."""
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
    tree = Tree(root)
    matches = tree.match(expression(rest) if rest else _STEM, anywhere=False)
    found = grouped(tree, matches, "id", "group")
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


_GENERIC = ("image", "images", "img", "imgs", "imagestr")
_BAR_FROM = 50  # masks; fewer are scanned before a bar could be read


class FolderDataset(DiskDataset):
    """Images of one folder with the masks of equal stem of another.

    Each value 1..n of a mask is an object, its task ``object-<value>``; 255 means 1 in pictures.
    The tasks are the values found in any mask, and every picture counts for every task: where a
    value is absent, its mask is empty. A case that cannot be used (no mask, no image, shapes that
    differ, a broken file) is still a case; its ``load`` says what is wrong.

    Parameters
    ----------
    images, masks : path
        Folders of pictures (PNG, TIFF, BMP, JPEG) or of volumes (NIfTI, NRRD, MetaImage).
        Folders inside them are not searched. Hidden files are passed over.
    key : str, optional
        Name of the dataset in the results; by default the name of the images' folder, or
        of the folder around it where that is just "images".
    modality : str
        Such as "MRI" or "CT".
    reading : Reading, optional
        How files become pixels.
    progress : bool
        A bar on stderr while many masks are scanned for their values.

    Raises
    ------
    InputError
        If a folder is missing, is a file, holds no image, both are the same, or no stem is
        in both.
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
        folders = {"image": Path(images), "mask": Path(masks)}
        trees = {kind: Tree(folder) for kind, folder in folders.items()}
        if folders["image"].samefile(folders["mask"]):
            raise InputError(
                f"Images and masks are the same folder {str(images)!r}. Allowed: two folders, or a "
                "YAML file with a pattern for each. Give the folder of the masks."
            )
        found = {
            kind: {key[0]: paths for key, paths in _by_stem(tree).items()}
            for kind, tree in trees.items()
        }
        if not found["image"].keys() & found["mask"].keys():
            raise InputError(
                f"No image and mask of equal stem. Got images {_two(found['image'])}, masks "
                f"{_two(found['mask'])}. Allowed: 'a.png' in both folders, or a YAML file with a "
                "pattern for each. Give one of these."
            )
        volumes = any(not is_picture(path) for each in found["image"].values() for path in each)
        values = _values(found["mask"], reading, progress)
        labels = Labels({f"object-{value}": (value,) for value in sorted(values) or [1]})

        def make(stem: str) -> Source:
            parts = {kind: files.get(stem, []) for kind, files in found.items()}
            reason = problem(stem, parts)
            if reason:
                return Broken(stem, stem, reason, (*parts["image"], *parts["mask"]))
            image, mask = (paths[0] for paths in parts.values())
            return make_source(
                stem, stem, [(image, "")], [(mask, labels)], reading, read_mask=read_labels
            )

        whole = folders["image"].resolve()
        title = whole.parent.name if whole.name.lower() in _GENERIC else whole.name
        name = re.sub(r"[^\w.+-]", "_", title) if volumes else title
        more = {"plane": reading.plane, "labels": _label_words(labels.tasks)} if volumes else {}
        more |= {"headers": "image"} if reading.trust_image else {}
        super().__init__(
            key or name or "folder",
            key or title or "folder",
            modality,
            list(labels.tasks),
            [make(stem) for stem in found["image"].keys() | found["mask"].keys()],
            settings={**more, "intensity": reading.to_uint8.words()},
            skipped=[
                one
                for kind, tree in trees.items()
                for one in _skipped(folders[kind].name, tree, _VOLUMES if volumes else PICTURES)
            ],
            progress=progress,
        )


def _by_stem(tree: Tree) -> Files:
    """Files directly in a folder that are read as images."""
    found = grouped(tree, tree.match(_STEM, anywhere=False), "id")
    if not found:
        raise InputError(
            f"No image among the {len(tree.paths)} files of {str(tree.root)!r}. Allowed: "
            f"{', '.join(PICTURES)}, or volumes ({', '.join(_VOLUMES)}). Give another folder."
        )
    return found


def _skipped(folder: str, tree: Tree, endings: Iterable[str]) -> list[tuple[str, str]]:
    """Other files of a folder, and folders in it."""
    reasons = {}
    for below, _ in tree.skipped(""):
        name, slash, _ = below.partition("/")
        why = "a folder; folders are not searched" if slash else f"not one of {', '.join(endings)}"
        reasons[f"{folder}/{name}"] = why
    return list(reasons.items())


def _values(masks: Mapping[str, list[Path]], reading: Reading, progress: bool) -> set[int]:
    """Label values above 0 of any mask; those that cannot be read are left to their cases."""
    single = [paths[0] for paths in masks.values() if len(paths) == 1]
    few = len(single) < (_BAR_FROM if all(map(is_picture, single)) else 3)
    values: set[int] = set()
    for path in tqdm(single, "masks", disable=not progress or few, unit="file", file=sys.stderr):
        try:
            values |= _values_of(path, check_plane(reading.plane))
        except DataError:
            continue
    return values - {0}


def _values_of(path: Path, plane: Plane) -> set[int]:
    if is_picture(path):
        return set(np.unique(read_labels(path)).tolist())
    volume = open_volume(path)
    found: set[int] = set()
    for index in range(volume.count(plane)):
        each = np.unique(volume.slice(plane, index))
        if (each != np.rint(each)).any():
            return set()
        found.update(int(value) for value in each if value > 0)
    return found


def _two(files: Mapping[str, list[Path]]) -> str:
    names = [paths[0].name for _, paths in sorted(files.items())]
    return ", ".join(map(repr, names[:2])) + (", …" if len(names) > 2 else "")
