"""Fig. 9: masks of a grid and the best of them; what is drawn is what the tables say."""

import numpy as np
import pandas as pd

from medsam.figures import Source
from medsam.figures.everything import everything_sides

RUN = Source.run("toys")


def table():
    rows = [
        ("stem", "Brain stem", 0, 0.7, True), ("stem", "Brain stem", 32, 0.5, True),
        ("stem", "Brain stem", 64, 0.6, True), ("stem", "Brain stem", 128, 0.55, False),
        ("thal", "Thalamus", 0, 0.1, True), ("thal", "Thalamus", 32, 0.0, True),
        ("thal", "Thalamus", 64, 0.1, True), ("thal", "Thalamus", 128, 0.25, False),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["task", "name", "k", "iou", "here"])


def counts():
    rows = [("a", 32, 4, True), ("a", 64, 9, True), ("a", 128, 11, False)]
    return pd.DataFrame(rows, columns=["image", "k", "masks", "here"])


def test_lines_are_the_table():
    left, right = everything_sides(table(), counts(), source=RUN).axes
    drawn = {line.get_label(): line for line in left.lines}
    for name in ("Brain stem", "Thalamus"):
        part = table().query(f"name == '{name}' and k > 0")
        np.testing.assert_array_equal(drawn[name].get_xdata(), part.k)
        np.testing.assert_array_equal(drawn[name].get_ydata(), part.iou)
    np.testing.assert_allclose(drawn["mean of objects"].get_ydata(), [0.25, 0.35, 0.4])
    diamonds = [line for line in left.lines if line.get_marker() == "D"]
    assert [line.get_ydata().tolist() for line in diamonds] == [[0.7], [0.1]]
    np.testing.assert_array_equal(right.lines[0].get_ydata(), [4, 9, 11])
    (dots,) = right.collections
    hollow = [face.tolist() == [1, 1, 1, 1] for face in dots.get_facecolors()]
    assert hollow == [False, False, True]
