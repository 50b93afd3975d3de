"""X-rays: chests of Montgomery and Shenzhen, and hip joints.

Chests lie as two official archives and one of masks, or as a copy in which all three are joined.
Hips are NIfTI files of one slice: the picture is what is stored, with the first axis as columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.catalog import entry
from medsam.datasets.intensity import Intensity
from medsam.datasets.layouts.layout import (
    Key,
    Layout,
    Settings,
    files,
    flat,
    grouped,
    labels_of,
    leave_out,
    need_both,
    paired,
    picture,
)
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.readers.nifti import open_nifti
from medsam.datasets.readers.volume import Volume
from medsam.datasets.sample import Sample
from medsam.datasets.source import Broken, LabelFile, Picture, Source
from medsam.errors import DataError, InputError

__all__ = ["ASSUMPTIONS", "LAYOUTS", "ASSUMPTIONS_ultrasound", "LAYOUTS_ultrasound"]


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


# Ultrasound: breast lesions, kidneys, muscles, nerves and ovarian tumours.


_BREAST = r"(?P<kind>benign|malignant|normal)/{folder}(?P<id>(?P=kind) \(\d+\)){ending}\.png"


def _counted(image: Path, masks: Sequence[Path]) -> str | None:
    """Whether a mask of a row of them (``_mask``, ``_mask_1``, …) is missing or is there twice."""
    ends = (re.search(r"_mask(?:_(\d+))?$", path.stem) for path in masks)
    numbers = sorted(int(end[1] or 0) if end else -1 for end in ends)
    if numbers == list(range(len(masks))):
        return None
    names = ", ".join(repr(path.name) for path in masks)
    return (
        f"Image {image.name!r} has the masks {names}. Allowed: one each of '_mask', '_mask_1', "
        "'_mask_2' and so on, without a gap. Unpack the archive again, or take the copies out."
    )


def _frame(names: Key) -> str:
    return f"{int(names[0]):02d}_{int(names[1]):03d}"


def _subject(names: Key) -> str:
    return f"subject-{int(names[0]):02d}"


_MUSCLE = r"(?P<muscle>BB|GM|TA)/(?P<state>Healthy|Pathological)/{folder}/(?P<id>[^/]+)\.png"
_MUSCLE_IMAGE = _MUSCLE.format(folder="Images")
_MUSCLE_FOLDER = "BB, GM and TA (Polito-Radboud-DeepLearningUS)"


def _find_muscles(tree: Tree, settings: Settings) -> Sequence[Source]:
    # The split of the study repeats the images.
    copies = [one.path for one in files(tree, r"Segmentation_models/.*")]
    parts = ("muscle", "state", "id")
    images = grouped(files(tree, _MUSCLE_IMAGE, without=copies), *parts)
    masks = grouped(files(tree, _MUSCLE.format(folder="Masks"), without=copies), *parts)

    def make(names: Key, image: Path, found: Sequence[Path]) -> Source:
        name = "/".join(names)
        return picture("us_muscle", settings, name, name, image, found)

    need_both("us_muscle", tree, images, masks, _MUSCLE_FOLDER)
    pairs = images.keys() & masks.keys()
    if not pairs:
        return paired(images, masks, make, one_mask=True)
    # There are more masks than images in the archive: whoever has no partner is left out, as
    # public readers of this dataset do.
    for side, reason in ((images, "an image without a mask"), (masks, "a mask without an image")):
        alone = side.keys() - pairs
        leave_out(tree, (path for key in alone for path in side[key]), reason)
    return paired(
        {key: images[key] for key in pairs},
        {key: masks[key] for key in pairs},
        make,
        one_mask=True,
    )


_JPEG, _PNG = r"\.(?i:jpe?g)", r"\.(?i:png)"
_OVARY_IMAGES = (
    rf"images/(?P<id>\d+){_JPEG}",
    rf"(?P<split>train)/train_image/(?P<id>[^/]+){_JPEG}",
    rf"(?P<split>test)/image/(?P<id>[^/]+){_JPEG}",
)
_OVARY_MASKS = (
    rf"annotations/(?P<id>\d+)_binary{_PNG}",
    rf"(?P<split>train)/train_label/label/(?P<id>[^/]+?)(?:_binary)?{_PNG}",
    rf"(?P<split>test)/label/black_write/(?P<id>[^/]+?)(?:_binary)?{_PNG}",
)
_OVARY_KNOWN = (
    rf"annotations/\d+(?:_binary_binary)?{_PNG}",
    r"(?:train|val)(?:_cls)?\.txt",
)
_OVARY_FOLDER = "images and annotations (OTU_2d), or train and test of the figshare copy (OTU_2D)"
_CONTRAST = r"OTU_(?:CEUS|3[dD])"


def _find_ovaries(tree: Tree, settings: Settings) -> Sequence[Source]:
    # Contrast-enhanced pictures have the same names and are not part of the study.
    contrast = [one.path for one in files(tree, rf"{_CONTRAST}/.*")]
    if re.fullmatch(_CONTRAST, tree.root.resolve().name):
        return ()
    images = grouped(files(tree, *_OVARY_IMAGES, without=contrast), "split", "id")
    masks = grouped(files(tree, *_OVARY_MASKS, without=contrast), "split", "id")
    files(tree, *_OVARY_KNOWN)
    splits = {key[0] for key in images}
    if "" in splits and len(splits) > 1:
        first = [
            next(paths[0] for key, paths in images.items() if bool(key[0]) == copy)
            for copy in (False, True)
        ]
        raise InputError(
            f"US-Ovarian-Tumor: two copies of the dataset below {str(tree.root)!r}, with "
            f"{first[0].as_posix()!r} and {first[1].as_posix()!r}. Allowed: one. Give the folder "
            "of one of them."
        )

    need_both("us_ovary", tree, images, masks, _OVARY_FOLDER)

    def name(names: Key) -> str:
        return "/".join(filter(None, names))

    def make(names: Key, image: Path, found: Sequence[Path]) -> Source:
        return picture("us_ovary", settings, name(names), name(names), image, found)

    return paired(images, masks, make, name, one_mask=True)


def _muscle(sample: Sample) -> str | None:
    """Whether what is not 0 can be the muscle: skin and fat, at the upper edge, never are."""
    mask = sample.masks.get("us_muscle")
    if mask is None or not mask.any():
        return None
    share = f"{mask.mean():.0%} of the picture"
    if mask[0].any():
        return (
            f"Did not hold on {sample.id}: what is not 0 should be the muscle, below the skin, but "
            f"{mask[0].mean():.0%} of the uppermost row belongs to it ({share}). The mask may have "
            "another value for the background: look at it."
        )
    return (
        f"Held on {sample.id}: what is not 0 is the muscle, since it stays away from the skin at "
        f"the upper edge; {share}."
    )


LAYOUTS_ultrasound = (
    flat(
        "us_breast",
        _BREAST.format(folder="(?:images/)?", ending=""),
        _BREAST.format(folder="(?:mask/)?", ending=r"_mask(?:_\d+)?"),
        "benign, malignant and normal (Dataset_BUSI_with_GT)",
        wrong=_counted,
    ),
    flat(
        "us_kidney",
        # The archive repeats the folders; the outer one is what a wrong folder is told by.
        r"(?<!slice/)slice/(?:slice/)?(?P<id>[^/]+)\.png",
        r"(?<!mask/)mask/(?:mask/)?(?P<id>[^/]+)\.png",
        "slice and mask",
    ),
    Layout(
        "us_muscle",
        _MUSCLE_IMAGE,
        _MUSCLE_FOLDER,
        _find_muscles,
    ),
    flat(
        "us_nerve",
        r"train/(?P<subject>\d+)_(?P<number>\d+)\.(?i:tiff?)",
        r"train/(?P<subject>\d+)_(?P<number>\d+)_mask\.(?i:tiff?)",
        "train, unpacked from train.zip",
        parts=("subject", "number"),
        name=_frame,
        group=_subject,
        known=(
            r"test/\d+\.(?i:tiff?)",
            r"train_masks\.csv",
            r"sample_submission\.csv",
            r"(?:train|test)\.zip",
        ),
    ),
    Layout(
        "us_ovary",
        r"OTU_2[dD]/"
        + f"(?:images/\\d+{_JPEG}|train/train_image/[^/]+{_JPEG}|test/image/[^/]+{_JPEG})",
        _OVARY_FOLDER,
        _find_ovaries,
    ),
)

ASSUMPTIONS_ultrasound: dict[str, Callable[[Sample], str | None]] = {"us_muscle": _muscle}
"""From one sample, a sentence on whether what was inferred of the labels held; ``None`` where
that sample cannot tell."""
