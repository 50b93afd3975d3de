"""Example cases: which images stand at a percentile, with their masks drawn again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medsam.prompts import Prompt

__all__ = ["Example"]


@dataclass(frozen=True)
class Example:
    """One case as a reader looks at it.

    Attributes
    ----------
    task, image_id, model, protocol, choice : str
        As in the columns of the results (``image_id`` is the column ``image``).
    k : int
        Mode 1 to 5.
    percentile : int
        25, 50 or 75: where the case stands among the IoUs of its task and mode.
    image : (H, W, 3) uint8
    mask, prediction : (H, W) bool
        The object, and what the model made of the prompt.
    prompt : Prompt
    iou, dice, score : float
    """

    task: str
    image_id: str
    model: str
    protocol: str
    choice: str
    k: int
    percentile: int
    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    prediction: NDArray[np.bool_]
    prompt: Prompt
    iou: float
    dice: float
    score: float
