"""Volumes by what they are: one phantom in every kind of file; plain arrays."""

import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from datasets.dicom_files import equal, phantom, series, sitk_image
from scipy import io

from medsam.datasets.readers.open import KINDS, open_labels, open_volume
from medsam.datasets.readers.volume import Volume
from medsam.errors import DataError

ARRAY, AFFINE = phantom()


def write(folder, kind):
    path = folder / f"a{kind}"
    if kind.startswith(".nii"):
        nib.save(nib.Nifti1Image(ARRAY, AFFINE), path)
    elif kind in ("", "/"):
        paths = series(folder / "s", ARRAY, AFFINE, names=[f"IM{k}" for k in range(6)])
        path = folder / "s" if kind == "/" else paths[0]
    else:
        sitk.WriteImage(sitk_image(ARRAY, AFFINE), str(path))
    return path


@pytest.mark.parametrize("kind", ["/", ".nii", ".nii.gz", ".nrrd", ".mha", ".mhd", ".nhdr"])
def test_every_kind(tmp_path, kind):
    equal(open_volume(write(tmp_path, kind)), Volume(ARRAY, AFFINE))


def test_one_dicom_file(tmp_path):
    assert open_volume(write(tmp_path, "")).shape == (4, 5, 1)


def test_labels_of_a_part_of_the_image(tmp_path):
    image = write(tmp_path, ".nii.gz")
    wanted = np.zeros_like(ARRAY)
    wanted[1:3, :2, 2:] = ARRAY[1:3, :2, 2:]
    crop = AFFINE.copy()
    crop[:3, 3] = (AFFINE @ [1, 0, 2, 1])[:3]
    nib.save(nib.Nifti1Image(ARRAY[1:3, :2, 2:], crop), tmp_path / "crop.nii")
    equal(open_labels(tmp_path / "crop.nii", image), Volume(wanted, AFFINE))
    # Of other sizes, or of an image that cannot be read, they stay as they are.
    nib.save(nib.Nifti1Image(ARRAY, AFFINE * 0.3), tmp_path / "other.nii")
    for one in (tmp_path / "other.nii", tmp_path / "none.nii"):
        assert open_labels(tmp_path / "crop.nii", one).shape == (2, 2, 4)


def test_no_known_kind(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"something else")
    with pytest.raises(DataError, match="'a.xyz' is of no known kind. Allowed: a folder of DICOM"):
        open_volume(tmp_path / "a.xyz")
    with pytest.raises(DataError, match=r"none.nii' does not exist. Allowed: a folder of DICOM"):
        open_volume(tmp_path / "none.nii")
    assert KINDS.endswith(".dcm, .mat, .mha, .mhd, .nhdr, .nii, .nii.gz, .npy, .npz, .nrrd")


def test_nothing_heavy_is_imported():
    heavy = "{'pydicom', 'highdicom', 'SimpleITK', 'nibabel', 'scipy', 'torch', 'pandas'}"
    code = f"import sys, medsam.datasets.readers.open; print({heavy} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


# Plain arrays.


def save(path, **arrays):
    if path.suffix == ".npy":
        np.save(path, *arrays.values())
    elif path.suffix == ".npz":
        np.savez_compressed(path, **arrays)
    else:
        io.savemat(path, arrays, do_compression=True)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat"])
@pytest.mark.parametrize("dtype", [np.uint8, ">i2", np.float32, np.bool_])
def test_three_dimensions(tmp_path, suffix, dtype):
    array = ARRAY.astype(dtype)
    volume = open_volume(save(tmp_path / f"a{suffix}", scan=array))
    assert volume.spacing("axial") == (1, 1)
    for k in range(6):
        for plane in ("stored", "axial"):
            np.testing.assert_array_equal(volume.slice(plane, k), array[:, :, k])
    # Slices go up and rows to the back: coronal shows the last slice on top.
    np.testing.assert_array_equal(volume.slice("coronal", 0), array[-1].T[::-1])


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_several_arrays(tmp_path, suffix):
    with pytest.raises(DataError, match=rf"'a{suffix}': 2 arrays in it \(mask, scan\). Allowed: "):
        open_volume(save(tmp_path / f"a{suffix}", scan=ARRAY, mask=ARRAY))


@pytest.mark.parametrize(
    "array",
    [np.ones((2, 2, 2), complex), np.ones((2, 2)), np.ones((2, 2, 2, 2)), np.ones((2, 0, 2))],
)
def test_other_numbers_and_shapes(tmp_path, array):
    with pytest.raises(DataError, match=r"'a.npy': shape \(2, .* of type .*Allowed: three dimens"):
        open_volume(save(tmp_path / "a.npy", scan=array))


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat"])
def test_torn(tmp_path, suffix):
    path = save(tmp_path / f"a{suffix}", scan=np.random.default_rng(0).random((20, 20, 3)))
    whole = path.read_bytes()
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM"
    for part in (whole[: len(whole) // 2], whole[:5], b"", b"nothing of the kind" * 20, head):
        path.write_bytes(part)
        with pytest.raises(DataError, match=rf"'a{suffix}' cannot be read \(.*Allowed: a complete"):
            open_volume(path)


def test_python_objects_are_not_loaded(tmp_path):
    path = save(tmp_path / "a.npy", scan=np.array([{"a": 1}], object))
    with pytest.raises(
        DataError, match="'a.npy' cannot be read .*Allowed: a complete file of plain"
    ):
        open_volume(path)
