"""A 2D image on disk with its masks: one case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from medsam.datasets._cases import Masks, digest, file_hashes, join, rules, sample
from medsam.datasets._pixels import read_image, read_values
from medsam.datasets.intensity import Intensity
from medsam.datasets.labels import Labels
from medsam.datasets.sample import Case, Sample
from medsam.errors import DataError

__all__ = ["LabelFile", "Picture"]


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
