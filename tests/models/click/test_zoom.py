"""Clicks as disks and zooming in, on cases worked by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medsam.models.click.zoom import (
    Zoom,
    disks,
    mirrored,
    surroundings,
)

LIKE = torch.zeros(1)
NONE = np.zeros((0, 3))


@pytest.mark.parametrize(("at", "pixels"), [((-1.0, -1.0), 0), ((-1.0, 2.0), 1), ((-0.5, 0.0), 1)])
def test_only_a_click_left_of_and_above_the_picture_is_none(at, pixels):
    assert disks([np.array([[*at, 1.0]])], (4, 4), 1, LIKE).sum() == pixels


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 11), st.integers(0, 1)), max_size=5))
def test_disks_of_mirrored_clicks_are_mirrored_disks(clicks):
    clicks = np.array(clicks, float).reshape(-1, 3)
    maps = disks([clicks, mirrored(clicks, 12)], (9, 12), 3, LIKE)
    assert torch.equal(maps[1], maps[0].flip(2))
    np.testing.assert_array_equal(mirrored(mirrored(clicks, 12), 12), clicks)


def square(size=(100, 100), rows=slice(40, 50), columns=slice(30, 50)):
    before = np.zeros(size, np.float32)
    before[rows, columns] = 0.9
    return before


def test_surroundings_have_a_least_side_and_end_at_the_picture():
    # Rows 40 to 49: centre 44.5, 10 x 1.4 = 14 high; columns 30 to 49: centre 39.5, 28 wide.
    assert surroundings(square() > 0, NONE, 1.4, 10) == (38, 52, 26, 54)
    assert surroundings(square() > 0, NONE, 1.4, 60) == (14, 74, 10, 70)
    assert surroundings(square() > 0, NONE, 1.4, 500) == (0, 99, 0, 99)

    # They reach positive clicks only.
    mask = square() > 0
    assert surroundings(mask, np.array([[90.0, 90.0, 0.0]]), 1, 1) == (40, 50, 30, 50)
    assert surroundings(mask, np.array([[90.0, 90.0, 1.0]]), 1, 1) == (40, 90, 30, 90)


def test_the_first_click_sees_the_picture_as_it_is():
    one, two = np.array([[45.0, 40.0, 1.0]]), np.array([[45.0, 40.0, 1.0], [46.0, 41.0, 1.0]])
    zoom = Zoom(min_side=10)
    assert zoom.region(None, None, one, (100, 100)) is None
    assert zoom.region(square(), None, one, (100, 100)) is None
    assert zoom.region(square(), None, two, (100, 100)) == (38, 52, 26, 54)
    # Nothing found is the whole picture.
    clicks, empty = np.ones((2, 3)), np.zeros((100, 80), np.float32)
    assert Zoom().region(empty, None, clicks, (100, 80)) is None
    assert Zoom(skip_clicks=-1).region(empty, None, clicks, (100, 80)) == (0, 99, 0, 79)


def test_a_region_is_kept_while_it_overlaps_and_holds_the_positive_clicks():
    zoom = Zoom(min_side=10)
    inside = np.array([[45.0, 40.0, 1.0], [99.0, 99.0, 0.0]])
    kept = (36, 54, 26, 54)
    assert zoom.region(square(), kept, inside, (100, 100)) == kept
    assert zoom.region(square(), (0, 99, 0, 99), inside, (100, 100)) == (38, 52, 26, 54)
    # The last row does not count as inside, as released.
    # Rows 40 to 54: centre 47, 21 high; 36.5 and 57.5 go to the even number.
    rim = np.array([[54.0, 40.0, 1.0], [45.0, 40.0, 1.0]])
    assert zoom.region(square(), kept, rim, (100, 100)) == (36, 58, 26, 54)
    never = Zoom(min_side=10, keep_above=2)
    assert never.region(square(), kept, inside, (100, 100)) == (38, 52, 26, 54)
