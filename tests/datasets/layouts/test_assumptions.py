"""What is assumed of labels: held where it is so, and noticed where it is not."""

import numpy as np
import pytest
from datasets.checks import opened
from datasets.layouts.picture_trees import TREES, hip, write

from medsam.datasets.check import check
from medsam.datasets.layouts.assumptions import judge
from medsam.datasets.sample import Sample


def verdict(key, **masks):
    """Whether the assumption of a dataset holds, or None."""
    image = np.zeros((*next(iter(masks.values())).shape, 3), np.uint8)
    found = judge(key, Sample("a", "a", image, masks))
    return found and found[0]


def box(y0, y1, x0, x1, size=(60, 80)):
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_cord():
    cord, grey = box(10, 40, 10, 40), box(20, 30, 20, 30)
    hole = cord & ~box(15, 17, 15, 17)
    for gm, sc, held in (
        (grey, cord, True),
        (cord & ~grey, cord, False),  # the values swapped
        (grey, hole, False),
        (grey & False, cord, None),
    ):
        assert verdict("mri_spine", mri_spine_gm=gm, mri_spine_sc=sc) is held


def test_muscle():
    for mask, held in (
        (box(20, 30, 5, 9), True),
        (box(20, 30, 0, 80), True),  # as wide as the picture
        (~box(20, 30, 5, 9), False),
        (box(0, 0, 0, 0), None),
    ):
        assert verdict("us_muscle", us_muscle=mask) == held


def pelvis():
    """A pelvis, both sides: the wing, the seat bone below the socket; head and shaft of a femur."""
    ilium = box(5, 25, 5, 28) | box(25, 40, 22, 28)
    femur = box(26, 33, 12, 20) | box(33, 60, 8, 13)
    return ilium | ilium[:, ::-1], femur | femur[:, ::-1]


@pytest.mark.parametrize(
    ("change", "held"),
    [
        (lambda i, f: (i, f), True),
        (lambda i, f: (i[:, :40], f[:, :40]), True),  # one hip of the two
        (lambda i, f: (i[:, 40:], f[:, 40:]), True),
        (lambda i, f: (i[15:], f[15:]), True),  # the wing is cut off
        (lambda i, f: (f, i), False),
        (lambda i, f: (i[::-1], f[::-1]), False),  # upside down
        (lambda i, f: (i[:, :40].T, f[:, :40].T), False),  # rows and columns swapped, either hip
        (lambda i, f: (i[:, 40:].T, f[:, 40:].T), False),
        (lambda i, f: (i, f & False), None),
    ],
)
def test_hip(change, held):
    ilium, femur = change(*pelvis())
    assert verdict("xray_hip", xray_hip_ilium=ilium, xray_hip_femur=femur) is held


def test_how_many_images_bear_it_out(tmp_path):
    files = TREES["hip"].files | {"labels/label_044.nii.gz": hip()[::-1]}
    (words,) = check(opened("xray_hip", write(tmp_path, files)), progress=False).assumptions
    assert "1 of 2 images bear it out. On image_044 " in words
