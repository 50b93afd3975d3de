"""Labels on another grid: moved by whole voxels, or the nearest; never lost."""

import numpy as np
import pytest
import SimpleITK as sitk
from datasets.dicom_files import equal, phantom, stored, ways
from hypothesis import given, settings
from hypothesis import strategies as st

from medsam.datasets.readers.volume import Volume, lay_onto
from medsam.errors import DataError


@settings(max_examples=60)
@given(way=ways, other=ways, data=st.data())
def test_a_cropped_extent_goes_where_it_was(way, other, data):
    array, affine = phantom(shape=(5, 6, 7))
    array = array + np.int16(1)
    ends = [
        sorted(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True)))
        for n in (5, 6, 7)
    ]
    cut = tuple(slice(*pair) for pair in ends)
    inside = np.zeros_like(array)
    inside[cut] = array[cut]
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ [pair[0] for pair in ends]
    small = Volume(*stored(array[cut], moved, way))
    like = Volume(*stored(array, affine, other))
    laid = lay_onto(small, like)
    assert laid.apart(like) == 0
    equal(laid, Volume(inside, affine))


def test_an_extent_beyond_the_image(tmp_path):
    array, affine = phantom()
    wide = np.pad(np.ones((2, 2, 2), np.uint8), 3)
    shifted = affine.copy()
    shifted[:3, 3] -= affine[:3, :3] @ [3, 3, 3]
    laid = lay_onto(Volume(wide, shifted), Volume(array, affine))
    wanted = np.zeros(array.shape, np.uint8)
    wanted[:2, :2, :2] = 1
    equal(laid, Volume(wanted, affine))
    shifted[:3, 3] -= [0.5, 0, 0]  # one voxel further to the left: half of the labels fall out
    out = lay_onto(Volume(wide, shifted, "NRRD 'a'"), Volume(array, affine, "DICOM 'b'"))
    with pytest.raises(DataError) as error:
        out.slice("axial", 0)
    assert str(error.value) == (
        "NRRD 'a': 4 labelled voxels lie outside DICOM 'b'. Allowed: labels within the image. See "
        "whether they belong together, or mend the headers."
    )


@settings(max_examples=20)
@given(way=ways, other=ways)
def test_another_voxel_size_takes_the_nearest(way, other):
    # Labels of half the resolution: every image voxel lies inside one voxel of the labels.
    coarse = np.arange(1, 28, dtype=np.uint8).reshape(3, 3, 3)
    grid = np.diag([2.0, 4.0, 6.0, 1.0])
    fine = np.zeros((6, 6, 6), np.uint8)
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = [-0.5, -1, -1.5]
    laid = lay_onto(Volume(*stored(coarse, grid, way)), Volume(*stored(fine, affine, other)))
    wanted = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    equal(laid, Volume(wanted, affine))


def test_as_simpleitk_resamples():
    """A turned grid, against SimpleITK's nearest neighbour."""
    rng = np.random.default_rng(0)
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[6:14, 5:15, 6:13] = rng.integers(0, 4, (8, 10, 7))
    turn = np.eye(4)
    turn[:2, :2] = [[0.96, -0.28], [0.28, 0.96]]
    turn[:3, 3] = [3.1, -2.7, 0.4]
    like = Volume(np.zeros((24, 22, 18)), np.diag([0.9, 1.1, 1.2, 1.0]))
    laid = lay_onto(Volume(labels, turn), like)
    moving = sitk.GetImageFromArray(labels.T)
    moving.SetDirection(turn[:3, :3].ravel().tolist())
    moving.SetOrigin(turn[:3, 3].tolist())
    fixed = sitk.Image([24, 22, 18], sitk.sitkUInt8)
    fixed.SetSpacing([0.9, 1.1, 1.2])
    found = sitk.Resample(moving, fixed, sitk.Transform(), sitk.sitkNearestNeighbor)
    wanted = sitk.GetArrayFromImage(found).T
    ours = np.stack([laid.slice("stored", k).T for k in range(18)], -1)
    assert wanted.any()
    assert (ours == wanted).mean() > 0.9999  # ties may go either way


def test_no_labels_at_all():
    like = Volume(np.zeros((4, 5, 6)), np.eye(4))
    for grid in (np.eye(4), np.diag([0.7, 0.7, 0.7, 1])):
        laid = lay_onto(Volume(np.zeros((2, 2, 2), np.uint8), grid), like)
        assert laid.slice("axial", 3).dtype == np.uint8
        assert not any(laid.slice("axial", k).any() for k in range(6))


def test_closing_closes_the_labels():
    closed = []
    labels = Volume(np.ones((2, 2, 2)), np.eye(4), "a", lambda: closed.append("a"))
    lay_onto(labels, Volume(np.zeros((2, 2, 2)), np.eye(4))).close()
    assert closed == ["a"]
