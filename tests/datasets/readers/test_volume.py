"""Slices of a volume: which way up, how large a pixel, on one grid or not."""

import numpy as np
import pytest
from datasets.dicom_files import equal
from datasets.nifti_files import ORIENTATIONS, affine, body, stored
from hypothesis import given
from hypothesis import strategies as st

from medsam.datasets.readers.volume import PLANES, Volume
from medsam.errors import DataError

PICTURES = {
    # From left, posterior, inferior on to a picture: right, anterior, superior come first.
    "axial": lambda body, at: body[::-1, ::-1, at].T,
    "coronal": lambda body, at: body[::-1, at, ::-1].T,
    "sagittal": lambda body, at: body[at, ::-1, ::-1].T,
}
PIXELS = {"axial": (0.75, 0.5), "coronal": (3.0, 0.5), "sagittal": (3.0, 0.75)}


def test_radiological_by_hand():
    # One bright voxel at the right, anterior, superior end of 2 x 3 x 4 voxels, RAS+.
    array = np.zeros((2, 3, 4), np.uint8)
    array[1, 2, 3] = 1
    volume = Volume(array, np.diag([1.0, 1, 1, 1]))
    assert volume.slice("axial", 3).tolist() == [[1, 0], [0, 0], [0, 0]]  # right is on the left
    assert volume.slice("coronal", 2).tolist() == [[1, 0], [0, 0], [0, 0], [0, 0]]
    assert volume.slice("sagittal", 1).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    # As stored: first axis along the columns, second along the rows.
    assert volume.slice("stored", 3).tolist() == [[0, 0], [0, 0], [0, 1]]
    assert [volume.count(plane) for plane in PLANES] == [4, 3, 2, 4]
    assert volume.slice_shape("coronal") == (3, 4, 2)


@given(st.sampled_from(ORIENTATIONS), st.sampled_from(sorted(PICTURES)), st.floats(-0.5, 0.5))
def test_storage_does_not_matter(way, plane, turn):
    array, grid = body(), affine(turn=turn)
    volume = Volume(*stored(array, grid, way))
    assert volume.spacing(plane) == pytest.approx(PIXELS[plane])
    for at in range(volume.count(plane)):
        assert (volume.slice(plane, at) == PICTURES[plane](array, at)).all()
    assert volume.corner_distance(Volume(array, grid)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "bad",
    [
        np.diag([1, 1, np.nan, 1]),
        np.array([[1, 1, 0, 0], [0, 1e-5, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
    ],
)
def test_affines_without_orientation(bad):
    with pytest.raises(DataError, match=r"a.nii: its affine .* tells no orientation. Allowed: a"):
        Volume(body(), bad, "a.nii")


# Labels on another grid than their image: none is lost, none is moved.

WAYS = st.sampled_from(ORIENTATIONS)


@given(way=WAYS, other=WAYS, data=st.data())
def test_a_crop_goes_where_it_was(way, other, data):
    grid = affine()
    cut = tuple(
        slice(*sorted(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True))))
        for n in body().shape
    )
    wanted = np.zeros_like(body())
    wanted[cut] = body()[cut]
    moved = grid.copy()
    moved[:3, 3] += grid[:3, :3] @ [part.start for part in cut]
    image = Volume(*stored(body(), grid, other))
    crop = Volume(*stored(body()[cut], moved, way))
    assert crop.is_crop_of(image)
    placed = crop.resampled_to(image)
    assert placed.corner_distance(image) == 0
    equal(placed, Volume(wanted, grid))


def test_what_is_no_crop():
    image, half = Volume(body(), affine()), affine()
    half[:3, 3] += half[:3, 0] / 2
    for grid in (affine(spacing=(0.5, 0.75, 1.5)), affine(turn=0.2), half):
        assert not Volume(body()[:2, :2, :2], grid).is_crop_of(image)
    assert not image.is_crop_of(Volume(body()[1:], affine()))
    # An origin of 0 tells nothing.
    assert not Volume(body()[:5], np.eye(4)).is_crop_of(Volume(body(), np.eye(4)))


def test_labels_outside_the_image():
    wide = np.pad(np.ones((2, 2, 2), np.uint8), 3)
    grid = affine(turn=0)
    shifted = grid.copy()
    shifted[:3, 3] -= grid[:3, :3] @ [3, 3, 3]
    wanted = np.zeros(body().shape, np.uint8)
    wanted[:2, :2, :2] = 1
    image = Volume(body(), grid, "DICOM 'b'")
    equal(Volume(wide, shifted).resampled_to(image), Volume(wanted, grid))
    shifted[:3, 3] -= [0.5, 0, 0]  # one voxel further to the left: half of the labels fall out
    out = Volume(wide, shifted, "NRRD 'a'").resampled_to(image)
    with pytest.raises(DataError, match=r"'a': 4 labelled voxels lie outside DICOM 'b'. Allowed"):
        out.slice("axial", 0)


@given(way=WAYS, other=WAYS)
def test_another_voxel_size_takes_the_nearest(way, other):
    # Labels of half the resolution: every image voxel lies inside one voxel of the labels.
    coarse = np.arange(1, 28, dtype=np.uint8).reshape(3, 3, 3)
    fine = np.diag([1.0, 2.0, 3.0, 1.0])
    fine[:3, 3] = [-0.5, -1, -1.5]
    image = Volume(*stored(np.zeros((6, 6, 6), np.uint8), fine, other))
    labels = Volume(*stored(coarse, np.diag([2.0, 4.0, 6.0, 1.0]), way))
    wanted = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    equal(labels.resampled_to(image), Volume(wanted, fine))
