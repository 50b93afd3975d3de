"""What lies on disk of one picture or one scan, and the cases that it makes.

A :class:`Picture` is one case. A :class:`Scan` is a case a slice. Whatever is known to be unusable
beforehand is :class:`Broken`, and a case too.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from medsam.datasets.intensity import Intensity, Unit
from medsam.datasets.labels import Labels
from medsam.datasets.readers.pictures import read_image, read_values
from medsam.datasets.readers.volume import Plane, Volume
from medsam.datasets.sample import Case, Sample
from medsam.errors import DataError, InputError, UnknownName
from medsam.files import sha256

__all__ = [
    "Broken",
    "Channel",
    "DiskDataset",
    "LabelFile",
    "LabelVolume",
    "Masks",
    "Picture",
    "Scan",
    "Source",
    "close",
    "digest",
    "failed",
    "file_hashes",
    "join",
    "rules",
    "sample",
]


# What pictures and scans share: joined masks, samples, cases that failed, digests.


Masks = dict[str, NDArray[np.bool_]]


def join(into: Masks, masks: Mapping[str, NDArray[np.bool_]]) -> None:
    """Add masks to those of the same tasks (or)."""
    for task, mask in masks.items():
        into[task] = into[task] | mask if task in into else mask


def sample(
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


def failed(name: str, group: str, tasks: Sequence[str], reason: str, files: Sequence[Path]) -> Case:
    """A case that says why it cannot be read."""

    def load() -> Sample:
        raise DataError(reason)

    def whole() -> str:
        return digest(file_hashes(files), reason)

    return Case(name, group, tuple(tasks), load, whole)


def digest(*words: str) -> str:
    """sha256 of words, each on a line."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def rules(labels: Iterable[Labels]) -> str:
    """Label rules in words: whoever changes one gets other masks from the same bytes."""
    return "; ".join(f"{sorted(one.tasks.items())} {one.others}" for one in labels)


def file_hashes(files: Iterable[Path]) -> str:
    """sha256 of each file, or of each file in a folder; what cannot be read says so."""
    return "\n".join(_hash(path) for file in files for path in _below(file))


