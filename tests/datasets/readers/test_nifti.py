"""NIfTI files: the same slices however they are stored, packed or scaled; what is refused."""

import nibabel
import numpy as np
import pytest
from datasets.nifti_files import affine, body, write

from medsam.datasets.readers.nifti import open_nifti
from medsam.datasets.readers.volume import Volume
from medsam.errors import DataError


def slices(volume: Volume, plane) -> np.ndarray:
    return np.stack([volume.slice(plane, at) for at in range(volume.count(plane))])


def test_scale_by_hand(tmp_path):
    for dtype in ("u1", ">i2", "<f4"):
        path = write(tmp_path / "a.nii", np.full((2, 2, 2), 3, dtype), slope=0.001, inter=-10)
        assert open_nifti(path).slice("axial", 0)[0, 0] == pytest.approx(-9.997, rel=1e-9)


def test_axes_of_length_one(tmp_path):
    assert open_nifti(write(tmp_path / "a.nii", body()[..., None])).shape == (7, 6, 5)
    single = open_nifti(write(tmp_path / "b.nii", body()[..., None, None]))
    assert (slices(single, "axial") == slices(Volume(body(), affine()), "axial")).all()
    assert open_nifti(write(tmp_path / "c.nii", body()[:, :, :1])).count("axial") == 1
    flat = open_nifti(write(tmp_path / "d.nii", body()[..., 0]))
    assert (flat.slice("stored", 0) == body()[..., 0].T).all()
    fourth = open_nifti(write(tmp_path / "e.nii", body()[:, :, None]))  # slices on the fourth axis
    assert (slices(fourth, "stored") == slices(Volume(body(), affine()), "stored")).all()
    with pytest.raises(DataError, match=r"'f.nii': shape \(7, 6.*Allowed: three dimensions"):
        open_nifti(write(tmp_path / "f.nii", np.stack([body()] * 2, -1)))


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("meter", 1000), ("micron", 0.001)])
def test_units_become_mm(tmp_path, unit, factor):
    image = nibabel.Nifti1Image(body(), affine())
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii")
    row, column = open_nifti(tmp_path / "a.nii").spacing("axial")
    assert (row, column) == pytest.approx((0.75 * factor, 0.5 * factor))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.999])
def test_torn(tmp_path, suffix, keep):
    path = write(tmp_path / f"a{suffix}", np.random.default_rng(0).integers(0, 999, (40, 40, 9)))
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    # A file cut in its header does not open; one cut in its pixels does.
    with pytest.raises(DataError, match=f"NIfTI 'a{suffix}'.*Allowed: .*"):
        open_nifti(path).slice("axial", 0)
    if keep == 0.999:
        assert open_nifti(path).count("axial") == 9
