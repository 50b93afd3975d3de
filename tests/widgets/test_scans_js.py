"""What the page reads of scans, in Node, against Python's readers: the same values."""

from __future__ import annotations

import json
import shutil
import subprocess

import nibabel
import numpy as np
import pytest
from datasets.dicom_files import enhanced, image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
)
from widget_page import NODE_MODULES

from medsam.datasets.readers.dicom import open_series
from medsam.datasets.readers.nifti import open_nifti
from medsam.widgets import site

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and (NODE_MODULES / "dicom-parser").is_dir()),
    reason="No node on the PATH, or no node_modules; run `npm ci`",
)

# Axes in another order, two of them turned round, and all of them slanted.
SLANTED = np.array([[0.0, -2.0, 0.3, 0], [0.1, 0.2, 3.0, 0], [-1.5, 0.1, 0.2, 0], [0, 0, 0, 1]])
AXIAL = np.diag([-0.8, -0.7, 3, 1])  # columns to the left, rows to the back
DATA = np.random.default_rng(8).normal(300, 200, (9, 11, 7)).astype(np.int16)
READ = """
import { openAsBlob } from "node:fs";
import { createRequire } from "node:module";
import { openDicom } from "./open-dicom.js";
import { openNifti } from "./open-nifti.js";
const [modules, path, image] = process.argv.slice(2);
const file = await openAsBlob(path);
try {
  const scan = path.endsWith(".dcm")
    ? await openDicom(file, createRequire(modules)("dicom-parser")) : await openNifti(file);
  const volume = scan.volume(Number(image));
  const slices = volume.planes().map(({ name, count }) => {
    const { values, rows, columns } = volume.slice(name, count >> 1);
    return { name, index: count >> 1, values: [...values], shape: [rows, columns] };
  });
  console.log(JSON.stringify({ plane: scan.plane, intensity: scan.intensity, slices }));
} catch (error) { console.log(JSON.stringify({ error: error.message })); }
"""


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Read a file as the page does: ``read(path, image=0)``."""
    folder = tmp_path_factory.mktemp("site")
    scan = folder / "scan"
    shutil.copytree(site.HERE / "live" / "js" / "scan", scan)
    for name, source in site.LIVE_LIBRARIES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        text = (NODE_MODULES / source).read_bytes()
        (folder / name).write_bytes(text.replace(b"from 'fflate'", b"from '../fflate.js'"))
    (scan / "package.json").write_text('{"type": "module"}')
    (scan / "read.js").write_text(READ)

    def run(path, image=0):
        command = ["node", scan / "read.js", f"{NODE_MODULES}/", path, image]
        return json.loads(subprocess.check_output(list(map(str, command)), text=True))

    return run


def agree(found, volume):
    for one in found["slices"]:
        # Where nothing tells how a picture lies, Python calls its plane axial.
        plane = "axial" if one["name"] == "stored" else one["name"]
        values = np.reshape(one["values"], one["shape"])
        np.testing.assert_allclose(values, volume.slice(plane, one["index"]), rtol=1e-6)


def write_nifti(path, data=DATA, affine=SLANTED, kind=nibabel.Nifti1Image, **header):
    made = kind(data, affine)
    for name, value in header.items():
        made.header[name] = value
    nibabel.save(made, path)
    return path


NIFTI = {
    "slanted.nii.gz": {},
    "scaled.nii": {"scl_slope": 0.25, "scl_inter": -90},
    "two.nii": {"kind": nibabel.Nifti2Image, "data": DATA.astype(np.float64)},
    "odd.nii": {"data": np.abs(DATA).astype(">u4"), "qform_code": 1, "sform_code": 0},
    "bare.nii": {"sform_code": 0, "qform_code": 0},
}


@pytest.mark.parametrize("name", NIFTI)
def test_a_nifti_file(read, tmp_path, name):
    path = write_nifti(tmp_path / name, **NIFTI[name])
    found = read(path)
    assert [one["name"] for one in found["slices"]] == ["axial", "coronal", "sagittal"]
    agree(found, open_nifti(path))


def write_dicom(path, kind="u2", syntax=ExplicitVRLittleEndian, **tags):
    """One picture of 12 bits, or of all bits of another kind of number."""
    low, high = (-(2**14), 2**14) if kind == "i2" else (0, 4096 if kind == "u2" else 256)
    pixels = np.random.default_rng(9).integers(low, high, (23, 31)).astype(kind)
    used = 12 if kind == "u2" else 8 * pixels.itemsize
    tags = {"BitsAllocated": 8 * pixels.itemsize, "BitsStored": used, "HighBit": used - 1} | tags
    return image(path, pixels, AXIAL, syntax=syntax, **tags)


INVERTED = {"PhotometricInterpretation": "MONOCHROME1"}
WINDOW = {"WindowCenter": 250, "WindowWidth": 700}
DICOM = {
    "ct": {"RescaleSlope": 2, "RescaleIntercept": -1024},
    "signed": {"kind": "i2"},
    "window": {"RescaleSlope": 1, "RescaleIntercept": 10} | WINDOW,
    "inverted": INVERTED | WINDOW,
    "bytes": {"kind": "u1"},
    "implicit": {"syntax": ImplicitVRLittleEndian},
    "deflated": {"syntax": DeflatedExplicitVRLittleEndian},
    "turned": {"ImageOrientationPatient": [0, 0, -1, 0, 1, 0]},
    "film": {"ImagePositionPatient": None, "Modality": "CR"},
}


@pytest.mark.parametrize("name", DICOM)
def test_a_dicom_file(read, tmp_path, name):
    path = write_dicom(tmp_path / f"{name}.dcm", **DICOM[name])
    found = read(path)
    assert found["plane"] == {"turned": "sagittal", "film": "stored"}.get(name, "axial")
    # A window is given in the file's own values, which are turned round for MONOCHROME1.
    own = {"window": (250, 700), "inverted": (4095 - 250, 700)}
    level, width = own.get(name, (40, 400))
    way = "max" if name == "film" else "window"
    assert found["intensity"] == {"way": way, "level": level, "width": width}
    agree(found, open_series([path]))


def test_several_images_or_frames_in_a_file(read, tmp_path):
    path = write_nifti(tmp_path / "four.nii", np.stack([DATA, DATA[::-1]], axis=3))
    agree(read(path, 1), open_nifti(write_nifti(tmp_path / "second.nii", DATA[::-1])))
    # Frames by their places, from the feet on, and cut across them.
    data = np.random.default_rng(10).integers(0, 4096, (23, 31, 7)).astype(np.uint16)
    path = enhanced(tmp_path / "frames.dcm", data, AXIAL, order=[3, 0, 6, 2, 5, 1, 4])
    agree(read(path), open_series([path]))


def test_what_cannot_be_read(read, tmp_path):
    torn = write_nifti(tmp_path / "torn.nii.gz")
    torn.write_bytes(torn.read_bytes()[:-100])
    large = write_nifti(tmp_path / "large.nii")
    with open(large, "r+b") as file:
        file.truncate(513 << 20)  # of zeros that take no room on the disk
    packed = {"syntax": JPEGLosslessSV1, "PixelData": encapsulate([bytes(100)])}
    for path, text in (
        (write_dicom(tmp_path / "jpeg.dcm", **packed), "Unpack it first"),
        (write_dicom(tmp_path / "seg.dcm", Modality="SEG"), "no image (its modality is SEG)"),
        (torn, "It cannot be unpacked"),
        (large, "It has 513 MiB. Allowed: up to 512 MiB"),
    ):
        assert text in read(path)["error"]
