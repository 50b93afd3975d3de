"""DICOM series: where slices lie, what their values are, and what is refused in which words."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from datasets.dicom_files import (
    PLANES,
    SERIES,
    enhanced,
    equal,
    image,
    phantom,
    series,
    stored,
    ways,
)
from hypothesis import given, settings
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from medsam.datasets.readers import dicom
from medsam.datasets.readers.dicom import open_masks, open_series
from medsam.datasets.readers.volume import Volume
from medsam.errors import DataError


def bundled(name: str) -> Path:
    return Path(get_testdata_file(name, download=False))


def failure(source, **choices) -> str:
    with pytest.raises(DataError) as error:
        open_series(source, **choices)
    return str(error.value)


def tags(path, **values):
    file = dcmread(path)
    for name, value in values.items():
        if value is None:
            delattr(file, name)
        else:
            setattr(file, name, value)
    file.save_as(path)


@settings(max_examples=20)
@given(way=ways)
def test_any_orientation(tmp_path_factory, way):
    array, affine = phantom()
    folder = tmp_path_factory.mktemp("series")
    series(folder, *stored(array, affine, way))
    volume = open_series(folder)
    equal(volume, Volume(array, affine))
    volume.close()
    equal(volume, Volume(array, affine))  # opens again by itself


def test_by_hand(tmp_path):
    # Columns to the patient's left, rows to the back, slices up: the usual CT.
    affine = np.diag([-0.5, -0.75, 2.0, 1.0])
    array = np.arange(12, dtype=np.int16).reshape(2, 3, 2)
    series(tmp_path / "s", array, affine)
    volume = open_series(tmp_path / "s")
    np.testing.assert_allclose(volume.affine, affine)
    assert volume.shape == (2, 3, 2)
    assert volume.slice("axial", 1).tolist() == [[1, 7], [3, 9], [5, 11]]
    assert volume.slice("stored", 1).tolist() == [[1, 7], [3, 9], [5, 11]]
    assert volume.spacing("axial") == (0.75, 0.5)


def test_oblique_and_tilted(tmp_path):
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn * [0.5, 0.5, 2]
    affine[:3, 2] += [0, 0.7, 0]  # the gantry was tilted: slices slide aside
    array, _ = phantom()
    series(tmp_path / "s", array, affine)
    found = open_series(tmp_path / "s")
    assert found.apart(Volume(array, affine)) < 1e-4


def test_values(tmp_path):
    array, affine = phantom()
    paths = series(tmp_path / "s", array, affine)
    for k, path in enumerate(paths):
        tags(path, RescaleSlope=k + 1, RescaleIntercept=-100)
    wanted = array * (np.arange(6) + 1.0) - 100
    volume = open_series(tmp_path / "s")
    assert sorted(volume.slice("axial", 2).ravel()) == sorted(wanted[:, :, 2].ravel())
    assert sorted(volume.slice("coronal", 0).ravel()) == sorted(wanted[:, 0].ravel())


def test_deflated(tmp_path):
    array, affine = phantom()
    written = [
        [
            image(tmp_path / f"{name}{k}.dcm", array[:, :, k], affine, k, syntax=syntax)
            for k in range(array.shape[2])
        ]
        for name, syntax in (("p", ExplicitVRLittleEndian), ("d", DeflatedExplicitVRLittleEndian))
    ]
    plain, deflated = map(open_series, written)
    equal(deflated, plain)


@pytest.mark.parametrize(("kind", "ends"), [(np.uint16, 4095), (np.int16, -1)])
def test_white_is_zero(tmp_path, kind, ends):
    pixels = np.array([[1, 2], [3, 4]], kind)
    path = image(tmp_path / "a.dcm", pixels, np.eye(4), PhotometricInterpretation="MONOCHROME1")
    if kind == np.uint16:
        tags(path, BitsStored=12, HighBit=11)
    assert open_series([path]).slice("stored", 0).tolist() == (ends - pixels.T.astype(int)).tolist()


def test_order_is_by_place_alone(tmp_path):
    array, affine = phantom()
    paths = series(tmp_path / "s", array, affine)
    assert [p.name for p in sorted(paths)] != [p.name for p in paths]
    equal(open_series(sorted(paths)), Volume(array, affine))
    equal(open_series(tmp_path / "s"), open_series(paths[::-1]))


def test_files_without_an_ending(tmp_path):
    array, affine = phantom()
    folder = tmp_path / "s"
    series(folder, array, affine, names=[f"IM_{k:04d}" for k in range(6)])
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"broken")
    (folder / ".DS_Store").write_bytes(b"\0" * 128 + b"DICM")
    (folder / "._IM_0001.dcm").write_bytes(b"fork")
    (folder / "notes.txt").write_text("not DICOM")
    (folder / "below").mkdir()
    shutil.copy(bundled("rtstruct.dcm"), folder / "rs.dcm")
    equal(open_series(folder), Volume(array, affine))


def test_without_preamble(tmp_path):
    path = image(tmp_path / "a.dcm", np.array([[1, 2]], np.int16), np.eye(4))
    file = dcmread(path)
    bare = tmp_path / "bare.dcm"
    file.save_as(bare)
    data = bare.read_bytes()
    start = data.index(b"\x08\x00\x16\x00")  # the first element after the meta information
    bare.write_bytes(data[start:])
    assert open_series([bare]).slice("stored", 0).tolist() == [[1], [2]]


def test_only_slices_that_are_asked_for(tmp_path, monkeypatch):
    array, affine = phantom()
    series(tmp_path / "s", array, affine)
    read = []
    whole = dicom._decoded
    monkeypatch.setattr(dicom, "_decoded", lambda frame: read.append(frame.file) or whole(frame))
    volume = open_series(tmp_path / "s")
    assert read == []
    volume.slice("axial", 3)
    volume.slice("axial", 3)
    assert len(read) == 1
    for index in range(volume.count("coronal")):
        volume.slice("coronal", index)
    assert len(read) == 7  # the one, and once through for all coronal slices


# --- several series --------------------------------------------------------------------------


@pytest.fixture
def two(tmp_path):
    array, affine = phantom()
    series(tmp_path / "s", array, affine)
    for k in range(2):
        image(
            tmp_path / "s" / f"other{k}.dcm",
            array[:, :, k] + 1,
            affine,
            k,
            SeriesInstanceUID=SERIES + ".2",
            SeriesNumber=4,
            SeriesDescription="ADC",
        )
    return tmp_path / "s"


@pytest.mark.parametrize("named", ["4", "ADC", SERIES + ".2"])
def test_one_of_several_series(two, named):
    volume = open_series(two, series=named)
    assert volume.shape[2] == 2
    assert volume.slice("axial", 0).min() == 1


def test_several_series(two):
    listed = f"3 'T2W' of 6 slices, {SERIES}; 4 'ADC' of 2 slices, {SERIES}.2"
    assert failure(two) == (
        f"DICOM folder 's': 2 series ({listed}). Allowed: one. Name one by its number, "
        "description or UID (series)."
    )
    assert "no series '7'. Allowed: the number, description or UID of one of" in failure(
        two, series="7"
    )
    for path in two.iterdir():
        tags(path, SeriesDescription="T2W")
    assert "2 series 'T2W'" in failure(two, series="T2W")


# --- what is refused -------------------------------------------------------------------------


def test_no_dicom(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "T2W").mkdir()
    assert failure(tmp_path) == (
        f"DICOM folder {tmp_path.name!r}: no DICOM file among its 1 files. Allowed: the folder in "
        "which the files of a series lie. Check the path. One of its folders (T2W) may be meant."
    )
    assert "cannot be listed (No such file or directory)" in failure(tmp_path / "none")
    assert failure([]).startswith("DICOM files: none. Allowed: at least one.")
    assert "cannot be read (No such file or directory)" in failure([tmp_path / "none.dcm"])


@pytest.mark.parametrize("content", [b"", b"hello world " * 40, b"\0" * 128 + b"DICM" + b"\x02"])
def test_not_dicom(tmp_path, content):
    (tmp_path / "a.dcm").write_bytes(content)
    words = failure(tmp_path)
    assert "'a.dcm'" in words
    assert "Allowed:" in words


def read_all(folder):
    volume = open_series(folder)
    return [volume.slice("axial", k) for k in range(volume.count("axial"))]


def test_torn_header(tmp_path):
    array, affine = phantom()
    paths = series(tmp_path / "s", array, affine)
    whole = paths[5].read_bytes()
    # Cut anywhere before the pixels, the last slice may not go missing without a word.
    for end in range(140, whole.index(b"\xe0\x7f\x10\x00"), 37):
        paths[5].write_bytes(whole[:end])
        with pytest.raises(DataError, match=rf"{paths[5].name}.*Allowed:"):
            assert len(read_all(tmp_path / "s")) == 6


def test_no_image(tmp_path):
    shutil.copy(bundled("rtstruct.dcm"), tmp_path)
    shutil.copy(bundled("rtdose.dcm"), tmp_path)
    assert failure(tmp_path) == (
        f"DICOM folder {tmp_path.name!r}: 2 DICOM files such as 'rtdose.dcm', none of them an "
        "image. Allowed: CT, MR and other images. Give the folder of the image series."
    )


def test_a_missing_slice(tmp_path):
    array, affine = phantom()
    paths = series(tmp_path / "s", array, affine)
    paths[3].unlink()
    assert failure(tmp_path / "s") == (
        "DICOM folder 's': slices at 34.00 and 38.00 mm ('im1.dcm', 'im2.dcm') are 4.00 mm apart, "
        "others 2.00 mm (as if 1 were missing). Allowed: equal gaps, within 1 %. Download the "
        "missing files, or resample the series."
    )


def test_unequal_gaps(tmp_path):
    array, affine = phantom(spacing=(1, 1, 5))
    paths = series(tmp_path / "s", array, affine)
    place = dcmread(paths[5]).ImagePositionPatient
    tags(paths[5], ImagePositionPatient=[place[0], place[1], place[2] + 0.05])
    open_series(tmp_path / "s")  # 1 %
    tags(paths[5], ImagePositionPatient=[place[0], place[1], place[2] + 0.2])
    assert "5.20 mm apart, others 5.00 mm. Allowed" in failure(tmp_path / "s")
    tags(paths[5], ImagePositionPatient=[place[0] + 4, place[1], place[2]])
    assert "mm beside the line of the other slices. Allowed: at most half a pixel." in failure(
        tmp_path / "s"
    )


def test_two_at_one_place(tmp_path):
    array, affine = phantom()
    paths = series(tmp_path / "s", array, affine)
    shutil.copy(paths[2], tmp_path / "s" / "copy.dcm")
    words = failure(tmp_path / "s")
    assert "'copy.dcm'" in words
    assert f"'{paths[2].name}'" in words
    assert "lie at one place (-10 x 20 x 34 mm). Allowed: one picture a place. Give the files " in (
        words
    )


def test_other_size_or_direction(tmp_path):
    array, affine = phantom()
    paths = series(tmp_path / "s", array, affine)
    image(paths[0], array[:2, :, 0], affine)
    assert failure(tmp_path / "s") == (
        "DICOM folder 's': 'im0.dcm' has (5, 2) pixels (rows, columns) of 0.75 x 0.5 mm, "
        "'im1.dcm' has (5, 4) of 0.75 x 0.5 mm. Allowed: one grid in a series. Take the scouts "
        "out, or give the files of one."
    )
    image(paths[0], array[:, :, 0], affine, ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    assert "lie in different directions (ImageOrientationPatient 1 x 0 x 0 x 0 x 0 x -1 and" in (
        failure(tmp_path / "s")
    )


def test_no_position(tmp_path):
    array, affine = phantom()
    paths = series(tmp_path / "s", array, affine)
    tags(paths[1], ImagePositionPatient=None)
    assert failure(tmp_path / "s") == (
        f"DICOM folder 's': {paths[1].name!r} does not tell where it lies: no ImagePositionPatient "
        "or ImageOrientationPatient. Allowed: slices with both. Take it out, or export the series "
        "with them."
    )
    # A radiograph is one picture; where it lies does not matter.
    single = tmp_path / "x.dcm"
    image(single, array[:, :, 0], affine, ImagePositionPatient=None, ImageOrientationPatient=None)
    volume = open_series([single])
    np.testing.assert_array_equal(volume.slice("axial", 0), array[:, :, 0].T)
    assert volume.spacing("axial") == (0.75, 0.5)


def test_torn_pixels(tmp_path):
    array, affine = phantom()
    paths = series(tmp_path / "s", array, affine)
    paths[2].write_bytes(paths[2].read_bytes()[:-7])
    volume = open_series(tmp_path / "s")
    good = volume.slice("axial", 0)
    assert good.shape == (5, 4)
    for plane, index in (("axial", 2), ("coronal", 0)):
        with pytest.raises(DataError) as error:
            volume.slice(plane, index)
        assert str(error.value).startswith(
            f"DICOM file {paths[2].name!r}: its pixels cannot be read (ValueError: "
        )
        assert str(error.value).endswith(
            "Allowed: complete pixel data. Download or export it again."
        )


def test_colours():
    assert failure([bundled("examples_rgb_color.dcm")]).endswith(
        "'examples_rgb_color.dcm' holds colours (RGB). Allowed: one grey channel (MONOCHROME1, "
        "MONOCHROME2). Take screenshots out, or export it as grey."
    )


def test_no_decoder(tmp_path):
    path = image(tmp_path / "a.dcm", np.ones((2, 2), np.int16), np.eye(4))
    file = dcmread(path)
    file.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG2
    file.PixelData = b"\xfe\xff\x00\xe0" + b"\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    file["PixelData"].is_undefined_length = True
    file.save_as(path)
    assert failure([path]) == (
        f"DICOM files in {tmp_path.name!r}: 'a.dcm' is compressed (MPEG2 Main Profile / Main "
        "Level), for which there is no decoder here. Allowed: uncompressed, RLE, JPEG, JPEG-LS or "
        "JPEG 2000. Unpack the files first, for example with gdcmconv --raw or dcmdjpeg."
    )


def test_a_film_is_no_series(tmp_path):
    shutil.copy(bundled("SC_rgb_rle_2frame.dcm"), tmp_path / "film.dcm")
    tags(tmp_path / "film.dcm", PhotometricInterpretation="MONOCHROME2")
    words = failure(tmp_path)
    assert "'film.dcm' frame 0 does not tell where it lies (a film, or frames without a grid)" in (
        words
    )


# --- compressed and multi-frame --------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"]
)
def test_compressed(name):
    plain = open_series([bundled("MR_small.dcm")])
    np.testing.assert_array_equal(
        open_series([bundled(name)]).slice("axial", 0), plain.slice("axial", 0)
    )


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_lossless_jpeg(tmp_path, photometric):
    plain = tmp_path / "plain.dcm"
    shutil.copy(bundled("CT_small.dcm"), plain)
    picture = sitk.ReadImage(str(plain))
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetUseCompression(True)
    writer.SetCompressor("JPEG")
    packed = tmp_path / "packed.dcm"
    writer.SetFileName(str(packed))
    writer.Execute(sitk.Cast(picture[:, :, 0], sitk.sitkInt16))
    assert dcmread(packed).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.70"
    tags(packed, PhotometricInterpretation=photometric)
    wanted = open_series([plain]).slice("axial", 0)
    wanted = wanted if photometric == "MONOCHROME2" else -1 - wanted
    np.testing.assert_array_equal(open_series([packed]).slice("stored", 0), wanted)


@settings(max_examples=20)
@given(way=ways)
def test_enhanced(tmp_path_factory, way):
    array, affine = phantom()
    kept, grid = stored(array, affine, way)
    count = kept.shape[2]
    path = enhanced(tmp_path_factory.mktemp("e") / "mf.dcm", kept, grid, [*range(1, count), 0])
    # Frame k has slope k + 1 and intercept -1.
    wanted = kept * (np.arange(count) + 1.0) - 1
    equal(open_series([path]), Volume(wanted, grid))


def test_12_bit_jpeg():
    picture = open_series([bundled("JPGExtended.dcm")]).slice("stored", 0)
    assert picture.shape == (1024, 256)
    # As pydicom's own tests have it for this file.
    assert (picture[420, 140], picture[230, 120]) == (244, 95)


def test_bundled_ct():
    file = dcmread(bundled("CT_small.dcm"))
    volume = open_series([bundled("CT_small.dcm")])
    np.testing.assert_array_equal(volume.slice("axial", 0), file.pixel_array - 1024.0)
    assert volume.spacing("axial") == (0.661468, 0.661468)


# --- masks -----------------------------------------------------------------------------------


def masks(tmp_path, which=(1, 4), **tags_):
    array, affine = phantom()
    image_series = open_series_of(tmp_path, array, affine)
    drawn = (array > 40).astype(np.uint16)
    paths = [image(tmp_path / f"m{9 - k}.dcm", drawn[:, :, k], affine, k, **tags_) for k in which]
    return image_series, drawn, affine, paths


def open_series_of(tmp_path, array, affine):
    series(tmp_path / "image", array, affine)
    return open_series(tmp_path / "image")


def test_masks_by_place(tmp_path):
    like, drawn, affine, paths = masks(tmp_path)
    wanted = np.where(np.isin(np.arange(6), (1, 4)), drawn, 0)
    laid = open_masks(paths, like)
    equal(laid, Volume(wanted, affine))
    assert laid.apart(like) == 0


def test_masks_that_do_not_fit(tmp_path):
    like, drawn, affine, paths = masks(tmp_path)
    with pytest.raises(DataError) as error:
        open_masks([*paths, image(tmp_path / "far.dcm", drawn[:, :, 0], affine, 6)], like)
    assert str(error.value) == (
        f"DICOM files in {tmp_path.name!r}: 1 of 3 masks lie on no slice of DICOM folder 'image': "
        "'far.dcm'. Allowed: masks with the position and the direction of an image slice. Add the "
        "missing image slices, or take these masks out."
    )
    between = image(tmp_path / "between.dcm", drawn[:, :, 0], affine, 2.5)
    with pytest.raises(DataError, match=r"1 of 1 masks lie on no slice of .*'between.dcm'"):
        open_masks([between], like)
    aside = image(tmp_path / "aside.dcm", drawn[:, :, 0], affine)
    tags(aside, ImagePositionPatient=[-5, 20, 30])
    with pytest.raises(DataError, match=r"1 of 1 masks lie on no slice of .*'aside.dcm'"):
        open_masks([aside], like)
    small = image(tmp_path / "small.dcm", drawn[:2, :, 0], affine)
    with pytest.raises(DataError, match=r"masks of \(5, 2\) \(rows, columns\), .* has \(5, 4\)"):
        open_masks([small], like)
    with pytest.raises(DataError, match="lie at one place"):
        open_masks([paths[0], Path(shutil.copy(paths[0], tmp_path / "twin.dcm"))], like)
    tags(paths[0], ImagePositionPatient=None)
    with pytest.raises(DataError, match="does not tell where it lies"):
        open_masks(paths, like)


# --- real files ------------------------------------------------------------------------------


def as_itk_reads(folder: Path, path: Path) -> Volume:
    reader = sitk.ImageSeriesReader()
    uid = str(dcmread(path, stop_before_pixels=True).SeriesInstanceUID)
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), uid))
    picture = reader.Execute()
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(picture.GetDirection(), (3, 3)) * picture.GetSpacing()
    affine[:3, 3] = picture.GetOrigin()
    return Volume(sitk.GetArrayFromImage(picture).T, np.diag([-1, -1, 1, 1]) @ affine)


@pytest.mark.parametrize(
    "parts",
    [
        ("dcmqi_seg", "data", "segmentations", "ct-3slice"),
        ("rtstruct_rtutils", "tests", "mock_data"),
        ("rtstruct_rtutils", "tests", "oriented_data"),
    ],
)
def test_real_series_are_as_itk_reads_them(parts, shared_data):
    folder = shared_data.joinpath(*parts)
    files = sorted(path for path in folder.glob("*.dcm") if "rt" not in path.name)
    volume, wanted = open_series(folder), as_itk_reads(folder, files[0])
    assert volume.shape[2] == len(files)
    assert volume.apart(wanted) < 1e-3
    for plane in PLANES:
        assert volume.spacing(plane) == pytest.approx(wanted.spacing(plane), rel=1e-4)
        for index in (0, 1, volume.count(plane) - 1):
            np.testing.assert_array_equal(volume.slice(plane, index), wanted.slice(plane, index))


def test_real_multiframe_is_its_series(shared_data):
    folder = shared_data / "dcmqi_seg" / "data" / "segmentations" / "24x38x3"
    equal(open_series(folder / "multiframe"), open_series(folder / "image"))