def _below(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(one for one in path.rglob("*") if one.is_file())
    else:
        yield path


def _hash(path: Path) -> str:
    try:
        return sha256(path)
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"


# A 2D image on disk with its masks: one case.


@dataclass(frozen=True, slots=True)
class LabelFile:
    """One mask file, or one folder of them, and the values that count in it."""

    path: Path
    labels: Labels


@dataclass(frozen=True, slots=True)
class Picture:
    """A 2D image with one or more mask files; masks of one task are joined (or).

    Attributes
    ----------
    id, group : str
        As in :class:`~medsam.datasets.sample.Sample`.
    image : Path
    masks : tuple of LabelFile
        The picture is a case of the tasks that they tell.
    read, read_mask : callable
        From a path to an (H, W) or (H, W, 3) array as stored; to (H, W) label values.
    intensity : Intensity
        Colour pictures are divided by their maximum, whatever it says.
    """

    id: str
    group: str
    image: Path
    masks: tuple[LabelFile, ...]
    intensity: Intensity = field(default_factory=Intensity)
    read: Callable[[Path], NDArray[Any]] = read_image
    read_mask: Callable[[Path], NDArray[Any]] = read_values

    def cases(self, tasks: Sequence[str]) -> Iterator[Case]:
        """The one case, or none if no mask file tells any of these tasks."""
        told = {task for mask in self.masks for task in mask.labels.tasks}
        here = tuple(task for task in tasks if task in told)
        if here:
            yield Case(self.id, self.group, here, partial(self._load, here), self._digest)

    def _digest(self) -> str:
        files = (self.image, *(mask.path for mask in self.masks))
        return digest(file_hashes(files), rules(mask.labels for mask in self.masks))

    def _load(self, tasks: tuple[str, ...]) -> Sample:
        name = f"Image {self.image.name!r}"
        image = self.intensity.rgb(self.read(self.image), name=name)
        joined: Masks = {}
        for file in self.masks:
            what, values = f"Mask {file.path.name!r}", self.read_mask(file.path)
            if values.shape != image.shape[:2]:
                raise DataError(
                    f"{what} has shape {values.shape}, image {self.image.name!r} has "
                    f"{image.shape[:2]}. Allowed: equal height and width. Resample the mask to "
                    "the image's grid (nearest neighbour)."
                )
            join(joined, file.labels.masks(values, what))
        return sample(self.id, self.group, image, joined, tasks, None)


# A 3D image on disk with its labels: a case a slice.


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
        return tuple(file for part in self._parts for file in part.files)

    @property
    def _parts(self) -> tuple[Channel | LabelVolume, ...]:
        return (*self.channels, *self.labels)

    def cases(self, tasks: Sequence[str]) -> Iterator[Case]:
        """A case a slice, of the tasks that have a pixel on it; one failed case if it is broken."""
        try:
            present = self.present
        except DataError as error:
            yield failed(self.id, self.group, tasks, str(error), self.files)
            return
        for index, found in present.items():
            here = tuple(task for task in tasks if task in found)
            if here:
                name = f"{self.id}/{self.plane}-{index:04d}"
                load, made = partial(self._load, index, name, here), partial(self._digest, name)
                yield Case(name, self.group, here, load, made)

    @cached_property
    def present(self) -> Mapping[int, frozenset[str]]:
        """Tasks with a pixel, by slice; slices without any are left out. Reads the labels."""
        # Whose header is trusted decides which way the labels are cut.
        image = self.channels[:1] if self.trust_image else ()
        volumes = self._opened((*image, *self.labels))
        labels = volumes[len(image) :]
        try:
            found: dict[int, frozenset[str]] = {}
            kinds: dict[frozenset[str], frozenset[str]] = {}  # few: one object each is enough
            for index in range(labels[0].count(self.plane)):
                masks = self._masks(labels, index)
                tasks = frozenset(task for task, mask in masks.items() if mask.any())
                if tasks:
                    found[index] = kinds.setdefault(tasks, tasks)
            return found
        finally:
            for volume in volumes:
                volume.close()

    @cached_property
    def _files_digest(self) -> str:
        """Of every file and rule: read once a scan, not once a slice."""
        each = (part.labels for part in self.labels)
        return digest(file_hashes(self.files), rules(each), f"vote {self.vote}")

    def _digest(self, name: str) -> str:
        return digest(self._files_digest, name)

    def _masks(self, volumes: Sequence[Volume], index: int) -> Masks:
        where = f"{self.plane} slice {index}"
        each = [
            part.labels.masks(volume.slice(self.plane, index), f"{volume.name}, {where}")
            for part, volume in zip(self.labels, volumes, strict=True)
        ]
        joined: Masks = {}
        if not self.vote:
            for masks in each:
                join(joined, masks)
            return joined
        for task in each[0]:
            votes = np.sum([masks[task] for masks in each], axis=0)
            joined[task] = votes > len(each) / 2
        return joined

    def _load(self, index: int, name: str, tasks: tuple[str, ...]) -> Sample:
        volumes = _open(self)
        channels, labels = volumes[: len(self.channels)], volumes[len(self.channels) :]
        greys = [
            self.intensity.grey(
                volume.slice(self.plane, index),
                unit=channel.unit,
                name=f"{volume.name}, {self.plane} slice {index}",
            )
            for volume, channel in zip(channels, self.channels, strict=True)
        ]
        image = np.stack(greys * (3 if len(greys) == 1 else 1), axis=-1)
        masks = self._masks(labels, index)
        return sample(name, self.group, image, masks, tasks, channels[0].spacing(self.plane))

    def opened(self) -> tuple[list[Volume], list[Volume]]:
        """Image and label volumes, checked to lie on one grid. Whoever asks closes them."""
        volumes = self._opened(self._parts)
        return volumes[: len(self.channels)], volumes[len(self.channels) :]

    def _opened(self, parts: Sequence[Channel | LabelVolume]) -> list[Volume]:
        """Those parts, all on the grid of the first; none is left open if one fails."""
        volumes: list[Volume] = []
        try:
            for part in parts:
                volume = part.open()
                volumes.append(volume)
                volumes[-1] = _on_grid(volumes[0], volume, self.plane, trust=self.trust_image)
        except BaseException:
            for volume in volumes:
                volume.close()
            raise
        return volumes


class _Open(threading.local):
    """The scan that is open in this thread, and its volumes or why there are none.

    One at a time: cases come in order, and whoever jumps about pays for opening.
    """

    scan: Scan | None = None
    volumes: Sequence[Volume] = ()
    reason: str | None = None


_now = _Open()


def _open(scan: Scan) -> Sequence[Volume]:
    """Volumes of a scan, opened unless they are; one that failed is not tried for each slice."""
    if _now.scan is not scan:
        close()
        try:
            channels, labels = scan.opened()
            _now.volumes = (*channels, *labels)
        except DataError as error:
            _now.reason = str(error)
        _now.scan = scan
    if _now.reason is not None:
        raise DataError(_now.reason)
    return _now.volumes


def close() -> None:
    """Close the scan that is open in this thread, if one is."""
    volumes, _now.scan, _now.volumes, _now.reason = _now.volumes, None, (), None
    for volume in volumes:
        volume.close()


def _on_grid(first: Volume, other: Volume, plane: Plane, *, trust: bool) -> Volume:
    """The other volume, if its slices lie on those of the first."""
    if other is first:
        return other
    if trust:
        return other.on_grid_of(first)
    shapes = [volume.slice_shape(plane) for volume in (first, other)]
    if shapes[0] != shapes[1]:
        raise DataError(
            f"{other.name} has {shapes[1]} (slices, rows, columns in the {plane} plane), "
            f"{first.name} has {shapes[0]}. Allowed: one grid. Resample the labels to the image's "
            "grid (nearest neighbour)."
        )
    far = first.apart(other, stored=plane == "stored")
    if far > 0.5:
        raise DataError(
            f"{other.name} lies up to {far:.1f} voxels from {first.name} by their headers, though "
            "both have one shape. Allowed: half a voxel. Mend the headers, or take the image's "
            "for both (--headers image)."
        )
    return other


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
        yield failed(self.id, self.group, tasks, self.reason, self.files)


# A dataset of pictures or scans that lie on disk.


_BAR_FROM = 3  # scans; the labels of fewer are read before a bar could be


class DiskDataset:
    """Pictures and scans with their labels, in the order of their ids.

    Parameters
    ----------
    key, title, modality : str
    tasks : sequence of str
        Every task that the sources tell.
    sources : sequence of Source
    settings : mapping of str to str
        What else decides the pixels (plane, intensity, rater): part of what results depend on.
    skipped : sequence of (name, reason)
        What else lay in the folder and was left out.
    progress : bool
        A bar on stderr while the labels of scans are read for the first time.

    Raises
    ------
    InputError
        If there is no source, or two have one id.
    """

    def __init__(
        self,
        key: str,
        title: str,
        modality: str,
        tasks: Sequence[str],
        sources: Sequence[Source],
        *,
        settings: Mapping[str, str] | None = None,
        skipped: Sequence[tuple[str, str]] = (),
        progress: bool = True,
    ):
        self.key, self.title, self.modality = key, title, modality
        self.settings = dict(settings or {})
        self.skipped = list(skipped)
        self.progress = progress
        self._all = self._chosen = tuple(tasks)
        self.sources = sorted(sources, key=_first)
        ids = Counter(source.id for source in self.sources)
        if not ids:
            raise InputError(f"Dataset {key!r}: no image. Allowed: at least one. Check the folder.")
        twice = sorted(one for one, times in ids.items() if times > 1)
        if twice:
            raise InputError(
                f"Dataset {key!r}: {len(twice)} of {len(ids)} ids stand for several images: "
                f"{', '.join(map(repr, twice[:3]))}{', …' if len(twice) > 3 else ''}. "
                "Allowed: one image an id. Take the copies out."
            )

    @property
    def tasks(self) -> tuple[str, ...]:
        """Keys of the tasks."""
        return self._chosen

    def only(self, tasks: Sequence[str]) -> DiskDataset:
        """The same dataset, restricted to some tasks.

        Raises
        ------
        UnknownName
            If it has no such task.
        """
        for task in tasks:
            if task not in self._all:
                raise UnknownName("task", task, self._all)
        one = DiskDataset(
            self.key,
            self.title,
            self.modality,
            self._all,
            self.sources,
            settings=self.settings,
            skipped=self.skipped,
            progress=self.progress,
        )
        one._chosen = tuple(task for task in self._all if task in tasks)
        return one

    @property
    def empty(self) -> tuple[str, ...]:
        """Ids of scans without a pixel of these tasks, which make no case; reads the labels."""
        return tuple(
            one.id for one in self.sources if next(iter(one.cases(self.tasks)), None) is None
        )

    def __len__(self) -> int:
        """Number of cases; reads the labels of scans the first time."""
        return sum(1 for _ in self._walk(bar=self.progress))

    def cases(self) -> Iterator[Case]:
        """All cases, in the order of their ids; after the last no file is left open."""
        try:
            yield from self._walk(bar=False)
        finally:
            close()

    def _walk(self, *, bar: bool) -> Iterator[Case]:
        scans = sum(isinstance(source, Scan) for source in self.sources)
        shown = tqdm(
            self.sources,
            f"{self.key}: reading labels",
            unit="scan",
            disable=not bar or scans < _BAR_FROM,
            file=sys.stderr,
            leave=False,
        )
        for source in shown:
            yield from source.cases(self.tasks)


def _first(source: Source) -> str:
    """What its first id begins with, so that all ids are sorted: "a-b/…" before "a/…"."""
    return f"{source.id}/" if isinstance(source, Scan) else source.id
