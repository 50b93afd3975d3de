"""DICOM segmentations: binary, fractional, label maps, sparse, overlapping, laid by place."""

from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
import SimpleITK as sitk
from datasets.dicom_files import equal, phantom, series, stored, ways
from hypothesis import given, settings
from pydicom import dcmread
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from medsam.datasets.readers.dicom import open_seg, open_series
from medsam.datasets.readers.itk import open_itk
from medsam.datasets.readers.volume import Volume
from medsam.errors import DataError

KINDS = hd.seg.SegmentationTypeValues


def described(number: int, label: str):
    return hd.seg.SegmentDescription(
        number, label, codes.SCT.Organ, codes.SCT.Liver, hd.seg.SegmentAlgorithmTypeValues.MANUAL
    )


def write(path: Path, images, pixels, labels, kind=KINDS.BINARY, **choices) -> Path:
    """Write segments (slices, rows, columns[, segments]) on the slices of those image files."""
    hd.seg.Segmentation(
        source_images=[dcmread(image) for image in images],
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[described(n, label) for n, label in enumerate(labels, 1)],
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="none",
        manufacturer_model_name="none",
        software_versions="1",
        device_serial_number="1",
        **choices,
    ).save_as(path)
    return path


def failure(path, like, segments=None) -> str:
    with pytest.raises(DataError) as error:
        first_slices(path, like, segments)
    return str(error.value)


def first_slices(path, like, segments=None):
    return [volume.slice("axial", 0) for _, _, volume in open_seg(path, like, segments)]


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """The files of a CT, slice by slice, its volume, and its array and affine."""
    folder = tmp_path_factory.mktemp("ct")
    array, affine = phantom(shape=(8, 6, 5))
    files = series(folder, array, affine)
    return files, open_series(folder), array, affine


def frames(mask):
    """From (columns, rows, slices) to (slices, rows, columns)."""
    return np.ascontiguousarray(np.asarray(mask, np.uint8).T)


@settings(max_examples=10)
@given(way=ways, other=ways)
def test_any_orientation(tmp_path_factory, way, other):
    folder = tmp_path_factory.mktemp("seg")
    array, affine = phantom(shape=(8, 6, 5))
    mask = (array % 7 == 0).astype(np.uint8)
    kept, grid = stored(array, affine, way)
    files = series(folder / "ct", kept, grid)
    path = write(folder / "seg.dcm", files, frames(stored(mask, affine, way)[0]), ["Liver"])
    # Onto the series it was drawn on, and onto the same scan stored in another way.
    for like in (open_series(folder / "ct"), Volume(*stored(array, affine, other))):
        ((number, label, volume),) = open_seg(path, like)
        assert (number, label) == (1, "Liver")
        assert volume.apart(like) == 0
        equal(volume, Volume(mask, affine))


def test_overlapping_segments_are_volumes_of_their_own(scan, tmp_path):
    files, like, array, affine = scan
    masks = [array > 40, array > 100, array < 60]
    pixels = np.stack([frames(mask) for mask in masks], axis=-1)
    path = write(tmp_path / "s.dcm", files, pixels, ["a", "b", "c"])
    found = open_seg(path, like)
    assert [(number, label) for number, label, _ in found] == [(1, "a"), (2, "b"), (3, "c")]
    for (_, _, volume), mask in zip(found, masks, strict=True):
        equal(volume, Volume(mask.astype(np.uint8), affine))
        assert volume.slice("axial", 0).dtype == np.uint8
    assert [number for number, _, _ in open_seg(path, like, ["c", 1])] == [1, 3]
    assert failure(path, like, ["liver"]) == (
        "DICOM segmentation 's.dcm': no segment 'liver'. Allowed: 1 'a', 2 'b', 3 'c'. Name one of "
        "these, by number or label."
    )


def test_fractions_count_from_a_half_on(scan, tmp_path):
    files, like, array, affine = scan
    parts = array / array.max()
    pixels = np.ascontiguousarray(parts.T.astype(np.float32))
    path = write(
        tmp_path / "s.dcm", files, pixels, ["a"], KINDS.FRACTIONAL, max_fractional_value=200
    )
    ((_, _, volume),) = open_seg(path, like)
    told = np.rint(parts.astype(np.float32) * 200) / 200
    equal(volume, Volume((told >= 0.5).astype(np.uint8), affine))


def test_label_map(scan, tmp_path):
    files, like, array, affine = scan
    labels = (array % 3).astype(np.uint8)
    path = write(tmp_path / "s.dcm", files, frames(labels), ["a", "b"], KINDS.LABELMAP)
    found = open_seg(path, like)
    assert [(number, label) for number, label, _ in found] == [(1, "a"), (2, "b")]
    for number, _, volume in found:
        equal(volume, Volume((labels == number).astype(np.uint8), affine))


@pytest.mark.parametrize("slices", [[0], [3], [1, 3], [0, 4], [0, 2, 3]])
def test_empty_frames_may_be_left_out(scan, tmp_path, slices):
    files, like, array, affine = scan
    mask = ((array % 2 == 0) & np.isin(np.arange(5), slices)).astype(np.uint8)
    path = write(tmp_path / "s.dcm", files, frames(mask), ["a"], omit_empty_frames=True)
    assert dcmread(path).NumberOfFrames == len(slices)
    ((_, _, volume),) = open_seg(path, like)
    equal(volume, Volume(mask, affine))


def test_a_part_of_the_image(scan, tmp_path):
    files, _, array, affine = scan
    mask = (array % 2 == 0).astype(np.uint8)
    path = write(tmp_path / "s.dcm", files, frames(mask), ["a"])
    part, moved = array[:, :, :3], affine.copy()
    assert failure(path, Volume(part, moved, "DICOM 'part'")) == (
        f"DICOM segmentation 's.dcm', a: {int(mask[:, :, 3:].sum())} labelled voxels lie outside "
        "DICOM 'part'. Allowed: labels within the image. See whether they belong together, or mend "
        "the headers."
    )


