"""All rows of one image for one task, from one embedding."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.sample import Sample
from medsam.errors import InputError
from medsam.metrics import dice, iou, surface_metrics
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

__all__ = [
    "Chosen",
    "Row",
    "choose",
    "evaluate",
    "mask_columns",
    "object_columns",
    "scorer",
    "streams",
]


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


def _top(scores: NDArray[np.float32], protocol: Protocol) -> int:
    return int(np.argmax(scores)) if protocol.top == "confident" else 0


def _oracle(masks: NDArray[np.bool_], target: Mask, protocol: Protocol) -> int:
    overlaps = np.array([iou(mask, target) for mask in masks])
    if not np.nanmax(np.append(overlaps, 0.0)) > 0:
        return 0 if protocol.oracle_none == "first" else len(masks) - 1
    return int(np.nanargmax(overlaps))


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
    if len(predictions) == 1:
        (only,) = predictions
        index = (
            _top(only.scores, protocol) if choice == "top" else _oracle(only.masks, mask, protocol)
        )
        return Chosen(only.masks[index], float(only.scores[index]))
    if protocol.boxes == "joint":
        joined = np.logical_or.reduce([p.masks for p in predictions])
        scores = np.mean([p.scores for p in predictions], axis=0)
        index = _top(scores, protocol) if choice == "top" else _oracle(joined, mask, protocol)
        return Chosen(joined[index], float(scores[index]))
    if parts is None or len(parts) != len(predictions):
        raise InputError(
            f"{len(predictions)} predictions and {0 if parts is None else len(parts)} regions. "
            "Allowed: the region of each box, in the same order."
        )
    chosen = [
        choose([prediction], part, choice, protocol)
        for prediction, part in zip(predictions, parts, strict=True)
    ]
    return Chosen(
        np.logical_or.reduce([c.mask for c in chosen]), float(np.mean([c.score for c in chosen]))
    )


Row = dict[str, Any]
Predict = Callable[[Prompt], list[Prediction]]
Answer = tuple[int, Choice | None, Prompt, Chosen, list[Prediction]]

_STREAMS = ("mode", "clicks/top", "clicks/oracle", "ambiguity")


def streams(protocol: Protocol, seed: int) -> dict[str, Draw]:
    """Give each experiment its own draws: the released scripts are programs of their own."""
    return {name: Draw(protocol, seed) for name in _STREAMS}


def _modes(
    mask: Mask,
    parts: Regions,
    predict: Predict,
    protocol: Protocol,
    draw: Draw,
    keys: tuple[str, str],
    kinds: Collection[str],
) -> Iterator[Answer]:
    """The modes of these kinds of prompt, each with both choices of mask."""
    for mode in (mode for mode in MODES if KINDS[mode] in kinds):
        prompt = mode_prompt(mask, mode, protocol, draw, keys, parts)
        predictions = predict(prompt)
        for choice in CHOICES:
            yield (
                mode,
                choice,
                prompt,
                choose(predictions, mask, choice, protocol, parts[:MAX_REGIONS]),
                predictions,
            )


def _clicks(
    sample: Sample,
    mask: Mask,
    predict: Predict,
    protocol: Protocol,
    draws: dict[str, Draw],
    keys: tuple[str, str],
) -> Iterator[Answer]:
    """Algorithm 1 twice: the error map of the top mask, and of the oracle's."""
    for choice in CHOICES:
        clicks: Prompt | None = None
        chosen: Chosen | None = None
        predictions: list[Prediction] = []
        for k in range(1, MAX_CLICKS + 1):
            following = next_click(
                mask,
                None if chosen is None else chosen.mask,
                clicks,
                protocol,
                draws[f"clicks/{choice}"],
                keys,
                sample.any_object,
            )
            # No error is left to click on: the last answer stands for the clicks that remain.
            if following is not None:
                clicks = following
                predictions = predict(clicks)
                chosen = choose(predictions, mask, choice, protocol)
            assert clicks is not None
            assert chosen is not None
            yield k, choice, clicks, chosen, predictions


def _each_mask(
    mask: Mask,
    parts: Regions,
    predict: Predict,
    protocol: Protocol,
    draw: Draw,
    keys: tuple[str, str],
) -> Iterator[Answer]:
    """Every mask that one point (mode 1) gives, in the model's own order."""
    prompt = mode_prompt(mask, 1, protocol, draw, keys, parts)
    predictions = predict(prompt)
    for place, (one, score) in enumerate(
        zip(predictions[0].masks, predictions[0].scores, strict=True), 1
    ):
        yield place, None, prompt, Chosen(one, float(score)), predictions


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


