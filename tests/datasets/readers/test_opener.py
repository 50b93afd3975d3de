"""Volumes by what they are: one phantom in every kind of file."""

import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from datasets.dicom_files import LPS, phantom, series

from medsam.datasets.readers.open import KINDS, open_volume
from medsam.datasets.readers.volume import Volume
from medsam.errors import DataError, InputError

ARRAY, AFFINE = phantom()


def write(folder, kind):
    path = folder / f"a{kind}"
    if kind.startswith(".nii"):
        nib.save(nib.Nifti1Image(ARRAY, AFFINE), path)
    elif kind in ("", "/"):
        paths = series(folder / "s", ARRAY, AFFINE, names=[f"IM{k}" for k in range(6)])
        path = folder / "s" if kind == "/" else paths[0]
    elif kind == ".npy":
        np.save(path, ARRAY[::-1, ::-1].transpose(1, 0, 2))
    else:
        picture = sitk.GetImageFromArray(ARRAY.T)
        lps = LPS @ AFFINE
        size = np.linalg.norm(lps[:3, :3], axis=0)
        picture.SetSpacing(size.tolist())
        picture.SetDirection((lps[:3, :3] / size).ravel().tolist())
        picture.SetOrigin(lps[:3, 3].tolist())
        sitk.WriteImage(picture, str(path))
    return path


@pytest.mark.parametrize("kind", ["/", ".nii", ".nii.gz", ".nrrd", ".mha", ".mhd", ".nhdr", ".npy"])
def test_every_kind(tmp_path, kind):
    path = write(tmp_path, kind)
    choices = {"spacing": (0.75, 0.5, 2)} if kind == ".npy" else {}
    volume = open_volume(path, **choices)
    wanted = Volume(ARRAY, AFFINE)
    for plane in ("axial", "coronal", "sagittal"):
        assert volume.spacing(plane) == pytest.approx(wanted.spacing(plane))
        for index in range(wanted.count(plane)):
            np.testing.assert_array_equal(volume.slice(plane, index), wanted.slice(plane, index))
    volume.close()


def test_one_dicom_file(tmp_path):
    volume = open_volume(write(tmp_path, ""))
    assert volume.shape == (4, 5, 1)


def test_choices_reach_the_file(tmp_path):
    four = tmp_path / "four.nii.gz"
    nib.save(nib.Nifti1Image(np.stack([ARRAY, ARRAY + 500], -1), AFFINE), four)
    two = tmp_path / "two.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(np.stack([ARRAY.T, ARRAY.T + 500], -1)), str(two))
    for path in (four, two):
        assert open_volume(path, channel=1).slice("stored", 0).min() == 500
    np.savez(tmp_path / "a.npz", a=ARRAY, b=ARRAY + 1)
    assert open_volume(tmp_path / "a.npz", variable="b").slice("stored", 0).min() == 1
    assert open_volume(write(tmp_path, "/"), series="T2W").shape == (4, 5, 6)


@pytest.mark.parametrize(
    ("kind", "choices", "words"),
    [
        (".nii", {"series": "3"}, "series='3' for 'a.nii'. Allowed: channel for this kind of file"),
        ("/", {"channel": 0}, "channel=0 for 's'. Allowed: series for this kind of file."),
        ("", {"series": "3"}, "series='3' for 'IM0'. Allowed: no choice for this kind of file."),
        (".npy", {"channel": 1}, "channel=1 for 'a.npy'. Allowed: variable or spacing for this"),
        (".mhd", {"variable": "x"}, "variable='x' for 'a.mhd'. Allowed: channel for this kind of"),
    ],
)
def test_a_choice_that_does_not_exist(tmp_path, kind, choices, words):
    with pytest.raises(InputError) as error:
        open_volume(write(tmp_path, kind), **choices)
    assert str(error.value).startswith(words)
    assert str(error.value).endswith("Leave it out.")


def test_no_known_kind(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"something else")
    with pytest.raises(DataError) as error:
        open_volume(tmp_path / "a.xyz")
    assert str(error.value) == (
        f"File 'a.xyz' is of no known kind. Allowed: {KINDS}. Convert it to one of these, such as "
        ".nii.gz."
    )
    assert KINDS == (
        "a folder of DICOM files, or .dcm, .mat, .mha, .mhd, .nhdr, .nii, .nii.gz, .npy, .npz, "
        ".nrrd"
    )
    with pytest.raises(DataError, match=r"none.nii' does not exist. Allowed: a folder of DICOM"):
        open_volume(tmp_path / "none.nii")
    np.save(tmp_path / "flat.npy", ARRAY[0])
    with pytest.raises(DataError) as error:
        open_volume(tmp_path / "flat.npy")
    assert str(error.value) == (
        "Array 'flat.npy': shape (5, 6). Allowed: three dimensions (rows, columns, slices). Read "
        "it as a picture."
    )


def test_nothing_heavy_is_imported():
    heavy = "{'pydicom', 'highdicom', 'SimpleITK', 'nibabel', 'scipy', 'torch', 'pandas'}"
    code = (
        "import sys; import medsam.datasets.readers.open, medsam.datasets.readers.dicom; "
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
