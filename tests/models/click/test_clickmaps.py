"""Clicks as disks, on cases small enough to draw by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medsam.models.click.zoom import disks, mirrored, of_prompt
from medsam.prompts import Prompt

LIKE = torch.zeros(1)


def test_points_become_rows_and_columns_with_labels():
    clicks = of_prompt(Prompt([[3, 4], [5, 6]], [1, 0]))
    np.testing.assert_array_equal(clicks, [[4, 3, 1], [6, 5, 0]])


def test_a_disk_of_radius_5_has_81_pixels():
    maps = disks([np.array([[10.0, 12.0, 1.0]])], (30, 30), 5, LIKE)
    assert maps.shape == (1, 2, 30, 30)
    assert maps[0, 0].sum() == 81  # Whole points with a distance of at most 5 from one.
    assert maps[0, 1].sum() == 0
    assert maps[0, 0, 10, 17] == 1  # Exactly 5 away.
    assert maps[0, 0, 10, 18] == 0
    assert maps[0, 0, 13, 16] == 1  # 3, 4, 5.


def test_positive_and_negative_have_a_channel_each():
    maps = disks([np.array([[0.0, 0.0, 0.0], [4.0, 4.0, 1.0]])], (5, 5), 1, LIKE)[0]
    assert maps[1].tolist()[0] == [1, 1, 0, 0, 0]
    assert maps[0].tolist()[4] == [0, 0, 0, 1, 1]
    assert maps.sum() == 6


def test_disks_that_overlap_are_still_1_and_pictures_are_apart():
    twice = np.array([[2.0, 2.0, 1.0], [2.0, 3.0, 1.0]])
    maps = disks([twice, np.zeros((0, 3))], (5, 6), 1, LIKE)
    assert maps.max() == 1
    assert maps[0, 0].sum() == 8
    assert maps[1].sum() == 0


@pytest.mark.parametrize(("at", "pixels"), [((-1.0, -1.0), 0), ((-1.0, 2.0), 1), ((-0.5, 0.0), 1)])
def test_only_a_click_left_of_and_above_the_picture_is_none(at, pixels):
    assert disks([np.array([[*at, 1.0]])], (4, 4), 1, LIKE).sum() == pixels


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 11), st.integers(0, 1)), max_size=5))
def test_disks_of_mirrored_clicks_are_mirrored_disks(clicks):
    clicks = np.array(clicks, float).reshape(-1, 3)
    maps = disks([clicks, mirrored(clicks, 12)], (9, 12), 3, LIKE)
    assert torch.equal(maps[1], maps[0].flip(2))
    np.testing.assert_array_equal(mirrored(mirrored(clicks, 12), 12), clicks)
