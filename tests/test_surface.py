import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from medsam.errors import InputError
from medsam.metrics import TOLERANCE, Surface, distances, hd95, measure, nsd

NONE = np.zeros((6, 9), bool)


def square(column, size=3, shape=(6, 9)):
    mask = np.zeros(shape, bool)
    mask[1 : 1 + size, column : column + size] = True
    return mask


A, B = square(1), square(3)
PAIRS = st.tuples(arrays(bool, (6, 7)), arrays(bool, (6, 7)))
SPACINGS = st.tuples(*[st.sampled_from([0.1, 0.4, 0.7, 1.0, 1.5, 3.0])] * 2)


def brute_force(a, b, spacing):
    """Boundaries and distances with nothing but loops, all pairs."""

    def boundary(mask):
        height, width = mask.shape

        def inside(y, x):
            return 0 <= y < height and 0 <= x < width and mask[y, x]

        return [
            (y, x)
            for y, x in itertools.product(range(height), range(width))
            if mask[y, x]
            and not all(inside(y + dy, x + dx) for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)))
        ]

    def directed(of, to):
        return sorted(
            min(math.hypot((y - v) * spacing[0], (x - u) * spacing[1]) for v, u in to)
            for y, x in of
        )

    return directed(boundary(a), boundary(b)), directed(boundary(b), boundary(a))


def by_transform(a, b, spacing):
    """The same from distance transforms of the whole images."""
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (a, b)]
    maps = [ndimage.distance_transform_edt(~edge, sampling=spacing) for edge in edges]
    return maps[1][edges[0]], maps[0][edges[1]]


def test_two_squares_by_hand():
    # Two squares of 3 x 3, two columns apart; the middle pixel is no boundary. Of one's eight,
    # three are two columns from the other's boundary, two are one column, three are on it.
    for found in distances(A, B, (1.0, 1.0)):
        assert sorted(found) == [0, 0, 0, 1, 1, 2, 2, 2]
    assert measure(A, B, (1.0, 1.0)) == Surface(1.0, 2.0)
    assert nsd(A, B, (1.0, 1.0), tolerance=1) == 10 / 16
    assert nsd(A, B, (1.0, 1.0), tolerance=0) == 6 / 16
    assert measure(A, A, (1.0, 1.0)) == Surface(1.0, 0.0)


def test_spacing_is_row_then_column():
    assert measure(A, B, (3.0, 1.0)) == Surface(1.0, 2.0)
    # Columns of 3 mm: the distances are 6, 6, 6, 3, 3, 0, 0, 0.
    assert measure(A, B, (1.0, 3.0)) == Surface(6 / 16, 6.0)
    assert measure(A.T, B.T, (3.0, 1.0)) == Surface(6 / 16, 6.0)


def test_hd95_is_the_larger_of_the_two_directed_percentiles():
    point, line = np.zeros((2, 1, 21), bool)
    point[0, 0] = line[:] = True
    # From the line: 0, 1, ... 20 mm; the 95th percentile is 19. From the point: 0.
    assert hd95(point, line, (1.0, 1.0)) == 19
    assert hd95(point, line[:, ::-1], (1.0, 0.5)) == 9.5
    point, line = point[:, :11], line[:, :11]
    assert hd95(point, line, (1.0, 1.0)) == pytest.approx(9.5)


def test_the_border_of_the_image_is_a_boundary():
    full = np.ones((4, 5), bool)
    of_full, _ = distances(full, full, (1.0, 1.0))
    assert len(of_full) == 14


@pytest.mark.parametrize("tolerance", [0.1, 0.3, 0.7, 1.1, TOLERANCE])
def test_a_distance_equal_to_the_tolerance_counts(tolerance):
    assert nsd(square(0), square(1), (1.0, tolerance), tolerance=tolerance) == 1
    assert nsd(square(0), square(1), (1.0, tolerance), tolerance=tolerance * 0.999) < 1


@settings(max_examples=150)
@given(PAIRS, SPACINGS)
def test_equals_brute_force(pair, spacing):
    a, b = pair
    assume(a.any() and b.any())
    for mine, theirs in zip(distances(a, b, spacing), brute_force(a, b, spacing), strict=True):
        np.testing.assert_allclose(sorted(mine), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.7, 2.5)])
