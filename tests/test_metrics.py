import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medsam.errors import InputError
from medsam.metrics import dice, iou

A = np.array([[1, 1, 0], [0, 0, 0]], bool)
B = np.array([[0, 1, 1], [0, 0, 1]], bool)
NONE = np.zeros((2, 3), bool)


def test_by_hand():
    assert iou(A, B) == 1 / 4
    assert dice(A, B) == 2 / 5
    assert iou(A, A) == dice(A, A) == 1
    assert iou(A, NONE) == dice(A, NONE) == 0


def test_empty_is_an_explicit_policy():
    assert math.isnan(iou(NONE, NONE))
    assert iou(NONE, NONE, empty="minus_one") == -1
    assert dice(NONE, NONE, empty="minus_one") == -1


@given(arrays(bool, (5, 6)), arrays(bool, (5, 6)))
def test_symmetric_and_tied_to_each_other(a, b):
    assert iou(a, b) == iou(b, a) or not (a | b).any()
    if (a | b).any():
        assert dice(a, b) == pytest.approx(2 * iou(a, b) / (1 + iou(a, b)))


@given(st.integers(1, 4))
def test_shapes_must_agree(n):
    with pytest.raises(InputError, match="Allowed: two bool masks of one shape"):
        iou(A, np.zeros((2, 3 + n), bool))


def test_only_bool():
    with pytest.raises(InputError, match="dtypes bool and uint8"):
        iou(A, B.astype(np.uint8))


def test_only_known_policies():
    with pytest.raises(InputError, match="empty='zero'. Allowed: nan, minus_one"):
        dice(A, B, empty="zero")
