"""What the contract gives every model."""

import numpy as np
import pytest
from toys import SquareModel

from medsam.errors import InputError
from medsam.models.contract import Prediction
from medsam.prompts import Prompt


def test_ranking_keeps_the_order_of_ties():
    scores = np.array([0.5, 0.9, 0.5], np.float32)
    one = Prediction(np.zeros((3, 1, 1), bool), scores, np.zeros((3, 1, 1), np.float32))
    assert one.ranking.tolist() == [1, 0, 2]


def test_prompts_that_a_model_does_not_take():
    model = SquareModel()
    model.accepts = frozenset({"box"})
    model.check(Prompt(boxes=[[0, 0, 1, 1]]))
    with pytest.raises(InputError, match=r"'square' does not take points prompts. It takes: box"):
        model.check(Prompt([[1, 1]], [1]))
    with pytest.raises(InputError, match="A prompt with 2 boxes. Allowed: one box a call"):
        model.check(Prompt(boxes=[[0, 0, 1, 1], [0, 0, 2, 2]]))


def test_many_images_one_after_the_other(square):
    images = [np.zeros((4, 5, 3), np.uint8), np.zeros((6, 7, 3), np.uint8)]
    assert [one.image_size for one in square.embed_many(images)] == [(4, 5), (6, 7)]
    assert square.embedded == 2


def test_a_model_without_logits_says_so(square):
    with pytest.raises(InputError, match="'square' gives no logits at the size of the image"):
        square.upscale(np.zeros((1, 4, 4), np.float32), (8, 8))
