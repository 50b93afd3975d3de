"""The data behind both views of examples; what they draw is in tests/book/test_widgets.py."""

import dataclasses
import json

import pytest
from widget_toys import IOUS, OBJECT, PREDICTIONS, area, in_modes, mask_of

from medsam.errors import InputError, UnknownName
from medsam.prompts import MODES
from medsam.widgets import ModeSwitcher, PercentileBrowser


def top(*given, **changes):
    return in_modes(*given, choices=("top",), **changes)


BOTH = [(ModeSwitcher, in_modes), (PercentileBrowser, top)]
both = pytest.mark.parametrize(("widget", "made"), BOTH)


def test_modes_by_hand():
    switcher = ModeSwitcher(reversed(in_modes()), {"liver": "Liver"})
    shown = switcher.task, switcher.percentile, switcher.mode, switcher.choice
    assert shown == ("liver", 50, 1, "top")
    found = switcher.cases["liver"]["50"]
    for choice, expected in IOUS.items():
        assert [found[str(k)][choice]["iou"] for k in MODES] == expected
    for (k, choice), mask in PREDICTIONS.items():
        case = found[str(k)][choice]
        assert (case["id"], case["size"]) == ("liver-50", [12, 16])
        assert (mask_of(switcher, case, "truth") == OBJECT).all()
        assert (mask_of(switcher, case, "prediction") == mask).all()
    # Of rows 2 to 6 and columns 2 to 5, six pixels are as far from the edge.
    assert found["1"]["top"]["points"][0] in [[x, y] for x in (3, 4) for y in (3, 4, 5)]
    assert found["4"]["top"]["boxes"] == [[2, 2, 5, 6], [10, 7, 13, 9]]
    assert len(switcher.masks) == 6  # of eleven: each is stored once
    words = "IoU by mode: 1: 0.323, 2: 0.842, 3: 0.625, 4: 1.000, 5: 0.333."
    assert words in switcher.still().caption


@both
def test_tasks_keep_the_order_of_the_titles_and_those_without_a_case_are_left_out(widget, made):
    titles = {"spleen": "Spleen", "colon": "Colon", "liver": "Liver"}
    shown = widget([*made("liver", iou=float("nan")), *made("spleen", 25)], titles)
    assert shown.tasks == [["spleen", "Spleen"], ["liver", "Liver"]]
    assert (shown.task, shown.percentiles) == ("spleen", [25, 50])
    assert shown.cases["liver"]["50"]["3"]["top"]["iou"] is None
    json.dumps(shown.get_state(), allow_nan=False)


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


@both
def test_a_selection_that_is_not_there(widget, made):
    shown = widget(made())
    with pytest.raises(UnknownName, match="Did you mean 'liver'"):
        shown.task = "livre"
    for trait, value in (("mode", 6), ("percentile", 75), ("choice", "best")):
        with pytest.raises(InputError, match=rf"{trait.capitalize()} '?{value}'?\. Allowed: "):
            setattr(shown, trait, value)