def scorer(
    sample: Sample, task: str, protocol: Protocol, *, surface: bool = True
) -> Callable[[Mask], Row]:
    """Score predictions of an object: ``iou, dice`` and, where a pixel has a size, ``nsd, hd95``.

    Each distinct prediction is measured once, as many of the rows of a case share their mask:
    modes 1 and 2 of an object of one region, and clicks after the last error.
    """
    mask, known = sample.masks[task], dict[bytes, Row]()

    def score(prediction: Mask) -> Row:
        key = np.packbits(prediction).tobytes()
        if key not in known:
            known[key] = {
                "iou": iou(prediction, mask, empty=protocol.empty_union),
                "dice": dice(prediction, mask, empty=protocol.empty_union),
            }
            if surface and sample.spacing is not None:
                # Nothing found is an NSD of 0, which counts in means, but is at no distance.
                found = surface_metrics(prediction, mask, sample.spacing)
                hd95 = None if math.isnan(found.hd95) else found.hd95
                known[key] |= {"nsd": found.nsd, "hd95": hd95}
        return known[key]

    return score


def evaluate(
    sample: Sample,
    task: str,
    predict: Predict,
    protocol: Protocol = PROTOCOLS["paper"],
    draws: dict[str, Draw] | None = None,
    *,
    experiments: Collection[str] = EXPERIMENTS,
    kinds: Collection[str] = ("points", "box"),
    surface: bool = True,
    masks: MaskPolicy = "chosen",
) -> list[Row]:
    """All rows of one image for one task: five modes and nine clicks, top and oracle.

    The rows of ``ambiguity`` are those of each mask that one point gives, without NSD and HD95.

    Parameters
    ----------
    sample : Sample
    task : str
        One of ``sample.masks``.
    predict : callable
        Prompt to predictions (one a box), from one embedding of ``sample.image``.
    protocol : Protocol
    draws : dict of Draw, optional
        Where ties are decided; by default new ones with seed :data:`medsam.protocol.SEED`.
    experiments : collection of str
        Only these, of :data:`medsam.protocol.EXPERIMENTS`.
    kinds : collection of str
        Only modes whose prompts are of these kinds, of ``"points"`` and ``"box"``.
    surface : bool
        Measure NSD (at :data:`medsam.metrics.TOLERANCE`) and HD95 where the sample has a
        spacing.
    masks : {"chosen", "all", "none"}
        Keep in each row the mask that it scores; or every mask of its prompt as well; or none.

    Returns
    -------
    list of dict
        Without the columns that name dataset and model, and without ``nsd`` and ``hd95``
        where they are not measured. An object without a pixel gives one row an experiment with
        ``status="empty"``. A prediction without a pixel has an NSD of 0 and no HD95.
    """
    mask = sample.masks[task]
    common, parts = object_columns(sample, task, protocol)
    if not parts:
        return [common | {"experiment": name} for name in experiments]
    draws = draws or streams(protocol, SEED)
    keys = (task, sample.id)
    answers: dict[str, Iterator[Answer]] = {}
    if "mode" in experiments:
        answers["mode"] = _modes(mask, parts, predict, protocol, draws["mode"], keys, kinds)
    if "clicks" in experiments and "points" in kinds:
        answers["clicks"] = _clicks(sample, mask, predict, protocol, draws, keys)
    if "ambiguity" in experiments and "points" in kinds:
        draw = draws["ambiguity"]
        answers["ambiguity"] = _each_mask(mask, parts, predict, protocol, draw, keys)
    score = scorer(sample, task, protocol, surface=surface)
    without = scorer(sample, task, protocol, surface=False)
    return [
        common
        | {"experiment": experiment, "k": k, "choice": choice}
        | {"score": chosen.score, "prompt": prompt.to_json()}
        | (without if experiment == "ambiguity" else score)(chosen.mask)
        | mask_columns(chosen.mask, predictions, masks)
        for experiment, of_experiment in answers.items()
        for k, choice, prompt, chosen, predictions in of_experiment
    ]


def mask_columns(mask: Mask, predictions: Sequence[Prediction], masks: MaskPolicy) -> Row:
    """Columns of the masks that a row keeps: the one that it scores, and all of its prompt."""
    if masks == "none":
        return {}
    row: Row = {"mask": encode(mask)}
    if masks == "all":
        of_prompt = [encode(one) for prediction in predictions for one in prediction.masks]
        row["masks"] = " ".join(of_prompt)
    return row
