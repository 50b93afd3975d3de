"""NRRD and MetaImage: orientation, layers, segments of 3D Slicer, and what is refused."""

import numpy as np
import pytest
import SimpleITK as sitk
from datasets.dicom_files import equal, phantom, sitk_image

from medsam.datasets.readers.itk import Segment, open_itk, segments_of
from medsam.datasets.readers.volume import Volume
from medsam.errors import DataError


def write(path, array, affine=None, *, packed=False, **tags):
    """Write a volume stored as (I, J, K[, layers]), affine RAS+."""
    picture = sitk_image(array, affine)
    for key, value in tags.items():
        picture.SetMetaData(key, str(value))
    sitk.WriteImage(picture, str(path), packed)
    return path


def test_by_hand(tmp_path):
    path = tmp_path / "a.nrrd"
    path.write_bytes(
        b"NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 3 1\n"
        b"space directions: (0.5,0,0) (0,0.75,0) (0,0,2)\nspace origin: (1,2,3)\n"
        b"kinds: domain domain domain\nencoding: raw\n\n" + bytes(range(6))
    )
    volume = open_itk(path)
    assert volume.affine.tolist() == [
        [-0.5, 0, 0, -1], [0, -0.75, 0, -2], [0, 0, 2, 3], [0, 0, 0, 1],
    ]  # fmt: skip
    assert volume.slice("axial", 0).tolist() == [[0, 1], [2, 3], [4, 5]]
    # RAS on file is the same place told in other words.
    ras = tmp_path / "b.nrrd"
    words = path.read_bytes().replace(b"left-posterior", b"right-anterior")
    words = words.replace(b"(0.5,0,0) (0,0.75,0)", b"(-0.5,0,0) (0,-0.75,0)")
    ras.write_bytes(words.replace(b"(1,2,3)", b"(-1,-2,3)"))
    equal(open_itk(ras), volume)


def test_layers_and_segments(tmp_path):
    array, affine = phantom()
    both = np.stack([array, array + 500], axis=-1)
    tags = {
        "Segment0_Name": "Dense",
        "Segment0_LabelValue": 1,
        "Segment0_Layer": 1,
        "Segment10_Name": "Skin",
        "Segment10_LabelValue": 3,
        "Segment10_Layer": 0,
        "Segmentation_MasterRepresentation": "Binary labelmap",
    }
    path = write(tmp_path / "a.seg.nrrd", both, affine, **tags)
    assert segments_of(path) == [Segment("Dense", 1, 1), Segment("Skin", 3, 0)]
    for layer in (0, 1):
        equal(open_itk(path, layer=layer), Volume(array + 500 * layer, affine))
    for layer in (None, 2):
        with pytest.raises(DataError, match=r"'a.seg.nrrd': size \(4, 5, 6\) with 2 layers"):
            open_itk(path, layer=layer)
    sitk.WriteImage(sitk.Image([2, 2, 2, 2], sitk.sitkUInt8), tmp_path / "four.mha")
    with pytest.raises(DataError, match=r"'four.mha': size .*Allowed: two or three dimensions"):
        open_itk(tmp_path / "four.mha")


@pytest.mark.parametrize("suffix", [".nrrd", ".mhd"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("missing", [False, True])
def test_torn_or_missing_data(tmp_path, suffix, packed, missing):
    array, affine = phantom()
    path = write(tmp_path / f"a{suffix}", array, affine, packed=packed)
    data = next((one for one in tmp_path.iterdir() if "raw" in one.suffix), path)
    data.write_bytes(data.read_bytes()[:-40])
    if missing and data != path:
        data.unlink()
    with pytest.raises(DataError, match=rf"{path.name}'.* cannot be read \(.*Allowed: a complete"):
        open_itk(path).slice("axial", 0)
