"""To 8 bit: divided by the maximum, cut, three channels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medsam.datasets import to_uint8_rgb
from medsam.errors import DataError


def test_grey_by_hand():
    # 1/3*255 = 85, 2/3*255 = 170 in float64 (cut, not rounded), 3/3*255 = 255
    image = to_uint8_rgb(np.array([[0, 1], [2, 3]], np.uint16))
    assert image.dtype == np.uint8
    assert image.shape == (2, 2, 3)
    assert image.flags.c_contiguous
    assert image[..., 0].tolist() == [[0, 85], [170, 255]]
    assert (image == image[..., :1]).all()


def test_fractions_are_cut_not_rounded():
    assert to_uint8_rgb(np.array([[1, 2]]))[0, :, 0].tolist() == [127, 255]  # 127.5


def test_8_bit_is_divided_too():
    assert to_uint8_rgb(np.array([[51, 102]], np.uint8))[0, :, 0].tolist() == [127, 255]


def test_maximum_is_over_all_channels():
    colour = np.array([[[10, 20, 40]]], np.uint8)
    assert to_uint8_rgb(colour).tolist() == [[[63, 127, 255]]]


def test_alpha_is_dropped_before_the_maximum():
    colour = np.array([[[1, 2, 4, 255]]], np.uint8)
    assert to_uint8_rgb(colour).tolist() == [[[63, 127, 255]]]


@pytest.mark.parametrize("shape", [(2, 5), (2, 5, 1), (2, 5, 3), (2, 5, 4)])
@pytest.mark.parametrize("dtype", [bool, "u1", "u2", ">u2", "i2", "u4", "i8", "f2", "f4", "f8"])
def test_every_type_and_shape(shape, dtype):
    image = to_uint8_rgb(np.ones(shape, dtype))
    assert image.shape == (2, 5, 3)
    assert (image == 255).all()


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements=st.integers(0, 255),
    ).filter(lambda a: a.max() > 0)
)
def test_as_the_released_code(array):
    expected = (array / array.max() * 255).astype(np.uint8)
    assert (to_uint8_rgb(array) == expected[..., None]).all()


def test_input_is_left_alone():
    array = np.array([[1, 2]], np.uint8)
    to_uint8_rgb(array)[:] = 0
    assert array.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (
            np.array([[np.nan, np.inf, 1.0, 2.0]]),
            "scan: 2 of 4 values are NaN or infinite. Allowed: finite values >= 0. "
            "Replace them (0 for the background) first.",
        ),
        (
            np.array([[-1024, 3071]], np.int16),
            "scan: values from -1024 to 3071, some below 0. Allowed: values >= 0. "
            "Window it first: clip to the range of interest and subtract its lower end.",
        ),
        (
            np.zeros((2, 3), np.uint8),
            "scan: all 6 values are 0. Allowed: at least one value above 0, since the image is "
            "divided by its maximum. Leave the image out.",
        ),
        (np.ones((2, 3, 2)), "scan: shape (2, 3, 2). Allowed: (H, W) or (H, W, C)"),
        (np.ones(4), "scan: shape (4,). Allowed: (H, W)"),
        (np.ones((2, 2, 2, 3)), "Take one slice of a volume"),
        (np.ones((0, 4)), "scan: shape (0, 4) holds no pixel. Allowed: at least one."),
        (np.ones((2, 2), complex), "scan: values of type complex128. Allowed: bool, integer"),
        (np.array([["a"]]), "Convert it to real numbers first."),
    ],
)
def test_errors_say_got_allowed_fix(array, text):
    with pytest.raises(DataError) as error:
        to_uint8_rgb(array, name="scan")
    assert text in str(error.value)
