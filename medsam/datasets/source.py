"""What lies on disk of one picture or one scan, and the cases that it makes.

A :class:`Picture` is one case. A :class:`Scan` is a case a slice: a slice is a case of the tasks
that have at least one pixel on it, as the paper counts its masks. The labels of a scan are read
once to find these slices and once more with the image; the image is read once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from medsam.datasets._pixels import read_image, read_values
from medsam.datasets.intensity import Intensity, Unit, to_uint8_rgb
from medsam.datasets.labels import Labels
from medsam.datasets.sample import Case, Sample
from medsam.datasets.volume import Plane, Volume
from medsam.errors import DataError

__all__ = ["Broken", "Channel", "LabelFile", "LabelVolume", "Picture", "Scan", "Source", "close"]

Masks = dict[str, NDArray[np.bool_]]


class Source(Protocol):
    """One picture or scan: what it is called, and its cases."""

    @property
    def id(self) -> str:
        """Name of the picture or scan within its dataset."""

    def cases(self, tasks: Sequence[str]) -> Iterator[Case]:
        """Its cases of these tasks, in the order of their ids."""


@dataclass(frozen=True)
class Broken:
    """A picture or scan that is known to be unusable before it is opened, and why."""

    id: str
    group: str
    reason: str
    files: tuple[Path, ...] = ()

    def cases(self, tasks: Sequence[str]) -> Iterator[Case]:
        """One case, which cannot be read."""
        yield _failed(self.id, self.group, tasks, self.reason, self.files)


@dataclass(frozen=True)
class LabelFile:
    """One mask file, or one folder of them, and the values that count in it."""

    path: Path
    labels: Labels


@dataclass(frozen=True)
class Picture:
    """A 2D image with one or more mask files; masks of one task are joined (or).

    Attributes
    ----------
    id, group : str
        As in :class:`~medsam.datasets.sample.Sample`.
    image : Path
    masks : tuple of LabelFile
        Every task of the dataset is in at least one.
    read, read_mask : callable
        From a path to an (H, W) or (H, W, 3) array as stored; to (H, W) label values.
    intensity : Intensity
    """

    id: str
    group: str
    image: Path
    masks: tuple[LabelFile, ...]
    intensity: Intensity = field(default_factory=Intensity)
    read: Callable[[Path], NDArray[Any]] = read_image
    read_mask: Callable[[Path], NDArray[Any]] = read_values

    def cases(self, tasks: Sequence[str]) -> Iterator[Case]:
        """The one case."""
        files = (self.image, *(mask.path for mask in self.masks))
        load = partial(self._load, tuple(tasks))
        yield Case(self.id, self.group, tuple(tasks), load, partial(_digest, files))

    def _load(self, tasks: tuple[str, ...]) -> Sample:
        name = f"Image {self.image.name!r}"
        stored = self.read(self.image)
        if stored.ndim == 3 or self.intensity.name in ("max", "modality"):
            image = to_uint8_rgb(stored, name=name)
        else:
            image = _rgb([self.intensity.grey(stored, name=name)])
        joined: Masks = {}
        for file in self.masks:
            values = self.read_mask(file.path)
            _same_shape(values.shape, image.shape[:2], f"Mask {file.path.name!r}", name)
            _join(joined, file.labels.masks(values, f"Mask {file.path.name!r}"))
        return _sample(self.id, self.group, image, joined, tasks, None)


@dataclass(frozen=True)
class Channel:
    """One 3D image of a scan: how to open it, its files, and what its numbers mean."""

    open: Callable[[], Volume]
    files: tuple[Path, ...]
    unit: Unit = ""


@dataclass(frozen=True)
class LabelVolume:
    """One 3D label image of a scan: how to open it, its files, and the values that count."""

    open: Callable[[], Volume]
    files: tuple[Path, ...]
    labels: Labels


@dataclass(frozen=True)
class Scan:
    """A 3D image (or several on one grid) with one or more label volumes.

    Attributes
    ----------
    id, group : str
        The id of a case is ``<id>/<plane>-<index>``.
    channels : tuple of Channel
        One (grey), or red, green and blue.
    labels : tuple of LabelVolume
        Masks of one task are joined, or voted on.
    plane : {"axial", "coronal", "sagittal", "stored"}
    vote : bool
        Several label volumes are raters of the same tasks: a pixel counts where more than half
        of them say so.
    trust_image : bool
        Take the image's grid where the labels' header tells another one for the same shape.
    """

    id: str
    group: str
    channels: tuple[Channel, ...]
    labels: tuple[LabelVolume, ...]
    plane: Plane = "axial"
    intensity: Intensity = field(default_factory=Intensity)
    vote: bool = False
    trust_image: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that it is made of."""
        return tuple(f for part in self._parts for f in part.files)

    @property
    def _parts(self) -> tuple[Channel | LabelVolume, ...]:
        return (*self.channels, *self.labels)

    def cases(self, tasks: Sequence[str]) -> Iterator[Case]:
        """A case a slice, of the tasks that have a pixel on it; one failed case if it is broken."""
        try:
            present = self.present
        except DataError as error:
            yield _failed(self.id, self.group, tasks, str(error), self.files)
            return
        for index, found in present.items():
            here = tuple(task for task in tasks if task in found)
            if here:
                name = f"{self.id}/{self.plane}-{index:04d}"
                digest = partial(_digest, self.files, name)
                yield Case(name, self.group, here, partial(self._load, index, name, here), digest)

    @cached_property
    def present(self) -> Mapping[int, frozenset[str]]:
        """Tasks with a pixel, by slice; slices without any are left out. Reads the labels."""
        volumes = [part.open() for part in self.labels]
        try:
            counts = {volume.count(self.plane) for volume in volumes}
            if len(counts) > 1:
                raise DataError(
                    f"{self.id}: label volumes of {sorted(counts)} slices. Allowed: one grid for "
                    "all of them. Resample them to the image's grid (nearest neighbour)."
                )
            found = {}
            for index in range(counts.pop()):
                masks = self._masks(volumes, index)
                tasks = frozenset(task for task, mask in masks.items() if mask.any())
                if tasks:
                    found[index] = tasks
            return found
        finally:
            for volume in volumes:
                volume.close()

    def _masks(self, volumes: Sequence[Volume], index: int) -> Masks:
        each = [
            part.labels.masks(volume.slice(self.plane, index), f"{volume.name}, slice {index}")
            for part, volume in zip(self.labels, volumes, strict=True)
        ]
        joined: Masks = {}
        if not self.vote:
            for masks in each:
                _join(joined, masks)
            return joined
        for task in each[0]:
            votes = np.sum([masks[task] for masks in each], axis=0)
            joined[task] = votes > len(each) / 2
        return joined

    def _load(self, index: int, name: str, tasks: tuple[str, ...]) -> Sample:
        channels, labels = _open(self)
        planes = [volume.slice(self.plane, index) for volume in channels]
        greys = [
            self.intensity.grey(plane, unit=channel.unit, name=name)
            for plane, channel in zip(planes, self.channels, strict=True)
        ]
        image = _rgb(greys)
        masks = self._masks(labels, index)
        return _sample(name, self.group, image, masks, tasks, channels[0].spacing(self.plane))

    def opened(self) -> tuple[list[Volume], list[Volume]]:
        """Image and label volumes, checked to lie on one grid. Whoever asks closes them."""
        volumes = [part.open() for part in self._parts]
        first = volumes[0]
        for other in volumes[1:]:
            _same_grid(first, other, self.plane, trust=self.trust_image)
        return volumes[: len(self.channels)], volumes[len(self.channels) :]


