"""What no source says of a dataset's labels, as a test of one sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.catalog import entry
from medsam.datasets.sample import Sample

Verdict = tuple[bool, str]
"""Whether an assumption holds on a sample, and what was seen there."""

Mask = NDArray[np.bool_]

_OUTLINE = 0.5
"""Part of the cord's outline that white matter has to make for the labels to be believed."""


def _cord(grey: Mask, cord: Mask) -> Verdict:
    """Whether 1 is grey matter and 2 the white around it.

    The cord is taken for the union of both, which no source says of the paper. That holds where
    the union has no hole and its outline is white matter; if the values were swapped, or 2 were
    something else, grey matter would make the outline.
    """
    from scipy import ndimage

    outline = cord & ~ndimage.binary_erosion(cord)
    white = float(np.mean(~grey[outline]))
    holes = int((ndimage.binary_fill_holes(cord) & ~cord).sum())
    return (
        white > _OUTLINE and not holes,
        f"{white:.0%} of the outline of their union is label 2 (expected: above "
        f"{_OUTLINE:.0%}), {holes} of its pixels are holes (expected: 0).",
    )


def _dense(breast: Mask, dense: Mask) -> Verdict:
    """Whether the dense tissue lies within the breast, as whoever drew it states.

    Segments are told by their names and laid on the image by their headers; a wrong name or a
    mask that lies turned would put dense tissue outside.
    """
    inside = float((dense & breast).sum() / dense.sum())
    return (
        inside > 0.99 and breast.sum() > dense.sum(),
        f"{inside:.0%} of {dense.sum()} pixels (expected: above 99%).",
    )


def _hip(upper: Mask, lower: Mask) -> Verdict:
    """Whether the ilium (2) lies above the femur (1), as in anyone who stands.

    The way from the centre of the femur to that of the ilium must lead up, within 45 degrees. It
    leads down where the values are swapped or the picture is upside down, and aside where rows
    and columns are swapped, whichever hip it is. Left and right are not tested: both hips occur.
    """
    ilium, femur = (np.argwhere(mask).mean(axis=0) for mask in (upper, lower))
    up, aside = femur[0] - ilium[0], abs(femur[1] - ilium[1])
    held = bool(up > aside)
    way = "swapped or upside down" if -up > aside else "on its side"
    return (
        held,
        f"its centre is {up:.0f} pixels higher and {aside:.0f} aside (expected: "
        "higher by more than aside)" + ("." if held else f": the picture is {way}. Look at it."),
    )


def _muscle(mask: Mask) -> Verdict:
    """Whether what is not 0 can be the muscle: skin and fat, at the upper edge, never are."""
    return (
        not mask[0].any(),
        f"{mask.mean():.0%} of the picture, and {mask[0].mean():.0%} of its "
        "uppermost row (expected: 0%, skin).",
    )


ASSUMPTIONS: Mapping[str, tuple[str, Callable[..., Verdict]]] = {
    "mri_spine": ("Cord = labels 1 (grey matter) and 2 (white matter)", _cord),
    "mri_breast": ("Dense tissue within the breast", _dense),
    "xray_hip": ("Ilium (2) above the femur (1)", _hip),
    "us_muscle": ("Muscle = what is not 0", _muscle),
}
"""By the key of the dataset: what is assumed, and its test on masks of all its tasks."""


def judge(key: str, sample: Sample) -> Verdict | None:
    """Whether what is assumed of a dataset holds on a sample; ``None`` where it cannot decide."""
    masks = [sample.masks.get(task.key) for task in entry(key).tasks]
    if not all(mask is not None and mask.any() for mask in masks):
        return None
    held, words = ASSUMPTIONS[key][1](*masks)
    return held, f"On {sample.id} {words}"
