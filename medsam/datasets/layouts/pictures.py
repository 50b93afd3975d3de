"""X-rays: chests of Montgomery and Shenzhen, and hip joints.

Chests lie as two official archives and one of masks, or as a copy in which all three are joined.
Hips are NIfTI files of one slice: the picture is what is stored, with the first axis as columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.catalog import entry
from medsam.datasets.intensity import Intensity
from medsam.datasets.layouts.flat import Key, files, leave_out, need_both, picture
from medsam.datasets.layouts.layout import Layout, Settings, grouped, labels_of, paired
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.nifti import open_nifti
from medsam.datasets.sample import Sample
from medsam.datasets.source import Broken, LabelFile, Picture, Source
from medsam.datasets.volume import Volume
from medsam.errors import DataError, InputError

__all__ = ["ASSUMPTIONS", "LAYOUTS"]

_CHEST = r"(?P<id>(?:MCU|CHN)CXR_\d+_\d+)"
_CHEST_IMAGE = rf"CXR_png/{_CHEST}\.png"
_CHEST_FOLDER = (
    "MontgomerySet, ChinaSet_AllFiles and the Shenzhen masks, or CXR_png and masks of the joined "
    "copy (Lung Segmentation)"
)
_SIDES = ("leftMask", "rightMask")


def _find_chests(tree: Tree, settings: Settings) -> Sequence[Source]:
    images = grouped(files(tree, _CHEST_IMAGE), "id")
    # The joined copy has '_mask' in the names of Shenzhen alone.
    masks = grouped(
        files(
            tree,
            rf"masks?/{_CHEST}(?:_mask)?\.png",
            rf"ManualMask/(?:{'|'.join(_SIDES)})/{_CHEST}\.png",
        ),
        "id",
    )
    files(tree, rf"ClinicalReadings/{_CHEST}\.txt")
    need_both("xray_chest", tree, images, masks, _CHEST_FOLDER)
    alone = _without_masks(tree, images, masks)
    gone = (path for key in alone for path in images[key])
    leave_out(tree, gone, "a Shenzhen image without a mask, of which there are 96")
    used = {key: paths for key, paths in images.items() if key not in alone}

    def make(names: Key, image: Path, found: Sequence[Path]) -> Source:
        name, reason = names[0], _both_lungs(image, found)
        if reason:
            return Broken(name, name, reason, (image, *found))
        return picture("xray_chest", settings, name, name, image, found)

    return paired(used, masks, make)


def _without_masks(
    tree: Tree,
    images: Mapping[Key, Sequence[Path]],
    masks: Mapping[Key, Sequence[Path]],
) -> set[Key]:
    """Shenzhen images without a mask: 96 have none, and the paper counts the other 566."""
    alone = {key for key in images if key[0].startswith("CHN")} - masks.keys()
    if alone and not any(key[0].startswith("CHN") for key in masks):
        raise InputError(
            f"Xray-Chest: {len(alone)} Shenzhen images below {str(tree.root)!r}, and no mask of "
            "any. Allowed: their masks (CHNCXR_…_mask.png, an archive of its own) below the same "
            "folder. Unpack the masks beside the images, or give the folder MontgomerySet alone."
        )
    return alone


def _both_lungs(image: Path, masks: Sequence[Path]) -> str | None:
    """What is wrong with the masks: a lung that is missing, or two sets of masks at once."""
    found = sorted(path.parent.name for path in masks)
    if found == list(_SIDES) or (len(found) == 1 and found[0] not in _SIDES):
        return None
    if len(found) > 1:
        names = " and ".join(repr(path.as_posix()) for path in masks[:2])
        return (
            f"Image {image.name!r} has {len(masks)} masks: {names}. Allowed: one of both lungs, or "
            f"one in each of {' and '.join(_SIDES)}. Take the copies out."
        )
    missing = next(side for side in _SIDES if side not in found)
    return (
        f"Image {image.name!r} has no mask in {missing!r}. Allowed: one in each of "
        f"{' and '.join(_SIDES)}. Unpack the archive again, or take the image out."
    )


_HIP_IMAGE = r"images/image_(?P<id>\d+)\.nii(?:\.gz)?"


def _find_hips(tree: Tree, settings: Settings) -> Sequence[Source]:
    labels = labels_of(entry("xray_hip"))

    def name(names: Key) -> str:
        return f"image_{names[0]}"

    def make(names: Key, image: Path, masks: Sequence[Path]) -> Source:
        return Picture(
            name(names),
            name(names),
            image,
            (LabelFile(masks[0], labels),),
            settings.intensity,
            partial(_radiograph, intensity=settings.intensity),
            partial(_radiograph_labels, image=image, trust=settings.trust_image),
        )

    images = grouped(files(tree, _HIP_IMAGE), "id")
    masks = grouped(files(tree, r"labels/label_(?P<id>\d+)\.nii(?:\.gz)?"), "id")
    need_both("xray_hip", tree, images, masks, "images and labels")
    return paired(images, masks, make, name, one_mask=True)


def _radiograph(path: Path, *, intensity: Intensity) -> NDArray[Any]:
    """(H, W) stored values, shifted to 0 where they are to be divided by their maximum."""
    volume = open_nifti(path)
    try:
        stored = _only_slice(volume)
    finally:
        volume.close()
    low = stored.min(initial=0)
    if low < 0 and np.isfinite(low) and intensity.words() == "max":
        return np.asarray(stored.astype(np.float64) - low)
    return stored


def _radiograph_labels(path: Path, *, image: Path, trust: bool) -> NDArray[Any]:
    """(H, W) label values, which must lie where the image lies."""
    labels = open_nifti(path)
    try:
        values = _only_slice(labels)
        other = open_nifti(image)
        try:
            far = other.apart(labels) if other.shape == labels.shape and not trust else 0.0
        finally:
            other.close()
    finally:
        labels.close()
    if far > 0.5:
        raise DataError(
            f"{labels.name} lies up to {far:.1f} pixels from {other.name} by their headers, though "
            "both have one shape. Allowed: half a pixel. Mend the headers, or take the image's "
            "for both (--headers image)."
        )
    return values


def _only_slice(volume: Volume) -> NDArray[Any]:
    count = volume.count("stored")
    if count != 1:
        raise DataError(
            f"{volume.name}: shape {volume.shape}, {count} slices. Allowed: a radiograph, which "
            "is one slice along the third axis. See whether it is the file that is meant."
        )
    return volume.slice("stored", 0)


def _hip(sample: Sample) -> str | None:
    """Whether the ilium (1) is above the femur (2), as in anyone who stands or lies.

    The roof of the socket is part of the ilium and covers the head of the femur, whose shaft
    leads down from there: the ilium begins above the femur and lies above it on the whole. Both
    are asked; a picture in which they contradict each other decides nothing.

    Swapped values and a picture stored upside down cannot be told apart, and both at once
    cancel out. Left and right are not asked: a hip and its mirror image both occur.
    """
    ilium, femur = (
        np.flatnonzero(sample.masks[task].any(axis=1)) if task in sample.masks else np.empty(0)
        for task in ("xray_hip_ilium", "xray_hip_femur")
    )
    if not ilium.size or not femur.size:
        return None
    centres = [
        float(np.nonzero(sample.masks[task])[0].mean())
        for task in ("xray_hip_ilium", "xray_hip_femur")
    ]
    above = {bool(ilium[0] < femur[0]), bool(centres[0] < centres[1])}
    if len(above) == 2 or ilium[0] == femur[0]:
        return None
    numbers = (
        f"value 1 begins at row {ilium[0]} (mean {centres[0]:.0f}), value 2 at row {femur[0]} "
        f"(mean {centres[1]:.0f}) of {sample.image.shape[0]}"
    )
    if above == {True}:
        return (
            f"Held on {sample.id}: 1 is the ilium and 2 the femur, since the ilium is above; "
            f"{numbers}."
        )
    return (
        f"Did not hold on {sample.id}: the ilium (1) should be above the femur (2), but {numbers}. "
        "The values are the other way round, or the picture is stored upside down: look at it."
    )


LAYOUTS = (
    Layout(
        "xray_chest",
        _CHEST_IMAGE,
        _CHEST_FOLDER,
        _find_chests,
    ),
    Layout("xray_hip", _HIP_IMAGE, "images and labels", _find_hips, plane="stored"),
)

ASSUMPTIONS: dict[str, Callable[[Sample], str | None]] = {"xray_hip": _hip}
"""From one sample, a sentence on whether what was inferred of the labels held; ``None`` where
that sample cannot tell."""
