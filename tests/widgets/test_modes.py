"""The data behind the mode switcher; what it draws is in tests/book/test_modes_page.py."""

import dataclasses
import json
import subprocess
import sys

import pytest
from mode_toys import IOUS, OBJECT, PREDICTIONS, slot
from toys import SquareModel

from medsam.analysis import examples
from medsam.datasets import FolderDataset
from medsam.errors import InputError, UnknownName
from medsam.prompts import MODES, Prompt
from medsam.protocol import PROTOCOLS
from medsam.results import rows as results
from medsam.study import runner
from medsam.widgets import ModeSwitcher
from medsam.widgets.kit.runs import decode_mask


def shipped(switcher, task, percentile, k=None, choice="top"):
    """A prediction, or the ground truth."""
    found = switcher.cases[task][str(percentile)]
    name = found["truth"] if k is None else found["modes"][str(k)][choice]["prediction"]
    return decode_mask(map(int, switcher.masks[name].split()), tuple(found["size"]))


# ------------------------------------------------------------------------- data
def test_a_case_by_hand():
    switcher = ModeSwitcher(reversed(slot()), {"liver": "Liver"})
    shown = switcher.task, switcher.percentile, switcher.mode, switcher.choice
    assert shown == ("liver", 50, 1, "top")
    assert switcher.tasks == [["liver", "Liver"]]
    assert switcher.modes == [[k, MODES[k]] for k in (1, 2, 3, 4, 5)]
    assert switcher.choices == [["top", "most confident mask"], ["oracle", "oracle mask"]]
    assert switcher.about == "square, protocol paper"
    found = switcher.cases["liver"]["50"]
    assert (found["id"], found["size"]) == ("liver-50", [12, 16])
    assert found["view"] == [0, 0, 15, 11]  # a margin of 8 pixels is more than there is
    for choice, expected in IOUS.items():
        assert [found["modes"][str(k)][choice]["iou"] for k in MODES] == expected
    # Of rows 2 to 6 and columns 2 to 5, six pixels are as far from the edge.
    assert found["modes"]["1"]["points"][0] in [[x, y] for x in (3, 4) for y in (3, 4, 5)]
    assert len(found["modes"]["2"]["points"]) == 2
    assert found["modes"]["3"]["boxes"] == [[2, 2, 5, 6]]
    assert found["modes"]["4"]["boxes"] == [[2, 2, 5, 6], [10, 7, 13, 9]]
    assert found["modes"]["5"]["boxes"] == [[2, 2, 13, 9]]
    assert (shipped(switcher, "liver", 50) == OBJECT).all()
    for (k, choice), mask in PREDICTIONS.items():
        assert (shipped(switcher, "liver", 50, k, choice) == mask).all()
    assert len(switcher.masks) == 6  # of eleven: each is stored once
    assert len(switcher.images) == 1


def test_masks_are_those_of_the_model(folder, tmp_path):
    data, model = FolderDataset(folder / "images", folder / "masks", progress=False), SquareModel()
    runner.run(data, model, tmp_path / "r", PROTOCOLS["paper"], progress=False)
    rows = results.read(tmp_path / "r")
    chosen = examples.slots(rows, tuple(MODES), rank_by=4, show=("top", "oracle"))
    shown = examples.predict_again(chosen, data, model, PROTOCOLS["paper"], progress=False)
    switcher = ModeSwitcher(shown)
    assert {e.choice for e in shown} == {"top", "oracle"}
    for row in chosen[chosen.choice == "top"].query("k in (1, 2, 3)").itertuples():
        sample = next(case for case in data.cases() if case.id == row.image).load()
        (one,) = model.predict(model.embed(sample.image), [Prompt.from_json(row.prompt)])
        drawn = shipped(switcher, row.task, row.percentile, row.k)
        assert (drawn == one.masks[one.ranking[0]]).all()
        stored = switcher.cases[row.task][str(row.percentile)]["modes"][str(row.k)]["top"]["iou"]
        assert stored == pytest.approx(row.iou, abs=5e-5)
    for e in shown:  # an oracle is never worse
        of_mode = switcher.cases[e.task][str(e.percentile)]["modes"][str(e.k)]
        assert of_mode["oracle"]["iou"] >= of_mode["top"]["iou"]


