import numpy as np
import pytest

from medsam.models.contract import Predictor
from medsam.prompts import Prompt

IMAGE = np.zeros((40, 50, 3), np.uint8)
# Three masks of 40 x 50, three scores and 3 x 4 x 4 logits.
ONE = 3 * 40 * 50 + 3 * 4 + 3 * 16 * 4


def at(x):
    return Prompt([[x, 20]], [1])


def test_each_prompt_is_asked_once(square):
    predict = Predictor(square, IMAGE)
    first = predict(at(5))
    assert predict(at(6))[0].masks.any()
    assert predict(at(5)) is first
    assert square.asked == [at(5).to_json(), at(6).to_json()]
    assert (predict.asked, predict.computed) == (3, 2)


def test_the_image_is_embedded_at_the_first_prompt_only(square):
    predict = Predictor(square, IMAGE)
    assert square.embedded == 0
    predict(at(5))
    predict.forget()
    predict(at(5))
    assert square.embedded == 1
    assert predict.computed == 2


def test_several_boxes_are_one_prompt_of_several_predictions(square):
    boxes = Prompt(boxes=[[1, 1, 5, 5], [8, 8, 9, 9]])
    assert len(Predictor(square, IMAGE)(boxes)) == 2


def test_a_prompt_with_a_previous_mask_is_never_taken_for_one_without(square):
    predict = Predictor(square, IMAGE)
    plain = at(5)
    before = Prompt(plain.points, plain.labels, logits=np.ones((1, 4, 4), np.float32))
    predict(plain)
    predict(before)
    predict(before)
    assert predict.computed == 3


@pytest.mark.parametrize(("room", "kept"), [(3, 3), (2, 2), (0, 1)])
def test_memory_is_limited_and_what_was_used_lately_stays(square, room, kept):
    predict = Predictor(square, IMAGE, memory=room * ONE)
    for x in (1, 2, 3):
        predict(at(x))
    predict(at(1))
    computed = predict.computed
    assert computed == (3 if room == 3 else 4)
    # Now 1 is the youngest; then come 3 and 2.
    for x in (1, 3, 2)[:kept]:
        predict(at(x))
    assert predict.computed == computed
