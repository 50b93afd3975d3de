"""Regions and centres against the plain definitions, on the whole image and pixel by pixel."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from medsam.errors import InputError
from medsam.protocol import PROTOCOLS
from medsam.regions import Regions, box, centres, regions

PAPER, RELEASED = PROTOCOLS["paper"], PROTOCOLS["released"]
BOTH = pytest.mark.parametrize("protocol", [PAPER, RELEASED], ids=lambda p: p.name)
presets = st.sampled_from([PAPER, RELEASED])
grids = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))
masks = grids.filter(np.any)


@st.composite
def smooth(draw, side=160):
    """Objects as large and as rounded as organs, some cut by the border of the image."""
    shape = draw(st.tuples(st.integers(20, side), st.integers(20, side)))
    noise = np.random.default_rng(draw(st.integers(0, 2**32))).normal(size=shape)
    noise = cv2.GaussianBlur(noise, (0, 0), draw(st.floats(1, 12)))
    return noise > np.quantile(noise, draw(st.floats(0.3, 0.95)))


def whole_regions(mask, protocol):
    """The definition, with an image a region: area, then first pixel row by row."""
    numbered, count = ndimage.label(mask, np.ones((3, 3)))
    parts = [numbered == n for n in range(1, count + 1)]
    sign = 1 if protocol.region_ties == "first" else -1
    return sorted(parts, key=lambda part: (-part.sum(), sign * np.flatnonzero(part)[0]))


def whole_centres(mask, protocol):
    """The definition, on the whole image and one pixel of background around it."""
    padded = np.pad(mask.astype(np.uint8), 1)
    if protocol.distance == "exact":
        distance = np.rint(ndimage.distance_transform_edt(padded) ** 2)
    else:
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)
    rows, columns = np.nonzero(distance[1:-1, 1:-1] == distance.max())
    return np.stack([columns, rows], axis=1)


def plain_chamfer(mask, a=1.0, b=1.4, c=2.1969):
    """The 5x5 chamfer distance in two passes (Borgefors 1986, doi:10.1016/S0734-189X(86)80047-0).

    Steps to a neighbour cost ``a``, to a diagonal one ``b``, a knight's move ``c``; the values
    are those that OpenCV documents for DIST_L2.
    """
    padded = np.pad(mask, 1)
    height, width = padded.shape
    distance = [[np.inf if padded[y, x] else 0.0 for x in range(width)] for y in range(height)]
    before = [(-2, -1, c), (-2, 1, c), (-1, -2, c), (-1, -1, b), (-1, 0, a), (-1, 1, b)]
    before += [(-1, 2, c), (0, -1, a)]
    pixels = [(y, x) for y in range(height) for x in range(width)]
    for order, sign in ((pixels, 1), (pixels[::-1], -1)):
        for y, x in order:
            for dy, dx, cost in before:
                v, u = y + sign * dy, x + sign * dx
                if 0 <= v < height and 0 <= u < width:
                    distance[y][x] = min(distance[y][x], distance[v][u] + cost)
    return np.array(distance)[1:-1, 1:-1]


def same_as_whole(mask, protocol):
    found, wanted = regions(mask, protocol), whole_regions(mask, protocol)
    assert len(found) == len(wanted)
    assert found.areas.tolist() == [part.sum() for part in wanted]
    for i, part in enumerate(wanted):
        region = found.region(i)
        assert np.array_equal(found[i], part)
        assert list(region.box) == box(part)
        assert region.area == part.sum()
        assert region.centres(protocol).tolist() == whole_centres(part, protocol).tolist()
    if found:
        assert list(found.box) == box(mask)
        assert centres(mask, protocol).tolist() == whole_centres(mask, protocol).tolist()


@given(grids, presets)
def test_what_is_cut_out_is_what_the_whole_image_gives(mask, protocol):
    same_as_whole(mask, protocol)


@given(smooth(), presets)
def test_the_same_for_objects_like_organs(mask, protocol):
    same_as_whole(mask, protocol)


@pytest.mark.parametrize(
    ("shape", "axes", "angle"),
    [((216, 244), (75, 107), 23), ((256, 176), (64, 75), 28), ((183, 186), (57, 52), 87)],
)
def test_a_tie_that_hangs_on_the_last_bit(shape, axes, angle):
    """Cut to the box of these ellipses, OpenCV with Intel's library finds other ties."""
    height, width = shape
    mask = np.zeros(shape, np.uint8)
    cv2.ellipse(mask, (width // 2, height // 2), axes, angle, 0, 360, 1, -1)
    same_as_whole(mask > 0, RELEASED)


@given(masks)
def test_centres_by_the_plain_chamfer(mask):
    distance = plain_chamfer(mask)
    for x, y in centres(mask, RELEASED):
        assert distance[y, x] == pytest.approx(distance.max(), abs=1e-3)


@pytest.mark.parametrize("radius", [300, 511])
def test_exact_distances_are_exact_on_large_objects(radius):
    yy, xx = np.mgrid[: 2 * radius + 1, : 2 * radius + 1]
    disc = (yy - radius) ** 2 + (xx - radius) ** 2 <= radius**2
    assert centres(disc, PAPER).tolist() == [[radius, radius]]
    # A square of an even side has four middles.
    square = np.ones((2 * radius, 2 * radius), bool)
    middle = [radius - 1, radius]
    assert centres(square, PAPER).tolist() == [[x, y] for y in middle for x in middle]


@BOTH
def test_by_hand(protocol):
    mask = np.array(
        [
            [1, 1, 1, 0, 0, 0, 1],
            [1, 1, 1, 0, 0, 0, 0],
            [1, 1, 1, 0, 1, 0, 0],
            [0, 0, 0, 0, 0, 1, 0],
        ],
        bool,
    )
    found = Regions(mask, protocol)
    assert found.areas.tolist() == [9, 2, 1]
    assert [found.region(i).box for i in range(3)] == [(0, 0, 2, 2), (4, 2, 5, 3), (6, 0, 6, 0)]
    # The border counts as boundary: only the middle of the square is 2 away from it.
    assert found.region(0).centres(protocol).tolist() == [[1, 1]]
    assert found.region(1).centres(protocol).tolist() == [[4, 2], [5, 3]]
    assert centres(mask, protocol).tolist() == [[1, 1]]
    assert found.box == (0, 0, 6, 3)


def test_a_sequence_of_masks():
    mask = np.zeros((8, 8), bool)
    mask[0, :3] = mask[4, :2] = mask[7, 7] = True
    found = regions(mask)
    assert [part.sum() for part in found] == [3, 2, 1]
    assert [part.sum() for part in found[1:]] == [2, 1]
    # Each mask is the caller's own.
    found[0][:] = True
    assert found[0].sum() == 3


def test_no_pixel_is_no_region():
    found = regions(np.zeros((5, 6), bool))
    assert len(found) == 0
    assert list(found) == []
    assert not found
    assert found.box is None
    with pytest.raises(InputError, match="without a pixel has no centre. Allowed: at least one"):
        centres(np.zeros((5, 6), bool), PAPER)
    with pytest.raises(InputError, match="without a pixel has no box. Allowed: at least one"):
        box(np.zeros((5, 6), bool))


def test_more_regions_than_a_short_integer_counts():
    mask = np.zeros((600, 600), bool)
    mask[::2, ::2] = True
    found = regions(mask, RELEASED)
    assert len(found) == 90_000
    assert found.region(0).box == (598, 598, 598, 598)


@given(masks, presets, st.integers(0, 5), st.integers(0, 5))
def test_where_the_object_lies_changes_nothing(mask, protocol, down, right):
    """Background around the object moves its centres along; the border of the image is one too."""
    moved = np.pad(mask, ((down, 2), (right, 3)))
    wanted = centres(mask, PAPER) + np.array([right, down])
    assert centres(moved, PAPER).tolist() == wanted.tolist()
    first, second = regions(mask, protocol), regions(moved, protocol)
    assert first.areas.tolist() == second.areas.tolist()
    for i in range(len(first)):
        x0, y0, x1, y1 = first.region(i).box
        assert second.region(i).box == (x0 + right, y0 + down, x1 + right, y1 + down)
