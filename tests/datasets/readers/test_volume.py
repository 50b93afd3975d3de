"""Slices of a volume: which way up, how large a pixel, on one grid or not."""

import numpy as np
import pytest
from datasets.nifti_files import ORIENTATIONS, SPACING, affine, body, stored
from hypothesis import given
from hypothesis import strategies as st

from medsam.datasets.readers.volume import PLANES, Volume, check_plane
from medsam.errors import DataError, UnknownName

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


def test_stored_is_not_turned():
    for way in ORIENTATIONS:
        array, grid = stored(body(), affine(), way)
        volume = Volume(array, grid)
        assert (volume.slice("stored", 1) == array[:, :, 1].T).all()
        assert volume.count("stored") == array.shape[2]
        along = np.linalg.norm(grid[:3, :3], axis=0)
        assert volume.spacing("stored") == pytest.approx((along[1], along[0]))


def test_shear_keeps_the_nearest_axis():
    grid = np.diag([*SPACING, 1.0])
    grid[0, 2] = 1.0  # a tilted gantry: 1 mm to the right a slice
    volume = Volume(body(), grid)
    assert (volume.slice("axial", 2) == PICTURES["axial"](body(), 2)).all()
    assert volume.spacing("axial") == (0.75, 0.5)
    assert volume.spacing("sagittal") == pytest.approx((np.hypot(3, 1), 0.75))


def test_tiny_voxels_are_fine():
    assert Volume(body(), np.diag([1e-6, 1e-6, 1e-6, 1])).count("axial") == 5


def test_big_endian_becomes_native():
    volume = Volume(body().astype(">i2"), affine())
    assert volume.slice("axial", 0).dtype == np.dtype("=i2")
    assert (volume.slice("axial", 0) == PICTURES["axial"](body(), 0)).all()


def test_corner_distance():
    grid = affine(turn=0)
    moved = grid.copy()
    moved[0, 3] += 0.25  # half a voxel of 0.5 mm
    volume = Volume(body(), grid)
    assert volume.corner_distance(Volume(body(), moved)) == pytest.approx(0.5)
    other = Volume(*stored(body(), grid, ORIENTATIONS[7]))
    assert volume.corner_distance(other) == pytest.approx(0)
    assert other.corner_distance(other, stored=True) == pytest.approx(0)
    flipped = Volume(*stored(body(), grid, ORIENTATIONS[1]))  # from superior on
    assert volume.corner_distance(flipped, stored=True) == pytest.approx(4)


def test_with_grid_of():
    image = Volume(body(), affine())
    labels = Volume(body(), np.diag([-1.0, -1, 1, 1]), "labels")
    assert (labels.with_grid_of(image).slice("axial", 1) == image.slice("axial", 1)).all()
    assert (labels.slice("axial", 1) != image.slice("axial", 1)).any()
    with pytest.raises(DataError, match=r"labels has shape \(7, 6, 4\) as stored, volume has"):
        Volume(body()[..., :4], affine(), "labels").with_grid_of(image)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5), (2, 0, 3)])
def test_shapes(shape):
    with pytest.raises(DataError) as error:
        Volume(np.zeros(shape), np.eye(4), "a.nii")
    assert str(error.value) == (
        f"a.nii: shape {shape}. Allowed: three dimensions, each at least 1. Save one 3D image a "
        "file (one channel, one time point)."
    )


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4)),
        np.eye(3),
        np.diag([1, 1, np.nan, 1]),
        np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
        np.array([[1, 1, 0, 0], [0, 1e-5, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
    ],
)
def test_affines_without_orientation(bad):
    with pytest.raises(DataError, match=r"a.nii: its affine .* tells no orientation. Allowed: a"):
        Volume(body(), bad, "a.nii")


@pytest.mark.parametrize("index", [-1, 5])
def test_no_such_slice(index):
    with pytest.raises(DataError, match=f"axial slice {index}. Allowed: 0 to 4. Choose one"):
        Volume(body(), affine()).slice("axial", index)


def test_pixels_are_read_once():
    read = []
    volume = Volume(lambda: read.append(1) or body(), affine(), shape=(7, 6, 5))
    assert volume.count("axial") == 5
    assert not read
    for plane in PLANES:
        assert (volume.slice(plane, 1) == Volume(body(), affine()).slice(plane, 1)).all()
    assert len(read) == 1


def test_what_cannot_be_read_is_named_and_tried_once():
    tries = []

    def torn():
        tries.append(1)
        raise EOFError("no more")

    volume = Volume(torn, np.eye(4), "a.nii", (2, 2, 2))
    for index in (0, 1):
        with pytest.raises(DataError) as error:
            volume.slice("axial", index)
        assert str(error.value) == (
            "a.nii: its pixels cannot be read (EOFError: no more). Allowed: a complete file. "
            "Download or export it again."
        )
    assert len(tries) == 1


def test_planes():
    assert [check_plane(plane) for plane in PLANES] == list(PLANES)
    with pytest.raises(UnknownName, match=r"Unknown plane 'axail'. Did you mean 'axial'\?"):
        check_plane("axail")


# Labels on another grid than their image: none is lost, none is moved.

WAYS = st.sampled_from(ORIENTATIONS)


def equal(volume, wanted):
    for plane in PICTURES:
        for at in range(wanted.count(plane)):
            np.testing.assert_array_equal(volume.slice(plane, at), wanted.slice(plane, at))


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
    image = Volume(body(), affine())
    for grid in (affine(spacing=(0.5, 0.75, 1.5)), affine(turn=0.2)):
        assert not Volume(body()[:2, :2, :2], grid).is_crop_of(image)
    half = affine()
    half[:3, 3] += half[:3, 0] / 2
    assert not Volume(body(), half).is_crop_of(image)
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


def test_no_labels_at_all():
    image = Volume(np.zeros((4, 5, 6)), np.eye(4))
    for kind in (np.uint8, np.bool_):
        labels = Volume(np.zeros((2, 2, 2), kind), np.diag([0.7, 0.7, 0.7, 1]))
        assert not labels.resampled_to(image).slice("axial", 3).any()
