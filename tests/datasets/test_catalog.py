"""The catalog: by-hand values, what it must agree with, and how it is shown."""

from pathlib import Path

import pytest
from pybtex.database import parse_file
from typer.testing import CliRunner

from medsam.analysis import published
from medsam.datasets.catalog import catalog, entry
from medsam.datasets.commands import app

ROOT = Path(__file__).parents[2]
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


@pytest.mark.parametrize(
    ("task", "labels", "status"),
    [
        ("mri_spine_sc", (1, 2), "inferred"),
        ("mri_heart", (1,), "memory"),
        ("mri_brain_gd", (4,), "code"),
        ("mri_breast_fgt", (2,), "code"),
        ("xray_hip_ilium", (2,), "archive"),
        ("xray_hip_femur", (1,), "archive"),
        ("us_kidney", ">=128", "code"),
        ("ct_organ_bone", (5,), "code"),
        ("pet_wholebody", ">0", "code"),
    ],
)
def test_label_values(task, labels, status):
    (one,) = (t for entry in catalog().values() for t in entry.tasks if t.key == task)
    assert (one.labels, one.kind) == (labels, status)


# ------------------------------------------------------------------- agreement
def test_tasks_are_those_of_the_published_tables():
    tasks = published.tasks()
    ours = [(task.key, one.modality) for one in catalog().values() for task in one.tasks]
    assert ours == list(zip(tasks.task, tasks.modality, strict=True))
    titles = {task.key: one.title for one in catalog().values() for task in one.tasks}
    for _, row in tasks.iterrows():
        assert row["name"].split(":")[0] == titles[row.task]


def test_citations_are_in_the_bibliography():
    book = parse_file(ROOT / "book" / "references.bib").entries
    for one in catalog().values():
        for cited in one.citations:
            fields = book[cited.key].fields
            title = fields["title"].translate({ord(c): None for c in "{}"})
            assert cited.text.endswith(f", {title}")
            assert fields["year"] in cited.text
            assert cited.url in (f"https://doi.org/{fields.get('doi')}", fields.get("url", ""))


def test_card():
    out = data("list", "us_breast")
    assert out.exit_code == 0
    assert max(map(len, out.stdout.splitlines())) <= 80
    text = flat(out.stdout)
    assert "630 ? (unverified, in conflict)" in text
    assert "647 images with a lesion (437 benign and 210 malignant) [read in a public" in text
    assert "us_kidney" not in text


def test_every_fact_is_shown_with_how_it_is_known():
    for key, one in catalog().items():
        text = flat(data("list", key, columns="400").stdout)
        known = (*one.tasks, *one.published_masks.counts, *one.licences, one.access_note)
        known += (*one.home, *one.archives, *one.citations)
        known += (one.format, one.orientation, one.patient, *one.caveats)
        assert all(flat(str(fact)) in text and f"[{fact.how}]" in str(fact) for fact in known)
        assert all(flat(step) in text for step in one.how_to_get)


def test_conflicts_and_swapped_hips_are_said():
    for key, words in (("pet_wholebody", ("CC BY 4.0", "CC BY-NC 4.0", "restricted")),):
        text = flat(data("list", key, columns="400").stdout)
        assert all(word in text for word in words)
        assert not entry(key).may_be_shown
    assert "may be the femur" in flat(data("list", "xray_hip", columns="400").stdout)
    urls = {archive.text: archive.url for archive in entry("xray_chest").archives}
    assert all(url.endswith(f"/{name}") for name, url in urls.items())
