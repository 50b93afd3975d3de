"""Where FocalClick looks twice, on masks drawn by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsam.models.click.focalclick import box, focus, grown, relative, scaled

WHOLE = (0, 100, 0, 100)


def mask(*blocks):
    out = np.zeros((100, 100), bool)
    for top, bottom, left, right in blocks:
        out[top:bottom, left:right] = True
    return out


def test_a_mask_of_fewer_than_ten_pixels_has_the_box_of_the_picture():
    assert box(mask((10, 12, 10, 15))) == (10, 11, 10, 14)
    assert box(mask((10, 13, 10, 13))) == (0, 100, 0, 100)


def test_a_box_grows_about_its_centre_and_ends_at_the_picture():
    # Rows 10 to 19: centre 14.5, 14 high; 7.5 and 21.5 are cut to whole numbers.
    assert grown((10, 19, 10, 29), 1.4, (100, 100)) == (7, 21, 5, 33)
    assert grown((0, 99, 90, 99), 1.4, (100, 100)) == (0, 100, 87, 100)


def test_the_first_focus_is_the_object():
    assert focus(mask((10, 20, 10, 30)), mask(), (15, 15), WHOLE) == (7, 21, 5, 33)


def test_a_large_change_is_the_focus():
    before, now = mask((10, 30, 10, 30)), mask((10, 30, 10, 60))
    # Columns 30 to 59 changed: centre 44.5, 42 wide; rows 10 to 29: centre 19.5, 28 high.
    assert focus(now, before, (20, 40), WHOLE) == (5, 33, 23, 65)


def test_only_the_change_at_the_click_counts():
    before, now = mask((10, 30, 10, 30)), mask((10, 30, 10, 60), (60, 80, 10, 40))
    assert focus(now, before, (20, 40), WHOLE) != focus(now, before, (70, 20), WHOLE)


def test_around_the_click_if_the_change_is_small():
    before = mask((10, 70, 10, 70))
    now = before | mask((20, 30, 70, 75))
    # The object is now 59 high and 64 wide: 12.8 to each side, 26.6 long, times 1.4.
    assert focus(now, before, (25, 72), WHOLE) == (6, 43, 53, 90)


def test_the_focus_lies_in_the_target():
    now = mask((10, 20, 10, 30))
    assert focus(now, mask(), (15, 15), (8, 18, 8, 28)) == (8, 18, 8, 28)
    assert focus(now, mask(), (15, 15), (50, 90, 40, 80)) == (50, 90, 40, 80)  # Nothing in it.


@given(st.integers(0, 99), st.integers(0, 99), st.integers(1, 40), st.integers(0, 1))
def test_a_focus_always_has_pixels(row, column, side, started):
    now = mask((row, row + side, column, column + side))
    before = mask((0, 30, 0, 30)) if started else mask()
    top, bottom, left, right = focus(now, before, (row, column), (20, 80, 20, 80))
    assert 20 <= top < bottom <= 80
    assert 20 <= left < right <= 80


def test_a_window_and_clicks_in_pixels_of_the_crop():
    assert relative((10, 20, 10, 30), (0, 40, 0, 40), 80) == (20, 40, 20, 60)
    moved = scaled(np.array([[15.0, 20.0, 1.0], [0.0, 0.0, 0.0]]), (10, 20, 10, 30), 80)
    np.testing.assert_allclose(moved, [[40, 40, 1], [-80, -40, 0]])
    assert relative((0, 90, 0, 90), (10, 50, 10, 50), 80) == pytest.approx((0, 80, 0, 80))
