"""Your own images: a small YAML file, or two folders of volumes.

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

import hashlib
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial
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

from medsam.datasets.intensity import INTENSITIES, WINDOW, Intensity, Unit
from medsam.datasets.labels import Labels
from medsam.datasets.layouts.layout import paired
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.readers import itk, nifti, open
from medsam.datasets.readers.open import open_volume
from medsam.datasets.readers.pictures import SUFFIXES, read_image, read_labels
from medsam.datasets.readers.pictures import SUFFIXES as PICTURES
from medsam.datasets.readers.volume import Plane
from medsam.datasets.sample import Case, Sample
from medsam.datasets.source import (
    Channel,
    DiskDataset,
    LabelFile,
    LabelVolume,
    Picture,
    Scan,
    Source,
)
from medsam.errors import DataError, InputError, UnknownName
from medsam.files import sha256

__all__ = [
    "VOLUMES",
    "Files",
    "FolderDataset",
    "OwnData",
    "files",
    "open_own",
    "open_volumes",
    "pairs",
    "read_own",
]


# Patterns of paths: which files of a folder are images or masks, and what tells them apart.


VOLUMES = (*open.SUFFIXES, *itk.SUFFIXES, *nifti.SUFFIXES)
"""Endings of files that are read as volumes."""

Files = dict[tuple[str, ...], list[Path]]
"""Files by (id, group)."""

_ENDINGS = "|".join(re.escape(s) for s in sorted((*PICTURES, *VOLUMES), key=len)[::-1])


def pairs(
    images: str, masks: Mapping[str, str], folder: Path
) -> tuple[Files, dict[tuple[str, ...], dict[str, list[Path]]]]:
    """Images, and their masks by what they hold.

    Parameters
    ----------
    images : str
        A pattern with ``{id}``, a folder, or one file or folder of a DICOM series.
    masks : mapping of str to str
        The same by what they hold. If each is one file, they belong to the one image.
    folder : Path
        What paths are relative to.

    Returns
    -------
    images, masks
        By (id, group). A file that is a mask by some pattern is no image, as both may lie in one
        folder; where only the images' paths name the patient, masks are those of equal id.

    Raises
    ------
    InputError
        If nothing matches, or no mask has the id of an image.
    """
    if all("{" not in each and (folder / each).is_file() for each in masks.values()):
        path = folder / images
        if "{" in images or not path.exists():
            raise InputError(
                f"The masks {', '.join(map(repr, masks.values()))} are one file each, and the "
                f"images {images!r}: {'a pattern' if '{' in images else 'nothing is there'}. "
                "Allowed: then one image, a file or the folder of a DICOM series. Give its path."
            )
        key = (re.sub(rf"(?i:{_ENDINGS})$", "", path.name), "")
        return {key: [path]}, {key: {task: [folder / each] for task, each in masks.items()}}
    every = files(images, folder, "images")
    by_task = {task: files(each, folder, "masks") for task, each in masks.items()}
    taken = {path for of_task in by_task.values() for paths in of_task.values() for path in paths}
    found = {key: [path for path in paths if path not in taken] for key, paths in every.items()}
    found = {key: paths for key, paths in found.items() if paths}
    groups = {name: group for name, group in found if group}
    joined: dict[tuple[str, ...], dict[str, list[Path]]] = {}
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


def files(pattern: str, folder: Path, what: str) -> Files:
    """Files by (id, group) of a pattern or a folder.

    Raises
    ------
    InputError
        If nothing matches, or a pattern has no ``{id}``.
    """
    root, rest = _root(pattern, folder)
    tree = Tree(root)
    if rest:
        made = re.escape(rest).replace(r"\*", "[^/]*")
        made = made.replace(r"\{id\}", "(?P<id>[^/]+)", 1)
        made = made.replace(r"\{id\}", "(?P=id)").replace(r"\{group\}", "(?P<group>[^/]+)", 1)
        whole = re.compile(made.replace(r"\{group\}", "(?P=group)"))
    else:
        whole = re.compile(rf"(?P<id>[^/]+?)(?i:{_ENDINGS})")
    found: Files = {}
    for below, path in tree.paths.items():
        match = whole.fullmatch(below)
        if match:
            parts = match.groupdict()
            found.setdefault((parts["id"], parts.get("group") or ""), []).append(path)
    if not found:
        first = next(iter(tree.paths))
        raise InputError(
            f"No file below {str(root)!r} (such as {first!r}) fits the {what} {pattern!r}. "
            "Allowed: a pattern with {id}, such as images/{id}.nii.gz, or a folder. Mend it."
        )
    return found


def _root(pattern: str, folder: Path) -> tuple[Path, str]:
    """The folder of a pattern before its first placeholder, and the rest of it."""
    if "{" not in pattern:
        return folder / pattern, ""
    if "{id}" not in pattern:
        raise InputError(
            f"Pattern {pattern!r} has no {{id}}. Allowed: {{id}}, and {{group}} for the patient. "
            "Put {id} where the names of images differ."
        )
    parts = pattern.split("/")
    fixed = next(i for i, part in enumerate(parts) if "{" in part or "*" in part)
    return folder / "/".join(parts[:fixed]), "/".join(parts[fixed:])


def _some(keys: Iterable[tuple[str, ...]]) -> str:
    names = [key[0] for key in keys]
    return ", ".join(names[:2]) + (", …" if len(names) > 2 else "")


def _rule(given: Any) -> Any:
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
    labels: dict[str, Annotated[tuple[int, ...] | str, BeforeValidator(_rule)]] = Field(
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

    def rules(self, of: str) -> Labels:
        """The rules of the mask files of one task, or of all where one file tells all (``""``)."""
        return Labels({of: self.labels[of]} if of else self.labels, self.ignore)


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
            "least key, images, masks and labels. See the page 'Run it yourself'."
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
            f"Data file {file.name!r}, {where or 'top'}: {first['msg']}. "
            f"Allowed: {field.description} Mend the file."
        ) from error


def open_own(
    own: OwnData,
    folder: Path,
    *,
    intensity: Intensity | None = None,
    plane: Plane | None = None,
    progress: bool = True,
) -> DiskDataset:
    """The dataset that a YAML file describes.

    Parameters
    ----------
    own : OwnData
    folder : Path
        What its paths are relative to.
    intensity, plane
        Instead of the file's own.
    progress : bool
        A bar while the labels of volumes are read.

    Raises
    ------
    InputError
        If nothing matches, or an image can be read by no reader.
    """
    way = intensity or Intensity(own.intensity or "modality", own.window)
    cut = plane or own.plane
    unit: Unit = own.unit if own.unit is not None else ("HU" if own.modality == "CT" else "")
    patterns = own.masks if isinstance(own.masks, dict) else {"": own.masks}
    rules = {task: own.rules(task) for task in patterns}
    images, masks = pairs(own.images, patterns, folder)

    def make(key: tuple[str, ...], image: Path, _: Any) -> Source:
        name, group = _name(key), key[1] or key[0]
        each = [(path, rules[task]) for task, paths in masks[key].items() for path in paths]
        if _is_picture(image):
            return Picture(name, group, image, tuple(LabelFile(*one) for one in each), way)
        return Scan(
            name,
            group,
            (Channel(partial(open_volume, image), (image,), unit),),
            tuple(LabelVolume(partial(open_volume, path), (path,), of) for path, of in each),
            cut,
            way,
            trust_image=own.trust_image,
        )

    found = {key: [path for one in of.values() for path in one] for key, of in masks.items()}
    sources = paired(images, found, make, _name)
    volumes = any(isinstance(source, Scan) for source in sources)
    return DiskDataset(
        own.key,
        own.title or own.key,
        own.modality,
        list(own.labels),
        sources,
        settings={
            **({"plane": cut} if volumes else {}),
            "intensity": way.words(unit if volumes else ""),
            "labels": "; ".join(f"{task} {rule}" for task, rule in own.labels.items()),
        },
        progress=progress,
    )


def open_volumes(
    images: Path,
    masks: Path,
    *,
    intensity: Intensity | None = None,
    plane: Plane | None = None,
    modality: str = "unknown",
    progress: bool = True,
) -> DiskDataset:
    """Two folders of volumes of equal stem; each value 1..n of a mask is ``object-<value>``.

    Raises
    ------
    InputError
        If nothing matches.
    """
    found = files(".", masks, "masks")
    values: set[int] = set()
    paths = [path for group in found.values() for path in group]
    for path in tqdm(paths, "masks", disable=not progress or len(paths) < 3, file=sys.stderr):
        values |= _values(path, plane or "axial")
    key = images.resolve().name
    generic = key.lower() in ("image", "images", "img", "imgs", "imagestr")
    own = OwnData.model_validate(
        {
            "key": re.sub(r"[^\w.+-]", "_", key if not generic else images.resolve().parent.name)
            or "folder",
            "images": str(images.resolve()),
            "masks": str(masks.resolve()),
            "labels": {f"object-{value}": value for value in sorted(values)} or {"object-1": 1},
            "modality": modality,
        }
    )
    return open_own(own, Path(), intensity=intensity, plane=plane, progress=progress)


def _values(path: Path, plane: Plane) -> set[int]:
    """Label values of a volume; none of one that cannot be read, whose case says why."""
    import numpy as np

    try:
        volume = open_volume(path)
        found: set[int] = set()
        for index in range(volume.count(plane)):
            each = np.unique(volume.slice(plane, index))
            if (each != np.rint(each)).any():
                return set()
            found.update(int(value) for value in each if value > 0)
        volume.close()
    except DataError:
        return set()
    return found


def _name(key: tuple[str, ...]) -> str:
    """The id of an image: two patients may both have one of that name."""
    return f"{key[1]}/{key[0]}" if key[1] else key[0]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES


# Any two folders of equal file stems: images, and masks whose values 1..n are objects.


FolderFiles = dict[str, list[Path]]

_JUNK = ("thumbs.db", "desktop.ini")
_GENERIC = ("image", "images", "img", "imgs")
_BAR_FROM = 50  # masks; fewer are scanned before a bar could be read


class FolderDataset:
    """Images of one folder with the masks of equal stem of another.

    Each value 1..n of a mask is an object, its task ``object-<value>``; 255 means 1. The
    tasks are the values found in any mask, and every case counts for every task: where a
    value is absent, its mask is empty. A case that cannot be used (no mask, no image,
    shapes that differ, a broken file) is still a case; its ``load`` says what is wrong.

    Parameters
    ----------
    images, masks : path
        Folders of PNG, TIFF, BMP or JPEG files (:data:`~medsam.datasets.readers.pictures.SUFFIXES`).
        Folders inside them are not searched. Hidden files are passed over.
    key : str, optional
        Name of the dataset in the results; by default the name of the images' folder, or
        of the folder around it where that is just "images".
    modality : str
        Such as "MRI" or "CT".
    intensity : Intensity, optional
        As is usual for pictures by default: divided by their maximum.
    progress : bool
        A bar on stderr while many masks are scanned for their values.

    Attributes
    ----------
    skipped : list of (name, reason)
        What else lay in the two folders, as ``folder/file``.

    Raises
    ------
    InputError
        If a folder is missing, is a file, holds no image, both are the same, or no stem is
        in both.
    """

    def __init__(
        self,
        images: Path,
        masks: Path,
        *,
        key: str | None = None,
        modality: str = "unknown",
        intensity: Intensity | None = None,
        progress: bool = True,
    ):
        self.images, self.masks = Path(images), Path(masks)
        self.modality, self.progress = modality, progress
        self._intensity = intensity or Intensity()
        self.settings = {"intensity": self._intensity.words()}
        self.skipped: list[tuple[str, str]] = []
        self._images = self._files(self.images, "images")
        self._masks = self._files(self.masks, "masks")
        if self.images.samefile(self.masks):
            raise InputError(
                f"Images and masks are the same folder {str(self.images)!r}. Allowed: two "
                "folders. Move the masks to a folder of their own, named as their images."
            )
        if not self._images.keys() & self._masks.keys():
            raise InputError(
                f"No image and mask of equal stem. Got images {_two(self._images)}, masks "
                f"{_two(self._masks)}. Allowed: 'a.png' in both folders. Rename the masks as "
                "their images, without an ending such as '_mask'."
            )
        self._ids = sorted(self._images.keys() | self._masks.keys())
        whole = self.images.resolve()
        name = whole.parent.name if whole.name.lower() in _GENERIC else whole.name
        self.key = key or name or "folder"
        self.title = self.key

    def __len__(self) -> int:
        """Number of cases, those that cannot be used included."""
        return len(self._ids)

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """``object-<value>`` of every value in any mask; reads each mask once, then forgets it.

        Masks that cannot be read are passed over here: their case says why.
        """
        values: set[int] = set()
        singles = [paths[0] for _, paths in sorted(self._masks.items()) if len(paths) == 1]
        quiet = not self.progress or len(singles) <= _BAR_FROM
        for path in tqdm(singles, "masks", disable=quiet, unit="file", file=sys.stderr):
            try:
                values.update(np.unique(read_labels(path)).tolist())
            except DataError:
                continue
        return tuple(f"object-{value}" for value in sorted(values - {0})) or ("object-1",)

    def cases(self) -> Iterator[Case]:
        """All cases, sorted by id."""
        tasks = self.tasks
        for stem in self._ids:
            yield Case(stem, stem, tasks, partial(self._load, stem), partial(self._digest, stem))

    def _load(self, stem: str) -> Sample:
        image_path = self._one(stem, self._images, "image", self.images)
        mask_path = self._one(stem, self._masks, "mask", self.masks)
        name = f"Image {image_path.name!r}"
        image = self._intensity.rgb(read_image(image_path), name=name)
        labels = read_labels(mask_path)
        if labels.shape != image.shape[:2]:
            raise DataError(
                f"Mask {mask_path.name!r} has shape {labels.shape}, {name.lower()} has "
                f"{image.shape[:2]}. Allowed: equal height and width. Resample the mask to the "
                "image's grid (nearest neighbour)."
            )
        masks = {task: labels == int(task.removeprefix("object-")) for task in self.tasks}
        return Sample(stem, stem, image, masks)

    def _one(self, stem: str, files: FolderFiles, kind: str, folder: Path) -> Path:
        """The one file of that stem, or the error that the case is."""
        paths = files.get(stem, [])
        if not paths:
            other = self._masks if kind == "image" else self._images
            raise DataError(
                f"{'Image' if kind == 'mask' else 'Mask'} {other[stem][0].name!r} has no {kind} "
                f"in {folder.name!r}. Allowed: a {kind} of equal stem. Add '{stem}.png' there, "
                "or take the file out."
            )
        if len(paths) > 1:
            names = " and ".join(repr(path.name) for path in paths)
            raise DataError(
                f"{len(paths)} {kind}s of the stem {stem!r}: {names}. Allowed: one. "
                "Take all but one out, or rename them together with their counterpart."
            )
        return paths[0]

    def _digest(self, stem: str) -> str:
        """sha256 over the sha256 of each file of that stem; a marker for one that is missing."""
        whole = hashlib.sha256()
        for kind, files in (("image", self._images), ("mask", self._masks)):
            parts = sorted(_hash(path) for path in files.get(stem, []))
            whole.update(f"{kind}:{','.join(parts) or 'missing'};".encode())
        return whole.hexdigest()

    def _files(self, folder: Path, kind: str) -> FolderFiles:
        """Image files of a folder by normalised stem; the rest goes to ``skipped``."""
        if not folder.exists():
            raise InputError(
                f"Folder of {kind} {str(folder)!r} does not exist. Allowed: a folder. "
                "Check the path."
            )
        if not folder.is_dir():
            raise InputError(
                f"Folder of {kind} {str(folder)!r} is a file. Allowed: a folder. "
                "Give the folder that holds it."
            )
        found: FolderFiles = {}
        try:
            with os.scandir(folder) as entries:
                listed = sorted((entry.name, entry.is_dir()) for entry in entries)
        except PermissionError:
            raise InputError(
                f"Folder of {kind} {str(folder)!r} cannot be listed. Allowed: a readable folder. "
                "Change its permissions."
            ) from None
        for name, is_dir in listed:
            if name.startswith(".") or name.lower() in _JUNK:
                continue
            path = folder / name
            if is_dir:
                self.skipped.append((f"{folder.name}/{name}", "a folder; folders are not searched"))
            elif path.suffix.lower() not in SUFFIXES:
                reason = f"not one of {', '.join(SUFFIXES)}"
                self.skipped.append((f"{folder.name}/{name}", reason))
            else:
                # macOS stores 'é' as two code points, Linux as one: the id must not differ.
                stem = unicodedata.normalize("NFC", path.stem)
                found.setdefault(stem, []).append(path)
        if not found:
            raise InputError(
                f"No image among the {len(listed)} entries of the folder of {kind} "
                f"{str(folder)!r}. Allowed: {', '.join(SUFFIXES)}. Export the {kind} as PNG or "
                "give another folder."
            )
        return found


def _two(files: FolderFiles) -> str:
    names = [paths[0].name for _, paths in sorted(files.items())]
    return ", ".join(map(repr, names[:2])) + (", …" if len(names) > 2 else "")


def _hash(path: Path) -> str:
    try:
        return sha256(path)
    except OSError:
        return "unreadable"
