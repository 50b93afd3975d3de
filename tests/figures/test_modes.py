"""Fig. 2 and what was measured of modes: what is drawn equals the table."""

import numpy as np
import pandas as pd
import pytest

from medsam import figures
from medsam.analysis import published
from medsam.figures import Source
from medsam.figures.modes import beside_published
from medsam.figures.style import MODES

PUBLISHED = Source.published("SAM ViT-H, 28 tasks")
MEASURED = Source.measured("two models on toys")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})


@golden
def test_modes_ranked():
    return figures.modes_ranked(published.modes(), source=PUBLISHED)


@golden
def test_modes_box():
    return figures.modes_box(published.modes(), source=PUBLISHED)


def test_ranked_dots_are_the_table():
    table = published.modes()
    figure = figures.modes_ranked(table, source=PUBLISHED)
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    mode4 = table.query("mode == 4 and choice == 'top'").set_index("name").iou
    assert names[::-1] == mode4.sort_values(ascending=False, kind="stable").index.tolist()
    drawn = {line.get_label(): line.get_xdata() for line in axes.lines}
    for mode in MODES:
        for choice in ("top", "oracle"):
            wanted = table.query(f"mode == {mode} and choice == '{choice}'").set_index("name").iou
            np.testing.assert_array_equal(drawn[f"{choice} {mode}"], wanted[names])


def test_box_labels_are_the_means():
    figure = figures.modes_box(published.modes(), source=PUBLISHED)
    labels = [label.get_text().splitlines()[-1] for label in figure.axes[0].get_xticklabels()]
    assert labels == ["0.46 | 0.51", "0.48 | 0.51", "0.59 | 0.68", "0.65 | 0.74", "0.58 | 0.68"]


def beside():
    return pd.DataFrame(
        {
            "name": name, "modality": name[:2], "paper": "X", "mode": mode,
            "published": 0.9 - 0.1 * mode, "iou": 0.1 * mode, "low": low, "high": 0.6,
            "n": 9, "groups": 7,
        }
        for name, low in (("US: cord", 0.0), ("CT: spleen", 0.1))
        for mode in range(1, 6)
    )  # fmt: skip


def test_published_and_measured_are_told_apart():
    table = beside()
    figure = beside_published(table, sources=(PUBLISHED, MEASURED))
    for axes, (_, of_name) in zip(figure.axes, table.groupby("name", sort=False), strict=True):
        squares = next(line for line in axes.lines if line.get_marker() == "s")
        circles = next(line for line in axes.lines if line.get_marker() == "o")
        np.testing.assert_allclose(squares.get_ydata(), of_name.published)
        np.testing.assert_allclose(circles.get_ydata(), of_name.iou)
        assert (np.array(squares.get_xdata()) < np.array(circles.get_xdata())).all()
        (bars,) = axes.collections
        drawn = [path.vertices[:, 1].tolist() for path in bars.get_paths()]
        np.testing.assert_allclose(drawn, of_name[["low", "high"]])
