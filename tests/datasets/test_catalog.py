"""The catalog: by-hand values, what it must agree with, and how it is shown."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from pybtex.database import parse_file
from typer.testing import CliRunner

from medsam.analysis import published
from medsam.datasets.catalog import (
    catalog,
    entry,
    entry_of_task,
    parse,
    published_tasks,
    table,
)
from medsam.datasets.commands import app
from medsam.errors import InputError, UnknownName

ROOT = Path(__file__).parents[2]
JSON = ROOT / "medsam" / "datasets" / "catalog.json"
COUNTS = [551, 1301, 893, 12591, 503, 704, 140, 630, 4586, 4044, 2323, 1469]
COUNTS += [1285, 13046, 8792, 3650, 5501, 4776, 1015]


def data(*arguments, columns="80"):
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": columns})


def flat(text):
    return " ".join(text.split())


# --------------------------------------------------------------------- by hand
def test_nineteen_datasets_in_the_order_of_the_paper():
    assert [one.published_masks.count for one in catalog().values()] == COUNTS
    assert list(catalog())[:2] == ["mri_spine", "mri_heart"]
    assert [one.key for one in catalog().values()] == list(catalog())


def test_one_dataset():
    one = entry("ct_liver")
    assert (one.title, one.modality, one.dimensionality) == ("CT-Liver", "CT", "3D")
    assert one.tasks[0].labels == (1, 2)
    assert one.tasks[0].labels_status == "inferred"
    assert one.access == "registration"
    assert "unverified" in one.licence
    assert one.home[0].url == "https://competitions.codalab.org/competitions/17094"
    assert one.citations[0].url == "https://doi.org/10.1016/j.media.2022.102680"
    assert one.citations[0].note == "DOI from memory, not checked"


@pytest.mark.parametrize(
    ("task", "labels", "status"),
    [
        ("mri_spine_sc", (1, 2), "inferred"),
        ("mri_heart", (1,), "from memory"),
        ("mri_brain_gd", (4,), "read"),
        ("mri_breast_fgt", (2,), "read"),
        ("xray_hip_ilium", (1,), "inferred"),
        ("xray_hip_femur", (2,), "inferred"),
        ("us_kidney", ">=128", "read"),
        ("ct_organ_bone", (5,), "read"),
        ("pet_wholebody", ">0", "read"),
    ],
)
def test_label_values(task, labels, status):
    (one,) = (t for t in entry_of_task(task).tasks if t.key == task)
    assert (one.labels, one.labels_status) == (labels, status)


def test_what_is_not_known_is_marked():
    assert not any(one.published_masks.verified for one in catalog().values())
    bases = {one.key for one in catalog().values() if one.published_masks.basis == "later study"}
    assert bases == {"xray_chest", "xray_hip", "us_kidney", "us_muscle", "us_ovary"}
    assert "647" in entry("us_breast").published_masks.note
    for key in ("mri_spine", "mri_prostate", "mri_brain", "xray_chest", "us_breast", "us_kidney"):
        assert "unverified" in entry(key).licence
    assert "unverified" in entry("ct_organ").licence


def test_every_card_is_whole():
    for one in catalog().values():
        assert 2 <= len(one.how_to_get) <= 4
        assert all((one.home, one.archives, one.citations, one.caveats, one.format, one.patient))
        for home in one.home:
            assert re.fullmatch(r"https://[\w.-]+(/\S*)?", home.url)
        for archive in one.archives:
            assert re.fullmatch(r"([0-9a-f]{32})?", archive.md5)


# ------------------------------------------------------------------- agreement
def test_tasks_are_those_of_the_published_tables():
    tasks = published.tasks()
    ours = [(task.key, one.modality) for one in catalog().values() for task in one.tasks]
    assert ours == list(zip(tasks.task, tasks.modality, strict=True))
    assert published_tasks() == dict(ours)
    for _, row in tasks.iterrows():
        assert row["name"].split(":")[0] == entry_of_task(row.task).title


def test_citations_are_in_the_bibliography():
    book = parse_file(ROOT / "book" / "references.bib").entries
    for one in catalog().values():
        for cited in one.citations:
            fields = book[cited.key].fields
            assert fields["title"].translate({ord(c): None for c in "{}"}) == cited.title
            assert fields["year"] in cited.words
            assert fields.get("note", "") == cited.note
            assert cited.url in (f"https://doi.org/{fields.get('doi')}", fields.get("url", ""))


def test_the_page_cites_every_dataset():
    text = (ROOT / "notebooks" / "00_datasets.py").read_text()
    cited = {key for keys in re.findall(r"\{cite\}`([^`]+)`", text) for key in keys.split(",")}
    assert {c.key for one in catalog().values() for c in one.citations} <= cited


def test_table():
    frame = table()
    assert len(frame) == 19
    assert frame.n_tasks.sum() == 28
    assert list(frame.masks) == COUNTS
    assert not frame.masks_verified.any()
    assert frame.masks_status.str.startswith("unverified").all()
    row = frame.set_index("dataset").loc["mri_breast"]
    assert row.objects == "breast; fibroglandular (dense) tissue"
    assert isinstance(frame, pd.DataFrame)


def test_no_pandas_to_read_it():
    code = "import sys; from medsam.datasets.catalog import catalog; catalog(); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pandas", "torch", "matplotlib"} & set(out.stdout.split())


# ---------------------------------------------------------------------- errors
def test_unknown_dataset():
    with pytest.raises(UnknownName, match=r"Unknown dataset 'ct_splen'\. Did you mean 'ct_spleen'"):
        entry("ct_splen")


def test_unknown_task():
    with pytest.raises(UnknownName, match=r"Unknown task 'ct_organ'\. .* Allowed: ct_colon, "):
        entry_of_task("ct_organ")


def changed(change):
    raw = copy.deepcopy(json.loads(JSON.read_text()))
    change(raw)
    return json.dumps(raw)


def put(*path):
    *places, last, value = path

    def change(raw):
        at = raw
        for place in places:
            at = at[place]
        at[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw.pop(), r"18 datasets with 18 keys\. Allowed: 19 of both"),
        (put(1, "key", "mri_spine"), r"19 datasets with 18 keys"),
        (put(1, "tasks", 0, "key", "mri_spine_gm"), r"differ from .*: mri_heart, mri_spine_gm\."),
        (put(1, "modality", "CT"), r"differ from the published tables: mri_heart\."),
        (put(1, "modality", "EEG"), r"1\.modality: Input should be 'MRI', 'X-ray'"),
        (put(1, "tasks", 0, "labels", []), r"1\.tasks\.0\.labels"),
        (put(1, "tasks", 0, "labels", [0]), r"1\.tasks\.0\.labels"),
        (put(1, "tasks", 0, "labels", "1"), r"1\.tasks\.0\.labels"),
        (put(1, "colour", "red"), r"1\.colour: Extra inputs are not permitted"),
        (lambda raw: raw[1].pop("home"), r"1\.home: Field required"),
        (lambda raw: raw.__setitem__(slice(None), [3]), "Catalog, 0: "),
    ],
)
def test_a_catalog_that_cannot_be_used(change, message):
    with pytest.raises(InputError, match=message) as caught:
        parse(changed(change))
    assert str(caught.value).endswith("or install medsam again.")
    with pytest.raises(InputError, match="Catalog, top: Invalid JSON"):
        parse("[")


# ---------------------------------------------------------------- command line
def test_list():
    out = data("list")
    assert out.exit_code == 0
    assert max(map(len, out.stdout.splitlines())) <= 80
    for one in catalog().values():
        (line,) = (x for x in out.stdout.splitlines() if x.split()[:1] == [one.key])
        assert f"{one.published_masks.count:,} ?" in line
        assert one.access in line
        assert one.title in out.stdout
    assert "unverified" in out.stdout
    assert "…" not in out.stdout


def test_list_of_a_modality():
    out = data("list", "--modality", "x-ray").stdout
    assert "xray_hip" in out
    assert "us_breast" not in out


def test_card():
    out = data("list", "us_breast")
    assert out.exit_code == 0
    assert max(map(len, out.stdout.splitlines())) <= 80
    text = flat(out.stdout)
    assert "630 ? (unverified, in conflict)" in text
    for part in (*entry("us_breast").how_to_get, *entry("us_breast").caveats):
        assert flat(part) in text
    assert "us_kidney" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ct_livr"], "Unknown dataset 'ct_livr'. Did you mean 'ct_liver'?"),
        (["--modality", "MRT"], "Unknown modality 'MRT'. Did you mean 'MRI'?"),
        (["ct_liver", "--modality", "us"], "None of ct_liver is of modality US."),
    ],
)
def test_list_of_what_is_not_there(arguments, message):
    out = data("list", *arguments)
    assert out.exit_code
    assert message in str(out.exception)
