"""Clicks by hand on tiny cases, for the tests of the click stepper."""

from __future__ import annotations

import numpy as np

from medsam.analysis.examples import Example
from medsam.metrics import dice, iou
from medsam.prompts import Prompt

SIZE = (12, 16)
POINTS = [[5, 4], [12, 9], [8, 3]]
LABELS = [1, 0, 1]


def columns(first: int, last: int) -> np.ndarray:
    """Rows 2 to 6 of some columns, both ends inside."""
    mask = np.zeros(SIZE, bool)
    mask[2:7, first : last + 1] = True
    return mask


PREDICTIONS = [columns(5, 14), columns(5, 8), columns(4, 9)]
"""The object is columns 4 to 9: 5 px missed and 25 surplus; 10 missed; none."""


def case(task: str = "liver", steps: int = 3, **changes) -> list[Example]:
    """The first clicks on one image."""
    mask = columns(4, 9)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    grey = np.uint8(30 + 5 * x + 3 * y + 90 * mask)
    made = []
    for k in range(1, steps + 1):
        prediction = PREDICTIONS[k - 1]
        values = {
            "task": task,
            "image_id": f"{task}-7",
            "model": "square",
            "protocol": "paper",
            "choice": "top",
            "k": k,
            "percentile": 50,
            "image": np.repeat(grey[..., None], 3, axis=2),
            "mask": mask,
            "prediction": prediction,
            "prompt": Prompt(POINTS[:k], LABELS[:k]),
            "iou": iou(mask, prediction),
            "dice": dice(mask, prediction),
            "score": 0.5,
        }
        made.append(Example(**values | changes))
    return made
