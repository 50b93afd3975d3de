"""One 2D case: an image with the masks of its objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from typing import Protocol as TypingProtocol

import numpy as np
from numpy.typing import NDArray

from medsam.errors import DataError


@dataclass(frozen=True)
class Sample:
    """An image and its masks, in memory.

    Attributes
    ----------
    id : str
        Name of the image within its dataset, the same on every machine and in every
        directory order.
    group : str
        Patient or volume that the image comes from; the image's own id where each image
        stands alone.
    image : (H, W, 3) uint8
        RGB.
    masks : mapping of str to (H, W) bool
        One mask a task. A task that is absent here does not count this image among its
        cases; a mask without a pixel is a case whose object is empty.
    labels : (H, W) bool or None
        Union of every object of the dataset on this image, those outside the tasks
        included. ``None``: the union of ``masks``.
    spacing : (row, column) in mm or None
        Size of a pixel.

    Raises
    ------
    DataError
        If shapes or dtypes are not as above.
    """

    id: str
    group: str
    image: NDArray[np.uint8]
    masks: Mapping[str, NDArray[np.bool_]]
    labels: NDArray[np.bool_] | None = None
    spacing: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3:
            raise DataError(
                f"Image {self.id!r} has shape {self.image.shape} and dtype {self.image.dtype}. "
                "Allowed: (H, W, 3) uint8. Convert it with medsam.datasets.to_uint8_rgb."
            )
        for task, mask in self.masks.items():
            if mask.dtype != np.bool_ or mask.shape != self.image.shape[:2]:
                raise DataError(
                    f"Mask {task!r} of image {self.id!r} has shape {mask.shape} and dtype "
                    f"{mask.dtype}. Allowed: {self.image.shape[:2]} bool. Resample the mask."
                )

    @property
    def any_object(self) -> NDArray[np.bool_]:
        """(H, W) bool: where any object of the dataset is."""
        if self.labels is not None:
            return self.labels
        nowhere = np.zeros(self.image.shape[:2], bool)
        return np.asarray(np.logical_or.reduce([nowhere, *self.masks.values()]))


class Place(NamedTuple):
    """Where the pixels of a slice lie in the volume that it is cut from.

    Attributes
    ----------
    affine : (4, 4) float
        Stored index to mm, RAS+.
    shape : (X, Y, Z) int
        Of the stored volume.
    voxels : (H, W) int
        Flat index into the stored volume of each pixel.
    """

    affine: NDArray[np.float64]
    shape: tuple[int, int, int]
    voxels: NDArray[np.intp]


@dataclass(frozen=True)
class Case:
    """A case that has not been read yet.

    Attributes
    ----------
    id, group : str
        As in :class:`Sample`.
    tasks : tuple of str
        Tasks that count this image among their cases. Known before the image is read, so
        that a case that cannot be read still gives a row for each of them.
    load : callable
        Reads the case; raises :class:`~medsam.errors.DataError` when it cannot be used.
    digest : callable
        Hex digest of what the case is made of (file bytes, or volume and slice), so that a
        resumed run notices a file that changed.
    place : callable, optional
        Where a slice lies in its volume; none of a picture.
    """

    id: str
    group: str
    tasks: tuple[str, ...]
    load: Callable[[], Sample] = field(repr=False)
    digest: Callable[[], str] = field(repr=False)
    place: Callable[[], Place] | None = field(default=None, repr=False)


class Dataset(TypingProtocol):
    """What the study loop asks of a dataset."""

    key: str
    title: str
    modality: str

    @property
    def tasks(self) -> tuple[str, ...]:
        """Keys of the tasks, in order; a folder is scanned for them when first asked."""

    def cases(self) -> Iterator[Case]:
        """All cases, sorted by id; nothing is read before ``Case.load``."""

    def __len__(self) -> int:
        """Number of cases."""
