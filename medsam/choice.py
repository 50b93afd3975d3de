"""Which of a model's masks is scored: the most confident, or the oracle's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from medsam.errors import InputError
from medsam.metrics import iou
from medsam.models.contract import Prediction
from medsam.protocol import PROTOCOLS, Protocol
from medsam.regions import Mask

__all__ = ["CHOICES", "Choice", "Chosen", "choose"]

Choice = Literal["top", "oracle"]
CHOICES: tuple[Choice, ...] = get_args(Choice)


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
