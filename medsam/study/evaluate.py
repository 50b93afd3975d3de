"""All rows of one image, from one embedding: what all tasks ask next is asked together."""

from __future__ import annotations

import math
from collections.abc import (
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.sample import Sample
from medsam.errors import InputError
from medsam.metrics import SurfaceTo, iou, overlaps
from medsam.models.contract import Prediction
from medsam.prompts import KINDS, MAX_REGIONS, MODES, Draw, Prompt, mode_prompt, next_click
from medsam.protocol import (
    CHOICES,
    EXPERIMENTS,
    MAX_CLICKS,
    PROTOCOLS,
    SEED,
    Choice,
    MaskPolicy,
    Protocol,
)
from medsam.regions import Mask, Regions, regions
from medsam.results.masks import encode


@dataclass(frozen=True)
class Chosen:
    """The mask that is scored.

    Attributes
    ----------
    mask : (H, W) bool
    score : float
        The model's own estimate of its IoU; the mean where several boxes were joined.
    """

    mask: Mask
    score: float


def _oracle(masks: NDArray[np.bool_], target: Mask, protocol: Protocol) -> int:
    found = [iou(mask, target) for mask in masks]
    best = max(found)
    if not best > 0:
        return 0 if protocol.oracle_none == "first" else len(masks) - 1
    return found.index(best)


def choose(
    predictions: Sequence[Prediction],
    mask: Mask,
    choice: Choice,
    protocol: Protocol = PROTOCOLS["paper"],
    parts: Sequence[Mask] | None = None,
) -> Chosen:
    """Choose one mask from the predictions of one prompt.

    Parameters
    ----------
    predictions : sequence of Prediction
        One; or one a box for several boxes (mode 4).
    mask : (H, W) bool
        The object.
    choice : {"top", "oracle"}
        The model's own preference, or the mask of best IoU with the object.
    protocol : Protocol
        ``top``, ``boxes`` and ``oracle_none`` decide.
    parts : sequence of (H, W) bool, optional
        The region that each box encloses; needed for several boxes under ``boxes="each"``.

    Returns
    -------
    Chosen

    Raises
    ------
    InputError
        If the choice does not exist or the parts do not match the predictions.

    Notes
    -----
    Source: paper sections 2.2.1 (oracle) and 2.2.3 (highest confidence). For several boxes
    the text is silent; the released code joins the masks of equal index.
    """
    if choice not in CHOICES:
        raise InputError(f"Choice of mask {choice!r}. Allowed: {', '.join(CHOICES)}.")
    if len(predictions) > 1 and protocol.boxes == "each":
        if parts is None or len(parts) != len(predictions):
            raise InputError(
                f"{len(predictions)} predictions and {0 if parts is None else len(parts)} regions. "
                "Allowed: the region of each box, in the same order."
            )
        pairs = zip(predictions, parts, strict=True)
        each = [choose([prediction], part, choice, protocol) for prediction, part in pairs]
        whole = np.logical_or.reduce([one.mask for one in each])
        return Chosen(whole, float(np.mean([one.score for one in each])))
    masks, scores = predictions[0].masks, predictions[0].scores
    if len(predictions) > 1:
        masks = np.logical_or.reduce([one.masks for one in predictions])
        scores = np.mean([one.scores for one in predictions], axis=0)
    index = 0
    if choice == "oracle":
        index = _oracle(masks, mask, protocol)
    elif protocol.top == "confident":
        index = int(np.argmax(scores))
    return Chosen(masks[index], float(scores[index]))


Row = dict[str, Any]
Predict = Callable[[Sequence[Prompt]], list[list[Prediction]]]
Asking = Generator[list[Prompt], list[list[Prediction]], None]
"""Part of an evaluation: yields the prompts it needs next, is sent the predictions of each."""

_STREAMS = ("mode", "clicks/top", "clicks/oracle", "ambiguity")


def streams(protocol: Protocol, seed: int) -> dict[str, Draw]:
    """Give each experiment its own draws: the released scripts are programs of their own."""
    return {name: Draw(protocol, seed) for name in _STREAMS}


def lockstep(
    images: Sequence[Iterable[Asking]],
    predict: Callable[[list[list[Prompt]]], list[list[list[Prediction]]]],
) -> None:
    """Take parts of evaluations side by side: what all ask next is one call.

    Parameters
    ----------
    images : sequence of iterable of generator
        Parts of each image, not begun.
    predict : callable
        Prompts of each image to the predictions of each, in the order of images and prompts.
    """
    asked = [[(part, next(part)) for part in parts] for parts in images]
    while any(asked):
        answers = predict([[prompt for _, some in each for prompt in some] for each in asked])
        asked = [_onward(each, iter(found)) for each, found in zip(asked, answers, strict=True)]


def _onward(
    asked: Iterable[tuple[Asking, list[Prompt]]], answers: Iterator[list[Prediction]]
) -> list[tuple[Asking, list[Prompt]]]:
    """Parts of an image that are not done after these answers, and what they ask next."""
    left = []
    for part, prompts in asked:
        with suppress(StopIteration):
            left.append((part, part.send(list(islice(answers, len(prompts))))))
    return left


class Scores:
    """Columns of predictions on an image: ``iou, dice``, ``nsd, hd95`` if pixels have a size, mask.

    Each distinct prediction is measured once for all protocols, as many of the rows of a case
    share their mask: modes 1 and 2 of an object of one region, and clicks after the last error.
    The objects must have a pixel.

    Parameters
    ----------
    sample : Sample
    masks : {"chosen", "all", "none"}
        Whether the columns hold the mask.
    """

    def __init__(self, sample: Sample, masks: MaskPolicy = "chosen"):
        self.sample, self.masks = sample, masks
        self._known: dict[tuple[str, str, bytes], Row] = {}
        self._surfaces: dict[str, SurfaceTo] = {}

    def __call__(self, task: str, prediction: Mask, *, surface: bool = True) -> Row:
        """Columns of a prediction of an object."""
        bits, mask = np.packbits(prediction).tobytes(), self.sample.masks[task]

        def once(what: str, of: str, make: Callable[[], Row]) -> Row:
            key = what, of, bits
            if key not in self._known:
                self._known[key] = make()
            return self._known[key]

        row: Row = once("overlap", task, lambda: overlaps(prediction, mask))
        if surface and self.sample.spacing is not None:
            row = row | once("surface", task, lambda: self._surface(task, prediction))
        if self.masks != "none":
            row = row | once("mask", "", lambda: {"mask": encode(prediction)})
        return row

    def _surface(self, task: str, prediction: Mask) -> Row:
        if task not in self._surfaces:
            assert self.sample.spacing is not None
            self._surfaces[task] = SurfaceTo(self.sample.masks[task], self.sample.spacing)
        # Nothing found is an NSD of 0, which counts in means, but is at no distance.
        found = self._surfaces[task](prediction)
        return {"nsd": found.nsd, "hd95": None if math.isnan(found.hd95) else found.hd95}


@dataclass(frozen=True)
class _Object:
    """An object of an image under a protocol, and how its rows are made."""

    scores: Scores
    task: str
    protocol: Protocol
    surface: bool
    common: Row
    parts: Regions

    @property
    def mask(self) -> Mask:
        return self.scores.sample.masks[self.task]

    @property
    def keys(self) -> tuple[str, str]:
        return self.task, self.scores.sample.id

    def row(
        self,
        experiment: str,
        k: int,
        choice: Choice | None,
        prompt: Prompt,
        chosen: Chosen,
        predictions: Sequence[Prediction],
    ) -> Row:
        row = self.common | {"experiment": experiment, "k": k, "choice": choice}
        row |= {"score": chosen.score, "prompt": prompt.to_json()}
        surface = self.surface and experiment != "ambiguity"
        row |= self.scores(self.task, chosen.mask, surface=surface)
        if self.scores.masks == "all":
            of_prompt = [encode(one) for prediction in predictions for one in prediction.masks]
            row["masks"] = " ".join(of_prompt)
        return row


def _modes(one: _Object, draw: Draw, kinds: Collection[str], rows: list[Row]) -> Asking:
    """The modes of these kinds of prompt, each with both choices of mask."""
    modes = [mode for mode in MODES if KINDS[mode] in kinds]
    prompts = [mode_prompt(one.mask, k, one.protocol, draw, one.keys, one.parts) for k in modes]
    answers = yield prompts
    parts = one.parts[:MAX_REGIONS]
    for mode, prompt, predictions in zip(modes, prompts, answers, strict=True):
        for choice in CHOICES:
            chosen = choose(predictions, one.mask, choice, one.protocol, parts)
            rows.append(one.row("mode", mode, choice, prompt, chosen, predictions))


def _clicks(one: _Object, draw: Draw, choice: Choice, rows: list[Row]) -> Asking:
    """Algorithm 1, on the error map of that choice of mask."""
    clicks: Prompt | None = None
    chosen: Chosen | None = None
    union = one.scores.sample.any_object
    for k in range(1, MAX_CLICKS + 1):
        before = None if chosen is None else chosen.mask
        following = next_click(one.mask, before, clicks, one.protocol, draw, one.keys, union)
        # No error is left to click on: the last answer stands for the clicks that remain.
        if following is not None:
            clicks = following
            (predictions,) = yield [clicks]
            chosen = choose(predictions, one.mask, choice, one.protocol)
        assert clicks is not None  # an object has a pixel to click on first
        assert chosen is not None
        rows.append(one.row("clicks", k, choice, clicks, chosen, predictions))


def _each_mask(one: _Object, draw: Draw, rows: list[Row]) -> Asking:
    """Every mask that one point (mode 1) gives, in the model's own order."""
    prompt = mode_prompt(one.mask, 1, one.protocol, draw, one.keys, one.parts)
    (predictions,) = yield [prompt]
    (prediction,) = predictions
    each = zip(prediction.masks, prediction.scores, strict=True)
    for place, (mask, score) in enumerate(each, 1):
        chosen = Chosen(mask, float(score))
        rows.append(one.row("ambiguity", place, None, prompt, chosen, predictions))


def _one_by_one(parts: Sequence[Asking]) -> Asking:
    for part in parts:
        yield from part


def object_columns(sample: Sample, task: str, protocol: Protocol) -> tuple[Row, Regions]:
    """Columns that all rows of an object share, and its regions.

    An object without a pixel has ``status="empty"`` and a reason: these are all columns of it.
    """
    mask = sample.masks[task]
    parts = regions(mask, protocol)
    columns: Row = {
        "task": task,
        "image": sample.id,
        "group": sample.group,
        "object_px": int(np.count_nonzero(mask)),
        "height": mask.shape[0],
        "width": mask.shape[1],
        "protocol": protocol.name,
        "n_regions": len(parts),
        "status": "ok" if parts else "empty",
    }
    if not parts:
        columns["reason"] = f"the mask of {task} has no pixel on this image"
    return columns, parts


def prepare(
    scores: Scores,
    tasks: Mapping[str, Collection[str]],
    protocol: Protocol = PROTOCOLS["paper"],
    draws: dict[str, Draw] | None = None,
    *,
    kinds: Collection[str] = ("points", "box"),
    surface: bool = True,
) -> tuple[list[Asking], list[list[Row]]]:
    """Parts of the evaluation of an image under a protocol, for :func:`lockstep`.

    Parameters
    ----------
    scores : Scores
        Of the image; shared with other protocols.
    tasks : mapping of str to collection of str
        Tasks of ``sample.masks`` to their experiments.
    protocol : Protocol
        Where it draws from one stream, clicks are asked task after task, in the order of today's
        tasks; else all tasks go side by side.
    draws, kinds, surface
        As of :func:`evaluate`.

    Returns
    -------
    parts : list of generator
        Not begun.
    rows : list of list of dict
        What :func:`lockstep` fills, in the order of tasks and experiments.
    """
    draws = draws or streams(protocol, SEED)
    parts: dict[str, list[Asking]] = {}
    rows: list[list[Row]] = []

    def put(stream: str, make: Callable[..., Asking], *given: Any) -> None:
        rows.append([])
        parts.setdefault(stream, []).append(make(one, draws[stream], *given, rows[-1]))

    for task, experiments in tasks.items():
        common, regions_of = object_columns(scores.sample, task, protocol)
        if not regions_of:
            rows.append([common | {"experiment": name} for name in experiments])
            continue
        one = _Object(scores, task, protocol, surface, common, regions_of)
        if "mode" in experiments:
            put("mode", _modes, kinds)
        if "clicks" in experiments and "points" in kinds:
            for choice in CHOICES:
                put(f"clicks/{choice}", _clicks, choice)
        if "ambiguity" in experiments and "points" in kinds:
            put("ambiguity", _each_mask)
    if protocol.random == "stream":
        # What is drawn for a click depends on all clicks before it, those of other tasks as well.
        parts = {
            name: [_one_by_one(some)] if name.startswith("clicks") else some
            for name, some in parts.items()
        }
    return [part for some in parts.values() for part in some], rows


def evaluate(
    sample: Sample,
    task: str,
    predict: Predict,
    protocol: Protocol = PROTOCOLS["paper"],
    draws: dict[str, Draw] | None = None,
    *,
    experiments: Collection[str] = EXPERIMENTS,
    masks: MaskPolicy = "chosen",
    **options: Any,
) -> list[Row]:
    """All rows of one image for one task: five modes and nine clicks, top and oracle.

    The rows of ``ambiguity`` are those of each mask that one point gives, without NSD and HD95.

    Parameters
    ----------
    sample : Sample
    task : str
        One of ``sample.masks``.
    predict : callable
        Prompts to the predictions of each (one a box), from one embedding of ``sample.image``.
    protocol : Protocol
    draws : dict of Draw, optional
        Where ties are decided; by default new ones with seed :data:`medsam.protocol.SEED`.
    experiments : collection of str
        Only these, of :data:`medsam.protocol.EXPERIMENTS`.
    masks : {"chosen", "all", "none"}
        Keep in each row the mask that it scores; every mask of its prompt as well; or none.
    **options
        ``kinds``: only modes whose prompts are of these kinds, of ``"points"`` and ``"box"``.
        ``surface``: measure NSD (at :data:`medsam.metrics.TOLERANCE`) and HD95 where the sample
        has a spacing.

    Returns
    -------
    list of dict
        Without the columns that name dataset and model, and without ``nsd`` and ``hd95``
        where they are not measured. An object without a pixel gives one row an experiment with
        ``status="empty"``. A prediction without a pixel has an NSD of 0 and no HD95.
    """
    scores = Scores(sample, masks)
    parts, rows = prepare(scores, {task: experiments}, protocol, draws, **options)
    lockstep([parts], lambda prompts: [predict(some) for some in prompts])
    return [row for some in rows for row in some]
