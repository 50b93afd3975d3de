"""Fig. 9: masks of a grid and the best of them; what is drawn is what the tables say."""

import numpy as np
import pandas as pd
import pytest

from medsam.errors import InputError
from medsam.figures.everything import Shown, everything_masks, everything_sides
from medsam.models.automatic import Found
from medsam.study.everything import Grid

golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})


def found(y, x, side, score):
    mask = np.zeros((40, 50), bool)
    mask[y : y + side, x : x + side] = True
    return Found(
        (x, y), (x, y, x + side - 1, y + side - 1), side**2, score, 1.0,
        np.packbits(np.ones((side, side), bool)), mask.shape,
    )  # fmt: skip


MASKS = [found(2, 3, 30, 0.99), found(5, 6, 8, 0.95), found(20, 30, 12, 0.9)]


def grid(side, count, seconds):
    masks = MASKS[:count]
    return Grid({}, "a", "0", side, (40, 50), masks, seconds, seconds, {"machine": "toy"})


def image():
    yy, xx = np.mgrid[:40, :50]
    return np.repeat(np.uint8(60 + (3 * xx + 2 * yy) % 120)[..., None], 3, axis=2)


def shown():
    grids = [(grid(32, 1, 4.2), True), (grid(64, 2, 61), True), (grid(128, 3, 750), False)]
    return [Shown("a slice", image(), grids), Shown("another", image(), grids[:2])]


def table():
    rows = [
        ("stem", "Brain stem", 0, 0.7, True), ("stem", "Brain stem", 32, 0.5, True),
        ("stem", "Brain stem", 64, 0.6, True), ("stem", "Brain stem", 128, 0.55, False),
        ("thal", "Thalamus", 0, 0.1, True), ("thal", "Thalamus", 32, 0.0, True),
        ("thal", "Thalamus", 64, 0.1, True), ("thal", "Thalamus", 128, 0.25, False),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["task", "name", "k", "iou", "here"])


def counts():
    rows = [("a", 32, 4, True), ("a", 64, 9, True), ("a", 128, 11, False)]
    return pd.DataFrame(rows, columns=["image", "k", "masks", "here"])


@golden
def test_everything_masks():
    return everything_masks(shown(), detail="toy")


def test_titles_and_badges_say_what_each_panel_is():
    figure = everything_masks(shown(), detail="toy on toys")
    first = figure.axes[:4]
    assert [axes.get_title() for axes in first] == [
        "a slice",
        "$2^5$ points a side\n1 mask, 4.2 s",
        "$2^6$ points a side\n2 masks, 61 s",
        "$2^7$ points a side\n3 masks, 12.5 min",
    ]
    badges = [[text.get_text() for text in axes.texts] for axes in first]
    assert badges == [[], ["THIS RUN"], ["THIS RUN"], ["COMPUTED EARLIER"]]
    # The second image has no third grid: its panel stays empty.
    assert not figure.axes[7].axison
    assert "toy on toys" in [text.get_text() for text in figure.texts]


def test_every_mask_has_its_outline():
    axes = everything_masks(shown(), detail="").axes[3]
    lines = [c for c in axes.collections if hasattr(c, "get_segments")]
    assert sorted(len(line.get_segments()) for line in lines) == [4 * 8, 4 * 12, 4 * 30]


def test_a_grid_that_found_nothing():
    figure = everything_masks([Shown("i", image(), [(grid(6, 0, 1), True)])], detail="")
    assert figure.axes[1].get_title() == "6 points a side\n0 masks, 1.0 s"


def test_a_grid_computed_in_pieces_tells_its_processor_time():
    pieces = Grid({}, "a", "0", 32, (40, 50), MASKS, None, 90.0, {})
    figure = everything_masks([Shown("i", image(), [(pieces, False)])], detail="")
    assert figure.axes[1].get_title().endswith("3 masks, 90 s of one core")


def test_lines_are_the_table():
    left, right = everything_sides(table(), counts(), detail="").axes
    drawn = {line.get_label(): line for line in left.lines}
    for name in ("Brain stem", "Thalamus"):
        part = table().query(f"name == '{name}' and k > 0")
        np.testing.assert_array_equal(drawn[name].get_xdata(), part.k)
        np.testing.assert_array_equal(drawn[name].get_ydata(), part.iou)
    np.testing.assert_allclose(drawn["mean of objects"].get_ydata(), [0.25, 0.35, 0.4])
    diamonds = [line for line in left.lines if line.get_marker() == "D"]
    assert [line.get_ydata().tolist() for line in diamonds] == [[0.7], [0.1]]
    np.testing.assert_array_equal(right.lines[0].get_ydata(), [4, 9, 11])
    hollow = [line for line in right.lines if line.get_markerfacecolor() == "white"]
    assert [line.get_xdata().tolist() for line in hollow] == [[128]]


@pytest.mark.parametrize("images", [[], [Shown("i", image(), [])]])
def test_every_image_has_a_grid(images):
    with pytest.raises(InputError, match="some without a grid. Allowed: at least one"):
        everything_masks(images, detail="")
