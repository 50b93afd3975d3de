import numpy as np
import pytest

from medsam.errors import InputError
from medsam.models.contract import Prediction
from medsam.protocol import PROTOCOLS
from medsam.study.evaluate import choose

PAPER, RELEASED = PROTOCOLS["paper"], PROTOCOLS["released"]


def strip(*columns):
    mask = np.zeros((1, 8), bool)
    mask[0, list(columns)] = True
    return mask


def prediction(*masks, scores):
    return Prediction(
        np.stack(masks), np.array(scores, np.float32), np.zeros((3, 1, 1), np.float32)
    )


OBJECT = strip(0, 1, 2, 3)
ONE = prediction(strip(0), strip(0, 1, 2), strip(0, 1, 2, 3, 4), scores=(0.2, 0.9, 0.6))


def test_top_is_the_most_confident_or_the_first():
    assert np.array_equal(choose([ONE], OBJECT, "top", PAPER).mask, strip(0, 1, 2))
    assert choose([ONE], OBJECT, "top", PAPER).score == pytest.approx(0.9)
    assert np.array_equal(choose([ONE], OBJECT, "top", RELEASED).mask, strip(0))


def test_oracle_is_the_best_iou():
    # IoUs: 1/4, 3/4, 4/5
    found = choose([ONE], OBJECT, "oracle", PAPER)
    assert np.array_equal(found.mask, strip(0, 1, 2, 3, 4))
    assert found.score == pytest.approx(0.6)


def test_oracle_without_any_overlap():
    far = strip(7)
    assert np.array_equal(choose([ONE], far, "oracle", PAPER).mask, strip(0))
    assert np.array_equal(choose([ONE], far, "oracle", RELEASED).mask, strip(0, 1, 2, 3, 4))


# Two boxes: for the left part mask 0 is best, for the right part mask 2.
LEFT = prediction(strip(0, 1), strip(0), strip(0, 1, 2, 3), scores=(0.1, 0.8, 0.3))
RIGHT = prediction(strip(6), strip(5), strip(5, 6), scores=(0.5, 0.2, 0.4))
PARTS = [strip(0, 1), strip(5, 6)]
WHOLE = PARTS[0] | PARTS[1]


def test_each_box_chooses_alone():
    top = choose([LEFT, RIGHT], WHOLE, "top", PAPER, PARTS)
    assert np.array_equal(top.mask, strip(0, 6))
    assert top.score == pytest.approx((0.8 + 0.5) / 2)
    oracle = choose([LEFT, RIGHT], WHOLE, "oracle", PAPER, PARTS)
    assert np.array_equal(oracle.mask, WHOLE)
    assert oracle.score == pytest.approx((0.1 + 0.4) / 2)


def test_one_index_for_all_boxes():
    top = choose([LEFT, RIGHT], WHOLE, "top", RELEASED, PARTS)
    assert np.array_equal(top.mask, strip(0, 1, 6))
    # Joined by index: IoU 3/4, 2/4, 4/6: index 0.
    oracle = choose([LEFT, RIGHT], WHOLE, "oracle", RELEASED, PARTS)
    assert np.array_equal(oracle.mask, strip(0, 1, 6))
    assert oracle.score == pytest.approx(0.3)


def test_errors():
    with pytest.raises(InputError, match="Choice of mask 'best'. Allowed: top, oracle"):
        choose([ONE], OBJECT, "best", PAPER)
    with pytest.raises(InputError, match="2 predictions and 0 regions"):
        choose([LEFT, RIGHT], WHOLE, "top", PAPER)
