import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from medsam.errors import InputError
from medsam.metrics import TOLERANCE, Surface, SurfaceTo, dice, iou, surface_metrics

A = np.array([[1, 1, 0], [0, 0, 0]], bool)
B = np.array([[0, 1, 1], [0, 0, 1]], bool)
NONE = np.zeros((2, 3), bool)
PAIRS = st.tuples(arrays(bool, (6, 7)), arrays(bool, (6, 7)))
SPACINGS = st.tuples(*[st.sampled_from([0.1, 0.4, 0.7, 1.0, 1.5, 3.0])] * 2)


def test_overlap_by_hand():
    assert iou(A, B) == 1 / 4
    assert dice(A, B) == 2 / 5
    assert iou(A, A) == dice(A, A) == 1
    assert iou(A, NONE) == dice(A, NONE) == 0
    assert math.isnan(iou(NONE, NONE))
    assert math.isnan(dice(NONE, NONE))


@given(PAIRS)
def test_overlaps_are_symmetric_and_tied_to_each_other(pair):
    a, b = pair
    assume((a | b).any())
    assert iou(a, b) == iou(b, a)
    assert dice(a, b) == pytest.approx(2 * iou(a, b) / (1 + iou(a, b)))


def square(column, shape=(6, 9)):
    mask = np.zeros(shape, bool)
    mask[1:4, column : column + 3] = True
    return mask


LEFT, RIGHT = square(1), square(3)


def test_two_squares_by_hand():
    # Two squares of 3 x 3, two columns apart; the middle pixel is no boundary. Of one's eight,
    # three are two columns from the other's boundary, two are one column, three are on it.
    for found in SurfaceTo(RIGHT, (1.0, 1.0)).distances(LEFT):
        assert sorted(found) == [0, 0, 0, 1, 1, 2, 2, 2]
    assert surface_metrics(LEFT, RIGHT, (1.0, 1.0)) == Surface(1.0, 2.0)
    assert surface_metrics(LEFT, RIGHT, (1.0, 1.0), tolerance=1).nsd == 10 / 16
    assert surface_metrics(LEFT, RIGHT, (1.0, 1.0), tolerance=0).nsd == 6 / 16
    # Spacing is (row, column). Columns of 3 mm: the distances are 6, 6, 6, 3, 3, 0, 0, 0.
    assert surface_metrics(LEFT, RIGHT, (3.0, 1.0)) == Surface(1.0, 2.0)
    assert surface_metrics(LEFT, RIGHT, (1.0, 3.0)) == Surface(6 / 16, 6.0)
    assert surface_metrics(LEFT.T, RIGHT.T, (3.0, 1.0)) == Surface(6 / 16, 6.0)


def test_hd95_is_the_larger_of_the_two_directed_percentiles():
    point, line = np.zeros((2, 1, 21), bool)
    point[0, 0] = line[:] = True
    # From the line: 0, 1, ... 20 mm; the 95th percentile is 19. From the point: 0.
    assert surface_metrics(point, line, (1.0, 1.0)).hd95 == 19
    assert surface_metrics(point, line, (1.0, 0.5)).hd95 == 9.5
    assert surface_metrics(point[:, :11], line[:, :11], (1.0, 1.0)).hd95 == pytest.approx(9.5)


def test_the_border_of_the_image_is_a_boundary():
    full = np.ones((4, 5), bool)
    assert len(SurfaceTo(full, (1.0, 1.0)).distances(full)[0]) == 14


@pytest.mark.parametrize("tolerance", [0.1, 0.3, 0.7, 1.1, TOLERANCE])
def test_a_distance_equal_to_the_tolerance_counts(tolerance):
    spacing = (1.0, tolerance)
    assert surface_metrics(square(0), square(1), spacing, tolerance=tolerance).nsd == 1
    assert surface_metrics(square(0), square(1), spacing, tolerance=tolerance * 0.999).nsd < 1


def brute_force(a, b, spacing):
    """Distances between boundaries with nothing but loops, all pairs."""

    def boundary(mask):
        around = np.pad(mask, 1)
        return [
            (y, x)
            for y, x in itertools.product(*map(range, mask.shape))
            if mask[y, x] and around[y : y + 3, x : x + 3][[0, 1, 1, 2], [1, 0, 2, 1]].sum() < 4
        ]

    def directed(of, to):
        return sorted(
            min(math.hypot((y - v) * spacing[0], (x - u) * spacing[1]) for v, u in to)
            for y, x in of
        )

    return directed(boundary(a), boundary(b)), directed(boundary(b), boundary(a))


@settings(max_examples=100)
@given(PAIRS, SPACINGS)
def test_distances_equal_brute_force(pair, spacing):
    a, b = pair
    assume(a.any() and b.any())
    found = SurfaceTo(b, spacing).distances(a)
    for mine, theirs in zip(found, brute_force(a, b, spacing), strict=True):
        np.testing.assert_allclose(sorted(mine), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.7, 2.5)])
def test_equals_monai_on_blobs(spacing):
    import torch
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    rng = np.random.default_rng(0)
    a, b = (ndimage.gaussian_filter(rng.normal(size=(65, 50)), 4) > 0.03 for _ in range(2))
    found = surface_metrics(a, b, spacing)
    assert 0 < found.nsd < 1
    both = [torch.tensor(mask)[None, None] for mask in (a, b)]
    options = {"include_background": True, "spacing": list(spacing)}
    surface_dice = compute_surface_dice(*both, [TOLERANCE], **options).item()
    assert found.nsd == pytest.approx(surface_dice)
    far = compute_hausdorff_distance(*both, percentile=95, **options).item()
    assert found.hd95 == pytest.approx(far, rel=1e-5)


@given(PAIRS, SPACINGS, st.integers(0, 9), st.integers(0, 9))
def test_surface_metrics_are_symmetric_and_background_around_changes_nothing(
    pair, spacing, top, left
):
    a, b = pair
    found = surface_metrics(a, b, spacing)
    around = ((top, 9 - top), (left, 9 - left))
    padded = surface_metrics(np.pad(a, around), np.pad(b, around), spacing)
    np.testing.assert_equal(tuple(found), tuple(padded))
    np.testing.assert_equal(tuple(found), tuple(surface_metrics(b, a, spacing)))


def test_surface_metrics_of_empty_masks():
    nan, mm = math.nan, (1.0, 2.0)
    np.testing.assert_equal(tuple(surface_metrics(NONE, NONE, mm)), (nan, nan))
    np.testing.assert_equal(tuple(surface_metrics(A, NONE, mm)), (0, nan))
    np.testing.assert_equal(tuple(surface_metrics(NONE, A, mm)), (0, nan))


@pytest.mark.parametrize(
    ("a", "b", "spacing", "tolerance", "message"),
    [
        (A, B[:, :2], (1, 1), 2, "Allowed: two bool masks of one shape"),
        (A, B.astype(np.uint8), (1, 1), 2, "dtypes bool and uint8"),
        (A, B, (1.0, 0.0), 2, r"Spacing \(1.0, 0.0\). Allowed: the size of a pixel in mm"),
        (A, B, (1.0,), 2, "Spacing"),
        (A, B, (1.0, math.inf), 2, "Spacing"),
        (A, B, (1, 1), -1, "Tolerance -1 mm. Allowed: 0 or more"),
    ],
)
def test_errors(a, b, spacing, tolerance, message):
    with pytest.raises(InputError, match=message):
        surface_metrics(a, b, spacing, tolerance=tolerance)
