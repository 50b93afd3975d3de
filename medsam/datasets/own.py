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

import re
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

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

from medsam.datasets._patterns import VOLUMES, files, pairs
from medsam.datasets._pixels import SUFFIXES as PICTURES
from medsam.datasets.disk import DiskDataset
from medsam.datasets.intensity import INTENSITIES, WINDOW, Intensity, Unit
from medsam.datasets.labels import Labels
from medsam.datasets.layouts.layout import paired
from medsam.datasets.opener import open_volume
from medsam.datasets.source import Channel, LabelFile, LabelVolume, Picture, Scan, Source
from medsam.datasets.volume import Plane
from medsam.errors import DataError, InputError, UnknownName

__all__ = ["VOLUMES", "OwnData", "open_own", "open_volumes", "read_own"]


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
