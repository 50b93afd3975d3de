"""What a few datasets need beyond patterns: hips, prostates, and images of several masks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from medsam.datasets.labels import Labels
from medsam.datasets.layouts.pairs import make_scan
from medsam.datasets.readers.dicom import dicom_files, open_masks, open_series
from medsam.datasets.readers.nifti import open_nifti
from medsam.datasets.readers.volume import Volume
from medsam.datasets.source import LabelVolume, Picture, Reading, Source
from medsam.errors import DataError


def numbers(image: Path, masks: Sequence[Path]) -> str:
    """What is wrong with a row of masks (``_mask``, ``_mask_1``, …): one is missing or twice."""
    ends = (re.search(r"_mask(?:_(\d+))?$", path.stem) for path in masks)
    found = sorted(int(end[1] or 0) if end else -1 for end in ends)
    if found == list(range(len(masks))):
        return ""
    names = ", ".join(repr(path.name) for path in masks)
    return (
        f"Image {image.name!r} has the masks {names}. Allowed: one each of '_mask', '_mask_1', … "
        "without a gap. Unpack the archive again, in one copy."
    )


_SIDES = ["leftMask", "rightMask"]


def lungs(image: Path, masks: Sequence[Path]) -> str:
    """What is wrong with the masks of a chest: a lung is missing, or there are two sets."""
    found = sorted(path.parent.name for path in masks)
    if found == _SIDES or (len(found) == 1 and found[0] not in _SIDES):
        return ""
    return (
        f"Image {image.name!r} has masks in {', '.join(found)}. Allowed: one of both lungs, or one "
        f"in each of {' and '.join(_SIDES)}. Unpack the archive again, in one copy."
    )


def radiograph(
    name: str,
    group: str,
    images: Sequence[Path],
    masks: Sequence[tuple[Path, Labels]],
    reading: Reading,
) -> Source:
    """A picture of a NIfTI file of one slice, upright as stored: the first axis runs down."""
    return Picture(
        name,
        group,
        images[0],
        tuple(masks),
        reading,
        _pixels,
        partial(_label_values, image=images[0], trust=reading.trust_image),
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
    images: Sequence[Path],
    masks: Sequence[tuple[Path, Labels]],
    reading: Reading,
) -> Source:
    """A scan of two folders of DICOM files, a mask slice a slice.

    Raises
    ------
    DataError
        If mask slices are missing, unless those without count as empty.
    """
    slices, drawn = dicom_files(images[0]), dicom_files(masks[0][0])
    if len(slices) != len(drawn) and reading.options["gaps"] == "refuse":
        raise DataError(
            f"{name!r}: {len(drawn)} mask slices for {len(slices)} slices. Allowed: a mask slice "
            "for each. Unpack the rest, or count those without as empty (--option gaps=empty)."
        )
    flipped = reading.options["gt"] == "flipped"
    opened = partial(_open_masks, drawn, slices, flipped=flipped)
    labels = [LabelVolume(opened, drawn, masks[0][1])]
    return make_scan(name, group, [(slices, "")], labels, reading)


def _open_masks(files: Sequence[Path], image: Sequence[Path], *, flipped: bool) -> Volume:
    return open_masks(files, open_series(image), flipped=flipped)
