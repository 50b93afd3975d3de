"""A 3D image on disk with its labels: a case a slice.

A slice is a case of the tasks that have at least one pixel on it, as the paper counts its masks.
The labels of a scan are read once to find these slices and once more with the image; the image is
read once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from medsam.datasets._cases import Masks, digest, failed, file_hashes, join, rules, sample
from medsam.datasets.intensity import Intensity, Unit
from medsam.datasets.labels import Labels
from medsam.datasets.sample import Case, Sample
from medsam.datasets.volume import Plane, Volume
from medsam.errors import DataError

__all__ = ["Channel", "LabelVolume", "Scan", "close"]


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
