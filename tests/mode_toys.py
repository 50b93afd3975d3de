"""An object of two regions, prompted in five ways by hand, for the tests of the mode switcher."""

from __future__ import annotations

import numpy as np

from medsam.analysis.examples import Example
from medsam.metrics import dice, iou
from medsam.prompts import mode_prompt

SIZE = (12, 16)


def area(*blocks: tuple[int, int, int, int]) -> np.ndarray:
    """Some blocks: first row, last row, first column, last column, all inside."""
    mask = np.zeros(SIZE, bool)
    for top, bottom, left, right in blocks:
        mask[top : bottom + 1, left : right + 1] = True
    return mask


LARGE, SMALL = (2, 6, 2, 5), (7, 9, 10, 13)
OBJECT = area(LARGE, SMALL)  # 20 + 12 pixels

PREDICTIONS = {
    (1, "top"): area((2, 6, 0, 9)),  # 20 of 50 + 12
    (1, "oracle"): area(LARGE),  # 20 of 32
    (2, "top"): area(LARGE, (7, 9, 8, 13)),  # 32 of 38
    (2, "oracle"): OBJECT,
    (3, "top"): area(LARGE),
    (3, "oracle"): area(LARGE),
    (4, "top"): OBJECT,
    (4, "oracle"): OBJECT,
    (5, "top"): area((2, 9, 2, 13)),  # 32 of 96
    (5, "oracle"): area(LARGE, (2, 9, 10, 13)),  # 32 of 52
}
IOUS = {
    "top": [0.3226, 0.8421, 0.625, 1.0, 0.3333],
    "oracle": [0.625, 1.0, 0.625, 1.0, 0.6154],
}
"""Of the modes in order."""


def slot(task: str = "liver", percentile: int = 50, **changes) -> list[Example]:
    """One image in all modes and choices of mask; another percentile is another image."""
    shift = (percentile - 50) // 25
    mask = np.roll(OBJECT, shift, axis=1)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    grey = np.uint8(30 + 5 * x + 3 * y + 90 * mask)
    made = []
    for (k, choice), prediction in PREDICTIONS.items():
        moved = np.roll(prediction, shift, axis=1)
        values = {
            "task": task,
            "image_id": f"{task}-{percentile}",
            "model": "square",
            "protocol": "paper",
            "choice": choice,
            "k": k,
            "percentile": percentile,
            "image": np.repeat(grey[..., None], 3, axis=2),
            "mask": mask,
            "prediction": moved,
            "prompt": mode_prompt(mask, k),
            "iou": iou(mask, moved),
            "dice": dice(mask, moved),
            "score": 0.75,
        }
        made.append(Example(**values | changes))
    return made