def test_equals_distance_transforms_and_plain_monai_on_blobs(spacing):
    import torch
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    rng = np.random.default_rng(0)
    for size in (40, 65):
        a, b = (ndimage.gaussian_filter(rng.normal(size=(size, 50)), 4) > 0.03 for _ in range(2))
        found = measure(a, b, spacing)
        by_a, by_b = by_transform(a, b, spacing)
        near = (by_a <= TOLERANCE).sum() + (by_b <= TOLERANCE).sum()
        assert 0 < found.nsd < 1
        assert found.nsd == pytest.approx(near / (len(by_a) + len(by_b)))
        assert found.hd95 == pytest.approx(
            max(np.percentile(by_a, 95), np.percentile(by_b, 95)), rel=1e-5
        )
        both = [torch.tensor(mask)[None, None] for mask in (a, b)]
        options = {"include_background": True, "spacing": list(spacing)}
        assert found.nsd == pytest.approx(
            compute_surface_dice(*both, [TOLERANCE], **options).item()
        )
        assert found.hd95 == pytest.approx(
            compute_hausdorff_distance(*both, percentile=95, **options).item(), rel=1e-5
        )


@given(PAIRS, SPACINGS, st.integers(0, 9), st.integers(0, 9))
def test_only_the_joint_bounding_box_matters(pair, spacing, top, left):
    """Cropping changes nothing: neither does background added on any side."""
    a, b = pair
    assume(a.any() and b.any())
    around = ((top, 9 - top), (left, 9 - left))
    assert measure(a, b, spacing) == measure(np.pad(a, around), np.pad(b, around), spacing)
    whole = by_transform(a, b, spacing)
    for mine, theirs in zip(distances(a, b, spacing), whole, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


@given(PAIRS, SPACINGS)
def test_symmetric_and_in_range(pair, spacing):
    a, b = pair
    policy = {"both_empty": "perfect", "one_empty": "diagonal"}
    found = measure(a, b, spacing, **policy)
    assert found == measure(b, a, spacing, **policy)
    assert 0 <= found.nsd <= 1
    assert 0 <= found.hd95 <= math.hypot(5 * spacing[0], 6 * spacing[1]) * (1 + 1e-6)
    assert (found == (1, 0)) or not (a == b).all()


def test_empty_masks_are_an_explicit_policy_and_silent():
    def same(found, *wanted):
        np.testing.assert_equal(tuple(found), wanted)

    nan, mm = float("nan"), (1.0, 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(measure(NONE, NONE, mm), nan, nan)
        same(measure(NONE, NONE, mm, both_empty="perfect"), 1, 0)
        for pair in ((A, NONE), (NONE, A)):
            same(measure(*pair, mm), 0, nan)
            same(measure(*pair, mm, one_empty="nan"), nan, nan)
            # Five rows of 1 mm and eight columns of 2 mm from corner to corner.
            same(measure(*pair, mm, one_empty="diagonal"), 0, math.hypot(5, 16))
        assert math.isnan(hd95(A, NONE, mm))
        assert nsd(NONE, A, mm) == 0
        measure(A, B, mm)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((A, B[:, :5], (1, 1)), {}, "Allowed: two bool masks of one shape"),
        ((A, B.astype(np.uint8), (1, 1)), {}, "dtypes bool and uint8"),
        ((A[None], B[None], (1, 1)), {}, r"of one shape \(H, W\)"),
        ((A, B, (1.0, 0.0)), {}, r"Spacing \(1.0, 0.0\). Allowed: the size of a pixel in mm"),
        ((A, B, (1.0,)), {}, r"Spacing \(1.0,\)"),
        ((A, B, (1.0, math.inf)), {}, "Spacing"),
        ((A, B, None), {}, "Spacing None"),
        ((A, B, (1, 1)), {"tolerance": -1}, "Tolerance -1 mm. Allowed: 0 or more"),
        ((A, B, (1, 1)), {"both_empty": "one"}, "both_empty='one'. Allowed: nan, perfect"),
        ((A, B, (1, 1)), {"one_empty": "inf"}, "one_empty='inf'. Allowed: nan, missed, diagonal"),
    ],
)
def test_errors(arguments, options, message):
    with pytest.raises(InputError, match=message):
        measure(*arguments, **options)


def test_no_distance_to_an_empty_mask():
    with pytest.raises(InputError, match="no boundary. Allowed: at least one pixel in each"):
        distances(A, NONE, (1.0, 1.0))
