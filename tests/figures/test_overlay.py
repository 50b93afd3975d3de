"""Outlines and views, by hand."""

import math

import numpy as np
import pytest

from medsam.figures.overlay import edges, window


def test_edges_by_hand():
    mask = np.zeros((3, 4), bool)
    mask[1, 1:3] = True
    # Two pixels side by side: 2 + 2 flat edges, 2 upright.
    found = {tuple(map(tuple, segment)) for segment in edges(mask).tolist()}
    assert len(found) == 6
    assert ((0.5, 0.5), (1.5, 0.5)) in found
    assert ((2.5, 0.5), (2.5, 1.5)) in found
    assert math.isclose(len(edges(np.ones((5, 7), bool))), 2 * (5 + 7))


def test_window_holds_the_object_and_stays_in_the_image():
    small = np.zeros((100, 120), bool)
    small[90:95, 2:6] = True
    x0, x1, y0, y1 = window(small)
    assert (x0, y1) == pytest.approx((-0.5, 99.5))
    assert x1 - x0 == pytest.approx(12 * 1.7)
    assert y1 - y0 == pytest.approx(12 * 1.7)
    assert x0 < 2 < 6 < x1
    assert y0 < 90 < 95 < y1


def test_window_of_an_object_as_large_as_the_image_is_the_image():
    assert window(np.ones((50, 50), bool)) == (-0.5, 49.5, -0.5, 49.5)
    # The shorter side stands in the middle of the square.
    assert window(np.ones((40, 60), bool)) == (-0.5, 59.5, -10.5, 49.5)
