"""What the page reads of scans, in Node, against Python's readers: the same values."""

from __future__ import annotations

import json
import shutil
import subprocess

import nibabel
import numpy as np
import pytest
from assets import LIVE_LIBRARIES, PROGRAMS
from datasets.dicom_files import enhanced
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
)
from scan_files import AXIAL, DATA, torn, write_dicom, write_nifti
from widget_page import NODE_MODULES

from medsam.datasets.readers.dicom import open_series
from medsam.datasets.readers.nifti import open_nifti

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and (NODE_MODULES / "dicom-parser").is_dir()),
    reason="No node on the PATH, or no node_modules; run `npm ci`",
)

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
    shutil.copytree(PROGRAMS / "scan", scan)
    for name, source in LIVE_LIBRARIES.items():
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


INVERTED = {"PhotometricInterpretation": "MONOCHROME1"}
WINDOW = {"WindowCenter": 250, "WindowWidth": 700}
DICOM = {
    "ct": {"RescaleSlope": 2, "RescaleIntercept": -1024},
    "signed": {"kind": "i2"},
    "window": {"RescaleSlope": 1, "RescaleIntercept": 10} | WINDOW,
    "inverted": INVERTED | WINDOW,
    "bytes": {"kind": "u1"},
    "big": {"syntax": ExplicitVRBigEndian},
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
    (tmp_path / "words.nii").write_bytes(b"no scan" * 100)
    large = write_nifti(tmp_path / "large.nii")
    with open(large, "r+b") as file:
        file.truncate(513 << 20)  # of zeros that take no room on the disk
    packed = {"syntax": JPEGLosslessSV1, "PixelData": encapsulate([bytes(100)])}
    colour = np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    rgb = {"PhotometricInterpretation": "RGB"}
    for path, text in (
        (write_dicom(tmp_path / "jpeg.dcm", **packed), "Unpack it first"),
        (write_dicom(tmp_path / "rgb.dcm", **rgb), "one grey channel"),
        (write_dicom(tmp_path / "seg.dcm", Modality="SEG"), "no image (its modality is SEG)"),
        (torn(write_dicom(tmp_path / "torn.dcm")), "Allowed: a complete"),
        (torn(write_nifti(tmp_path / "torn.nii.gz")), "It cannot be unpacked"),
        (torn(write_nifti(tmp_path / "torn.nii")), f"{2 * DATA.size - 100} bytes of"),
        (tmp_path / "words.nii", "It is no NIfTI inside"),
        (write_nifti(tmp_path / "rgb.nii", colour), "NIfTI type 128 (colours"),
        (large, "It has 513 MiB. Allowed: up to 512 MiB"),
    ):
        assert text in read(path)["error"], path
