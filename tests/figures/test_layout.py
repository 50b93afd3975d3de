"""Labels that stand apart."""

import numpy as np

from medsam.figures.layout import spread


def test_labels_stand_apart():
    placed = spread([0.61, 0.62, 0.6, 0.9], 0.05)
    assert min(np.diff(sorted(placed))) >= 0.05 - 1e-4
    assert np.argsort(placed).tolist() == [2, 0, 1, 3]
    assert placed[3] == 0.9
