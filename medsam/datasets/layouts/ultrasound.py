"""Ultrasound: breast lesions, kidneys, muscles, nerves and ovarian tumours.

An id is the name of the image file, with the folders that tell equal names apart; only the
numbers of the nerve images are padded (``2_10`` is ``02_010``), so that the frames of a subject
stay together and in order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from medsam.datasets.layouts.flat import Key, files, flat, leave_out, need_both, picture
from medsam.datasets.layouts.layout import Layout, Settings, grouped, paired
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.sample import Sample
from medsam.datasets.source import Source
from medsam.errors import InputError

__all__ = ["ASSUMPTIONS", "LAYOUTS"]

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


LAYOUTS = (
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

ASSUMPTIONS: dict[str, Callable[[Sample], str | None]] = {"us_muscle": _muscle}
"""From one sample, a sentence on whether what was inferred of the labels held; ``None`` where
that sample cannot tell."""
