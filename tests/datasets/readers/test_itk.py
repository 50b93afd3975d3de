"""NRRD and MetaImage: orientation, layers, segments of 3D Slicer, and what is refused."""

import numpy as np
import pytest
import SimpleITK as sitk
from datasets.dicom_files import LPS, PLANES, equal, phantom, stored, ways
from hypothesis import given, settings
from hypothesis import strategies as st

from medsam.datasets.readers.itk import Segment, open_itk, segments_of
from medsam.datasets.readers.volume import Volume
from medsam.errors import DataError

SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")


def write(path, array, affine=None, *, layers=False, packed=False, **told):
    """Write a volume stored as (I, J, K[, layers]), affine RAS+."""
    # SimpleITK takes z, y, x (, layer).
    turned = array.transpose(2, 1, 0, 3) if layers else array.T
    picture = sitk.GetImageFromArray(np.ascontiguousarray(turned), isVector=layers)
    if affine is not None:
        lps = LPS @ affine
        size = np.linalg.norm(lps[:3, :3], axis=0)
        picture.SetSpacing(size.tolist())
        picture.SetDirection((lps[:3, :3] / size).ravel().tolist())
        picture.SetOrigin(lps[:3, 3].tolist())
    for key, value in told.items():
        picture.SetMetaData(key, str(value))
    sitk.WriteImage(picture, str(path), packed)
    return path


def failure(path, **choices) -> str:
    with pytest.raises(DataError) as error:
        open_itk(path, **choices)
    return str(error.value)


@settings(max_examples=40)
@given(way=ways, suffix=st.sampled_from(SUFFIXES), packed=st.booleans())
def test_any_orientation(tmp_path_factory, way, suffix, packed):
    array, affine = phantom()
    kept, grid = stored(array, affine, way)
    path = write(tmp_path_factory.mktemp("i") / f"a{suffix}", kept, grid, packed=packed)
    volume = open_itk(path)
    np.testing.assert_allclose(volume.affine, grid, atol=1e-9)
    equal(volume, Volume(array, affine))


def test_by_hand(tmp_path):
    path = tmp_path / "a.nrrd"
    path.write_bytes(
        b"NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 3 1\n"
        b"space directions: (0.5,0,0) (0,0.75,0) (0,0,2)\nspace origin: (1,2,3)\n"
        b"kinds: domain domain domain\nencoding: raw\n\n" + bytes(range(6))
    )
    volume = open_itk(path)
    assert volume.affine.tolist() == [
        [-0.5, 0, 0, -1],
        [0, -0.75, 0, -2],
        [0, 0, 2, 3],
        [0, 0, 0, 1],
    ]
    assert volume.slice("axial", 0).tolist() == [[0, 1], [2, 3], [4, 5]]
    # RAS on file is the same place told in other words.
    ras = tmp_path / "b.nrrd"
    words = path.read_bytes().replace(b"left-posterior", b"right-anterior")
    words = words.replace(b"(0.5,0,0) (0,0.75,0)", b"(-0.5,0,0) (0,-0.75,0)")
    ras.write_bytes(words.replace(b"(1,2,3)", b"(-1,-2,3)"))
    equal(open_itk(ras), volume)


def test_a_picture_is_one_slice(tmp_path):
    sitk.WriteImage(
        sitk.GetImageFromArray(np.array([[0, 1, 2], [3, 4, 5]], np.uint8)), tmp_path / "a.mhd"
    )
    volume = open_itk(tmp_path / "a.mhd")
    assert volume.shape == (3, 2, 1)
    assert volume.slice("axial", 0).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_pixels_are_read_with_the_first_slice(tmp_path, monkeypatch):
    array, affine = phantom()
    path = write(tmp_path / "a.nrrd", array, affine)
    read = []
    whole = sitk.ReadImage
    monkeypatch.setattr(sitk, "ReadImage", lambda name: read.append(name) or whole(name))
    volume = open_itk(path)
    assert read == []
    for plane in PLANES:
        volume.slice(plane, 1)
    assert read == [str(path)]
    volume.close()


def test_layers(tmp_path):
    array, affine = phantom()
    both = np.stack([array, array + 500], axis=-1)
    vector = write(tmp_path / "v.nrrd", both, affine, layers=True)
    time = tmp_path / "t.mha"
    series = sitk.GetImageFromArray(np.stack([array.T, array.T + 500]), isVector=False)
    sitk.WriteImage(series, time)
    for path in (vector, time):
        for layer in (0, 1):
            picture = open_itk(path, layer=layer).slice("stored", 2)
            np.testing.assert_array_equal(picture, array[:, :, 2].T + 500 * layer)
        assert failure(path) == (
            f"{'NRRD' if path == vector else 'MetaImage'} {path.name!r}: 2 images in one file, "
            "asked for number None. Allowed: one of 0 to 1. Name one (layer), or save it as a file "
            "of its own."
        )
        assert "asked for number 2. Allowed: one of 0 to 1" in failure(path, layer=2)
    single = write(tmp_path / "s.nrrd", array, affine)
    assert open_itk(single, layer=0).shape == array.shape
    assert "1 images in one file, asked for number 1" in failure(single, layer=1)
    sitk.WriteImage(sitk.Image([2, 2, 2, 2, 2], sitk.sitkUInt8), tmp_path / "five.mha")
    assert "Allowed: two or three dimensions" in failure(tmp_path / "five.mha")