# One scan is open at a time: cases come in order, and whoever jumps about pays for opening.
_opened: list[tuple[Scan, tuple[list[Volume], list[Volume]]]] = []


def _open(scan: Scan) -> tuple[list[Volume], list[Volume]]:
    if _opened and _opened[0][0] is scan:
        return _opened[0][1]
    close()
    _opened.append((scan, scan.opened()))
    return _opened[0][1]


def close() -> None:
    """Close the scan that is open, if one is."""
    while _opened:
        for volumes in _opened.pop()[1]:
            for volume in volumes:
                volume.close()


def _same_grid(image: Volume, other: Volume, plane: Plane, *, trust: bool) -> None:
    shapes = [tuple(v.slice_shape(plane)) for v in (image, other)]
    if shapes[0] != shapes[1]:
        raise DataError(
            f"{other.name} has {shapes[1]} (slices, rows, columns in the {plane} plane), "
            f"{image.name} has {shapes[0]}. Allowed: one grid. Resample the labels to the image's "
            "grid (nearest neighbour)."
        )
    if trust:
        return
    far = image.apart(other)
    if far > 0.5:
        raise DataError(
            f"{other.name} lies up to {far:.1f} voxels from {image.name} by their headers, though "
            "both have one shape. Allowed: half a voxel. Mend the headers, or take the image's "
            "for both (--headers image)."
        )


def _rgb(greys: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.stack([*greys] * (3 if len(greys) == 1 else 1), axis=-1))


def _join(into: Masks, masks: Masks) -> None:
    for task, mask in masks.items():
        into[task] = into[task] | mask if task in into else mask


def _sample(
    name: str,
    group: str,
    image: NDArray[np.uint8],
    masks: Masks,
    tasks: Sequence[str],
    spacing: tuple[float, float] | None,
) -> Sample:
    """A sample of the tasks that are asked; the union of all tells where any object is."""
    union = np.zeros(image.shape[:2], bool)
    for mask in masks.values():
        union |= mask
    kept = {task: np.ascontiguousarray(masks[task]) for task in tasks}
    return Sample(name, group, image, kept, union, spacing)


def _same_shape(got: tuple[int, ...], wanted: tuple[int, ...], what: str, image: str) -> None:
    if got != wanted:
        raise DataError(
            f"{what} has shape {got}, {image.lower()} has {wanted}. Allowed: equal height and "
            "width. Resample the mask to the image's grid (nearest neighbour)."
        )


def _failed(
    name: str, group: str, tasks: Sequence[str], reason: str, files: tuple[Path, ...]
) -> Case:
    def load() -> Sample:
        raise DataError(reason)

    return Case(name, group, tuple(tasks), load, partial(_digest, files, reason))


def _digest(files: Sequence[Path], *words: str) -> str:
    whole = hashlib.sha256()
    for path in files:
        whole.update(f"{_file_hash(path)};".encode())
    whole.update("\n".join(words).encode())
    return whole.hexdigest()


def _file_hash(path: Path) -> str:
    try:
        told = path.stat()
    except OSError:
        return "missing"
    return _hash(path, told.st_size, told.st_mtime_ns)


@lru_cache(maxsize=4096)
def _hash(path: Path, _size: int, _changed: int) -> str:
    """sha256 of a file; a scan's files are read for it once, not once a slice."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "unreadable"
