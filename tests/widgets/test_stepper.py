"""The data behind the click stepper; what it draws is in tests/book/test_stepper_page.py."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from stepper_toys import LABELS, POINTS, PREDICTIONS, case
from toys import SquareModel

from medsam.analysis import examples
from medsam.datasets import FolderDataset
from medsam.errors import InputError, UnknownName
from medsam.prompts import Prompt
from medsam.protocol import PROTOCOLS
from medsam.results import rows
from medsam.study import runner
from medsam.widgets.kit.runs import decode_mask
from medsam.widgets.stepper import MAX_CASES, ClickStepper


def shipped(stepper, task, step=None):
    """The prediction of a step, or the ground truth."""
    found = stepper.cases[task]
    name = found["truth"] if step is None else found["steps"][step - 1]["prediction"]
    return decode_mask(map(int, stepper.masks[name].split()), tuple(found["size"]))


# ------------------------------------------------------------------------- data
def test_a_case_by_hand():
    stepper = ClickStepper(reversed(case()), {"liver": "Liver"})
    assert (stepper.task, stepper.step) == ("liver", 1)
    assert stepper.tasks == [["liver", "Liver"]]
    assert stepper.about == "square, protocol paper, most confident mask"
    found = stepper.cases["liver"]
    assert (found["id"], found["size"]) == ("liver-7", [12, 16])
    assert (found["points"], found["labels"]) == (POINTS, LABELS)
    # 25 of 30 + 25 pixels; 20 of 30; all.
    assert [one["iou"] for one in found["steps"]] == [0.4545, 0.6667, 1.0]
    for step, mask in enumerate(PREDICTIONS, 1):
        assert (shipped(stepper, "liver", step) == mask).all()
    assert len(stepper.masks) == 3  # the last prediction is the ground truth: stored once
    assert found["view"] == [0, 0, 15, 11]


def test_the_view_is_around_object_and_clicks():
    mask = np.zeros((200, 300), bool)
    mask[60:81, 100:121] = True
    image = np.zeros((200, 300, 3), np.uint8)
    one = dataclasses.replace(case(steps=1)[0], mask=mask, prediction=mask, image=image)
    one = dataclasses.replace(one, prompt=Prompt([[160, 70]], [0]))
    # 60 px wide with the click: a margin of 18.
    assert ClickStepper([one]).cases["liver"]["view"] == [82, 42, 178, 98]


def test_masks_are_those_of_the_model(folder, tmp_path):
    data, model = FolderDataset(folder / "images", folder / "masks", progress=False), SquareModel()
    runner.run(data, model, tmp_path / "r", PROTOCOLS["paper"], progress=False)
    chosen = examples.step_slots(rows.read(tmp_path / "r"))
    shown = examples.predict_again(chosen, data, model, PROTOCOLS["paper"], progress=False)
    stepper = ClickStepper(shown)
    for task in {e.task for e in shown}:
        sample = next(c for c in data.cases() if c.id == stepper.cases[task]["id"]).load()
        embedding = model.embed(sample.image)
        assert (shipped(stepper, task) == sample.masks[task]).all()
        for row in chosen[chosen.task == task].itertuples():
            (one,) = model.predict(embedding, [Prompt.from_json(row.prompt)])
            assert (shipped(stepper, task, row.k) == one.masks[one.ranking[0]]).all()
            assert stepper.cases[task]["steps"][row.k - 1]["iou"] == pytest.approx(
                row.iou, abs=5e-5
            )


def test_state_is_json_even_without_numbers():
    stepper = ClickStepper(case(iou=float("nan")))
    assert stepper.cases["liver"]["steps"][0]["iou"] is None
    json.dumps(stepper.get_state(), allow_nan=False)
    assert 0 < stepper.state_bytes() < 5_000


def test_tasks_keep_the_order_of_the_titles_and_those_without_a_case_are_left_out():
    titles = {"spleen": "Spleen", "colon": "Colon", "liver": "Liver"}
    stepper = ClickStepper([*case("liver"), *case("spleen", 2)], titles)
    assert stepper.tasks == [["spleen", "Spleen"], ["liver", "Liver"]]
    assert stepper.task == "spleen"


def test_a_task_with_fewer_clicks_takes_its_last():
    stepper = ClickStepper([*case("liver"), *case("spleen", 2)])
    stepper.step = 3
    stepper.task = "spleen"
    assert stepper.step == 2


def test_words_and_a_picture_where_it_cannot_run():
    stepper = ClickStepper(case(), {"liver": "Liver"})
    assert repr(stepper) == (
        "ClickStepper(square, protocol paper, most confident mask; 1 case, up to 3 clicks)"
    )
    still = stepper.still()
    assert still.picture.size == (480, 360)
    assert "Liver, liver-7: ground truth in solid green" in still.caption
    assert "after 3 clicks in dashed red (IoU 1.000)" in still.caption
    assert still._repr_html_().startswith("<noscript>")


# ----------------------------------------------------------------------- errors
def test_no_case_or_too_many():
    with pytest.raises(InputError, match=r"0 cases.*Allowed: 1 to 8.*steps\.slots"):
        ClickStepper([])
    many = [e for i in range(MAX_CASES + 1) for e in case(f"task-{i}")]
    with pytest.raises(InputError, match=r"9 cases.*Allowed: 1 to 8"):
        ClickStepper(many)


def changed(step, **changes):
    made = case()
    made[step - 1] = dataclasses.replace(made[step - 1], **changes)
    return made


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (changed(2, model="other"), r"several models.*'other'.*Make a stepper for each"),
        (changed(2, image_id="b"), r"'liver': clicks on images \['b', 'liver-7'\].*one image"),
        (case()[1:], r"'liver': clicks \[2, 3\]\. Allowed: 1, 2, 3.*every row"),
        ([*case(), case()[1]], r"clicks \[1, 2, 2, 3\]\. Allowed: 1, 2, 3, ..., each once"),
        (changed(2, prediction=np.zeros((3, 4), bool)), r"click 2: .*\(3, 4\).*one height"),
        (
            changed(2, prompt=Prompt([[5, 4], [1, 1]], [1, 0])),
            r"click 2: .*the first 2 of the last",
        ),
        (changed(2, prompt=Prompt(POINTS[:2], [1, 1])), r"click 2: .*clicks of one run"),
        (case(mask=np.zeros((12, 16), bool)), r"without a pixel.*Leave the case out"),
    ],
)
def test_clicks_that_are_not_one_case(made, text):
    with pytest.raises(InputError, match=text):
        ClickStepper(made)


def test_a_task_without_a_title():
    with pytest.raises(UnknownName, match=r"'liver'.*Did you mean 'livers'"):
        ClickStepper(case(), {"livers": "Livers"})


@pytest.mark.parametrize(
    ("trait", "value", "error", "text"),
    [
        ("task", "livre", UnknownName, "Did you mean 'liver'"),
        ("step", 4, InputError, "Step 4 of task 'liver'. Allowed: 1 to 3"),
        ("step", 0, InputError, "Step 0 of task 'liver'. Allowed: 1 to 3"),
    ],
)
def test_a_selection_that_is_not_there(trait, value, error, text):
    stepper = ClickStepper(case())
    with pytest.raises(error, match=text):
        setattr(stepper, trait, value)


def test_import_is_light():
    heavy = {"torch", "onnxruntime", "pandas"}
    code = f"import sys, medsam.widgets.stepper; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
