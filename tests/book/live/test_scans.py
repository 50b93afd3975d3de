"""A slice of the reader's own scan: the browser shows what Python reads, and encodes it."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import nibabel
import numpy as np
import pytest
from datasets.dicom_files import enhanced, image
from live_page import SIZE, sample
from PIL import Image
from playwright.sync_api import expect
from pydicom import dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
)

from medsam.datasets.intensity import Intensity
from medsam.datasets.readers.dicom import open_series
from medsam.datasets.readers.nifti import open_nifti
from medsam.metrics import iou
from medsam.prompts import Prompt

pytestmark = pytest.mark.book

# Axes in another order, two of them turned round, and all of them slanted.
ORDER = np.array([[0.0, -2.0, 0.3], [0.1, 0.2, 3.0], [-1.5, 0.1, 0.2]])
DATA = np.random.default_rng(8).normal(300, 200, (23, 31, 19)).astype(np.int16)


def write_nifti(path: Path, data=DATA, matrix=ORDER, kind=nibabel.Nifti1Image, **header) -> Path:
    affine = np.eye(4)
    affine[:3, :3] = matrix
    image = kind(data, affine)
    for name, value in header.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


class Scan:
    """The controls of a slice, and the picture that is shown."""

    def __init__(self, live):
        self.live, self.page, self.node = live, live.page, live.root.locator(".mlv-scan")

    def open(self, path: Path):
        self.live.root.locator("input[type='file']").set_input_files(path)
        self.node.get_by_text("Encode this slice").wait_for()
        return self

    def refused(self, path: Path) -> str:
        self.live.root.locator("input[type='file']").set_input_files(path)
        wrong = self.live.root.locator(".mlv-own").get_by_role("alert")
        expect(wrong).to_contain_text("cannot be used")
        expect(self.node).to_be_hidden()
        return wrong.inner_text()

    def choose(self, plane=None, index=None, way=None, window=None):
        if plane:
            self.node.get_by_text(plane.capitalize(), exact=True).click()
        if way:
            self.node.get_by_label("Grey values").select_option(way)
        if window:
            self.node.get_by_label("Level").fill(str(window[0]))
            self.node.get_by_label("Width").fill(str(window[1]))
        if index is not None:
            self.slider.fill(str(index))
            self.named(f"{self.plane} {index}")

    @property
    def plane(self) -> str:
        return self.node.locator("input[type='radio']:checked").input_value()

    @property
    def slider(self):
        return self.node.locator("input[type='range']")

    def named(self, words: str):
        expect(self.live.root.locator(".mkit-id")).to_contain_text(words)

    def grey(self) -> np.ndarray:
        """The picture that is shown, once the newest is."""
        self.page.wait_for_timeout(250)
        uri = self.live.root.locator(".mkit-svg image").get_attribute("href")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))[..., 0]

    def lies(self, sides: str) -> None:
        """Letters at the left, right, top and bottom of the picture; '-' for none."""
        ways = ("left", "right", "top", "bottom")
        for way, letter in zip(ways, sides.split(), strict=True):
            expect(self.live.root.locator(f".mlv-way-{way}")).to_have_text(letter.strip("-"))


def same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


NIFTI = {
    "slanted.nii.gz": {},
    "scaled.nii": {"data": DATA, "scl_slope": 0.25, "scl_inter": -90},
    "two.nii": {"kind": nibabel.Nifti2Image, "data": DATA.astype(np.float64)},
    "odd.nii": {"data": np.abs(DATA).astype(">u4"), "qform_code": 1, "sform_code": 0},
    "bare.nii": {"sform_code": 0, "qform_code": 0},
}


@pytest.mark.parametrize("name", NIFTI)
def test_slices_of_a_nifti_file(open_page, tmp_path, name):
    watched, _, clicks, asked = open_page()
    path = write_nifti(tmp_path / name, **NIFTI[name])
    volume = open_nifti(path)
    assert not any("scan" in one or "nifti" in one for one in asked)
    scan = Scan(clicks).open(path)
    assert asked.count("nifti.js") == 1
    assert "dicom-parser.js" not in asked
    for plane, way in (("axial", "max"), ("coronal", "percentile"), ("sagittal", "window")):
        scan.choose(plane, 7, way, (100, 500) if way == "window" else None)
        expected = Intensity(way, (100.0, 500.0)).grey(volume.slice(plane, 7))
        same(scan.grey(), expected)
    assert watched.problems == []


def test_sides_and_keys(open_page, tmp_path):
    _, _, clicks, _ = open_page()
    scan = Scan(clicks).open(write_nifti(tmp_path / "a.nii.gz", matrix=np.diag([-1, 1, 2])))
    scan.lies("R L A P")
    scan.choose("coronal")
    scan.lies("R L S I")
    assert "Pixels of 2.00 x 1.00 mm" in scan.node.inner_text()
    scan.choose("sagittal", 5)
    scan.lies("A P S I")
    scan.slider.focus()
    scan.page.keyboard.press("ArrowRight")
    scan.named("sagittal 6")
    scan.page.keyboard.press("End")
    scan.named(f"sagittal {DATA.shape[0] - 1}")
    assert scan.slider.get_attribute("aria-valuetext") == "sagittal 22, of 0 to 22"
    # What is not encoded is not clicked on; another image of the page is, with its own sides.
    clicks.click(5, 5)
    assert clicks.text("told").startswith("Encode this slice first")
    clicks.root.locator("select").first.select_option("0")
    scan.lies("- - - -")


def test_a_slice_without_a_grey_value(open_page, tmp_path):
    """The others can be chosen still."""
    _, _, clicks, _ = open_page()
    data = DATA.astype(np.float32)
    data[:, :, 3] = np.nan
    scan = Scan(clicks).open(write_nifti(tmp_path / "nan.nii", data, np.diag([-1, 1, 1])))
    scan.slider.fill("3")
    wrong = scan.node.locator(".mlv-wrong")
    expect(wrong).to_contain_text(f"{31 * 23} of {31 * 23} values are NaN or infinite. Allowed")
    assert scan.node.get_by_role("button").is_disabled()
    scan.choose(index=4)
    expect(wrong).to_be_empty()
    assert scan.node.get_by_role("button").is_enabled()


def test_several_images_in_a_file(open_page, tmp_path):
    _, _, clicks, _ = open_page()
    path = write_nifti(tmp_path / "four.nii", np.stack([DATA, DATA[::-1]], axis=3))
    scan = Scan(clicks).open(path)
    scan.node.get_by_label("Image of the file (0 to 1)").fill("1")
    scan.choose("axial", 4)
    same(scan.grey(), Intensity("max").grey(open_nifti(path, channel=1).slice("axial", 4)))


AXIAL = np.diag([-0.8, -0.7, 3, 1])  # columns to the left, rows to the back


def write_dicom(path: Path, kind="u2", syntax=ExplicitVRLittleEndian, packed=None, **tags) -> Path:
    """One picture of 12 bits, or of all bits of another kind of number.

    ``packed`` is the transfer syntax of a compression; the pixels are only put in its form.
    """
    low, high = (
        (-(2**14), 2**14) if kind == "i2" else (0, min(256 ** np.dtype(kind).itemsize, 4096))
    )
    pixels = np.random.default_rng(9).integers(low, high, (23, 31)).astype(kind)
    bits = 8 * pixels.itemsize
    used = 12 if kind == "u2" else bits
    tags = {"BitsAllocated": bits, "BitsStored": used, "HighBit": used - 1} | tags
    if packed:
        tags["PixelData"] = encapsulate([pixels.T.tobytes()])
    if syntax != ExplicitVRBigEndian:
        return image(path, pixels, AXIAL, syntax=packed or syntax, **tags)
    file = dcmread(image(path, pixels, AXIAL, **tags))
    file.file_meta.TransferSyntaxUID = syntax
    file.PixelData = pixels.T.astype(f">{kind}").tobytes()
    dcmwrite(path, file, enforce_file_format=True)
    return path


DICOM = {
    "ct": {"RescaleSlope": 2, "RescaleIntercept": -1024},
    "signed": {"kind": "i2", "Modality": "MR"},
    "inverted": {"PhotometricInterpretation": "MONOCHROME1", "Modality": "CR"},
    "window": {
        "WindowCenter": 250,
        "WindowWidth": 700,
        "RescaleSlope": 1,
        "RescaleIntercept": 10,
    },
    "inverted-window": {
        "PhotometricInterpretation": "MONOCHROME1",
        "WindowCenter": 250,
        "WindowWidth": 700,
    },
    "bytes": {"kind": "u1", "Modality": "US"},
    "big": {"syntax": ExplicitVRBigEndian, "Modality": "MR"},
    "implicit": {"syntax": ImplicitVRLittleEndian, "Modality": "MR"},
    "deflated": {"syntax": DeflatedExplicitVRLittleEndian, "Modality": "MR"},
    "turned": {"ImageOrientationPatient": [0, 0, -1, 0, 1, 0], "Modality": "MR"},
    "film": {"ImagePositionPatient": None, "Modality": "CR"},
}


@pytest.mark.parametrize("name", DICOM)
def test_a_dicom_file(open_page, tmp_path, name):
    watched, _, clicks, asked = open_page()
    told = dict(DICOM[name])
    path = write_dicom(tmp_path / "one.dcm", **told)
    scan = Scan(clicks).open(path)
    assert "dicom-parser.js" in asked
    volume = open_series([path])
    plane = scan.plane
    picture = volume.slice("axial" if plane == "stored" else plane, 0)
    # A window is given in the file's own values, which Python turns round for MONOCHROME1.
    if "WindowCenter" in told:
        level, width = float(told["WindowCenter"]), float(told["WindowWidth"])
        inverted = told.get("PhotometricInterpretation") == "MONOCHROME1"
        expected = Intensity("window", (4095 - level if inverted else level, width)).grey(picture)
    else:
        expected = Intensity().grey(picture, unit="HU" if name == "ct" else "")
    same(scan.grey(), expected)
    scan.choose(way="percentile")
    same(scan.grey(), Intensity("percentile").grey(picture))
    cuts = {"turned": ("sagittal", "A P S I"), "film": ("stored", "- - - -")}
    wanted, sides = cuts.get(name, ("axial", "R L A P"))
    assert plane == wanted
    scan.lies(sides)
    assert watched.problems == []


def test_frames_of_a_dicom_file(open_page, tmp_path):
    """Enhanced: frames by their places, from the feet on, and cut across them."""
    _, _, clicks, _ = open_page()
    data = np.random.default_rng(10).integers(0, 4096, (23, 31, 7)).astype(np.uint16)
    path = enhanced(tmp_path / "frames.dcm", data, AXIAL, order=[3, 0, 6, 2, 5, 1, 4])
    volume = open_series([path])
    scan = Scan(clicks).open(path)
    for plane, index in (("axial", 4), ("coronal", 9), ("sagittal", 2)):
        scan.choose(plane, index, "window", (600, 900))
        picture = volume.slice(plane, index)
        same(scan.grey(), Intensity("window", (600.0, 900.0)).grey(picture))


def test_what_cannot_be_read(open_page, tmp_path):
    watched, _, clicks, _ = open_page()
    scan = Scan(clicks)
    packed = write_dicom(tmp_path / "jpeg.dcm", packed=JPEGLosslessSV1)
    assert (
        "Its pixels are compressed (JPEG lossless, transfer syntax 1.2.840.10008.1.2.4.70). "
        "Allowed here: uncompressed or deflated files. Unpack it first, for example with "
        "gdcmconv --raw"
    ) in scan.refused(packed)
    colours = write_dicom(tmp_path / "rgb.dcm", PhotometricInterpretation="RGB")
    assert "It holds colours (RGB). Allowed: one grey channel" in scan.refused(colours)
    parts = write_dicom(tmp_path / "seg.dcm", Modality="SEG")
    assert "It holds no image (its modality is SEG). Allowed: CT, MR" in scan.refused(parts)
    whole = write_nifti(tmp_path / "whole.nii").read_bytes()
    (tmp_path / "torn.nii").write_bytes(whole[:-100])
    assert f"{2 * DATA.size - 100} bytes of {2 * DATA.size}. Allowed: a complete" in scan.refused(
        tmp_path / "torn.nii"
    )
    packed = write_nifti(tmp_path / "whole.nii.gz").read_bytes()
    (tmp_path / "torn.nii.gz").write_bytes(packed[:-100])
    assert "It cannot be unpacked" in scan.refused(tmp_path / "torn.nii.gz")
    torn = write_dicom(tmp_path / "whole.dcm").read_bytes()
    (tmp_path / "torn.dcm").write_bytes(torn[:-100])
    assert "Allowed: a complete" in scan.refused(tmp_path / "torn.dcm")
    (tmp_path / "words.nii").write_bytes(b"no scan" * 100)
    assert "It is no NIfTI inside. Allowed: NIfTI-1 and NIfTI-2" in scan.refused(
        tmp_path / "words.nii"
    )
    colour = np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert "NIfTI type 128 (colours" in scan.refused(write_nifti(tmp_path / "rgb.nii", colour))
    with open(tmp_path / "large.nii", "wb") as file:
        file.write(whole[:352])
        file.truncate(513 << 20)  # of zeros that take no room on the disk
    assert "It has 513 MiB. Allowed: up to 512 MiB. Save a part" in scan.refused(
        tmp_path / "large.nii"
    )
    assert watched.problems == []


def test_a_slice_is_encoded_where_it_is(open_page, study, tmp_path):
    """No request carries anything away; the masks are Python's."""
    watched, _, clicks, asked = open_page()
    picture = sample("mine", 5).image[..., 0]
    # Axial slices as stored: columns to the left, rows to the back.
    data = np.repeat(picture.T[..., None].astype(np.int16) * 4, 3, axis=2)
    path = write_nifti(tmp_path / "mine.nii.gz", data, np.diag([-1, -1, 1]))
    sent = []
    watched.page.on("request", lambda request: sent.append(request.post_data))
    scan = Scan(clicks).open(path)
    assert scan.grey().shape == SIZE
    scan.node.get_by_role("button").click()
    clicks.root.get_by_text("axial 1 is ready").first.wait_for(timeout=300_000)
    assert asked.count("encoder.onnx") == 1
    clicks.click(43, 60)
    grey = Intensity().grey(open_nifti(path).slice("axial", 1))
    (python,) = study[0].predict(
        study[0].embed(np.repeat(grey[..., None], 3, axis=2)), [Prompt([[43, 60]], [1])]
    )
    assert iou(clicks.mask("prediction"), python.masks[python.ranking[0]]) > 0.99
    # Another slice is not encoded; back at this one, it still is.
    scan.choose(index=2)
    clicks.click(43, 60)
    assert clicks.text("told").startswith("Encode this slice first")
    scan.choose(index=1)
    clicks.click(43, 60)
    assert clicks.mask("prediction") is not None
    assert set(sent) == {None}
    assert watched.problems == []
