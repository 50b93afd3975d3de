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


def test_a_prompt_with_a_previous_mask_is_never_taken_for_one_without(square):
    predict = Predictor(square, IMAGE)
    plain = at(5)
    before = Prompt(plain.points, plain.labels, logits=np.ones((1, 4, 4), np.float32))
    predict([plain, before, before])
    assert len(square.asked) == 3