def test_not_a_segmentation(scan, tmp_path):
    files, like, _, _ = scan
    words = failure(files[0], like)
    assert words.startswith(f"DICOM segmentation {files[0].name!r} cannot be read (")
    assert words.endswith(
        "Allowed: a complete DICOM file of the kind Segmentation. Check the path, or download or "
        "export it again."
    )
    assert "'none.dcm' cannot be read (No such file or directory)" in (
        failure(tmp_path / "none.dcm", like)
    )
    (tmp_path / "empty.dcm").write_bytes(b"")
    assert "'empty.dcm' cannot be read (" in failure(tmp_path / "empty.dcm", like)


def test_torn(scan, tmp_path):
    files, like, array, _ = scan
    path = write(tmp_path / "s.dcm", files, frames(array > 3), ["a"])
    path.write_bytes(path.read_bytes()[:-20])
    assert "'s.dcm'" in failure(path, like)
    path.write_bytes(path.read_bytes()[:900])
    assert "'s.dcm'" in failure(path, like)


def test_frames_on_no_grid(scan, tmp_path):
    files, like, array, _ = scan
    path = write(tmp_path / "s.dcm", files, frames(array > 3), ["a"])
    file = dcmread(path)
    place = file.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0]
    place.ImagePositionPatient[2] += 0.7
    file.save_as(path)
    words = failure(path, like)
    assert words.startswith("DICOM segmentation 's.dcm': it lies on no grid (")
    assert words.endswith(
        "Allowed: parallel frames, whole slices apart, in the patient's coordinates. Export it on "
        "the grid of its image."
    )


# --- real files, written by dcmqi and others -------------------------------------------------


@pytest.fixture(scope="module")
def real(shared_data):
    return shared_data / "dcmqi_seg" / "data" / "segmentations"


@pytest.fixture(scope="module")
def ct(real):
    return open_series(real / "ct-3slice")


def test_real_liver_is_its_nrrd(ct, real):
    ((_, label, volume),) = open_seg(real / "liver.dcm", ct)
    assert label == "Liver"
    wanted = open_itk(real / "liver_seg.nrrd")
    total = 0
    for k in range(3):
        mask = volume.slice("axial", k)
        np.testing.assert_array_equal(mask, wanted.slice("axial", k) > 0)
        total += int(mask.sum())
    assert total == 107098


def test_real_overlaps_are_their_nrrds(ct, real):
    found = {label: volume for _, label, volume in open_seg(real / "partial_overlaps.dcm", ct)}
    assert list(found) == ["GREEN", "ORANGE", "PURPLE", "LIGHT_BLUE", "DARK_BLUE"]
    # The NRRD files hold the same segments, those that do not overlap in one file.
    files = [open_itk(real / f"partial_overlaps-{n}.nrrd") for n in (1, 2, 3)]
    wanted = []
    for file in files:
        array = np.stack([file.slice("axial", k) for k in range(3)])
        wanted += [array == value for value in np.unique(array) if value]
    assert len(wanted) == 5
    for volume in found.values():
        mine = np.stack([volume.slice("axial", k) for k in range(3)]) > 0
        assert sum((mine == other).all() for other in wanted) == 1


@pytest.mark.parametrize("name", ["noppv", "ppv5"])
def test_real_sparse_label_maps_are_their_nrrds(name, real):
    like = open_series(real / "24x38x3" / "image")
    ((_, label, volume),) = open_seg(real / f"sparse-labelmap-{name}.dcm", like)
    assert label == "Liver"
    wanted = open_itk(real / f"sparse_labelmap_{name}_seg.nrrd")
    for k in range(3):
        # In the NRRD of "ppv5" the background is 5, the padding value of the DICOM file.
        np.testing.assert_array_equal(volume.slice("axial", k), wanted.slice("axial", k) == 1)
    assert not volume.slice("axial", 1).any()


@pytest.mark.parametrize("size", ["23x38x3", "24x38x3"])
@pytest.mark.parametrize("image", ["image", "multiframe"])
def test_real_small_masks_are_their_nrrds(size, image, real):
    # 23 columns: the bits of a row do not fill whole bytes.
    ((_, _, volume),) = open_seg(
        real / size / "seg" / "label.seg", open_series(real / size / image)
    )
    wanted = open_itk(real / size / "nrrd" / "label.nrrd")
    for k in range(3):
        np.testing.assert_array_equal(volume.slice("axial", k), wanted.slice("axial", k) > 0)


def test_real_cropped_nrrd_is_laid_where_it_was(ct, real):
    from medsam.datasets.readers.itk import lay_onto

    path = real / "liver_spine_seg.nrrd"
    whole = sitk.ReadImage(str(path))
    cut = sitk.RegionOfInterest(whole, [400, 380, 2], [50, 60, 1])
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(cut.GetDirection(), (3, 3)) * cut.GetSpacing()
    affine[:3, 3] = cut.GetOrigin()
    small = Volume(sitk.GetArrayFromImage(cut).T, np.diag([-1, -1, 1, 1]) @ affine)
    wanted = np.zeros_like(sitk.GetArrayFromImage(whole))
    wanted[1:3, 60:440, 50:450] = sitk.GetArrayFromImage(whole)[1:3, 60:440, 50:450]
    assert wanted.any()
    laid = lay_onto(small, ct)
    for k in range(3):
        np.testing.assert_array_equal(laid.slice("axial", k), wanted[k])
