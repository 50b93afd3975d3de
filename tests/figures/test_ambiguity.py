"""Fig. 7: masks by confidence; what is drawn is what the tables say."""

import numpy as np
import pandas as pd

from medsam import figures
from medsam.figures.ambiguity import ambiguity_ranks

RUN = figures.Source.run("square on toys, protocol paper")


MEASURES = ("best", "iou", "spread", "contrast", "connected", "grown")

AGAINST = ("doublings", "contains")


def told(shift=0.0):
    rows = [(m, r, 0.1 * r + shift, 0.05, 0.6, 9) for m in MEASURES for r in (1, 2, 3)]
    rows += [(m, r, 0.2 * r + shift, 0.1, 0.9, 8) for m in AGAINST for r in (2, 3)]
    return pd.DataFrame(rows, columns=["measure", "rank", "mean", "low", "high", "n"])


def test_lines_are_the_tables():
    by_task = pd.concat([told(0.1).assign(task="a"), told(-0.1).assign(task="b")])
    figure = ambiguity_ranks(told(), by_task, source=RUN)
    drawn = {line.get_label(): line.get_ydata() for axes in figure.axes for line in axes.lines}
    np.testing.assert_allclose(drawn["iou"], [0.1, 0.2, 0.3])
    # The first mask has the area of itself, and is part of itself.
    np.testing.assert_allclose(drawn["doublings"], [0, 0.4, 0.6])
    np.testing.assert_allclose(drawn["contains"], [1, 0.4, 0.6])
    (axes,) = [a for a in figure.axes if a.get_title(loc="left").startswith("IoU with the object")]
    grey = [line for line in axes.lines if line.get_color() == "#BBBBBB"]
    np.testing.assert_allclose([line.get_ydata()[0] for line in grey], [0.2, 0.0])
