"""Any two folders of equal file stems: images, and masks whose values 1..n are objects."""

from __future__ import annotations

import hashlib
import os
import sys
import unicodedata
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from medsam.datasets._pixels import SUFFIXES, read_image, read_labels
from medsam.datasets.intensity import Intensity
from medsam.datasets.sample import Case, Sample
from medsam.errors import DataError, InputError
from medsam.hashes import sha256

__all__ = ["FolderDataset"]

Files = dict[str, list[Path]]

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
        Folders of PNG, TIFF, BMP or JPEG files (:data:`~medsam.datasets._pixels.SUFFIXES`).
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

    def _one(self, stem: str, files: Files, kind: str, folder: Path) -> Path:
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

    def _files(self, folder: Path, kind: str) -> Files:
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
        found: Files = {}
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


def _two(files: Files) -> str:
    names = [paths[0].name for _, paths in sorted(files.items())]
    return ", ".join(map(repr, names[:2])) + (", …" if len(names) > 2 else "")


def _hash(path: Path) -> str:
    try:
        return sha256(path)
    except OSError:
        return "unreadable"
