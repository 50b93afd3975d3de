"""Which mask is chosen, by hand, and the surface metrics of rows; the rest is in test_runner.py."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from toys import blob

from medsam.datasets import Sample
from medsam.metrics import iou
from medsam.models.contract import Prediction, Predictor
from medsam.prompts import Prompt
from medsam.protocol import EXPERIMENTS, PROTOCOLS
from medsam.results.masks import decode
from medsam.study.evaluate import Scores, choose, evaluate, lockstep, prepare, streams

PAPER, RELEASED = PROTOCOLS["paper"], PROTOCOLS["released"]


def strip(*columns):
    mask = np.zeros((1, 8), bool)
    mask[0, list(columns)] = True
    return mask


def prediction(*masks, scores):
    return Prediction(
        np.stack(masks), np.array(scores, np.float32), np.zeros((3, 1, 1), np.float32)
    )


OBJECT, FAR = strip(0, 1, 2, 3), strip(7)
ONE = prediction(strip(0), strip(0, 1, 2), strip(0, 1, 2, 3, 4), scores=(0.2, 0.9, 0.6))

# Two boxes: for the left part mask 0 is best, for the right part mask 2.
LEFT = prediction(strip(0, 1), strip(0), strip(0, 1, 2, 3), scores=(0.1, 0.8, 0.3))
RIGHT = prediction(strip(6), strip(5), strip(5, 6), scores=(0.5, 0.2, 0.4))
PARTS = [strip(0, 1), strip(5, 6)]
WHOLE = PARTS[0] | PARTS[1]


@pytest.mark.parametrize(
    ("truth", "choice", "protocol", "columns", "score"),
    [
        # The most confident, or the first.
        (OBJECT, "top", PAPER, (0, 1, 2), 0.9),
        (OBJECT, "top", RELEASED, (0,), 0.2),
        # IoUs: 1/4, 3/4, 4/5.
        (OBJECT, "oracle", PAPER, (0, 1, 2, 3, 4), 0.6),
        # Without any overlap.
        (FAR, "oracle", PAPER, (0,), 0.2),
        (FAR, "oracle", RELEASED, (0, 1, 2, 3, 4), 0.6),
        # Each box chooses alone.
        (WHOLE, "top", PAPER, (0, 6), (0.8 + 0.5) / 2),
        (WHOLE, "oracle", PAPER, (0, 1, 5, 6), (0.1 + 0.4) / 2),
        # One index for all boxes. Joined by index: IoU 3/4, 2/4, 4/6: index 0.
        (WHOLE, "top", RELEASED, (0, 1, 6), 0.3),
        (WHOLE, "oracle", RELEASED, (0, 1, 6), 0.3),
    ],
)
def test_choice_by_hand(truth, choice, protocol, columns, score):
    given = ([LEFT, RIGHT], WHOLE, choice, protocol, PARTS)
    if truth is not WHOLE:
        given = ([ONE], truth, choice, protocol)
    found = choose(*given)
    assert np.array_equal(found.mask, strip(*columns))
    assert found.score == pytest.approx(score)


def case(spacing, shape=(20, 20), end=12):
    mask = np.zeros(shape, bool)
    mask[5:end, 5:end] = True
    image = np.repeat(np.uint8(200 * mask)[..., None], 3, axis=2)
    return Sample("i", "g", image, {"t": mask}, spacing=spacing)


def rows(model, sample, **options):
    found = evaluate(sample, "t", Predictor(model, sample.image), **options)
    return pd.DataFrame(found).set_index(["experiment", "choice", "k"])


def test_rows_by_hand(square):
    frame = rows(square, case((1.0, 1.5)))
    assert tuple(frame.loc[("mode", "top", 1), ["nsd", "hd95"]]) == (1, 0)
    # The box and one pixel more on each side: a boundary of 32 pixels around one of 24. From it,
    # 14 above and below are 1 mm away, 14 at the sides 1.5 mm, the four corners the hypotenuse.
    top = frame.loc[("mode", "top", 4)]
    assert top.hd95 == pytest.approx(np.hypot(1, 1.5))
    assert top.nsd == 1
    # Columns of 2.5 mm: beyond 2 mm are the two sides of nine of the larger one, and of the smaller
    # one's sides of seven the middle three; the others are 1 or 2 mm below or above.
    wide = rows(square, case((1.0, 2.5))).loc[("mode", "top", 4)]
    assert wide.nsd == (32 - 2 * 9 + 24 - 2 * 3) / (32 + 24)


def test_scores_and_clicks_by_hand(square):
    frame = rows(square, case(None))
    assert len(frame) == 5 * 2 + 9 * 2 + 3
    # The model's most confident answer to a point is a square of 7 x 7 around it: the object.
    assert frame.loc[("mode", "top", 1)].iou == 1
    # To a box: the box and one pixel more on each side, 49 of 81; the oracle takes the box.
    top, oracle = frame.loc[("mode", "top", 4)], frame.loc[("mode", "oracle", 4)]
    assert (top.iou, oracle.iou) == (pytest.approx(49 / 81), 1)
    assert top.dice == pytest.approx(2 * 49 / (49 + 81))
    assert (top.score, oracle.score) == (pytest.approx(0.9), pytest.approx(0.5))
    # Nothing is left to click on after the first click.
    assert (frame.loc["clicks"].iou == 1).all()
    assert set(frame.loc["clicks"].prompt) == {'{"points":[[8,8]],"labels":[1]}'}
    assert (set(frame.object_px), set(frame.n_regions)) == ({49}, {1})
    # Each mask of one point has a row, in the model's own order; the second is the object.
    each = frame.loc["ambiguity"]
    assert each.index.get_level_values("k").tolist() == [1, 2, 3]
    assert each.score.max() == top.score
    assert sorted(each.iou)[-1] == 1


def test_each_row_keeps_the_mask_that_it_scores(square):
    sample = case((1.0, 1.0))
    frame = rows(square, sample, masks="all").reset_index()
    for row in frame.itertuples():
        assert iou(decode(row.mask, 20, 20), sample.masks["t"]) == row.iou
        assert row.mask in row.masks.split(" ")
    assert (frame.masks.str.split(" ").str.len() == 3).all()
    assert not {"mask", "masks"} & set(rows(square, sample, masks="none").columns)


def test_the_error_of_the_oracle_guides_the_oracle(square):
    """Its mask of 13 x 13 is the object at once; the most confident one is of 7 x 7."""
    clicks = rows(square, case(None, (40, 40), 18)).loc["clicks"]
    assert clicks.loc[("oracle", 1)].iou == 1
    assert clicks.loc[("top", 1)].iou == pytest.approx(49 / 169)
    assert len(Prompt.from_json(clicks.loc[("top", 9)].prompt).points) > 1
    assert len(Prompt.from_json(clicks.loc[("oracle", 9)].prompt).points) == 1


def test_without_a_size_of_pixels_there_are_no_distances(square):
    assert not {"nsd", "hd95"} & set(rows(square, case(None)).columns)
    assert not {"nsd", "hd95"} & set(rows(square, case((1.0, 1.0)), surface=False).columns)


@pytest.mark.parametrize("protocol", [PAPER, RELEASED, PAPER.but(click_jitter=0.3)], ids=str)
def test_side_by_side_gives_the_rows_of_one_prompt_after_the_other(square, protocol):
    masks = {f"t{n}": blob(n, (60, 70)) == 1 for n in range(4)}
    image = np.repeat(np.uint8(200 * masks["t0"])[..., None], 3, axis=2)
    sample = Sample("i", "g", image, masks, spacing=(1.0, 1.5))
    apart, draws = [], streams(protocol, 1)
    for task in sample.masks:
        ask = Predictor(square, sample.image)

        def alone(prompts, ask=ask):
            return [ask([prompt])[0] for prompt in prompts]

        apart += evaluate(sample, task, alone, protocol, draws)
    parts, rows = prepare(Scores(sample), dict.fromkeys(sample.masks, EXPERIMENTS), protocol)
    lockstep([parts], partial(Predictor.together, [Predictor(square, sample.image)]))
    assert [row for some in rows for row in some] == apart
    assert len({row["prompt"] for row in apart}) > 40


def test_an_empty_prediction_is_zero_and_at_no_distance(square):
    nothing = prediction(*[np.zeros((20, 20), bool)] * 3, scores=(0.5, 0.9, 0.7))
    square.predict = lambda _, prompts: [nothing] * len(prompts)
    frame = rows(square, case((1.0, 1.0)), experiments=("mode", "clicks"))
    assert (frame.iou == 0).all()
    assert (frame.nsd == 0).all()
    assert frame.hd95.isna().all()
    assert all(value is None for value in frame.hd95.astype(object))
