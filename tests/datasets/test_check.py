"""What a dataset on disk holds, beside what the paper counted; the example's flaws."""

import json

import numpy as np
from datasets.checks import opened
from datasets.layouts.scan_trees import TREES as SCANS
from datasets.nifti_files import objects, write_pair
from typer.testing import CliRunner

from medsam.datasets import open_folders
from medsam.datasets.catalog import DATA_VARIABLE
from medsam.datasets.check import check
from medsam.datasets.commands import app
from medsam.datasets.example import example_folder
from medsam.datasets.subsets import Subset


def test_slices_and_tasks(tmp_path):
    """Two scans of six organs on slice 1; on slice 2 the first alone, and in the second all."""
    SCANS["ct_organ"](tmp_path)
    found = check(opened("ct_organ", tmp_path), progress=False)
    masks = {"liver": 4, "bladder": 3, "lung": 3, "kidney": 3, "bone": 3}
    assert found.masks == {f"ct_organ_{organ}": count for organ, count in masks.items()}
    assert (found.cases, found.images, found.empty, found.groups) == (4, 4, 0, 2)
    assert "4 images with a mask here, 4,776 ? in the paper" in found.comparison


def test_command(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    labels = np.uint8(objects() == 1)
    write_pair(tmp_path / "ct_spleen", "spleen_2", labels=labels)
    (tmp_path / "ct_spleen" / "notes.txt").write_text("x")
    out = CliRunner().invoke(app, ["check", "ct_spleen", "-q"], env={"COLUMNS": "100"})
    assert out.exit_code == 0, out.output
    text = " ".join(out.stdout.split())
    assert "CT-Spleen (plane: axial, intensity: window 40/400)" in text
    assert "3 cases of 1 patients or volumes" in text
    assert "3 images with a mask here, 3,650 ? in the paper (unverified, recalled)" in text
    assert "Left out (1): notes.txt: not part of the layout" in text
    write_pair(tmp_path / "ct_spleen", "spleen_3", labels=labels)
    (tmp_path / "ct_spleen/imagesTr/spleen_3.nii.gz").unlink()
    report = str(tmp_path / "report.json")
    given = ["check", "ct_spleen", str(tmp_path / "ct_spleen"), "-q", "--report", report]
    out = CliRunner().invoke(app, given)
    assert out.exit_code == 1
    assert "Cannot be used (1):" in out.stdout
    ((name, reason),) = json.loads((tmp_path / "report.json").read_text())["problems"]
    assert name == "spleen_3"
    assert reason.startswith("Mask 'spleen_3.nii.gz' has no image. Allowed: one file each of")


def test_the_flaws_of_the_example_are_found_and_nothing_else(tmp_path):
    data = open_folders(*example_folder(tmp_path), progress=False)
    found = check(data, progress=False)
    reasons = [reason for _, reason in found.problems]
    assert len(reasons) == 3
    assert "has no mask" in reasons[0]
    assert "Allowed: equal height and width" in reasons[1]
    assert "torn" in reasons[2].lower() or "cannot be read" in reasons[2]
    assert [name for name, _ in found.skipped] == ["images/notes.txt"]
    assert check(Subset(data, every=2), progress=False).skipped == found.skipped
    # Enough images of each object for three percentiles to be three images.
    assert min(found.masks.values()) >= 3
