"""What a dataset on disk holds, beside what the paper counted; one of the paper's or one's own."""

import json

import numpy as np
from toys import write_volume
from typer.testing import CliRunner

from medsam.datasets.catalog import DATA_VARIABLE
from medsam.datasets.check import check
from medsam.datasets.commands import app
from medsam.datasets.layouts.layout import open_dataset


def spleen(folder, number, slices, image=True):
    labels = np.zeros((12, 10, 6), np.uint8)
    labels[2:6, 3:8, slices] = 1
    if image:
        write_volume(folder / f"imagesTr/spleen_{number}.nii.gz", labels.astype(np.int16) * 40)
    write_volume(folder / f"labelsTr/spleen_{number}.nii.gz", labels)


def organs(folder):
    labels = np.zeros((12, 10, 6), np.uint8)
    labels[2:6, 3:8, 1:4] = 1
    labels[8:10, 1:3, 2:6] = 5
    write_volume(folder / "OrganSegmentations/volume-0.nii.gz", labels.astype(np.int16) * 40)
    write_volume(folder / "OrganSegmentations/labels-0.nii.gz", labels)


def test_slices_and_tasks(tmp_path):
    organs(tmp_path)
    found = check(open_dataset("ct_organ", tmp_path, progress=False), progress=False)
    assert found.masks == {
        "ct_organ_liver": 3,
        "ct_organ_bladder": 0,
        "ct_organ_lung": 0,
        "ct_organ_kidney": 0,
        "ct_organ_bone": 4,
    }
    assert (found.cases, found.images, found.empty, found.groups) == (5, 5, 0, 1)
    assert "5 images with a mask here, 4,776 ? in the paper" in found.comparison


def test_command(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    spleen(tmp_path / "ct_spleen", 2, [1])
    (tmp_path / "ct_spleen" / "notes.txt").write_text("x")
    out = CliRunner().invoke(app, ["check", "ct_spleen", "-q"], env={"COLUMNS": "100"})
    assert out.exit_code == 0, out.output
    text = " ".join(out.stdout.split())
    assert "CT-Spleen (plane: axial, intensity: window 40/400)" in text
    assert "1 cases of 1 patients or volumes" in text
    assert "1 images with a mask here, 3,650 ? in the paper (unverified, recalled)" in text
    assert "Left out (1): notes.txt: not part of the layout" in text
    spleen(tmp_path / "ct_spleen", 3, [1], image=False)
    report = str(tmp_path / "report.json")
    given = ["check", "ct_spleen", str(tmp_path / "ct_spleen"), "-q", "--report", report]
    out = CliRunner().invoke(app, given)
    assert out.exit_code == 1
    assert "Cannot be used (1):" in out.stdout
    assert json.loads((tmp_path / "report.json").read_text())["problems"] == [
        [
            "spleen_3",
            "Mask 'spleen_3.nii.gz' has no image. Allowed: one file each of image, mask. "
            "Unpack what is missing.",
        ]
    ]
