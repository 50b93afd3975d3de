"""Stored label values to masks: each value its own object, anything else refused."""

import numpy as np
import pytest

from medsam.datasets.labels import Labels
from medsam.errors import DataError, InputError

ORGANS = Labels({"ell": (1,), "bar": (2,)})


def flat(*values, dtype=np.uint8):
    return np.array([values], dtype)


def test_by_hand():
    masks = Labels({"whole": (1, 3), "core": (3,)}, others=(7,)).masks(flat(0, 1, 3, 7), "a")
    assert {task: mask.tolist() for task, mask in masks.items()} == {
        "whole": [[False, True, True, False]],
        "core": [[False, False, True, False]],
    }
    assert list(masks) == ["whole", "core"]
    for dtype in ("i1", ">i2", "u8", "f4", ">f8", "bool"):
        assert ORGANS.masks(flat(0, 1, dtype=dtype), "a")["ell"].tolist() == [[False, True]]


def test_thresholds():
    for rule, expected in ((">0", [0, 1, 1, 1]), (">=128", [0, 0, 1, 1]), (">128", [0, 0, 0, 1])):
        mask = Labels({"t": rule}).masks(flat(0, 127, 128, 255), "a")["t"]
        assert mask.astype(int).tolist() == [expected]


def test_255_is_1_in_a_binary_picture_alone():
    one = Labels({"t": (1,)})
    assert one.masks(flat(0, 255), "a")["t"].tolist() == [[False, True]]
    assert one.masks(flat(255, 255), "a")["t"].all()
    for rule, values in (
        ({"t": (1,)}, (0, 1, 255)),
        ({"t": (1,)}, (1, 255)),
        ({"t": (1,)}, (254, 255)),
        ({"t": (2,)}, (0, 255)),
    ):
        with pytest.raises(DataError, match=r"a: label values .*255. Allowed: 0 for the"):
            Labels(rule).masks(flat(*values), "a")
    both = Labels({"t": (1,), "u": (255,)}).masks(flat(0, 255), "a")
    assert (both["t"].any(), both["u"].any()) == (False, True)


@pytest.mark.parametrize("rule", [(), (0,), (1, -1), ">", "<3", "1", ">1.5", ""])
def test_rules_refused(rule):
    with pytest.raises(InputError, match=r"Label values of task 't': .*Allowed: whole numbers"):
        Labels({"t": rule})
    with pytest.raises(InputError, match=r"task '\(none\)'"):
        Labels({})
