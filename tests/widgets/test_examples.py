"""The data behind both views of examples; what they draw is in tests/book/test_widgets.py."""

import dataclasses
import json

import pytest
from toys import SquareModel
from widget_toys import IOUS, OBJECT, PREDICTIONS, area, in_modes, mask_of

from medsam.analysis import examples
from medsam.datasets import FolderDataset
from medsam.errors import InputError, UnknownName
from medsam.prompts import MODES, Prompt
from medsam.protocol import PROTOCOLS
from medsam.results import rows as results
from medsam.study import runner
from medsam.widgets import ModeSwitcher, PercentileBrowser


def top(*given, **changes):
    return in_modes(*given, choices=("top",), **changes)


BOTH = [(ModeSwitcher, in_modes), (PercentileBrowser, top)]
both = pytest.mark.parametrize(("widget", "made"), BOTH)


def test_modes_by_hand():
    switcher = ModeSwitcher(reversed(in_modes()), {"liver": "Liver"})
    shown = switcher.task, switcher.percentile, switcher.mode, switcher.choice
    assert shown == ("liver", 50, 1, "top")
    assert switcher.modes == [[k, MODES[k]] for k in MODES]
    assert switcher.choices == [["top", "most confident mask"], ["oracle", "oracle mask"]]
    assert switcher.about == "square, protocol paper"
    found = switcher.cases["liver"]["50"]
    for choice, expected in IOUS.items():
        assert [found[str(k)][choice]["iou"] for k in MODES] == expected
    for (k, choice), mask in PREDICTIONS.items():
        case = found[str(k)][choice]
        assert (case["id"], case["size"]) == ("liver-50", [12, 16])
        assert case["view"] == [0, 0, 15, 11]  # a margin of 8 pixels is more than there is
        assert (mask_of(switcher, case, "truth") == OBJECT).all()
        assert (mask_of(switcher, case, "prediction") == mask).all()
    # Of rows 2 to 6 and columns 2 to 5, six pixels are as far from the edge.
    assert found["1"]["top"]["points"][0] in [[x, y] for x in (3, 4) for y in (3, 4, 5)]
    assert found["4"]["top"]["boxes"] == [[2, 2, 5, 6], [10, 7, 13, 9]]
    assert len(switcher.masks) == 6  # of eleven: each is stored once
    assert len(switcher.images) == 1


@both
def test_tasks_keep_the_order_of_the_titles_and_those_without_a_case_are_left_out(widget, made):
    titles = {"spleen": "Spleen", "colon": "Colon", "liver": "Liver"}
    shown = widget([*made("liver"), *made("spleen", 25)], titles)
    assert shown.tasks == [["spleen", "Spleen"], ["liver", "Liver"]]
    assert shown.task == "spleen"
    assert shown.percentiles == [25, 50]
    with pytest.raises(UnknownName, match=r"'liver'.*Did you mean 'livers'"):
        widget(made(), {"livers": "Livers"})


@both
def test_state_is_json_even_without_numbers(widget, made):
    shown = widget([e for e in made(iou=float("nan"), score=float("nan")) if e.k > 2])
    assert shown.cases["liver"]["50"]["3"]["top"]["iou"] is None
    assert shown.mode == 3
    json.dumps(shown.get_state(), allow_nan=False)


def test_masks_are_those_of_the_model(folder, tmp_path):
    data, model = FolderDataset(folder / "images", folder / "masks", progress=False), SquareModel()
    runner.run(data, model, tmp_path / "r", PROTOCOLS["paper"], progress=False)
    rows = results.read(tmp_path / "r")
    chosen = examples.slots(rows, tuple(MODES), rank_by=4, show=("top", "oracle"))
    shown = examples.predict_again(chosen, data, model, PROTOCOLS["paper"], progress=False)
    switcher = ModeSwitcher(shown)
    for row in chosen[chosen.choice == "top"].query("k in (1, 2, 3)").itertuples():
        sample = next(case for case in data.cases() if case.id == row.image).load()
        (one,) = model.predict(model.embed(sample.image), [Prompt.from_json(row.prompt)])
        of_mode = switcher.cases[row.task][str(row.percentile)][str(row.k)]
        assert (mask_of(switcher, of_mode["top"], "prediction") == one.masks[one.ranking[0]]).all()
        assert of_mode["top"]["iou"] == pytest.approx(row.iou, abs=5e-5)
        assert of_mode["oracle"]["iou"] >= of_mode["top"]["iou"]


def test_words_and_pictures_where_no_script_runs():
    titles = {"liver": "Liver"}
    switcher, browser = ModeSwitcher(in_modes(), titles), PercentileBrowser(top(), titles)
    assert repr(switcher).startswith("ModeSwitcher(square, protocol paper; 1 tasks, modes 1, 2, 3,")
    assert browser.about == "square, protocol paper, most confident mask"
    switcher.mode = browser.mode = 4
    words = switcher.still().caption
    assert "Liver, liver-50, mode 4 (1 box per region (≤ 3))" in words
    assert "IoU by mode: 1: 0.323, 2: 0.842, 3: 0.625, 4: 1.000, 5: 0.333." in words
    assert "Liver, mode 4 (1 box per region (≤ 3)), percentile 50" in browser.still().caption
    # Where the place that is shown has no case, another one is drawn.
    browser = PercentileBrowser([*top(), *top("spleen", 25)])
    browser.percentile = 25
    assert "liver, mode 1" in browser.still().caption


@both
@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"model": "other"}, r"several runs: .*'other'.*Make a widget for each"),
        ({"prediction": OBJECT[:3]}, r"prediction \(3, 16\)\. Allowed: one height and width"),
        ({"mask": area()}, r"of 0 pixels.*an object\. Leave it out"),
        ({"k": 1}, r"Two examples of .* mode 1, .*Drop 'liver-50'"),
    ],
)
def test_what_cannot_be_shown(widget, made, change, text):
    examples = made()
    changed = dataclasses.replace(examples[-1], **change, choice=examples[0].choice)
    with pytest.raises(InputError, match=text):
        widget([*examples[:-1], changed])
    with pytest.raises(InputError, match="No examples"):
        widget([])


def test_a_switcher_shows_one_image_and_object():
    for change in ({"image_id": "b"}, {"mask": PREDICTIONS[1, "top"]}):
        changed = dataclasses.replace(in_modes()[3], **change)
        with pytest.raises(InputError, match=r"one image and object.*\(rank_by\)"):
            ModeSwitcher([*in_modes()[:3], changed])


@both
@pytest.mark.parametrize(
    ("trait", "value", "error", "text"),
    [
        ("task", "livre", UnknownName, "Did you mean 'liver'"),
        ("mode", 6, InputError, r"Mode 6\. Allowed: 1, 2, 3, 4, 5\."),
        ("percentile", 75, InputError, r"Percentile 75\. Allowed: 50\."),
        ("choice", "best", InputError, r"Choice 'best'\. Allowed: top"),
    ],
)
def test_a_selection_that_is_not_there(widget, made, trait, value, error, text):
    with pytest.raises(error, match=text):
        setattr(widget(made()), trait, value)
