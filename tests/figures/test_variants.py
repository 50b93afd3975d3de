"""Text against code, and noise on prompts, as figures: what they show equals the table."""

import numpy as np
import pandas as pd
import pytest

from medsam.figures import Source
from medsam.figures.variants import (
    differences_by_task,
    differences_forest,
    noise_curves,
)

RUN = Source.run("square on toys, 1 of 4 images, n = 12 images")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})

PANELS = [*(("mode", k) for k in range(1, 6)), ("clicks", 1), ("clicks", 9)]

FIELDS = {"top": "Which of the three masks is scored", "random": "Draws", "all": "all of released"}


def effects():
    """Each field has another effect in each panel."""
    return pd.DataFrame(
        {
            "field": field, "title": title, "experiment": experiment, "k": k, "choice": choice,
            "delta": delta, "low": delta - 0.01, "high": delta + 0.02, "changed": 0.5,
        }
        for f, (field, title) in enumerate(FIELDS.items(), 1)
        for p, (experiment, k) in enumerate(PANELS)
        for choice, delta in (("top", (-1) ** p * 0.02 * f + 0.01), ("oracle", 0.02 * f))
    )  # fmt: skip


def by_task():
    return pd.DataFrame(
        {
            "task": name.lower(), "name": name, "experiment": experiment, "k": k,
            "choice": choice, "base": 0.5, "variant": 0.5 + delta, "delta": delta,
            "low": delta - 0.02, "high": delta + 0.03,
        }
        for t, name in enumerate(("Large", "Small", "Middle"))
        for p, (experiment, k) in enumerate(PANELS)
        for delta in (0.06 * (t - 1) * (p - 3),)
        for choice in ("top", "oracle")
    )  # fmt: skip


@golden
def test_differences_by_task():
    return differences_by_task(by_task(), source=RUN)


def test_the_dots_are_the_table():
    table = effects()
    panels = {axes.get_title(): axes for axes in differences_forest(table, source=RUN).axes}
    assert list(panels) == [*(f"mode {k}" for k in range(1, 6)), "1 click", "9 clicks"]
    part = table.query("experiment == 'mode' and k == 2 and choice == 'top'")
    lines = panels["mode 2"].lines
    dots = {
        round(float(x), 6) for line in lines if line.get_marker() == "o" for x in line.get_xdata()
    }
    assert dots == {round(delta, 6) for delta in part.delta}
    spans = panels["mode 2"].collections[0].get_segments()
    assert sorted(s[0][0] for s in spans) == pytest.approx(sorted(part.low))
    assert sorted(s[1][0] for s in spans) == pytest.approx(sorted(part.high))


def test_cells_are_the_table():
    figure = differences_by_task(by_task(), source=RUN, choice="oracle")
    (axes,) = figure.axes
    words = [text.get_text() for text in axes.texts]
    assert words[:3] == ["+0.18", "+0.16 to +0.21\n0.50 → 0.68", "+0.12"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Large", "Small", "Middle"]
    (mesh,) = axes.collections
    np.testing.assert_allclose(mesh.get_array()[0], -0.06 * (np.arange(7) - 3))


LEVELS = (0.0, 0.1, 0.2, 0.5)


def test_lines_are_the_table():
    table = pd.DataFrame(
        {
            "k": k, "choice": choice, "level": level, "variant": 0.4 + 0.05 * k + delta,
            "delta": delta, "low": 1.3 * delta, "high": 0.7 * delta, "cases": 10 + k,
        }
        for k in range(1, 6)
        for choice in ("top", "oracle")
        for level in LEVELS
        for delta in (-0.1 * k * level,)
    )  # fmt: skip
    left, right = noise_curves(table, source=RUN).axes
    drawn = {line.get_label(): line.get_ydata() for line in left.lines}
    for (k, choice), part in table.groupby(["k", "choice"]):
        np.testing.assert_array_equal(drawn[f"{choice} {k}"], part.variant)
    changes = [line.get_ydata() for line in right.lines if len(line.get_xdata()) == len(LEVELS)]
    for k, change in enumerate(changes, 1):
        wanted = table[(table.k == k) & (table.choice == "top")].delta
        np.testing.assert_array_equal(change, wanted)
    assert len(right.collections) == 5
