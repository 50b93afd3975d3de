"""Volumes by what they are: one phantom in every kind of file; plain arrays."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from datasets.dicom_files import equal, phantom, series, sitk_image
from scipy import io

from medsam.datasets.readers.open import open_volume
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


def test_no_known_kind(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"something else")
    with pytest.raises(DataError, match="'a.xyz' is of no known kind. Allowed: a folder of DICOM"):
        open_volume(tmp_path / "a.xyz")
    with pytest.raises(DataError, match=r"none.nii' does not exist. Allowed: a folder of DICOM"):
        open_volume(tmp_path / "none.nii")


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
    assert volume.spacing("axial") is None
    for k in range(6):
        for plane in ("stored", "axial"):
            np.testing.assert_array_equal(volume.slice(plane, k), array[:, :, k])
    # Slices go up and rows to the back: coronal shows the last slice on top.
    np.testing.assert_array_equal(volume.slice("coronal", 0), array[-1].T[::-1])


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat"])
def test_torn(tmp_path, suffix):
    path = save(tmp_path / f"a{suffix}", scan=np.random.default_rng(0).random((20, 20, 3)))
    whole = path.read_bytes()
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM"
    for part in (whole[: len(whole) // 2], whole[:5], b"", b"nothing of the kind" * 20, head):
        path.write_bytes(part)
        with pytest.raises(DataError, match=rf"'a{suffix}' cannot be read \(.*Allowed: a complete"):
            open_volume(path)
