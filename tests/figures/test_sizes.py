"""Fig. 8: what is drawn equals the table, for few tasks and for as many as the paper has."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from size_toys import objects

from medsam.analysis import sizes
from medsam.figures import Source
from medsam.figures.sizes import correlations, size_and_iou, size_correlations, size_within

RUN = Source.run("square on toys, protocol paper")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})


@golden
def test_size_and_iou():
    return size_and_iou(objects(), source=RUN)


def test_the_bottom_is_the_means_and_their_line():
    found = objects()
    table, told = sizes.means(found), sizes.between(sizes.means(found)).set_index("k")
    for axes, k in zip(size_and_iou(found, source=RUN).axes[1:], (2, 4), strict=True):
        (dots,) = [c for c in axes.collections if c.get_label() == "tasks"]
        part = table[table.k == k]
        np.testing.assert_array_equal(dots.get_offsets(), part[["size", "iou"]])
        numbers = [int(text.get_text()) for text in axes.texts if text.get_text().isdigit()]
        assert numbers == part["rank"].tolist()
        lines = {line.get_label(): line for line in axes.lines}
        x, y = lines["line"].get_data()
        np.testing.assert_allclose(y, told.intercept[k] + told.slope[k] * np.log10(x))
        floor = lines["whole image"]
        np.testing.assert_array_equal(floor.get_xdata(), floor.get_ydata())
        (words,) = [text.get_text() for text in axes.texts if "Pearson" in text.get_text()]
        assert f"{told.r[k]:+.2f}".replace("-", "−") in words
        assert f"{told.rho[k]:+.2f}".replace("-", "−") in words


def test_panels_are_the_objects_of_a_task():
    found = objects(6)
    ranks = sizes.spread(found)
    told = sizes.within(found).set_index(["task", "k"])
    panels = [axes for axes in size_within(found, source=RUN).axes if axes.lines]
    assert [axes.get_title(loc="left") for axes in panels] == ranks["name"].tolist()
    for axes, task in zip(panels, ranks.task, strict=True):
        drawn = {line.get_label(): line for line in axes.lines}
        for k in (2, 4):
            part = found[(found.task == task) & (found.k == k)]
            np.testing.assert_array_equal(drawn[f"mode {k}"].get_xdata(), part["size"])
            np.testing.assert_array_equal(drawn[f"mode {k}"].get_ydata(), part.iou)
            right = f"{told.rho[task, k]:+.2f}".replace("-", "−")
            assert right in [text.get_text() for text in axes.texts]


def test_correlations_are_those_of_the_tables():
    found = objects(6)
    table = correlations(found)
    (axes,) = size_correlations(found, source=RUN).axes
    drawn = {line.get_label(): line for line in axes.lines}
    for (kind, k), part in table.groupby(["kind", "k"]):
        np.testing.assert_array_equal(drawn[f"{kind} {k}"].get_xdata(), part.value)
    spans = [c for c in axes.collections if isinstance(c, LineCollection)]
    low = sorted(s[0][0] for c in spans for s in c.get_segments())
    assert low == pytest.approx(sorted(table.low))
    pooled = sizes.pooled(sizes.within(found)).query("method == 'spearman'").set_index("k")
    assert table.query("kind == 'pooled'").set_index("k").value.to_dict() == pooled.value.to_dict()
