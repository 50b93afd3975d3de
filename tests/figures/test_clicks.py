"""Fig. 5 and 17: IoU by clicks; what is drawn equals the table."""

import numpy as np
import pytest

from medsam import figures
from medsam.analysis import published

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
