"""DICOM: where slices lie, what their values are, segmentations, and what is refused."""

import shutil
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
import SimpleITK as sitk
from datasets.dicom_files import SERIES, enhanced, equal, image, phantom, series, stored, ways
from hypothesis import given, settings
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.sr.codedict import codes
from pydicom.uid import DeflatedExplicitVRLittleEndian, MRImageStorage, generate_uid

from medsam.datasets.readers.dicom import open_file, open_masks, open_segmentation, open_series
from medsam.datasets.readers.volume import Volume
from medsam.errors import DataError


def bundled(name: str) -> Path:
    return Path(get_testdata_file(name, download=False))


def refuses(source, words):
    with pytest.raises(DataError, match=words) as error:
        open_series(source)
    assert "Allowed:" in str(error.value)


def tags(path, **values):
    file = dcmread(path)
    for name, value in values.items():
        if value is None:
            delattr(file, name)
        else:
            setattr(file, name, value)
    file.save_as(path)


@pytest.fixture
def scan(tmp_path):
    """The files of a CT, slice by slice, its folder, array and affine."""
    array, affine = phantom()
    return series(tmp_path / "s", array, affine), tmp_path / "s", array, affine


@settings(max_examples=20)
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
    assert volume.shape == (2, 3, 2)
    assert volume.slice("axial", 1).tolist() == [[1, 7], [3, 9], [5, 11]]
    assert volume.slice("stored", 1).tolist() == [[1, 7], [3, 9], [5, 11]]
    assert volume.spacing("axial") == (0.75, 0.5)


def test_oblique_and_tilted(tmp_path):
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]) * [0.5, 0.5, 2]
    affine[:3, 2] += [0, 0.7, 0]  # the gantry was tilted: slices slide aside
    array, _ = phantom()
    series(tmp_path / "s", array, affine)
    assert open_series(tmp_path / "s").corner_distance(Volume(array, affine)) < 1e-4


@pytest.mark.parametrize("slope", [1, 0.25])
@pytest.mark.parametrize("kind", [None, MRImageStorage])
def test_each_slice_has_its_own_scale(scan, slope, kind):
    paths, folder, array, affine = scan
    for k, path in enumerate(paths):
        tags(path, RescaleSlope=slope * k + 1, RescaleIntercept=-100)
        if kind:
            tags(path, SOPClassUID=kind)
    equal(open_series(folder), Volume(array * (slope * np.arange(6) + 1.0) - 100, affine))


def test_deflated(tmp_path):
    array, affine = phantom()
    for k in range(6):
        image(tmp_path / f"{k}.dcm", array[:, :, k], affine, k, DeflatedExplicitVRLittleEndian)
    equal(open_series(tmp_path), Volume(array, affine))


@pytest.mark.parametrize(("kind", "bits", "ends"), [("u2", 12, 4095), ("i2", 16, -1)])
def test_white_is_zero(tmp_path, kind, bits, ends):
    pixels = np.array([[1, 2], [3, 4]], kind)
    path = image(tmp_path / "a.dcm", pixels, np.eye(4), PhotometricInterpretation="MONOCHROME1")
    tags(path, BitsStored=bits, HighBit=bits - 1)
    assert open_series([path]).slice("stored", 0).tolist() == (ends - pixels.T.astype(int)).tolist()


def test_order_is_by_place_alone(scan):
    paths, folder, array, affine = scan
    assert [p.name for p in sorted(paths)] != [p.name for p in paths]
    for source in (folder, paths[::-1], sorted(paths)):
        equal(open_series(source), Volume(array, affine))


def test_files_without_an_ending(tmp_path):
    array, affine = phantom()
    folder = tmp_path / "s"
    series(folder, array, affine, names=[f"IM_{k:04d}" for k in range(6)])
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"broken")
    (folder / "._IM_0001.dcm").write_bytes(b"fork")
    (folder / "notes.txt").write_text("not DICOM")
    (folder / "below").mkdir()
    shutil.copy(bundled("rtstruct.dcm"), folder / "rs.dcm")
    equal(open_series(folder), Volume(array, affine))


