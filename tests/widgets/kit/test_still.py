"""What stands in place of a live widget looks as the live widget does."""

import numpy as np
import pytest
from mode_toys import OBJECT, slot

from medsam.widgets.kit.cases import around
from medsam.widgets.kit.still import (
    MASKS,
    NEGATIVE,
    PREDICTION,
    PROMPT,
    TRUTH,
    example_still,
    numbers,
    painted,
)

GREY = np.full((40, 60, 3), 120, np.uint8)


def square(first, last):
    mask = np.zeros(GREY.shape[:2], bool)
    mask[first : last + 1, first : last + 1] = True
    return mask


def coloured(picture, colour):
    return (np.array(picture) == colour).all(axis=2)


def test_truth_is_solid_and_a_prediction_dashed():
    mask = square(10, 29)
    solid = coloured(painted(GREY, [(mask, TRUTH)]), TRUTH)
    dashed = coloured(painted(GREY, [(mask, PREDICTION)]), PREDICTION)
    assert solid[20, 20:60].all()  # the upper edge, 2 pixels of the picture for one of the image
    assert not solid[40, 40]
    assert dashed[20, 20:60].any()
    assert not dashed[20, 20:60].all()
    assert (solid | ~dashed).all()
    assert solid.sum() * 0.55 < dashed.sum() < solid.sum() * 0.8  # 7 of 11, and the ends


def test_the_later_outline_lies_on_top():
    mask = square(10, 29)
    assert coloured(painted(GREY, [(mask, TRUTH), (mask, MASKS[0])]), MASKS[0])[20, 20:60].all()


def test_a_box_reaches_the_far_edge_of_its_last_pixel():
    box = coloured(painted(GREY, [], boxes=[[10, 5, 29, 19]]), PROMPT)
    y, x = np.nonzero(box)
    assert (x.min(), y.min(), x.max(), y.max()) == (20, 10, 60, 40)


def test_stars_are_positive_and_minus_signs_negative():
    picture = painted(GREY, [], [[15, 20], [45, 20]], labels=[1, 0])
    star, minus = coloured(picture, PROMPT), coloured(picture, NEGATIVE)
    assert star[41, 31]
    assert minus[41, 91]
    y, x = np.nonzero(minus)
    assert np.ptp(x) > 2 * np.ptp(y)
    assert np.nonzero(star)[1].max() < 45 < x.min()


def test_clicks_on_one_pixel_share_a_label():
    assert numbers([[3, 4], [8, 4], [3, 4]]) == {(3, 4): "1, 3", (8, 4): "2"}
    one = painted(GREY, [], [[15, 20]], numbered=True)
    two = painted(GREY, [], [[15, 20], [15, 20]], numbered=True)
    plain = painted(GREY, [], [[15, 20]])
    white = [coloured(p, (255, 255, 255)).sum() for p in (plain, one, two)]
    assert white[0] == 0 < white[1] < white[2]


def test_a_number_at_the_edge_is_not_cut_off():
    picture = painted(GREY, [], [[58, 2]], numbered=True)
    y, x = np.nonzero(coloured(picture, (255, 255, 255)))
    assert 0 < x.min() <= x.max() < picture.width - 2
    assert y.min() > 0


def test_a_part_of_an_example_keeps_its_prompt_in_place():
    e = next(e for e in slot() if (e.k, e.choice) == (4, "top"))
    still = example_still(e, (1, 1, 14, 10), "Drawn.", "More.")
    assert still.picture.size == (14 * 34, 10 * 34)
    y, x = np.nonzero(coloured(still.picture, PROMPT))
    assert (x.min(), y.min()) == (34, 34)  # the box begins at column 2, row 2
    assert (still.alt, still.caption) == ("Drawn.", "Drawn. More.")


@pytest.mark.parametrize(
    ("points", "margin", "view"),
    [
        ((), 0.3, [0, 0, 15, 11]),  # at least 8 pixels are more than there is
        ([[15, 0]], 0.3, [0, 0, 15, 11]),
    ],
)
def test_a_window_stays_in_the_image(points, margin, view):
    assert around(OBJECT, points, margin) == view


def test_a_window_grows_with_what_is_inside():
    mask = np.zeros((200, 300), bool)
    mask[60:81, 100:121] = True
    assert around(mask) == [92, 52, 128, 88]  # 20 wide: the least margin
    assert around(mask, [[160, 70]]) == [82, 42, 178, 98]  # 60 wide: a margin of 18
    assert around(mask, [[160, 70]], margin=0.5) == [70, 30, 190, 110]
