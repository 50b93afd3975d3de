"""Small cases by hand for the tests of the widgets."""

from __future__ import annotations

import numpy as np
import pandas as pd
from toys import SquareModel

from medsam.analysis.examples import Example
from medsam.datasets.sample import Sample
from medsam.metrics import dice, iou
from medsam.models.contract import Predictor
from medsam.prompts import Prompt, mode_prompt
from medsam.study.evaluate import evaluate


def area(*blocks: tuple[int, int, int, int], size=(12, 16)) -> np.ndarray:
    """Some blocks: first row, last row, first column, last column, all inside."""
    mask = np.zeros(size, bool)
    for top, bottom, left, right in blocks:
        mask[top : bottom + 1, left : right + 1] = True
    return mask


def example(task, image_id, k, mask, prediction, prompt, /, **changes) -> Example:
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    grey = np.uint8(30 + 5 * x + 3 * y + 90 * mask)
    values = {
        "task": task,
        "image_id": image_id,
        "model": "square",
        "protocol": "paper",
        "choice": "top",
        "k": k,
        "percentile": 50,
        "image": np.repeat(grey[..., None], 3, axis=2),
        "mask": mask,
        "prediction": prediction,
        "prompt": prompt,
        "iou": iou(mask, prediction),
        "dice": dice(mask, prediction),
        "score": 0.75,
    }
    return Example(**values | changes)


# ------------------------------------------------- modes: an object of two regions
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


def in_modes(task="liver", percentile=50, choices=("top", "oracle"), **changes) -> list[Example]:
    """One image in all modes and choices of mask; another percentile is another image."""
    shift = (percentile - 50) // 25
    mask = np.roll(OBJECT, shift, axis=1)
    given = {"percentile": percentile} | changes
    return [
        example(
            task,
            f"{task}-{percentile}",
            k,
            mask,
            np.roll(prediction, shift, axis=1),
            mode_prompt(mask, k),
            **{"choice": choice} | given,
        )
        for (k, choice), prediction in PREDICTIONS.items()
        if choice in choices
    ]


# ------------------------------------------------------------------------- clicks
POINTS, LABELS = [[5, 4], [12, 9], [8, 3]], [1, 0, 1]
CLICKED = [area((2, 6, *columns)) for columns in ((5, 14), (5, 8), (4, 9))]
"""The object is columns 4 to 9: 5 pixels missed and 25 surplus; 10 missed; none."""


def in_clicks(task="liver", steps=3, **changes) -> list[Example]:
    """The first clicks on one image."""
    return [
        example(
            task, f"{task}-7", k, CLICKED[2], CLICKED[k - 1], Prompt(POINTS[:k], LABELS[:k]),
            **changes,
        )
        for k in range(1, steps + 1)
    ]  # fmt: skip


# -------------------------------------------------------------------------- sizes
PX = {"a": 4, "b": 16, "c": 100, "d": 400}
"""Pixels of the object of each image, of 20 x 20; a and b are livers, c and d spleens."""
SHIFT = {"top": 2, "oracle": 1}
"""Columns by which the mask of each choice is beside the object."""


def square(image: str) -> np.ndarray:
    side = int(PX[image] ** 0.5)
    at = 4 if side < 16 else 0
    return area((at, at + side - 1, at, at + side - 1), size=(20, 20))


def sized_rows(choice="top") -> pd.DataFrame:
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


def sized(image="b", k=2, choice="top", **changes) -> Example:
    mask, task = square(image), "liver" if image < "c" else "spleen"
    prediction = np.roll(mask, SHIFT[choice], 1)
    return example(
        task, image, k, mask, prediction, mode_prompt(mask, k), **{"choice": choice} | changes
    )


def all_sized() -> tuple[dict[str, pd.DataFrame], list[Example]]:
    """Rows of both choices, and the objects b and c with every mode and choice."""
    shown = [sized(i, k, c) for i in ("b", "c") for k in (2, 4) for c in SHIFT]
    return {choice: sized_rows(choice) for choice in SHIFT}, shown


# --------------------------------------------------------------------------- live


def sample(name="one", size=(60, 50), shift=0) -> Sample:
    """Two objects on a dark ground, one of them without a pixel where shift is 1."""
    y, x = np.mgrid[: size[0], : size[1]]
    disc = np.hypot(x - 20 - shift, y - 25) < 8
    bar = (abs(x - 38) < 3) & (abs(y - 40) < 9) & (shift != 1)
    image = np.repeat(np.uint8(20 + 150 * disc + 90 * bar)[..., None], 3, axis=2)
    return Sample(name, name, image, {"disc": disc, "bar": bar})


def rows_of(samples) -> pd.DataFrame:
    """Rows of the square model."""
    model = SquareModel()
    return pd.DataFrame(
        row | {"group": None}
        for one in samples
        for task in one.masks
        for row in evaluate(one, task, Predictor(model, one.image), surface=False)
    )


def decoded(runs: str, size) -> np.ndarray:
    """The mask of run lengths in a widget's state."""
    lengths = np.array(runs.split(), int)
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(size)


def mask_of(widget, case, name) -> np.ndarray:
    """The mask ``truth`` or ``prediction`` of a case in a widget's state."""
    return decoded(widget.masks[case[name]], case["size"])
