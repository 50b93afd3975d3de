"""The spinal cord grey matter challenge (SCGM): four raters a subject.

``siteS-scNN-image.nii.gz`` with ``siteS-scNN-mask-rR.nii.gz``. Some copies have the files at the
top, others in a folder named like the archive, so that only names are looked at.

Which rater the paper took, or whether it took a vote, it does not say. The default is the vote:
it uses all that was drawn and prefers nobody. A pixel counts where more than half of the raters,
three of four, say so; two against two is no.
"""

from __future__ import annotations

from collections.abc import Sequence

from medsam.datasets.catalog import entry
from medsam.datasets.layouts._parts import nifti_channel, nifti_labels, not_one_each
from medsam.datasets.layouts.layout import Layout, Settings, grouped, labels_of
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.sample import Sample
from medsam.datasets.source import Scan, Source

__all__ = ["LAYOUT", "cord_is_whole"]

_RATERS = ("1", "2", "3", "4")
_CASE = r"(?P<id>site\d+-sc(?P<number>\d+))"
_IMAGE = rf"{_CASE}-image\.nii\.gz"
_FIRST_TEST = 11
"""Subjects of each site from this number on are the test archive, which has no masks."""
_OUTLINE = 0.5
"""Part of the cord's outline that white matter has to make for the labels to be believed."""


def _find(tree: Tree, settings: Settings) -> Sequence[Source]:
    labels = labels_of(entry("mri_spine"))
    rater = settings.options["rater"]
    wanted = _RATERS if rater == "vote" else (rater,)
    masks = list(tree.match(rf"{_CASE}-mask-r(?P<rater>\d)\.nii\.gz"))
    drawn = grouped(masks, "id", "rater")
    labelled = {one.parts["id"] for one in masks}
    pictures = [
        one
        for one in tree.match(_IMAGE)
        if one.parts["id"] in labelled or int(one.parts["number"]) < _FIRST_TEST
    ]
    images = grouped(pictures, "id")
    for known in (rf"{_CASE}-levels\.txt", r"license\.txt"):
        list(tree.match(known))  # known, and not used
    sources: list[Source] = []
    for case in sorted(labelled | {one.parts["id"] for one in pictures}):
        image = images.get((case,), [])
        each = [drawn.get((case, one), []) for one in wanted]
        raters = {f"mask of rater {one}": paths for one, paths in zip(wanted, each, strict=True)}
        broken = not_one_each(
            case, case, {"image": image, **raters}, "Or ask one rater (--option rater=1)."
        )
        sources.append(
            broken
            or Scan(
                case,
                case,
                (nifti_channel(image[0]),),
                tuple(nifti_labels(paths[0], labels) for paths in each),
                settings.plane,
                settings.intensity,
                vote=rater == "vote",
                trust_image=settings.trust_image,
            )
        )
    return sources


def cord_is_whole(sample: Sample) -> str | None:
    """Whether the labels of a slice are what is assumed: 1 grey matter, 2 the white around it.

    The cord is taken for the union of both, which no source says of the paper. That holds where
    the union has no hole and its outline is white matter; if the values were swapped, or 2 were
    something else, grey matter would make the outline.

    Parameters
    ----------
    sample : Sample
        A slice with masks of ``mri_spine_gm`` and ``mri_spine_sc``.

    Returns
    -------
    str or None
        What was tested, on which slice, and whether it held; ``None`` if there is no grey
        matter on the slice.
    """
    import numpy as np
    from scipy import ndimage

    grey, cord = (sample.masks.get(f"mri_spine_{task}") for task in ("gm", "sc"))
    if grey is None or cord is None or not grey.any():
        return None
    outline = cord & ~ndimage.binary_erosion(cord)
    white = float(np.mean(~grey[outline]))
    holes = int((ndimage.binary_fill_holes(cord) & ~cord).sum())
    held = white > _OUTLINE and not holes
    return (
        f"Cord = labels 1 (grey matter) and 2 (white matter), tested on {sample.id}: {white:.0%} "
        f"of the outline of their union is label 2 (expected: above {_OUTLINE:.0%}), {holes} of "
        f"its pixels are holes (expected: 0). {'Held.' if held else 'Did not hold.'}"
    )


LAYOUT = Layout(
    "mri_spine",
    _IMAGE,
    "siteS-scNN-image.nii.gz with siteS-scNN-mask-rR.nii.gz (the training archive)",
    _find,
    options={"rater": ("vote", *_RATERS)},
)