def test_a_radiograph_lies_nowhere(tmp_path):
    array, affine = phantom()
    path = tmp_path / "x.dcm"
    image(path, array[:, :, 0], affine, ImagePositionPatient=None, ImageOrientationPatient=None)
    volume = open_file(path)
    np.testing.assert_array_equal(volume.slice("axial", 0), array[:, :, 0].T)
    assert volume.spacing("axial") == (0.75, 0.5)


# What is refused.


def test_several_series(scan):
    paths, folder, _, _ = scan
    tags(paths[0], SeriesInstanceUID=SERIES + ".2", SeriesNumber=4, SeriesDescription="ADC")
    refuses(folder, r"2 series \(4 'ADC' of 1 slices, such as 'im0.dcm'; 3 'T2W' of 5 slices")


@pytest.mark.parametrize("content", [b"", b"hello world " * 40, b"\0" * 128 + b"DICM" + b"\x02"])
def test_not_dicom(tmp_path, content):
    (tmp_path / "a.dcm").write_bytes(content)
    refuses(tmp_path, "'a.dcm'")
    refuses(tmp_path / "none", "'none' cannot be read")
    refuses([tmp_path / "none.dcm"], "'none.dcm' cannot be read")


def test_no_image(tmp_path):
    shutil.copy(bundled("rtstruct.dcm"), tmp_path)
    shutil.copy(bundled("rtdose.dcm"), tmp_path)
    refuses(tmp_path, "2 DICOM files, none of them an image")


def test_torn(scan):
    paths, folder, _, _ = scan
    whole = paths[5].read_bytes()
    pixels = whole.index(b"\xe0\x7f\x10\x00")
    # Cut anywhere, the last slice may not go missing without a word.
    for end in [*range(140, pixels, 37), *range(pixels, len(whole), 7)]:
        paths[5].write_bytes(whole[:end])
        with pytest.raises(DataError, match=rf"{paths[5].name}.*Allowed:"):
            open_series(folder).slice("axial", 0)


def test_gaps(scan):
    paths, folder, _, _ = scan
    place = list(dcmread(paths[5]).ImagePositionPatient)
    tags(paths[5], ImagePositionPatient=[*place[:2], place[2] + 0.02])
    assert open_series(folder).count("axial") == 6  # 1 %
    tags(paths[5], ImagePositionPatient=[*place[:2], place[2] + 0.2])
    refuses(folder, r"are 2.20 mm apart, others 2.00 mm. Allowed: equal gaps, within 1 %.")
    tags(paths[5], ImagePositionPatient=[place[0] + 4, *place[1:]])
    refuses(folder, "mm beside the line of the other slices. Allowed: at most half a pixel.")
    paths[3].unlink()
    refuses(folder, r"are 4.00 mm apart, others 2.00 mm \(as if 1 were missing\)")


def test_two_at_one_place(scan):
    paths, folder, _, _ = scan
    shutil.copy(paths[2], folder / "copy.dcm")
    refuses(folder, rf"'copy.dcm' and '{paths[2].name}' lie at one place|'{paths[2].name}' and 'c")


