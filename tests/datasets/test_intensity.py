"""To 8 bit: divided by the maximum, cut, three channels."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medsam.datasets import to_uint8_rgb
from medsam.datasets.intensity import INTENSITIES, Intensity
from medsam.errors import DataError

FINITE = hnp.arrays(
    st.sampled_from([np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64]),
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.integers(0, 127),
    fill=st.nothing(),
)


def test_grey_by_hand():
    # 1/3*255 = 85, 2/3*255 = 170 in float64 (cut, not rounded), 3/3*255 = 255
    image = to_uint8_rgb(np.array([[0, 1], [2, 3]], np.uint16))
    assert image.flags.c_contiguous
    assert image[..., 0].tolist() == [[0, 85], [170, 255]]
    assert (image == image[..., :1]).all()


@given(FINITE.filter(lambda array: array.max() > 0))
def test_as_the_released_code(array):
    image = to_uint8_rgb(array)
    assert (image.dtype, image.shape) == (np.uint8, (*array.shape, 3))
    assert (image == (array / array.max() * 255).astype(np.uint8)[..., None]).all()


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array([[np.nan, np.inf, 1.0]]), "2 of 3 values are NaN or infinite. Allowed: finite"),
        (np.zeros((2, 3), np.uint8), "all 6 values are 0. Allowed: at least one value above 0"),
        (np.ones((2, 3, 2)), "shape (2, 3, 2). Allowed: (H, W) or (H, W, C)"),
    ],
)
def test_refused(array, text):
    with pytest.raises(DataError) as error:
        to_uint8_rgb(array, name="scan")
    assert text in str(error.value)


# The named ways, a channel at a time.


def grey(values, way="modality", unit="", **more):
    return Intensity(way, **more).grey(np.array([values]), unit=unit, name="scan").tolist()[0]


def test_window_by_hand():
    # Level 40, width 400: from -160 to 240 HU; the middle is 127.5, cut.
    assert grey([-1000, -160, 40, 239, 240, 3000], "window") == [0, 0, 127, 254, 255, 255]
    assert grey([0, 25, 50, 75, 100], "window", window=(50, 100)) == [0, 63, 127, 191, 255]
    assert grey([-160, 40, 240], unit="HU") == [0, 127, 255]
    assert grey([0.0, 5.0, 10.0, 40.0], unit="SUV") == [0, 127, 255, 255]


def test_maximum_by_hand():
    assert grey([0, 1, 2]) == [0, 127, 255]
    assert grey([-1000, 0, 1000], "max") == [0, 127, 255]  # shifted to 0 first
    assert grey([10, 20], "max") == [127, 255]  # not shifted where nothing is below 0


def test_percentiles_by_hand():
    # Of what lies above the lowest value, 1 to 1000: 5.995 and 995.005 of 1 to 1000.
    values = np.concatenate([np.zeros(500), np.arange(1, 1001)])
    out = np.array(grey(values, "percentile"))
    low, high = 1 + 0.005 * 999, 1 + 0.995 * 999
    assert (out[:501] == 0).all()
    assert out[values == 500] == int((500 - low) / (high - low) * 255)
    assert (out[values >= 996] == 255).all()
    assert (out[values <= 5] == 0).all()


@given(FINITE, st.sampled_from(sorted(INTENSITIES)), st.sampled_from(["", "HU", "SUV"]))
def test_monotone_in_range_and_of_any_type(array, way, unit):
    one = Intensity(way)
    if array.min() == array.max() and one.words(unit) in ("max", "percentile"):
        assume(array.max() > 0 and way != "percentile")
    out = one.grey(array, unit=unit)
    assert out.dtype == np.uint8
    assert out.shape == array.shape
    order = np.argsort(array, axis=None, kind="stable")
    assert (np.diff(out.ravel()[order].astype(int)) >= 0).all()
    # Equal numbers are equally grey, whatever type they are stored in.
    assert (one.grey(array.astype(np.float64), unit=unit) == out).all()
    assert (one.grey(array.astype(">i4"), unit=unit) == out).all()
