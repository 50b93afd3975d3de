"""All rows of one image for one task, from one embedding."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np

from medsam.choice import CHOICES, Choice, Chosen, choose
from medsam.datasets.sample import Sample
from medsam.draws import Draw
from medsam.metrics import dice, iou
from medsam.models.contract import Prediction
from medsam.predictions import Predictor
from medsam.prompts import KINDS, MAX_REGIONS, MODES, Prompt, mode_prompt, next_click
from medsam.protocol import PROTOCOLS, Protocol
from medsam.regions import Mask, Regions, regions
from medsam.surface import TOLERANCE, measure

__all__ = ["EXPERIMENTS", "MAX_CLICKS", "SEED", "Predictor", "Row", "evaluate", "streams"]

Row = dict[str, Any]
Predict = Callable[[Prompt], list[Prediction]]
Answer = tuple[int, Choice, Prompt, Chosen]

MAX_CLICKS = 9
"""Clicks of Algorithm 1 (section 3.3, Fig. 5)."""
SEED = 1
"""The released scripts' seed."""
EXPERIMENTS = ("mode", "clicks")
"""What can be computed for a case: the five modes, and one to nine clicks."""

_STREAMS = ("mode", "clicks/top", "clicks/oracle")


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
                chosen = choose(predict(clicks), mask, choice, protocol)
            assert clicks is not None
            assert chosen is not None
            yield k, choice, clicks, chosen


def _surfaces(sample: Sample, mask: Mask) -> Callable[[Mask], Row]:
    """Measure ``nsd`` and ``hd95`` of predictions, each distinct prediction once.

    Many of the rows of a case share their mask: modes 1 and 2 of an object of one region, and
    clicks after the last error.
    """
    known: dict[bytes, Row] = {}

    def of(prediction: Mask) -> Row:
        if sample.spacing is None:
            return {}
        key = np.packbits(prediction).tobytes()
        if key not in known:
            # Nothing found is an NSD of 0, which counts in means, but is at no distance.
            found = measure(
                prediction, mask, sample.spacing, tolerance=TOLERANCE, one_empty="missed"
            )
            hd95 = None if math.isnan(found.hd95) else found.hd95
            known[key] = {"nsd": found.nsd, "hd95": hd95}
        return known[key]

    return of


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
) -> list[Row]:
    """All rows of one image for one task: five modes and nine clicks, top and oracle.

    Parameters
    ----------
    sample : Sample
    task : str
        One of ``sample.masks``.
    predict : callable
        Prompt to predictions (one a box), from one embedding of ``sample.image``.
    protocol : Protocol
    draws : dict of Draw, optional
        Where ties are decided; by default new ones with seed :data:`SEED`.
    experiments : collection of str
        Only these, of :data:`EXPERIMENTS`.
    kinds : collection of str
        Only modes whose prompts are of these kinds, of ``"points"`` and ``"box"``.
    surface : bool
        Measure NSD (at :data:`medsam.surface.TOLERANCE`) and HD95 where the sample has a
        spacing.

    Returns
    -------
    list of dict
        Without the columns that name dataset and model, and without ``nsd`` and ``hd95``
        where they are not measured. An object without a pixel gives one row with
        ``status="empty"``. A prediction without a pixel has an NSD of 0 and no HD95.
    """
    mask = sample.masks[task]
    height, width = mask.shape
    common: Row = {
        "task": task,
        "image": sample.id,
        "group": sample.group,
        "object_px": int(np.count_nonzero(mask)),
        "height": height,
        "width": width,
        "protocol": protocol.name,
    }
    if not common["object_px"]:
        reason = f"the mask of {task} has no pixel on this image"
        return [common | {"n_regions": 0, "status": "empty", "reason": reason}]
    draws = draws or streams(protocol, SEED)
    parts = regions(mask, protocol)
    common |= {"n_regions": len(parts), "status": "ok"}
    keys = (task, sample.id)
    answers = {
        "mode": _modes(mask, parts, predict, protocol, draws["mode"], keys, kinds),
        "clicks": _clicks(sample, mask, predict, protocol, draws, keys),
    }
    distances = _surfaces(sample, mask) if surface else lambda _: {}
    rows: list[Row] = []
    if "points" not in kinds:
        del answers["clicks"]
    for experiment in (name for name in answers if name in experiments):
        for k, choice, prompt, chosen in answers[experiment]:
            rows.append(
                common
                | {
                    "experiment": experiment,
                    "k": k,
                    "choice": choice,
                    "iou": iou(chosen.mask, mask, empty=protocol.empty_union),
                    "dice": dice(chosen.mask, mask, empty=protocol.empty_union),
                    "score": chosen.score,
                    "prompt": prompt.to_json(),
                }
                | distances(chosen.mask)
            )
    return rows
