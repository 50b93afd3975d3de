"""DICOM: where slices lie, what their values are, segmentations, and what is refused."""

from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from datasets.dicom_files import SERIES, enhanced, equal, image, phantom, series, ways
from datasets.nifti_files import stored
from hypothesis import given, settings
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.sr.codedict import codes
from pydicom.uid import MRImageStorage, generate_uid

from medsam.datasets.readers.dicom import open_file, open_masks, open_segmentation, open_series
from medsam.datasets.readers.volume import Volume
from medsam.errors import DataError


def refuses(source, words):
    with pytest.raises(DataError, match=words) as error:
        open_series(source)
    assert "Allowed:" in str(error.value)


def tags(path, **values):
    file = dcmread(path)
    for name, value in values.items():
        setattr(file, name, value)
    file.save_as(path)


@pytest.fixture
def scan(tmp_path):
    """The files of a CT, slice by slice, its folder, array and affine."""
    array, affine = phantom()
    return series(tmp_path / "s", array, affine), tmp_path / "s", array, affine


@settings(max_examples=10)
@given(way=ways)
def test_any_orientation(tmp_path_factory, way):
    array, affine = phantom()
    folder = tmp_path_factory.mktemp("series")
    series(folder, *stored(array, affine, way))
    equal(open_series(folder), Volume(array, affine))


def test_by_hand(tmp_path):
    # Columns to the patient's left, rows to the back, slices up: the usual CT.
    affine = np.diag([-0.5, -0.75, 2.0, 1.0])
    series(tmp_path / "s", np.arange(12, dtype=np.int16).reshape(2, 3, 2), affine)
    volume = open_series(tmp_path / "s")
    np.testing.assert_allclose(volume.affine, affine)
    assert volume.slice("axial", 1).tolist() == [[1, 7], [3, 9], [5, 11]]
    assert volume.spacing("axial") == (0.75, 0.5)


def test_oblique_and_tilted(tmp_path):
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]) * [0.5, 0.5, 2]
    affine[:3, 2] += [0, 0.7, 0]  # the gantry was tilted: slices slide aside
    array, _ = phantom()
    series(tmp_path / "s", array, affine)
    assert open_series(tmp_path / "s").corner_distance(Volume(array, affine)) < 1e-4


@pytest.mark.parametrize("slope", [1, 0.25])
def test_each_slice_has_its_own_scale(scan, slope):
    paths, folder, array, affine = scan
    for k, path in enumerate(paths):
        tags(path, RescaleSlope=slope * k + 1, RescaleIntercept=-100, SOPClassUID=MRImageStorage)
    equal(open_series(folder), Volume(array * (slope * np.arange(6) + 1.0) - 100, affine))


def test_no_size_of_a_pixel(scan):
    paths, folder, *_ = scan
    for path in paths:
        tags(path, PixelSpacing=[0, 0])
    assert open_series(folder).spacing("axial") is None


@pytest.mark.parametrize(("kind", "bits", "ends"), [("u2", 12, 4095), ("i2", 16, -1)])
def test_white_is_zero(tmp_path, kind, bits, ends):
    pixels = np.array([[1, 2], [3, 4]], kind)
    path = image(tmp_path / "a.dcm", pixels, np.eye(4), PhotometricInterpretation="MONOCHROME1")
    tags(path, BitsStored=bits, HighBit=bits - 1)
    assert open_series([path]).slice("stored", 0).tolist() == (ends - pixels.T.astype(int)).tolist()


# What is refused.


def test_torn(scan):
    paths, folder, _, _ = scan
    whole = paths[5].read_bytes()
    pixels = whole.index(b"\xe0\x7f\x10\x00")
    # Cut anywhere, the last slice may not go missing without a word.
    for end in [*range(140, pixels, 67), *range(pixels, len(whole), 13)]:
        paths[5].write_bytes(whole[:end])
        with pytest.raises(DataError, match=rf"{paths[5].name}.*Allowed:"):
            open_series(folder).slice("axial", 0)


def test_several_series(scan):
    paths, folder, _, _ = scan
    tags(paths[0], SeriesInstanceUID=SERIES + ".2", SeriesNumber=4, SeriesDescription="ADC")
    refuses(folder, r"2 series \(4 'ADC' of 1 slices, such as 'im0.dcm'; 3 'T2W' of 5 slices")


def test_gaps(scan):
    paths, folder, _, _ = scan
    place = list(dcmread(paths[5]).ImagePositionPatient)
    tags(paths[5], ImagePositionPatient=[*place[:2], place[2] + 0.02])
    assert open_series(folder).count("axial") == 6  # 1 %
    tags(paths[5], ImagePositionPatient=[*place[:2], place[2] + 0.2])
    refuses(folder, "are 2.20 mm apart, others 2.00 mm. Allowed: one picture a place")
    tags(paths[5], ImagePositionPatient=[place[0] + 4, *place[1:]])
    refuses(folder, "mm beside the line of the other slices. Allowed: at most half a pixel.")
    paths[3].unlink()
    refuses(folder, r"are 4.00 mm apart, others 2.00 mm\. Allowed")


# Compressed, and of many frames.


