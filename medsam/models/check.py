"""Whether a model keeps the contract, told in the words of the one who wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from medsam.models.contract import Embedding, Prediction, PromptableModel
from medsam.prompts import Prompt

SIZES = ((24, 40), (40, 24), (33, 33))
"""Height and width of the images that a model is tried on."""
KINDS = ("points", "box", "mask")


def faults(model: PromptableModel) -> list[str]:
    """What is wrong with a model, a line each; empty for one that can be used.

    It is asked for three small images, with a prompt of each kind that it takes, up to the first
    of them at which something is wrong.
    """
    found = [*_about(model)]
    for height, width in SIZES:
        try:
            wrong = [*dict.fromkeys(_asked(model, height, width))]
        except Exception as error:  # the author's code may raise anything
            wrong = [f"an image of {height} x {width} raised {told(error)}"]
        if wrong:
            return found + wrong
    return found


def told(error: Exception) -> str:
    """The kind of an error and the first line of what it says."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"


def _about(model: PromptableModel) -> Iterator[str]:
    """What is wrong with name, kinds of prompt and provenance."""
    name, accepts = getattr(model, "name", None), getattr(model, "accepts", None)
    if not isinstance(name, str) or not name:
        yield f"name is {name!r}. Due: a text, which rows are named by."
    if not isinstance(accepts, frozenset) or not accepts or not accepts <= set(KINDS):
        yield f"accepts is {accepts!r}. Due: a frozenset of {', '.join(KINDS)}."
    try:
        given: Any = model.provenance()
        if not isinstance(given, dict) or json.loads(json.dumps(given, allow_nan=False)) != given:
            yield f"provenance() gives {given!r}. Due: a dict of texts."
    except Exception as error:  # as above, and json's own
        yield f"provenance() raised or is no JSON ({told(error)}). Due: a dict of texts."


def _asked(model: PromptableModel, height: int, width: int) -> Iterator[str]:
    """What is wrong with the answers on one image."""
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    given = image.copy()
    embedding: Any = model.embed(image)
    if not isinstance(embedding, Embedding):
        yield f"embed() gives {_kind(embedding)}. Due: an Embedding."
        return
    if tuple(embedding.image_size) != (height, width):
        yield f"image_size is {embedding.image_size}. Due: (H, W), here {(height, width)}."
    many: Any = model.embed_many([image, image])
    if not isinstance(many, list) or len(many) != 2:
        yield "embed_many() gives not one embedding an image."
    accepts = set(getattr(model, "accepts", ())) & set(KINDS)
    point = Prompt(np.array([[width / 2, height / 2]]), np.array([1]))
    box = Prompt(boxes=np.array([[2.0, 3, width - 4, height - 5]]))
    prompts = [prompt for prompt in (point, box) if prompt.kinds <= accepts]
    answers: Any = model.predict(embedding, prompts, multimask=True)
    if not isinstance(answers, list) or len(answers) != len(prompts):
        yield f"predict() gives {_kind(answers)}. Due: a list, one Prediction a prompt."
        return
    faults = [fault for answer in answers for fault in _answer(answer, height, width)]
    yield from faults
    if not faults:
        again = model.predict(embedding, prompts[::-1])[::-1]
        pairs = zip(answers, again, strict=True)
        if not all(np.array_equal(one.masks, two.masks) for one, two in pairs):
            yield "predict() asked again gives other masks. Due: the same, in any order."
        if {"mask", "points"} <= accepts:
            before = Prompt(point.points, point.labels, logits=answers[0].logits[:1])
            yield from _answer(model.predict(embedding, [before])[0], height, width)
    if not np.array_equal(image, given):
        yield "the image was changed. Due: left as it is."


def _answer(answer: Any, height: int, width: int) -> Iterator[str]:
    """What is wrong with one prediction."""
    if not isinstance(answer, Prediction):
        yield f"predict() gives a list of {_kind(answer)}. Due: of Prediction."
        return
    masks, scores, logits = answer.masks, answer.scores, answer.logits
    right = isinstance(masks, np.ndarray) and masks.dtype == np.bool_ and masks.ndim == 3
    if not right or not len(masks) or masks.shape[1:] != (height, width):
        yield f"masks are {_kind(masks)}. Due: bool (K, {height}, {width})."
        return
    count = len(masks)
    if not _floats(scores) or scores.shape != (count,):
        yield f"scores are {_kind(scores)}. Due: float ({count},), one a mask."
    elif count > 1 and not np.isfinite(scores).all():
        yield "scores hold NaN or infinity. Due: a number a mask, to choose one by."
    if not _floats(logits) or logits.ndim != 3 or len(logits) != count:
        yield f"logits are {_kind(logits)}. Due: float ({count}, h, w)."
    elif not np.isfinite(logits).all():
        yield "logits hold NaN or infinity. Due: finite numbers."


def _floats(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    return f"a {type(value).__name__}"
