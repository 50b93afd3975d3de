"""What two datasets need beyond patterns: hips and prostates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from medsam.datasets.intensity import Unit
from medsam.datasets.labels import Labels
from medsam.datasets.layouts.pairs import make_scan
from medsam.datasets.readers.dicom import dicom_files, open_masks, open_series
from medsam.datasets.readers.nifti import open_nifti
from medsam.datasets.readers.volume import Volume
from medsam.datasets.source import LabelVolume, Picture, Reading, Source
from medsam.errors import DataError


def radiograph(
    name: str,
    group: str,
    images: Sequence[tuple[Path, Unit]],
    masks: Sequence[tuple[Path, Labels, int | None]],
    reading: Reading,
) -> Source:
    """A picture of a NIfTI file of one slice, upright as stored: the first axis runs down."""
    image = images[0][0]
    return Picture(
        name,
        group,
        image,
        tuple((path, labels) for path, labels, _ in masks),
        reading,
        _pixels,
        partial(_label_values, image=image, trust=reading.trust_image),
    )


def _pixels(path: Path) -> NDArray[Any]:
    """(H, W) stored values."""
    return _only_slice(open_nifti(path))


def _label_values(path: Path, *, image: Path, trust: bool) -> NDArray[Any]:
    """(H, W) label values, which must lie where the image lies."""
    labels, other = open_nifti(path), open_nifti(image)
    far = other.corner_distance(labels) if other.shape == labels.shape and not trust else 0.0
    if far > 0.5:
        raise DataError(
            f"{labels.name} lies up to {far:.1f} pixels from {other.name} by their headers. "
            "Allowed: half a pixel. Mend the headers, or take the image's for both "
            "(--headers image)."
        )
    return _only_slice(labels)


def _only_slice(volume: Volume) -> NDArray[Any]:
    if volume.count("stored") != 1:
        raise DataError(
            f"{volume.name}: shape {volume.shape}. Allowed: a radiograph, which is one slice along "
            "the third axis. See whether it is the file that is meant."
        )
    return volume.slice("stored", 0).T  # a stored slice has the first axis as columns


def dicom_folders(
    name: str,
    group: str,
    images: Sequence[tuple[Path, Unit]],
    masks: Sequence[tuple[Path, Labels, int | None]],
    reading: Reading,
) -> Source:
    """A scan of two folders of DICOM files, a mask slice a slice.

    Raises
    ------
    DataError
        If mask slices are missing, unless those without count as empty.
    """
    ((path, labels, _),) = masks
    slices, drawn = dicom_files(images[0][0]), dicom_files(path)
    if len(slices) != len(drawn) and reading.options["gaps"] == "refuse":
        raise DataError(
            f"{name!r}: {len(drawn)} mask slices for {len(slices)} slices. Allowed: a mask slice "
            "for each. Unpack the rest, or count those without as empty (--option gaps=empty)."
        )
    flipped = reading.options["gt"] == "flipped"
    opened = partial(_open_masks, drawn, slices, flipped=flipped)
    return make_scan(name, group, [(slices, "")], [LabelVolume(opened, drawn, labels)], reading)


def _open_masks(files: Sequence[Path], image: Sequence[Path], *, flipped: bool) -> Volume:
    return open_masks(files, open_series(image), flipped=flipped)