def test_state_is_json_even_without_numbers():
    switcher = ModeSwitcher(slot(iou=float("nan"), score=float("nan")))
    assert switcher.cases["liver"]["50"]["modes"]["1"]["top"]["iou"] is None
    json.dumps(switcher.get_state(), allow_nan=False)
    assert 0 < switcher.state_bytes() < 5_000


def test_tasks_keep_the_order_of_the_titles_and_those_without_a_case_are_left_out():
    titles = {"spleen": "Spleen", "colon": "Colon", "liver": "Liver"}
    switcher = ModeSwitcher([*slot("liver"), *slot("spleen", 25)], titles)
    assert switcher.tasks == [["spleen", "Spleen"], ["liver", "Liver"]]
    assert switcher.task == "spleen"
    assert switcher.percentiles == [25, 50]


def test_a_model_without_points_has_fewer_modes():
    switcher = ModeSwitcher([e for e in slot() if e.k > 2 and e.choice == "top"])
    assert [k for k, _ in switcher.modes] == [3, 4, 5]
    assert switcher.choices == [["top", "most confident mask"]]
    assert switcher.mode == 3


def test_words_and_a_picture_where_it_cannot_run():
    switcher = ModeSwitcher(slot(), {"liver": "Liver"})
    assert repr(switcher) == "ModeSwitcher(square, protocol paper; 1 case, modes 1, 2, 3, 4, 5)"
    switcher.mode = 4
    still = switcher.still()
    assert still.picture.size == (480, 360)
    assert "Liver, liver-50, mode 4 (1 box per region (≤ 3))" in still.caption
    assert "IoU by mode: 1: 0.323, 2: 0.842, 3: 0.625, 4: 1.000, 5: 0.333." in still.caption
    assert still._repr_html_().startswith("<noscript>")
    switcher.task = "liver"
    switcher = ModeSwitcher([*slot(), *slot(percentile=25)])
    assert "2 cases" in repr(switcher)


# ----------------------------------------------------------------------- errors
def test_no_examples():
    with pytest.raises(InputError, match=r"No examples.*at least one.*ranked by one mode"):
        ModeSwitcher([])


def changed(**changes):
    made = slot()
    made[3] = dataclasses.replace(made[3], **changes)
    return made


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (changed(model="other"), r"several models or protocols: .*'other'.*Make a switcher for"),
        (changed(k=6), r"mode 6, oracle: no such mode or choice\. Allowed: modes 1 to 5, top and"),
        (changed(choice="best"), r"mode 2, best: no such mode or choice"),
        (changed(image_id="b"), r"'b' of .* the slot shows 'liver-50'.*\(rank_by\)"),
        (changed(mask=PREDICTIONS[1, "top"]), r"one image and object a slot"),
        (changed(prediction=OBJECT[:3]), r"prediction \(3, 16\)\. Allowed: one height and width"),
        ([*slot(), slot()[0]], r"mode 1, top, percentile 50: twice\. Allowed: once"),
    ],
)
def test_examples_that_are_not_one_image_in_many_modes(made, text):
    with pytest.raises(InputError, match=text):
        ModeSwitcher(made)


def test_a_task_without_a_title():
    with pytest.raises(UnknownName, match=r"'liver'.*Did you mean 'livers'"):
        ModeSwitcher(slot(), {"livers": "Livers"})


@pytest.mark.parametrize(
    ("trait", "value", "error", "text"),
    [
        ("task", "livre", UnknownName, "Did you mean 'liver'"),
        ("mode", 6, InputError, r"Mode 6\. Allowed: 1, 2, 3, 4, 5\."),
        ("percentile", 75, InputError, r"Percentile 75\. Allowed: 50\."),
        ("choice", "best", InputError, r"Choice 'best'\. Allowed: top, oracle\."),
    ],
)
def test_a_selection_that_is_not_there(trait, value, error, text):
    switcher = ModeSwitcher(slot())
    with pytest.raises(error, match=text):
        setattr(switcher, trait, value)


def test_import_is_light():
    heavy = {"torch", "onnxruntime", "pandas"}
    code = f"import sys, medsam.widgets; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