def test_other_size_or_direction(scan):
    paths, folder, array, affine = scan
    image(paths[0], array[:2, :, 0], affine)
    refuses(folder, r"'im0.dcm' has \(5, 2\) pixels .* of 0.75 x 0.5 mm, 'im1.dcm' \(5, 4\) of")
    image(paths[0], array[:, :, 0], affine, ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    refuses(folder, r"lie in different directions")
    tags(paths[0], ImagePositionPatient=None)
    refuses(folder, "'im0.dcm' does not tell where it lies")


def test_colours_and_films(tmp_path):
    refuses([bundled("examples_rgb_color.dcm")], r"holds colours or a lookup table \(RGB\)")
    shutil.copy(bundled("SC_rgb_rle_2frame.dcm"), tmp_path / "film.dcm")
    tags(tmp_path / "film.dcm", PhotometricInterpretation="MONOCHROME2")
    refuses(tmp_path, "film.dcm|frames lie on no grid")


def test_no_decoder(tmp_path):
    path = image(tmp_path / "a.dcm", np.ones((2, 2), np.int16), np.eye(4))
    file = dcmread(path)
    file.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG2
    file.PixelData = b"\xfe\xff\x00\xe0" + b"\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    file["PixelData"].is_undefined_length = True
    file.save_as(path)
    with pytest.raises(DataError, match="'a.dcm' cannot be read"):
        open_series([path]).slice("axial", 0)


# Compressed, and of many frames.


@pytest.mark.parametrize("kind", ["RLE", "jp2klossless", "jpeg_ls_lossless"])
def test_compressed(kind):
    plain = dcmread(bundled("MR_small.dcm")).pixel_array
    packed = open_series([bundled(f"MR_small_{kind}.dcm")])
    np.testing.assert_array_equal(packed.slice("stored", 0), plain)


def test_lossless_and_12_bit_jpeg(tmp_path):
    picture = sitk.ReadImage(str(bundled("CT_small.dcm")))
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetUseCompression(True)
    writer.SetCompressor("JPEG")
    writer.SetFileName(str(tmp_path / "packed.dcm"))
    writer.Execute(sitk.Cast(picture[:, :, 0], sitk.sitkInt16))
    assert dcmread(tmp_path / "packed.dcm").file_meta.TransferSyntaxUID.endswith(".4.70")
    wanted = dcmread(bundled("CT_small.dcm")).pixel_array - 1024.0
    np.testing.assert_array_equal(open_series(tmp_path).slice("stored", 0), wanted)
    lossy = open_series([bundled("JPGExtended.dcm")]).slice("stored", 0)
    # As pydicom's own tests have it for this file.
    assert (lossy[420, 140], lossy[230, 120]) == (244, 95)


@settings(max_examples=20)
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


@pytest.mark.parametrize("wrong", ["far", "between", "aside", "small", "turned", "twin", "nowhere"])
def test_masks_that_do_not_fit(scan, tmp_path, wrong):
    _, folder, array, affine = scan
    drawn = (array[:, :, 2] > 40).astype(np.uint16)
    paths = [image(tmp_path / "a.dcm", drawn, affine, {"far": 6, "between": 2.5}.get(wrong, 2))]
    if wrong == "aside":
        tags(paths[0], ImagePositionPatient=[-5, 20, 30])
    elif wrong == "small":
        image(paths[0], drawn[:2], affine, 2)
    elif wrong == "turned":
        tags(paths[0], ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    elif wrong == "twin":
        paths.append(Path(shutil.copy(paths[0], tmp_path / "twin.dcm")))
    elif wrong == "nowhere":
        tags(paths[0], ImagePositionPatient=None)
    words = {"twin": "lie at one place", "nowhere": "does not tell where it lies"}
    with pytest.raises(
        DataError, match=words.get(wrong, "1 of 1 masks lie on no slice of .*a.dcm")
    ):
        open_masks(paths, open_series(folder))


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


@settings(max_examples=10)
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


@pytest.mark.parametrize("slices", [[3], [0, 4], [0, 2, 3]])
def test_frames_that_are_left_out(scan, tmp_path, slices):
    files, folder, array, affine = scan
    mask = ((array % 2 == 0) & np.isin(np.arange(6), slices)).astype(np.uint8)
    path = segmentation(tmp_path / "s.dcm", files, mask, omit_empty_frames=True)
    labels, ct = open_segmentation(path), open_series(folder)
    assert labels.is_crop_of(ct)
    equal(labels.resampled_to(ct), Volume(mask, affine))


def test_fractions_count_from_a_half_on(scan, tmp_path):
    files, _, array, affine = scan
    parts = (array / array.max()).astype(np.float32)
    path = segmentation(tmp_path / "s.dcm", files, parts, KINDS.FRACTIONAL)
    volume = open_segmentation(path)
    equal(volume, Volume((np.rint(parts * 255) / 255 >= 0.5).astype(np.uint8), affine))


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
    whole = path.read_bytes()
    for keep in (900, len(whole) - 20):
        path.write_bytes(whole[:keep])
        with pytest.raises(DataError, match=r"'s.dcm'.*Allowed:"):
            open_file(path).slice("axial", 0)
    with pytest.raises(DataError, match=r"cannot be read .*Allowed: complete DICOM files"):
        open_segmentation(files[0])
