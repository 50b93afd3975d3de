"""Four objects by hand, and what a model made of some, for the tests of the size scatter."""

from __future__ import annotations

import numpy as np
import pandas as pd

from medsam.analysis.examples import Example
from medsam.metrics import dice, iou
from medsam.prompts import mode_prompt

PX = {"a": 4, "b": 16, "c": 100, "d": 400}
"""Pixels of the object of each image, of 20 x 20; a and b are livers, c and d spleens."""
SHIFT = {"top": 2, "oracle": 1}
"""Columns by which the mask of each choice is beside the object."""


def square(image: str) -> np.ndarray:
    side = int(PX[image] ** 0.5)
    mask = np.zeros((20, 20), bool)
    at = 4 if side < 16 else 0
    mask[at : at + side, at : at + side] = True
    return mask


def found(choice: str = "top") -> pd.DataFrame:
    """Mode 2 rises with size, mode 4 falls; the oracle is better by 0.1."""
    rows = [
        {
            "dataset": "d",
            "task": "liver" if image < "c" else "spleen",
            "name": "Liver" if image < "c" else "Spleen",
            "modality": "CT",
            "image": image,
            "group": image,
            "object_px": px,
            "size": px / 400,
            "k": k,
            "iou": (0.2 * n if k == 2 else 0.8 - 0.2 * n) + 0.1 * (choice == "oracle"),
        }
        for k in (2, 4)
        for n, (image, px) in enumerate(PX.items())
    ]
    return pd.DataFrame(rows)


def example(image: str = "b", k: int = 2, choice: str = "top", **changes) -> Example:
    mask = square(image)
    prediction = np.roll(mask, SHIFT[choice], 1)
    y, x = np.mgrid[:20, :20]
    values = {
        "task": "liver" if image < "c" else "spleen",
        "image_id": image,
        "model": "square",
        "protocol": "paper",
        "choice": choice,
        "k": k,
        "percentile": 0,
        "image": np.repeat(np.uint8(60 + 4 * x + 3 * y)[..., None], 3, axis=2),
        "mask": mask,
        "prediction": prediction,
        "prompt": mode_prompt(mask, k),
        "iou": iou(prediction, mask),
        "dice": dice(prediction, mask),
        "score": 0.5,
    }
    return Example(**values | changes)


def examples() -> list[Example]:
    """The objects b and c, with every mode and choice."""
    return [example(i, k, c) for i in ("b", "c") for k in (2, 4) for c in SHIFT]
