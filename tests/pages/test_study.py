"""The study behind a notebook: parameters, rows of several models and protocols, examples."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from toys import Boxes, SquareModel

from medsam.errors import UnknownName
from medsam.pages.study import (
    ComparisonSettings,
    NoiseSettings,
    Parameters,
    Settings,
    Study,
    VariantSettings,
    over_tasks,
)
from medsam.widgets.live import LiveSam


class Clicks(SquareModel):
    name = "ritm-h32"
    accepts = frozenset({"points", "mask"})


@pytest.fixture
def given(folder, tmp_path):
    """Settings of two folders."""
    folders = {"images": str(folder / "images"), "masks": str(folder / "masks")}
    return folders | {"results": str(tmp_path / "r")}


@pytest.fixture
def study(given):
    return Study(Settings(**given), SquareModel())


@pytest.fixture
def compared(given, monkeypatch):
    """The study beside toys that are loaded under the names of two other models."""
    toys = {model.name: model for model in (Boxes, Clicks)}
    monkeypatch.setattr("medsam.pages.study.load", lambda name, **_: toys[name]())

    def make(others):
        return Study(ComparisonSettings(**given, others=others), SquareModel())

    return make


# ------------------------------------------------------------------------------ parameters
def settle(kind=Settings, **given):
    names = {"__name__": "__main__", "In": [], "parameters": None}
    parameters = Parameters(names, kind)
    names |= {"_i1": "", **given}
    return parameters.study(names)


def test_parameters_of_a_notebook():
    study = settle(tasks="brain_stem,brain_thalamus", seed=3, every=40)
    assert (study.settings.model, study.settings.seed) == ("minisam", 3)
    assert set(study.dataset.tasks) == {"brain_stem", "brain_thalamus"}
    assert study.titles["brain_stem"] == "Brain stem"
    assert len(list(study.dataset.cases())) == len(study.dataset) > 0


@pytest.mark.parametrize(
    "given",
    [
        {"tusks": "brain_stem"},
        {"model": "minisan"},
        {"others": "lite-medsan"},
        {"protocol": "papr"},
        {"tasks": "brain_stam"},
    ],
)
def test_unknown_names_stop_before_any_compute(given, monkeypatch):
    monkeypatch.setattr(
        "medsam.pages.study.load", lambda *_, **__: pytest.fail("a model was loaded")
    )
    with pytest.raises(UnknownName, match="Did you mean"):
        settle(ComparisonSettings, **given)


# ------------------------------------------------------------------------------ one model
def test_rows_are_computed_once_and_continued(study, given):
    study.evaluate()
    assert len(study.rows) == 8 * 28 + 2 * 2
    assert study.model.embedded == 5
    again = Study(Settings(**given), SquareModel())
    assert again.rows.equals(study.rows)
    assert again.model.embedded == 0


def test_pages_of_rows_that_are_there_load_no_model(given, monkeypatch):
    monkeypatch.setattr(SquareModel, "name", "minisam")
    monkeypatch.setattr("medsam.pages.study.load", lambda *_, **__: SquareModel())
    wanted = Study(Settings(**given))
    assert len(wanted.examples((1, 4))) == 2 * 2 * 3
    monkeypatch.setattr(
        "medsam.pages.study.load", lambda *_, **__: pytest.fail("a model was loaded")
    )
    found = Study(Settings(**given))
    for one, other in zip(found.examples((1, 4)), wanted.examples((1, 4)), strict=True):
        assert np.array_equal(one.prediction, other.prediction)
    assert set(found.with_masks("ambiguity").k.dropna()) == {1, 2, 3}


def test_notebooks_beside_each_other_wait_for_the_folder(given):
    with ThreadPoolExecutor(3) as pool:
        studies = [Study(Settings(**given), SquareModel()) for _ in range(3)]
        tables = list(pool.map(lambda one: one.rows, studies))
    assert all(table.equals(tables[0]) for table in tables)
    assert sum(one.model.embedded for one in studies) == 5


def test_the_live_widget_shows_typical_images_or_says_why_not(study, given):
    assert "square" in repr(study.live(LiveSam))
    assert len({sample.id for sample in study.typical_samples(3)}) == 3
    assert "takes no points" in repr(Study(Settings(**given), Boxes()).live(LiveSam))


# ------------------------------------------------------------------------------ several protocols
def test_each_choice_of_the_protocol(given):
    study = Study(VariantSettings(**given, every=2), SquareModel())
    assert set(study.rows.protocol) == {protocol.name for protocol in study.protocols}
    assert set(study.rows.image) == {"case0", "case2", "case4"}
    assert study.model.embedded == 3


@pytest.mark.parametrize(
    ("asked", "base", "without_noise"),
    [
        ("published,paper", "paper", "published"),
        ("released,paper", "released", "released"),
        ("published", "paper", "published"),
    ],
)
def test_pages_of_one_protocol_take_theirs_of_those_that_are_asked(asked, base, without_noise):
    assert VariantSettings(protocol=asked).protocols[0].name == base
    assert NoiseSettings(protocol=asked).protocols[0].name == without_noise


def test_levels_of_noise_and_the_case_that_is_shown(given):
    study = Study(NoiseSettings(**given, every=2, levels=[0, 0.2]), SquareModel())
    noisy = "published+click_jitter=0.2+box_jitter=0.2"
    assert set(study.rows.protocol) == {"published", noisy}
    assert set(study.rows.experiment) == {"mode"}
    sample, task = study.clear_case()
    # Object 2 has one region; it is on the even images alone, of which the settings take these.
    assert task == "object-2"
    boxes = "task == 'object-2' and k == 3 and choice == 'top' and protocol == 'published'"
    rows = study.rows.query(boxes)
    assert rows.set_index("image").iou[sample.id] == rows.iou.max()


@pytest.mark.parametrize(("every", "template_every"), [(1, 12), (4, 11)])
def test_the_part_of_the_sample_in_the_book_has_every_task(every, template_every):
    """Of other models, and of the pages on the code and on noise, as the Makefile asks."""
    given = VariantSettings(every=every, template_every=template_every)
    study = Study(given, SquareModel())
    cases = list(study.dataset.cases())
    assert all(sum(task in case.tasks for case in cases) >= 1 for task in study.dataset.tasks)


# ------------------------------------------------------------------------------ several models
def test_other_models_are_computed_into_the_same_folder_and_compared(compared):
    study = compared("lite-medsam,ritm-h32")
    rows = study.rows_of_models
    assert list(dict.fromkeys(rows.model)) == ["square", "lite-medsam", "ritm-h32"]
    assert set(rows[rows.model == "lite-medsam"].k.dropna()) == {3, 4, 5}
    table = study.differences
    alike = {("1 click", "ritm-h32"), ("mode 2", "ritm-h32")}
    boxes = {(f"mode {k}", "lite-medsam") for k in (3, 4, 5)}
    assert set(zip(table.setting, table.method, strict=True)) == alike | boxes
    # The same squares from the same click.
    assert set(table[table.setting == "1 click"].delta) == {0}
    assert "not zero-shot SAM" in study.about_others()


def test_clicks_of_every_model(compared):
    study = compared("lite-medsam,ritm-h32")
    table = study.clicks_by_model()
    assert list(dict.fromkeys(table.model)) == ["square", "ritm-h32"]
    assert list(dict.fromkeys(table.task)) == list(study.dataset.tasks)
    mine = study.click_means().query("choice == 'top'")
    assert table[table.model == "square"].iou.tolist() == mine.iou.tolist()
    means = over_tasks(table).set_index(["model", "k"]).iou
    assert means["ritm-h32"].index.tolist() == list(range(1, 10))
    of_task = table[(table.model == "ritm-h32") & (table.k == 9)].iou
    assert means["ritm-h32", 9] == pytest.approx(of_task.mean())


def test_a_model_alone_and_rows_of_other_protocols_aside(compared, given):
    Study(Settings(**given, protocol="released"), SquareModel()).evaluate()
    study = compared("")
    assert set(study.rows_of_models.protocol) == {"published"}
    assert study.differences.empty
    assert "Name one in the parameter others" in study.about_others()
