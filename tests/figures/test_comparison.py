"""Fig. 4: differences between models; what is drawn equals the table."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from medsam import figures
from medsam.analysis import comparison
from medsam.figures.style import MODELS

PUBLISHED = figures.Source.published("SAM ViT-H, 28 tasks; each method: 1 point")
RUN = figures.Source.run("square on toys, protocol paper")


def run():
    """Two methods in two settings, with intervals for one; the second setting lacks a task."""
    table = pd.DataFrame(
        {
            "setting": setting, "task": task, "name": f"Task {task}", "modality": "CT",
            "method": method, "reference": "minisam", "delta": sign * (0.1 * n - 0.05),
        }
        for setting, tasks in (("mode 3", "abc"), ("mode 4", "ab"))
        for n, task in enumerate(tasks)
        for method, sign in (("lite-medsam", 1), ("mine", -1))
    )  # fmt: skip
    mine = table.delta.where(table.method == "mine")
    return table.assign(low=mine - 0.04, high=mine + 0.06)


def drawn(axes):
    """Method and its differences, by task from bottom to top."""
    return {
        line.get_label(): line for line in axes.lines if not str(line.get_label()).startswith("_")
    }


@pytest.mark.parametrize("reference", comparison.REFERENCES)
def test_dots_are_the_table_ranked_by_the_largest(reference):
    table = comparison.of_published(reference)
    (axes,) = figures.comparison_ranked(table, source=PUBLISHED).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    largest = table.groupby("name").delta.max()
    assert names == largest.sort_values(kind="stable").index.tolist()
    assert set(drawn(axes)) == {"RITM", "SimpleClick", "FocalClick"}
    for method, line in drawn(axes).items():
        of_method = table[table.method == method].set_index("name").delta
        at = [names[round(y)] for y in line.get_ydata()]
        np.testing.assert_array_equal(line.get_xdata(), of_method[at])
        assert line.get_color() == MODELS[method]
    low, high = axes.get_xlim()
    assert low < table.delta.min() < 0 < table.delta.max() < high


def test_panels_share_tasks_in_the_order_of_the_first_setting():
    table = run()
    first, second = figures.comparison_ranked(table, source=RUN).axes
    assert [axes.get_title(loc="left") for axes in (first, second)] == ["mode 3", "mode 4"]
    assert len(drawn(second)["mine"].get_xdata()) == 2
    lines = [c.get_segments() for c in first.collections if isinstance(c, LineCollection)]
    ends = [line[:, 0].tolist() for line in lines[-1]]
    assert ends[0] == pytest.approx([0.01, 0.11])
