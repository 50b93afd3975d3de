"""The data behind the explorer; what it draws is in tests/book/test_widgets.py."""

import dataclasses
import json

import pytest
from widget_toys import IOUS, OBJECT, PREDICTIONS, area, in_modes, mask_of

from medsam.errors import InputError, UnknownName
from medsam.prompts import MODES
from medsam.widgets.explorer import ExampleExplorer


def test_modes_by_hand():
    explorer = ExampleExplorer(reversed(in_modes()), {"liver": "Liver"})
    shown = explorer.task, explorer.percentile, explorer.mode, explorer.choice
    assert shown == ("liver", 50, 1, "top")
    found = explorer.cases["liver"]["50"]
    for choice, expected in IOUS.items():
        assert [found[str(k)][choice]["iou"] for k in MODES] == expected
    for (k, choice), mask in PREDICTIONS.items():
        case = found[str(k)][choice]
        assert (case["id"], case["size"]) == ("liver-50", [12, 16])
        assert (mask_of(explorer, case, "truth") == OBJECT).all()
        assert (mask_of(explorer, case, "prediction") == mask).all()
    # Of rows 2 to 6 and columns 2 to 5, six pixels are as far from the edge.
    assert found["1"]["top"]["points"][0] in [[x, y] for x in (3, 4) for y in (3, 4, 5)]
    assert found["4"]["top"]["boxes"] == [[2, 2, 5, 6], [10, 7, 13, 9]]
    assert len(explorer.masks) == 6  # of eleven: each is stored once
    words = "IoU by mode: 1: 0.323, 2: 0.842, 3: 0.625, 4: 1.000, 5: 0.333."
    assert words in explorer.still().caption


def test_it_opens_where_the_modes_differ_most():
    alike = [dataclasses.replace(e, iou=0.5) for e in in_modes("spleen", 25)]
    explorer = ExampleExplorer([*alike, *in_modes("liver", 75), *in_modes("colon", iou=0.2)])
    assert (explorer.task, explorer.percentile, explorer.mode) == ("liver", 75, 1)


def test_tasks_keep_the_order_of_the_titles_and_those_without_a_case_are_left_out():
    titles = {"spleen": "Spleen", "colon": "Colon", "liver": "Liver"}
    made = [*in_modes("liver", iou=float("nan")), *in_modes("spleen", 25)]
    shown = ExampleExplorer(made, titles)
    assert shown.tasks == [["spleen", "Spleen"], ["liver", "Liver"]]
    assert (shown.task, shown.percentiles) == ("spleen", [25, 50])
    assert shown.cases["liver"]["50"]["3"]["top"]["iou"] is None
    json.dumps(shown.get_state(), allow_nan=False)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"model": "other"}, r"several runs: .*'other'.*Make a widget for each"),
        ({"prediction": OBJECT[:3]}, r"prediction \(3, 16\)\. Allowed: one height and width"),
        ({"mask": area()}, r"of 0 pixels.*an object\. Leave it out"),
        ({"k": 1}, r"two examples of mode 1, top.*Drop 'liver-50'"),
        ({"image_id": "other"}, r"images 'liver-50' and 'other'\. Allowed: one image and object"),
    ],
)
def test_what_cannot_be_shown(change, text):
    examples = in_modes()
    changed = dataclasses.replace(examples[-1], **change, choice=examples[0].choice)
    with pytest.raises(InputError, match=text):
        ExampleExplorer([*(e for e in examples if e.k != 5), changed])


def test_a_selection_that_is_not_there():
    shown = ExampleExplorer(in_modes())
    for trait, value in (("task", "livre"), ("mode", 6), ("percentile", 75), ("choice", "best")):
        with pytest.raises(UnknownName, match=f"Unknown {trait} '{value}'.*Allowed: "):
            setattr(shown, trait, value)
