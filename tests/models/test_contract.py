"""What the contract gives every model, and prompts that are asked once."""

import numpy as np
import pytest
from toys import SquareModel

from medsam.errors import InputError
from medsam.models.contract import Prediction, Predictor
from medsam.prompts import Prompt

IMAGE = np.zeros((40, 50, 3), np.uint8)
# Three masks of 40 x 50, three scores and 3 x 4 x 4 logits.
ONE = 3 * 40 * 50 + 3 * 4 + 3 * 16 * 4


BOXES = Prompt(boxes=[[1, 2, 8, 9], [20, 3, 30, 9]])


def at(x):
    return Prompt([[x, 20]], [1])


def test_ranking_keeps_the_order_of_ties_and_ends_with_what_is_no_number():
    scores = np.array([np.nan, 0.5, 0.9, 0.5], np.float32)
    one = Prediction(np.zeros((4, 1, 1), bool), scores, np.zeros((4, 1, 1), np.float32))
    assert one.ranking.tolist() == [2, 1, 3, 0]


def test_prompts_that_a_model_does_not_take():
    model = SquareModel()
    model.accepts = frozenset({"box"})
    model.check(Prompt(boxes=[[0, 0, 1, 1]]))
    with pytest.raises(InputError, match=r"'square' does not take points prompts. It takes: box"):
        model.check(Prompt([[1, 1]], [1]))
    with pytest.raises(InputError, match="A prompt with 2 boxes. Allowed: one box a call"):
        model.check(Prompt(boxes=[[0, 0, 1, 1], [0, 0, 2, 2]]))


def test_each_prompt_is_asked_once_and_the_image_embedded_when_needed(square):
    predict = Predictor(square, IMAGE)
    assert square.embedded == 0
    ((first,),) = predict([at(5)])
    assert predict([at(6), at(6)])[1][0].masks.any()
    assert predict([at(5)])[0][0] is first
    assert square.asked == [at(5).to_json(), at(6).to_json()]
    predict.forget()
    predict([at(5)])
    assert len(square.asked) == 3
    assert square.embedded == 1


def test_prompts_on_several_images_are_one_call_and_each_is_asked_once(square):
    images = [Predictor(square, IMAGE), Predictor(square, IMAGE[:30]), Predictor(square, IMAGE)]
    calls, many = [], square.predict_many
    square.predict_many = lambda *given: calls.append(len(given[1])) or many(*given)
    images[0]([at(5)])
    found = Predictor.together(images, [[at(5), at(6)], [at(6), BOXES], []])
    assert calls == [4]
    assert square.embedded == 2
    assert [[len(one) for one in some] for some in found] == [[1, 1], [1, 2], []]
    assert found[1][0][0].masks.shape == (3, 30, 50)
    for one, prompt in zip(found[1], [at(6), BOXES], strict=True):
        (alone,) = Predictor(square, IMAGE[:30])([prompt])
        assert all(map(np.array_equal, [p.masks for p in one], [p.masks for p in alone]))


def test_a_prompt_with_a_previous_mask_is_never_taken_for_one_without(square):
    predict = Predictor(square, IMAGE)
    plain = at(5)
    before = Prompt(plain.points, plain.labels, logits=np.ones((1, 4, 4), np.float32))
    predict([plain, before, before])
    assert len(square.asked) == 3
