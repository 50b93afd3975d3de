"""Small images for the tests of the live widgets."""

from __future__ import annotations

import numpy as np
import pandas as pd
from toys import SquareModel

from medsam.datasets.sample import Sample
from medsam.models.contract import Predictor
from medsam.study.evaluate import evaluate


def sample(name="one", size=(60, 50), shift=0):
    """Two objects on a dark ground, one of them without a pixel where shift is 1."""
    y, x = np.mgrid[: size[0], : size[1]]
    disc = np.hypot(x - 20 - shift, y - 25) < 8
    bar = (abs(x - 38) < 3) & (abs(y - 40) < 9) & (shift != 1)
    image = np.repeat(np.uint8(20 + 150 * disc + 90 * bar)[..., None], 3, axis=2)
    return Sample(name, name, image, {"disc": disc, "bar": bar})


class Boxes(SquareModel):
    name = "boxes"
    accepts = frozenset({"box"})


def rows_of(samples):
    model = SquareModel()
    return pd.DataFrame(
        row | {"group": None}
        for one in samples
        for task in one.masks
        for row in evaluate(one, task, Predictor(model, one.image), surface=False)
    )
