"""What no source says of a dataset's labels, as a test of one sample.

Each test gives whether the assumption holds on a sample, and what was seen; ``None`` where that
sample cannot decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.sample import Sample


class Verdict(NamedTuple):
    """Whether an assumption holds on a sample, and what was seen there."""

    held: bool
    words: str


_OUTLINE = 0.5
"""Part of the cord's outline that white matter has to make for the labels to be believed."""


def _objects(sample: Sample, *tasks: str) -> list[NDArray[np.bool_]] | None:
    """Masks of these tasks, if each has a pixel on the sample."""
    masks = [sample.masks.get(task) for task in tasks]
    found = [mask for mask in masks if mask is not None and mask.any()]
    return found if len(found) == len(masks) else None


def _cord(sample: Sample) -> Verdict | None:
    """Whether 1 is grey matter and 2 the white around it.

    The cord is taken for the union of both, which no source says of the paper. That holds where
    the union has no hole and its outline is white matter; if the values were swapped, or 2 were
    something else, grey matter would make the outline.
    """
    from scipy import ndimage

    found = _objects(sample, "mri_spine_gm", "mri_spine_sc")
    if found is None:
        return None
    grey, cord = found
    outline = cord & ~ndimage.binary_erosion(cord)
    white = float(np.mean(~grey[outline]))
    holes = int((ndimage.binary_fill_holes(cord) & ~cord).sum())
    return Verdict(
        white > _OUTLINE and not holes,
        f"On {sample.id} {white:.0%} of the outline of their union is label 2 (expected: above "
        f"{_OUTLINE:.0%}), {holes} of its pixels are holes (expected: 0).",
    )


def _dense(sample: Sample) -> Verdict | None:
    """Whether the dense tissue lies within the breast, as whoever drew it states.

    Segments are told by their names and laid on the image by their headers; a wrong name or a
    mask that lies turned would put dense tissue outside.
    """
    found = _objects(sample, "mri_breast_breast", "mri_breast_fgt")
    if found is None:
        return None
    breast, dense = found
    inside = float((dense & breast).sum() / dense.sum())
    return Verdict(
        inside > 0.99 and breast.sum() > dense.sum(),
        f"On {sample.id} {inside:.0%} of {dense.sum()} pixels (expected: above 99%).",
    )


def _hip(sample: Sample) -> Verdict | None:
    """Whether the ilium (2) lies above the femur (1), as in anyone who stands.

    The way from the centre of the femur to that of the ilium must lead up, within 45 degrees. It
    leads down where the values are swapped or the picture is upside down, and aside where rows
    and columns are swapped, whichever hip it is. Left and right are not tested: both hips occur.
    """
    found = _objects(sample, "xray_hip_ilium", "xray_hip_femur")
    if found is None:
        return None
    ilium, femur = (np.argwhere(mask).mean(axis=0) for mask in found)
    up, aside = femur[0] - ilium[0], abs(femur[1] - ilium[1])
    held = bool(up > aside)
    way = "swapped or upside down" if -up > aside else "on its side"
    return Verdict(
        held,
        f"On {sample.id} its centre is {up:.0f} pixels higher and {aside:.0f} aside (expected: "
        "higher by more than aside)" + ("." if held else f": the picture is {way}. Look at it."),
    )


def _muscle(sample: Sample) -> Verdict | None:
    """Whether what is not 0 can be the muscle: skin and fat, at the upper edge, never are."""
    found = _objects(sample, "us_muscle")
    if found is None:
        return None
    (mask,) = found
    return Verdict(
        not mask[0].any(),
        f"On {sample.id} {mask.mean():.0%} of the picture, and {mask[0].mean():.0%} of its "
        "uppermost row (expected: 0%, skin).",
    )


ASSUMPTIONS: Mapping[str, Callable[[Sample], Verdict | None]] = {
    "mri_spine": _cord,
    "mri_breast": _dense,
    "xray_hip": _hip,
    "us_muscle": _muscle,
}
"""Tests by the key of the dataset."""

STATEMENTS = {
    "mri_spine": "Cord = labels 1 (grey matter) and 2 (white matter)",
    "mri_breast": "Dense tissue within the breast",
    "xray_hip": "Ilium (2) above the femur (1)",
    "us_muscle": "Muscle = what is not 0",
}
"""What is tested, in words."""
