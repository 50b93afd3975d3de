"""The catalog: by-hand values, what it must agree with, and how it is shown."""

from pathlib import Path

from pybtex.database import parse_file
from typer.testing import CliRunner

from medsam.analysis import published
from medsam.datasets.catalog import catalog, entry
from medsam.datasets.commands import app

ROOT = Path(__file__).parents[2]
COUNTS = [551, 1301, 893, 12591, 503, 704, 140, 630, 4586, 4044, 2323, 1469]
COUNTS += [1285, 13046, 8792, 3650, 5501, 4776, 1015]


def flat(text):
    return " ".join(text.split())


# --------------------------------------------------------------------- by hand
def test_counts_of_nineteen_datasets_in_the_order_of_the_paper():
    assert [one.published_masks.count for one in catalog().values()] == COUNTS


def test_label_values():
    tasks = {task.key: task for one in catalog().values() for task in one.tasks}
    for key, labels, kind in (
        ("mri_spine_sc", (1, 2), "inferred"),
        ("mri_heart", (1,), "memory"),
        ("mri_brain_gd", (4,), "code"),
        ("mri_breast_fgt", (2,), "code"),
        ("xray_hip_ilium", (2,), "archive"),
        ("xray_hip_femur", (1,), "archive"),
        ("us_kidney", ">=128", "code"),
        ("ct_organ_bone", (5,), "code"),
    ):
        assert (tasks[key].labels, tasks[key].kind) == (labels, kind)


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


def test_every_fact_is_shown_with_how_it_is_known():
    for key, one in catalog().items():
        text = flat(CliRunner().invoke(app, ["list", key], env={"COLUMNS": "400"}).stdout)
        known = (*one.tasks, *one.published_masks.counts, *one.licences, one.access_note)
        known += (*one.home, *one.archives, *one.citations)
        known += (one.format, one.orientation, one.patient, *one.caveats)
        assert all(flat(str(fact)) in text and f"[{fact.how}]" in str(fact) for fact in known)
        assert all(flat(step) in text for step in one.how_to_get)


def test_what_its_licence_leaves_open_is_not_shown():
    assert not entry("pet_wholebody").may_be_shown
    urls = {archive.text: archive.url for archive in entry("xray_chest").archives}
    assert all(url.endswith(f"/{name}") for name, url in urls.items())
