"""What a dataset on disk holds, beside what the paper counted."""

import imageio.v3 as iio
import numpy as np
import pytest
from toys import write_volume
from typer.testing import CliRunner

from medsam.datasets.catalog import VARIABLE
from medsam.datasets.check import check, reports, save
from medsam.datasets.commands import app
from medsam.datasets.layouts import open_dataset
from medsam.errors import InputError, UnknownName
from medsam.pages import datasets
from medsam.pages.datasets import NOT_RUN, cards, overview


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


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


def busi(folder):
    for name, mask in (("a (1)", 255), ("a (2)", 0)):
        kind = "benign" if mask else "normal"
        name = name.replace("a", kind)
        where = folder / "Dataset_BUSI_with_GT" / kind
        where.mkdir(parents=True)
        iio.imwrite(where / f"{name}.png", np.full((8, 9, 3), 90, np.uint8))
        stored = np.zeros((8, 9), np.uint8)
        stored[2:4, 2:4] = mask
        iio.imwrite(where / f"{name}_mask.png", stored)


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
    assert found.comparison.endswith("4,771 fewer.")


def test_empty_pictures_are_counted(tmp_path):
    busi(tmp_path)
    found = check(open_dataset("us_breast", tmp_path, progress=False), progress=False)
    assert (found.cases, found.images, found.empty) == (2, 1, 1)


def test_what_cannot_be_used(tmp_path):
    spleen(tmp_path, 2, [1, 2])
    spleen(tmp_path, 3, [1], image=False)
    torn = tmp_path / "imagesTr/spleen_2.nii.gz"
    dataset = open_dataset("ct_spleen", tmp_path, progress=False)
    found = check(dataset, progress=False)
    assert found.problems == [
        (
            "spleen_3",
            "Mask 'spleen_3.nii.gz' has no image. Allowed: an image of the same number or name. "
            "Unpack the images too, or take the mask out.",
        )
    ]
    torn.write_bytes(torn.read_bytes()[:60])
    dataset = open_dataset("ct_spleen", tmp_path, progress=False)
    found = check(dataset, progress=False)
    assert [name for name, _ in found.problems] == [
        "spleen_2/axial-0001",
        "spleen_2/axial-0002",
        "spleen_3",
    ]
    assert all("spleen_2.nii.gz" in reason for _, reason in found.problems[:2])


def test_a_scan_without_any_object_is_said(tmp_path):
    spleen(tmp_path, 2, [1])
    spleen(tmp_path, 3, [])
    found = check(open_dataset("ct_spleen", tmp_path, progress=False), progress=False)
    assert found.skipped == [("spleen_3", "no object on any slice")]


def test_labels_only_reads_no_image(tmp_path):
    spleen(tmp_path, 2, [1, 2])
    (tmp_path / "imagesTr/spleen_2.nii.gz").write_bytes(b"")
    dataset = open_dataset("ct_spleen", tmp_path, progress=False)
    found = check(dataset, pixels=False, progress=False)
    assert (found.images, found.problems) == (2, [])


def test_kept_and_read_again(data):
    spleen(data / "ct_spleen", 2, [1])
    spleen(data / "ct_spleen", 3, [1], image=False)
    found = check(open_dataset("ct_spleen", data / "ct_spleen", progress=False), progress=False)
    assert save(found) == data / "checks" / "ct_spleen.json"
    assert reports() == {"ct_spleen": found}


def test_the_table_shows_the_counts(data):
    spleen(data / "ct_spleen", 2, [1])
    spleen(data / "ct_spleen", 3, [1], image=False)
    organs(data / "ct_organ")
    found = {
        key: check(open_dataset(key, data / key, progress=False), progress=False)
        for key in ("ct_spleen", "ct_organ")
    }
    html = overview(found=found).html
    assert "<td>1<br>1 cannot be used</td>" in html
    assert "<td>5<br>ct_organ_liver: 3<br>" in html
    assert html.count(NOT_RUN) == 17


def test_command(data):
    spleen(data / "ct_spleen", 2, [1])
    (data / "ct_spleen" / "notes.txt").write_text("x")
    out = CliRunner().invoke(app, ["check", "ct_spleen", "-q"], env={"COLUMNS": "100"})
    assert out.exit_code == 0, out.output
    text = " ".join(out.stdout.split())
    assert "CT-Spleen (plane: axial, intensity: window 40/400)" in text
    assert "1 cases of 1 patients or volumes" in text
    assert "1 images with a mask here, 3,650 ? in the paper (unverified, recalled)" in text
    assert "Left out (1): notes.txt: not part of the layout" in text
    spleen(data / "ct_spleen", 3, [1], image=False)
    out = CliRunner().invoke(app, ["check", "ct_spleen", str(data / "ct_spleen"), "-q"])
    assert out.exit_code == 1
    assert "Cannot be used (1):" in out.stdout


def test_examples_of_what_is_at_hand(data):
    spleen(data / "ct_spleen", 2, [1, 2, 3])
    busi(data / "us_breast")
    shown = datasets.examples()
    assert shown["ct_spleen"].uri.startswith("data:image/png;base64,")
    assert shown["ct_spleen"].words.startswith("spleen_2/axial-0002, with the outline of spleen.")
    assert shown["us_breast"].words == "None: its licence does not say that an image may be shown."
    assert shown["ct_colon"].words.startswith("None: its images were not at hand")
    assert datasets.examples("all")["us_breast"].uri
    assert not any(one.uri for one in datasets.examples("none").values())
    html = cards("CT", shown).html
    assert html.count("<img ") == 1
    assert 'alt="spleen_2/axial-0002, with the outline of spleen.' in html


def test_nothing_to_show(data):
    spleen(data / "ct_spleen", 3, [1], image=False)
    dataset = open_dataset("ct_spleen", data / "ct_spleen", progress=False)
    with pytest.raises(InputError, match=r"none of 1 cases can be shown.*data check ct_spleen"):
        datasets.telling(dataset)
    assert "can be shown" in datasets.examples()["ct_spleen"].words
    with pytest.raises(UnknownName, match="Unknown choice of what to show 'some'"):
        datasets.examples("some")