# --- segments of 3D Slicer -------------------------------------------------------------------


def test_segments(tmp_path):
    array, affine = phantom()
    both = np.stack([array > 9, array > 99], axis=-1).astype(np.uint8)
    told = {
        "Segment0_Name": "Dense",
        "Segment0_LabelValue": 1,
        "Segment0_Layer": 1,
        "Segment10_Name": "Skin",
        "Segment10_LabelValue": 3,
        "Segment10_Layer": 0,
        "Segment2_Name": "Vessels and more",
        "Segment2_LabelValue": 2,
        "Segment2_Layer": 0,
        "Segmentation_MasterRepresentation": "Binary labelmap",
    }
    path = write(tmp_path / "a.seg.nrrd", both, affine, layers=True, **told)
    assert segments_of(path) == [
        Segment("Dense", 1, 1),
        Segment("Vessels and more", 2, 0),
        Segment("Skin", 3, 0),
    ]


def test_segments_of_old_files(tmp_path):
    array, affine = phantom()
    both = np.stack([array > 9, array > 99], axis=-1).astype(np.uint8)
    told = {"Segment0_Name": "A", "Segment1_ID": "Segment_2"}
    path = write(tmp_path / "a.seg.nrrd", both, affine, layers=True, **told)
    assert segments_of(path) == [Segment("A", 1, 0), Segment("Segment 1", 1, 1)]
    path = write(tmp_path / "b.seg.nrrd", both[..., 0], affine, Segment0_Name="A")
    assert segments_of(path) == [Segment("A", 1, 0)]


def test_no_segments(tmp_path):
    array, affine = phantom()
    with pytest.raises(DataError) as error:
        segments_of(write(tmp_path / "a.nrrd", array, affine))
    assert str(error.value) == (
        "NRRD 'a.nrrd': its header names no segments. Allowed: a segmentation as 3D Slicer saves "
        "it (Segment0_Name, Segment0_LabelValue). Say the label values by hand, or save it from "
        "Slicer again."
    )
    path = write(tmp_path / "b.nrrd", array, affine, Segment0_Name="A", Segment0_LabelValue="one")
    with pytest.raises(DataError, match="segment 0 has label value 'one' in layer None. Allowed:"):
        segments_of(path)


# --- what is refused -------------------------------------------------------------------------


def test_other_endings_and_missing_files(tmp_path):
    assert failure(tmp_path / "a.nii") == (
        "File 'a.nii' ends in '.nii'. Allowed: .mha, .mhd, .nhdr, .nrrd. Rename it if it is one of "
        "these, or export it as one."
    )
    assert failure(tmp_path / "a.mhd") == (
        "MetaImage 'a.mhd' cannot be read (No such file or directory). Allowed: a readable file. "
        "Check the path."
    )
    for suffix, kind in ((".nrrd", "NRRD"), (".mhd", "MetaImage")):
        path = tmp_path / f"b{suffix}"
        path.write_bytes(b"nothing of the kind")
        words = failure(path)
        assert words.startswith(f"{kind} {path.name!r} cannot be read (")
        assert words.endswith(f"Allowed: a complete {kind} file. Download or export it again.")


@pytest.mark.parametrize(
    ("suffix", "data"), [(".mhd", ".raw"), (".nhdr", ".raw"), (".mhd", ".zraw")]
)
def test_detached_data(tmp_path, suffix, data):
    array, affine = phantom()
    path = write(tmp_path / f"a{suffix}", array, affine, packed=data == ".zraw")
    equal(open_itk(path), Volume(array, affine))
    beside = tmp_path / f"a{data}"
    whole = beside.read_bytes()
    beside.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        DataError, match=rf"{path.name}': its data cannot be read \(.*Allowed: complete data"
    ):
        open_itk(path).slice("axial", 0)
    beside.rename(tmp_path / "renamed.raw")
    kind = "NRRD" if suffix == ".nhdr" else "MetaImage"
    assert failure(path) == (
        f"{kind} {path.name!r}: its data should lie in 'a{data}' beside it, which is not there. "
        "Allowed: both files in one folder, under their first names. Copy it there, or undo the "
        "renaming."
    )


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("packed", [False, True])
def test_torn_data(tmp_path, suffix, packed):
    array, affine = phantom()
    path = write(tmp_path / f"a{suffix}", array, affine, packed=packed)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"its data cannot be read \(.*Allowed: complete data"):
        open_itk(path).slice("axial", 0)


# --- real files ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["brain1", "breast1"])
def test_real_label_lies_on_its_image(name, shared_data):
    image = open_itk(shared_data / "radiomics" / f"{name}_image.nrrd")
    label = open_itk(shared_data / "radiomics" / f"{name}_label.nrrd")
    assert image.apart(label) < 0.01
    found = sum(int(label.slice("axial", k).any()) for k in range(label.count("axial")))
    assert found > 0
    assert image.slice_shape("axial") == label.slice_shape("axial")
