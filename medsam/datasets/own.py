"""Your own images: a small YAML file, or two folders of volumes.

A file such as ::

    key: liver-mr
    modality: MRI
    images: images/{id}.nii.gz
    masks: labels/{id}_seg.nii.gz
    labels: {liver: 1, tumour: [2, 3]}

Paths are relative to the file. ``{id}`` and ``{group}`` (the patient) stand for a part of a path
without ``/``, ``*`` for any part of it; a path without ``{id}`` is a folder whose files are paired
by stem.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from tqdm import tqdm

from medsam.datasets import arrays, itk, nifti
from medsam.datasets._pixels import SUFFIXES as PICTURES
from medsam.datasets.disk import DiskDataset
from medsam.datasets.intensity import INTENSITIES, WINDOW, Intensity, Unit
from medsam.datasets.labels import Labels
from medsam.datasets.layouts.layout import paired
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.opener import open_volume
from medsam.datasets.source import Channel, LabelFile, LabelVolume, Picture, Scan, Source
from medsam.datasets.volume import Plane
from medsam.errors import DataError, InputError, UnknownName

__all__ = ["VOLUMES", "OwnData", "open_own", "open_volumes", "read_own"]

VOLUMES = (*arrays.SUFFIXES, *itk.SUFFIXES, *nifti.SUFFIXES)
"""Endings of files that are read as volumes."""


def _rule(given: Any) -> Any:
    """A single value is a list of one."""
    return (given,) if isinstance(given, int) and not isinstance(given, bool) else given


class OwnData(BaseModel):
    """What a YAML file of one's own data may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(pattern=r"^[\w.+-]+$", description="Name of the dataset in the results.")
    images: str = Field(description="Pattern with {id}, or a folder; relative to the file.")
    masks: str = Field(description="The same for the masks.")
    labels: dict[str, Annotated[tuple[int, ...] | str, BeforeValidator(_rule)]] = Field(
        min_length=1,
        description="Task and its value, values, or threshold such as '>0'.",
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
    labels = Labels(own.labels, own.ignore)
    way = intensity or Intensity(own.intensity or "modality", own.window)
    cut = plane or own.plane
    unit: Unit = own.unit if own.unit is not None else ("HU" if own.modality == "CT" else "")

    def make(key: tuple[str, ...], image: Path, masks: Any) -> Source:
        name, group = _name(key), key[1] or key[0]
        if _is_picture(image):
            files = tuple(LabelFile(path, labels) for path in masks)
            return Picture(name, group, image, files, way)
        return Scan(
            name,
            group,
            (Channel(partial(open_volume, image), (image,), unit),),
            tuple(LabelVolume(partial(open_volume, path), (path,), labels) for path in masks),
            cut,
            way,
            trust_image=own.trust_image,
        )

    images, masks = _files(own.images, folder, "images"), _files(own.masks, folder, "masks")
    # Where only the images' paths name the patient, their masks are those of equal id.
    groups = {name: group for name, group in images if group}
    masks = {(name, group or groups.get(name, "")): paths for (name, group), paths in masks.items()}
    if not images.keys() & masks.keys():
        raise InputError(
            f"No image and mask of equal {{id}}: {len(images)} images match {own.images!r} "
            f"({_some(images)}), {len(masks)} masks match {own.masks!r} ({_some(masks)}). "
            "Allowed: patterns whose {id} is the same for both. Mend the patterns."
        )
    sources = paired(images, masks, make, _name)
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
    found = _files(".", masks, "masks")
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


def _files(pattern: str, folder: Path, what: str) -> dict[tuple[str, ...], list[Path]]:
    """Files by (id, group) of a pattern or a folder."""
    root, rest = _root(pattern, folder)
    tree = Tree(root)
    if rest:
        made = re.escape(rest).replace(r"\*", "[^/]*")
        made = made.replace(r"\{id\}", "(?P<id>[^/]+)", 1)
        made = made.replace(r"\{id\}", "(?P=id)").replace(r"\{group\}", "(?P<group>[^/]+)", 1)
        whole = re.compile(made.replace(r"\{group\}", "(?P=group)"))
    else:
        endings = "|".join(re.escape(s) for s in sorted((*PICTURES, *VOLUMES), key=len)[::-1])
        whole = re.compile(rf"(?P<id>[^/]+?)(?i:{endings})")
    found: dict[tuple[str, ...], list[Path]] = {}
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


def _name(key: tuple[str, ...]) -> str:
    """The id of an image: two patients may both have one of that name."""
    return f"{key[1]}/{key[0]}" if key[1] else key[0]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES


def _some(files: Mapping[tuple[str, ...], Any]) -> str:
    names = [key[0] for key in files]
    return ", ".join(names[:2]) + (", …" if len(names) > 2 else "")
