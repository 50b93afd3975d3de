"""The data behind the click stepper; what it draws is in tests/book/test_widgets.py."""

import dataclasses

import pytest
from widget_toys import CLICKED, LABELS, POINTS, in_clicks, mask_of

from medsam.errors import InputError
from medsam.prompts import Prompt
from medsam.widgets.stepper import MAX_CASES, ClickStepper


def test_a_case_by_hand():
    stepper = ClickStepper(reversed(in_clicks()), {"colon": "Colon", "liver": "Liver"})
    assert (stepper.task, stepper.step) == ("liver", 1)
    assert stepper.tasks == [["liver", "Liver"]]
    steps = stepper.cases["liver"]
    # 25 of 30 + 25 pixels; 20 of 30; all.
    assert [one["iou"] for one in steps] == [0.4545, 0.6667, 1.0]
    for k, (one, mask) in enumerate(zip(steps, CLICKED, strict=True), 1):
        assert (one["points"], one["labels"]) == (POINTS[:k], LABELS[:k])
        assert (mask_of(stepper, one, "prediction") == mask).all()
    assert len(stepper.masks) == 3  # the last prediction is the ground truth: stored once
    assert "after 3 clicks in red (IoU 1.000)" in stepper.still().caption


def test_a_task_with_fewer_clicks_takes_its_last_and_none_has_more():
    stepper = ClickStepper([*in_clicks("spleen", 2), *in_clicks("liver")])
    assert stepper.task == "liver"  # which ends with an IoU of 1
    stepper.step = 3
    stepper.task = "spleen"
    assert stepper.step == 2
    with pytest.raises(InputError, match=r"Step 3 of task 'spleen'\. Allowed: 1 to 2"):
        stepper.step = 3


def changed(step, **changes):
    made = in_clicks()
    made[step - 1] = dataclasses.replace(made[step - 1], **changes)
    return made


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ([e for i in range(MAX_CASES + 1) for e in in_clicks(f"task-{i}")], r"9 cases.*1 to 8"),
        (changed(2, image_id="b"), r"on images \['b', 'liver-7'\].*on one image"),
        (in_clicks()[1:], r"clicks \[2, 3\] on .*Allowed: 1, 2, 3, \.\.\."),
        (changed(2, prompt=Prompt([[5, 4], [1, 1]], [1, 0])), r"click 2: .*the first 2 of the"),
    ],
)
def test_clicks_that_are_not_one_case(made, text):
    with pytest.raises(InputError, match=text):
        ClickStepper(made)
