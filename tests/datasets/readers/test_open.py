"""Volumes by what they are: one phantom in every kind of file; NIfTI, NRRD, MetaImage, arrays."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from datasets.dicom_files import equal, phantom, series, sitk_image, write_segments
from datasets.nifti_files import affine, body
from datasets.nifti_files import write as write_nifti
from scipy import io

from medsam.datasets.readers.itk import Segment, open_itk, segments_of
from medsam.datasets.readers.open import open_volume
from medsam.datasets.readers.volume import Volume
from medsam.errors import DataError

ARRAY, AFFINE = phantom()
PLAIN = (".npy", ".npz", ".mat")
PLACED = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd", ".nhdr")


def write(folder, kind, array=ARRAY):
    path = folder / f"a{kind}"
    if kind.startswith(".nii"):
        write_nifti(path, array, AFFINE)
    elif kind == "/":
        path = folder / "s"
        series(path, array, AFFINE, names=[f"IM{k}" for k in range(6)])
    elif kind == ".npy":
        np.save(path, array)
    elif kind == ".npz":
        np.savez_compressed(path, scan=array)
    elif kind == ".mat":
        io.savemat(path, {"scan": array}, do_compression=True)
    else:
        sitk.WriteImage(sitk_image(array, AFFINE), str(path))
    return path


@pytest.mark.parametrize("kind", ["/", *PLACED])
def test_every_kind(tmp_path, kind):
    equal(open_volume(write(tmp_path, kind)), Volume(ARRAY, AFFINE))


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("dtype", [np.uint8, ">i2", np.float32, np.bool_])
def test_plain_arrays(tmp_path, kind, dtype):
    array = ARRAY.astype(dtype)
    volume = open_volume(write(tmp_path, kind, array))
    assert volume.spacing("axial") is None
    for k in range(6):
        for plane in ("stored", "axial"):
            np.testing.assert_array_equal(volume.slice(plane, k), array[:, :, k])
    # Slices go up and rows to the back: coronal shows the last slice on top.
    np.testing.assert_array_equal(volume.slice("coronal", 0), array[-1].T[::-1])


@pytest.mark.parametrize("kind", [*PLACED, *PLAIN])
def test_torn(tmp_path, kind):
    path = write(tmp_path, kind)
    data = next((one for one in tmp_path.iterdir() if "raw" in one.suffix), path)
    whole = data.read_bytes()
    parts = [whole[:-40], whole[: len(whole) // 2], whole[:5], b""]
    if data == path:
        matlab_7 = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM"
        parts += [b"nothing of the kind" * 20, matlab_7]
    for part in parts:
        data.write_bytes(part)
        with pytest.raises(DataError, match=rf"'a{kind}'.*Allowed: "):
            open_volume(path).slice("stored", 5)


def test_no_known_kind(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"something else")
    with pytest.raises(DataError, match="'a.xyz' is of no known kind. Allowed: a folder of DICOM"):
        open_volume(tmp_path / "a.xyz")
    with pytest.raises(DataError, match=r"none.nii' does not exist. Allowed: a folder of DICOM"):
        open_volume(tmp_path / "none.nii")


# NIfTI.


def test_scale_by_hand(tmp_path):
    for dtype in ("u1", ">i2", "<f4"):
        array = np.full((2, 2, 2), 3, dtype)
        path = write_nifti(tmp_path / "a.nii", array, slope=0.001, inter=-10)
        assert open_volume(path).slice("axial", 0)[0, 0] == pytest.approx(-9.997, rel=1e-9)


@pytest.mark.parametrize("more", [(None,), (None, None)])
def test_axes_of_length_one(tmp_path, more):
    path = write_nifti(tmp_path / "a.nii", body()[(..., *more)])
    equal(open_volume(path), Volume(body(), affine()))


def test_two_dimensions_and_slices_on_the_fourth_axis(tmp_path):
    flat = open_volume(write_nifti(tmp_path / "a.nii", body()[..., 0]))
    fourth = open_volume(write_nifti(tmp_path / "b.nii", body()[:, :, None]))
    assert (flat.count("stored"), fourth.count("stored")) == (1, 5)
    for volume, at in ((flat, 0), (fourth, 0), (fourth, 4)):
        assert (volume.slice("stored", at) == body()[..., at].T).all()
    with pytest.raises(DataError, match=r"'c.nii': shape \(7, 6.*Allowed: three dimensions"):
        open_volume(write_nifti(tmp_path / "c.nii", np.stack([body()] * 2, -1)))


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("meter", 1000), ("micron", 0.001)])
def test_units_become_mm(tmp_path, unit, factor):
    image = nibabel.Nifti1Image(body(), affine())
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii")
    row, column = open_volume(tmp_path / "a.nii").spacing("axial")
    assert (row, column) == pytest.approx((0.75 * factor, 0.5 * factor))


# NRRD and MetaImage.


def test_nrrd_by_hand(tmp_path):
    path = tmp_path / "a.nrrd"
    path.write_bytes(
        b"NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 3 1\n"
        b"space directions: (0.5,0,0) (0,0.75,0) (0,0,2)\nspace origin: (1,2,3)\n"
        b"kinds: domain domain domain\nencoding: raw\n\n" + bytes(range(6))
    )
    volume = open_volume(path)
    wanted = np.diag([-0.5, -0.75, 2, 1])
    wanted[:3, 3] = (-1, -2, 3)
    assert (volume.affine == wanted).all()
    assert volume.slice("axial", 0).tolist() == [[0, 1], [2, 3], [4, 5]]
    # RAS on file is the same place told in other words.
    words = path.read_bytes().replace(b"left-posterior", b"right-anterior")
    words = words.replace(b"(0.5,0,0) (0,0.75,0)", b"(-0.5,0,0) (0,-0.75,0)")
    path.write_bytes(words.replace(b"(1,2,3)", b"(-1,-2,3)"))
    equal(open_volume(path), volume)


def test_layers_and_segments(tmp_path):
    layers = np.stack([ARRAY, ARRAY + 500], axis=-1)
    segments = [Segment("Dense", 1, 1), Segment("Skin", 3, 0)]
    path = write_segments(tmp_path / "a.seg.nrrd", layers, AFFINE, segments)
    assert segments_of(path) == segments
    for layer in (0, 1):
        equal(open_itk(path, layer=layer), Volume(ARRAY + 500 * layer, AFFINE))
    for layer in (None, 2):
        with pytest.raises(DataError, match=r"'a.seg.nrrd': size \(4, 5, 6\) with 2 layers"):
            open_itk(path, layer=layer)
    sitk.WriteImage(sitk.Image([2, 2, 2, 2], sitk.sitkUInt8), tmp_path / "four.mha")
    with pytest.raises(DataError, match=r"'four.mha': size .*Allowed: two or three dimensions"):
        open_volume(tmp_path / "four.mha")
