"""The catalog: by-hand values, what it must agree with, and how it is shown."""

import copy
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from pybtex.database import parse_file
from typer.testing import CliRunner

from medsam.analysis import published
from medsam.datasets.catalog import (
    ACCESS,
    CatalogTask,
    PublishedMasks,
    catalog,
    entry,
    entry_of_task,
    parse,
    published_tasks,
    table,
)
from medsam.datasets.commands import app
from medsam.errors import InputError, UnknownName
from medsam.pages import datasets

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
        assert one.access in ACCESS
        for home in one.home:
            assert re.fullmatch(r"https://[\w.-]+(/\S*)?", home.url)
        for archive in one.archives:
            assert re.fullmatch(r"([0-9a-f]{32})?", archive.md5)


def test_a_verified_number_has_no_mark():
    masks = PublishedMasks(1234, True, "recalled", "")
    assert (masks.words, masks.status) == ("1,234", "verified")


def test_a_status_without_note():
    assert CatalogTask("a", "b", (1,), "from memory", "").status_words == "from memory"


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


def test_nobody_can_change_the_catalog_for_others():
    catalog().clear()
    assert len(catalog()) == 19


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
        (lambda raw: raw.pop(), r"got 18 datasets, more than once: none\. Allowed: 19 datasets"),
        (put(1, "key", "mri_spine"), r"got 19 datasets, more than once: mri_spine"),
        (
            put(1, "tasks", 0, "key", "mri_spine_gm"),
            r"got 28 tasks, more than once: mri_spine_gm\. Allowed: 28 tasks",
        ),
        (
            put(1, "tasks", 0, "key", "mri_hart"),
            r"differ from the published tables: mri_hart, mri_heart\.",
        ),
        (put(1, "modality", "CT"), r"differ from the published tables: mri_heart\."),
        (
            put(1, "modality", "EEG"),
            r"dataset 'mri_heart', modality: got 'EEG'\. Allowed: MRI, X-ray, US, CT, PET\.",
        ),
        (put(1, "access", "free"), r"access: got 'free'\. Allowed: direct, registration, account"),
        (put(1, "dimensionality", "4D"), r"got '4D'\. Allowed: 2D, 3D"),
        (
            put(1, "published_masks", "basis", "guess"),
            r"basis: got 'guess'\. Allowed: recalled, later study, conflict",
        ),
        (
            put(1, "tasks", 0, "labels_status", "sure"),
            r"task 'mri_heart', labels_status: got 'sure'\. Allowed: read, inferred, from memory",
        ),
        (put(1, "tasks", 0, "labels", []), r"labels: got \(\)\. Allowed: values from 1 on"),
        (put(1, "tasks", 0, "labels", [0]), r"labels: got \(0,\)"),
        (put(1, "tasks", 0, "labels", "1"), r"labels: got '1'"),
        (put(1, "colour", "red"), r"'mri_heart': missing nothing, unknown \['colour'\]"),
        (lambda raw: raw[1].pop("home"), r"missing \['home'\], unknown nothing"),
        (put(1, 3), r"a dataset: missing \['access', "),
    ],
)
def test_a_catalog_that_cannot_be_used(change, message):
    with pytest.raises(InputError, match=message) as caught:
        parse(changed(change))
    assert str(caught.value).endswith(
        "Correct medsam/datasets/catalog.json, or install medsam again."
    )


@pytest.mark.parametrize(("text", "got"), [("[", "not JSON"), ("{}", "got dict")])
def test_not_a_json_list(text, got):
    with pytest.raises(InputError, match=f"Catalog: {got}.* Allowed: a JSON list"):
        parse(text)


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


def test_every_card_says_all():
    text = flat(data("list", *catalog(), columns="2000").stdout)
    for one in catalog().values():
        assert f"{one.published_masks.words} ({one.published_masks.status})" in text
        for part in (one.licence_words, one.access_words, *one.how_to_get, *one.caveats):
            assert flat(part) in text
        for task in one.tasks:
            assert f"label {task.label_words} ({task.status_words})" in text


def test_a_key_twice_is_one_card():
    assert data("list", "ct_colon", "ct_colon").stdout == data("list", "ct_colon").stdout


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


# ------------------------------------------------------------------- the page
class Tags(HTMLParser):
    """Every element closed in order; attributes and text kept."""

    def __init__(self, html):
        super().__init__()
        self.open, self.ids, self.links, self.text = [], [], [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag != "br":
            self.open.append(tag)
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.text += text


def test_overview_leads_to_the_cards():
    rows, whole = Tags(datasets.overview()._repr_html_()), Tags(datasets.cards()._repr_html_())
    assert rows.open == whole.open == []
    assert rows.links == [f"#{name}" for name in whole.ids]
    assert len(set(whole.ids)) == 19
    assert rows.text.count("unverified") == rows.text.count(datasets.NOT_RUN) == 19
    assert rows.text.count(" ?") == 19


def test_cards_of_a_modality():
    assert len(Tags(datasets.cards("MRI")._repr_html_()).ids) == 5


def test_cards_say_all():
    text = flat(Tags(datasets.cards()._repr_html_()).text)
    for one in catalog().values():
        for part in (one.name, one.licence_words, one.format, *one.how_to_get, *one.caveats):
            assert flat(part) in text


def test_markup_is_escaped():
    raw = json.loads(JSON.read_text())
    raw[0]["title"] = raw[0]["name"] = '<script src="x">&'
    raw[0]["home"][0]["address"] = 'x"onclick="y'
    one = parse(json.dumps(raw))["mri_spine"]
    html = datasets.card(one) + datasets.overview([one]).html
    assert "<script" not in html
    assert 'x"onclick' not in html
    assert "&lt;script" in html
