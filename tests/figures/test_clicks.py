"""Fig. 5 and 17: IoU by clicks; what is drawn equals the table."""

import numpy as np
import pytest

from medsam import figures
from medsam.analysis import published
from medsam.figures.style import MODELS

PUBLISHED = figures.Source.published("SAM ViT-H, 28 tasks")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})


def sam():
    return published.clicks().query("model == 'SAM'")


@golden
def test_clicks_by_task():
    return figures.clicks_by_task(sam(), source=PUBLISHED)


def test_lines_are_the_averages():
    table = published.click_averages()
    figure = figures.clicks_average(table, source=PUBLISHED)
    for line in figure.axes[0].lines:
        wanted = table[table.model == line.get_label()].sort_values("k").iou
        np.testing.assert_array_equal(line.get_ydata(), wanted)
    assert len(figure.axes[0].lines) == 5


def test_lines_of_several_models_are_the_table():
    table = published.clicks().query("model != 'SAM (oracle)'")
    figure = figures.clicks_by_task(table, source=PUBLISHED)
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes if axes.lines}
    assert len(panels) == 28
    for name, axes in panels.items():
        assert axes.get_title(loc="right") == ""
        assert len(axes.lines) == 4
        for line in axes.lines:
            model = line.get_label().removesuffix(" top")
            wanted = table[(table.name == name) & (table.model == model)].sort_values("k").iou
            np.testing.assert_array_equal(line.get_ydata(), wanted)
            assert line.get_color() == MODELS[model]
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == list(dict.fromkeys(table.model))


def test_no_line_leaves_the_axes():
    table = published.click_averages().assign(iou=0.99)
    figure = figures.clicks_average(table, source=PUBLISHED, reference={"box": 1.0})
    assert figure.axes[0].get_ylim()[1] > 1