@pytest.mark.parametrize("kind", ["RLE", "jp2klossless"])
def test_compressed(kind):
    plain, packed = (
        Path(get_testdata_file(f"MR_small{end}.dcm", download=False)) for end in ("", f"_{kind}")
    )
    found = open_series([packed]).slice("stored", 0)
    np.testing.assert_array_equal(found, dcmread(plain).pixel_array)


@settings(max_examples=5)
@given(way=ways)
def test_enhanced(tmp_path_factory, way):
    array, affine = phantom()
    kept, grid = stored(array, affine, way)
    count = kept.shape[2]
    folder = tmp_path_factory.mktemp("e")
    path = enhanced(folder / "mf.dcm", kept, grid, [*range(1, count), 0])
    # Frame k has slope k + 1 and intercept -1.
    volume = open_series([path])
    equal(volume, Volume(kept * (np.arange(count) + 1.0) - 1, grid))
    np.testing.assert_allclose(volume.affine, open_series(series(folder, kept, grid)).affine)


# Masks, one file a slice.


def test_masks_by_place(scan, tmp_path):
    _, folder, array, affine = scan
    drawn = (array > 40).astype(np.uint16)
    for k in (1, 4):
        image(tmp_path / f"m{9 - k}.dcm", drawn[:, :, k], affine, k)
    wanted = np.where(np.isin(np.arange(6), (1, 4)), drawn, 0)
    equal(open_masks(tmp_path, open_series(folder)), Volume(wanted, affine))


@pytest.mark.parametrize(
    ("k", "wrong"),
    [
        (6, {}),
        (2.5, {}),
        (2, {"ImagePositionPatient": [-5, 20, 30]}),
        (2, {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}),
    ],
)
def test_masks_that_do_not_fit(scan, tmp_path, k, wrong):
    _, folder, array, affine = scan
    path = image(tmp_path / "a.dcm", (array[:, :, 2] > 40).astype(np.uint16), affine, k, **wrong)
    with pytest.raises(DataError, match="1 of 1 masks lie on no slice of .*a.dcm"):
        open_masks([path], open_series(folder))


# Segmentations.

KINDS = hd.seg.SegmentationTypeValues
MANUAL = hd.seg.SegmentAlgorithmTypeValues.MANUAL


def segmentation(path, images, pixels, kind=KINDS.BINARY, **choices):
    """Write segments (columns, rows, slices[, segments]) on the slices of those image files."""
    count = pixels.shape[3] if pixels.ndim == 4 else max(1, int(pixels.max()))
    axes = (2, 1, 0, 3)[: pixels.ndim]
    hd.seg.Segmentation(
        source_images=[dcmread(one) for one in images],
        pixel_array=np.ascontiguousarray(pixels.transpose(axes)),
        segmentation_type=kind,
        segment_descriptions=[
            hd.seg.SegmentDescription(n, f"s{n}", codes.SCT.Organ, codes.SCT.Liver, MANUAL)
            for n in range(1, count + 1)
        ],
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


@settings(max_examples=4)
@given(way=ways)
def test_segments_are_labels(tmp_path_factory, way):
    folder = tmp_path_factory.mktemp("seg")
    array, affine = phantom(shape=(8, 6, 5))
    labels = (array % 3).astype(np.uint8)
    kept, grid = stored(array, affine, way)
    files = series(folder / "ct", kept, grid)
    for kind in (KINDS.LABELMAP, KINDS.BINARY):
        path = segmentation(folder / "seg.dcm", files, stored(labels, affine, way)[0], kind)
        equal(open_file(path), Volume(labels, affine))


def test_frames_that_are_left_out(scan, tmp_path):
    files, folder, array, affine = scan
    mask = ((array % 2 == 0) & np.isin(np.arange(6), [0, 2, 3])).astype(np.uint8)
    path = segmentation(tmp_path / "s.dcm", files, mask, omit_empty_frames=True)
    labels, ct = open_segmentation(path), open_series(folder)
    assert labels.is_crop_of(ct)
    equal(labels.resampled_to(ct), Volume(mask, affine))


def test_fractions_count_from_a_half_on(scan, tmp_path):
    files, _, array, affine = scan
    parts = (array / array.max()).astype(np.float32)
    path = segmentation(tmp_path / "s.dcm", files, parts, KINDS.FRACTIONAL)
    wanted = (np.rint(parts * 255) / 255 >= 0.5).astype(np.uint8)
    equal(open_segmentation(path), Volume(wanted, affine))


def test_outlines_are_refused(scan):
    paths, *_ = scan
    tags(paths[0], Modality="RTSTRUCT")
    with pytest.raises(DataError, match="none of them an image.*Convert outlines .RTSTRUCT. to"):
        open_file(paths[0])


def test_segmentations_that_are_refused(scan, tmp_path):
    files, _, array, _ = scan
    masks = np.stack([array > 40, array > 100], axis=-1).astype(np.uint8)
    path = segmentation(tmp_path / "s.dcm", files, masks)
    with pytest.raises(DataError, match=r"'s.dcm': its segments overlap. Allowed: one segment"):
        open_segmentation(path).slice("axial", 0)
    file = dcmread(path)
    file.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient[2] += 0.7
    file.save_as(path)
    with pytest.raises(DataError, match=r"'s.dcm'.* on no grid. Allowed: parallel frames"):
        open_segmentation(path)
