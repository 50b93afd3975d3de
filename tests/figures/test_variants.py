"""Text against code, and noise on prompts, as figures: what they show equals the table."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from medsam.analysis.variants import differences
from medsam.figures import Source
from medsam.figures.variants import (
    differences_by_task,
    differences_forest,
    differences_list,
    noise_by_task,
    noise_curves,
    noise_prompts,
)
from medsam.prompts import Prompt

RUN = Source.run("square on toys, 1 of 4 images, n = 12 images")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})

PANELS = [*(("mode", k) for k in range(1, 6)), ("clicks", 1), ("clicks", 9)]

FIELDS = {"top": "Which of the three masks is scored", "random": "Draws", "all": "all of released"}


def effects():
    """Each field has another effect in each panel; the draws change nothing in modes 3 to 5."""
    rows = []
    for f, (field, title) in enumerate(FIELDS.items()):
        for p, (experiment, k) in enumerate(PANELS):
            for choice in ("top", "oracle"):
                none = field == "random" and experiment == "mode" and k > 2
                delta = 0.0 if none else (-1) ** p * 0.02 * (f + 1) + 0.01 * (choice == "top")
                width = 0.0 if none else 0.01 + 0.002 * p
                rows.append(
                    {
                        "field": field, "title": title, "experiment": experiment, "k": k,
                        "choice": choice, "delta": delta, "low": delta - width,
                        "high": delta + width, "changed": 0.0 if none else 0.5,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def by_task():
    rows = []
    for t, name in enumerate(("Large", "Small", "Middle")):
        for p, (experiment, k) in enumerate(PANELS):
            for choice in ("top", "oracle"):
                delta = 0.06 * (t - 1) * (p - 3)
                rows.append(
                    {
                        "task": name.lower(), "name": name, "experiment": experiment, "k": k,
                        "choice": choice, "base": 0.5, "variant": 0.5 + delta, "delta": delta,
                        "low": delta - 0.02, "high": delta + 0.03,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


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
    ends = {tuple(np.round(line.get_xdata(), 6)) for line in lines if line.get_marker() == "None"}
    assert {(round(r.low, 6), round(r.high, 6)) for r in part.itertuples()} <= ends


def test_what_changes_nothing_is_a_cross():
    figure = differences_forest(effects(), source=RUN)
    crosses = {
        axes.get_title(): sum(line.get_marker() == "x" for line in axes.lines)
        for axes in figure.axes
    }
    assert crosses["mode 3"] == 2
    assert crosses["mode 1"] == 0


def test_cells_are_the_table():
    figure = differences_by_task(by_task(), source=RUN, choice="oracle")
    (axes,) = figure.axes
    words = [text.get_text() for text in axes.texts]
    assert words[:4] == ["+0.18", "+0.16 to +0.21", "0.50 → 0.68", "+0.12"]
    assert len(words) == 3 * 3 * 7
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Large", "Small", "Middle"]
    np.testing.assert_allclose(axes.images[0].get_array()[0], -0.06 * (np.arange(7) - 3))


def test_each_difference_in_words_with_its_numbers():
    html = differences_list(differences(), effects())._repr_html_()
    assert html.count("<section") == html.count("<h3>") == len(differences())
    top = html[html.index("difference-top") : html.index("difference-boxes")]
    assert "mode 1 +0.030 (+0.020 to +0.040); mode 1, oracle +0.020" in top
    draws = html[html.index("difference-random") : html.index("difference-region_ties")]
    assert "mode 2, oracle −0.040" in draws
    assert "mode 3" not in draws
    assert "not run; it affects CT and PET only." in html
    tiny = effects()
    tiny[["delta", "low", "high"]] /= 1000
    told = differences_list(differences()[:1], tiny)._repr_html_()
    assert (
        "Measured:</strong> less than 0.0005 in mode 1 and in mode 1, oracle and in mode 2" in told
    )
    still = effects().assign(changed=0.0)
    assert "no case changes. It could affect modes and clicks" in (
        differences_list(differences()[:1], still)._repr_html_()
    )


LEVELS = (0.0, 0.1, 0.2, 0.5)


def curve(start, slope):
    return [
        {
            "k": k, "choice": choice, "level": level,
            "variant": start + 0.05 * k - slope * k * level,
            "delta": -slope * k * level, "low": -slope * k * level * 1.3,
            "high": -slope * k * level * 0.7, "cases": 10 + k,
        }
        for k in range(1, 6)
        for choice in ("top", "oracle")
        for level in LEVELS
    ]  # fmt: skip


def noise_of_tasks(n=5):
    rows = [
        row | {"task": f"t{t}", "name": f"Task {t}"}
        for t in range(n)
        for row in curve(0.3 + 0.07 * t, 0.03 + 0.02 * t)
    ]
    return pd.DataFrame(rows)


def test_lines_are_the_table():
    table = pd.DataFrame(curve(0.4, 0.1))
    left, right = noise_curves(table, source=RUN).axes
    drawn = {line.get_label(): line.get_ydata() for line in left.lines}
    for (k, choice), part in table.groupby(["k", "choice"]):
        np.testing.assert_array_equal(drawn[f"{choice} {k}"], part.variant)
    changes = [line.get_ydata() for line in right.lines if len(line.get_xdata()) == len(LEVELS)]
    for k, change in enumerate(changes, 1):
        wanted = table[(table.k == k) & (table.choice == "top")].delta
        np.testing.assert_array_equal(change, wanted)
    assert len(right.collections) == 5


def test_panels_are_the_tasks():
    figure = noise_by_task(noise_of_tasks(), source=RUN)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.lines]
    assert titles == [f"Task {t}" for t in range(5)]
    assert figure.axes[0].get_title(loc="right") == "n = 11"


def test_prompts_of_each_level():
    mask = np.zeros((50, 60), bool)
    mask[8:30, 6:34] = True
    image = np.repeat(np.uint8(60 + 60 * mask)[..., None], 3, axis=2)
    prompts = {
        level: (Prompt([[19 + 20 * level, 18]], [1]), Prompt(boxes=[[6 - 8 * level, 8, 33, 29]]))
        for level in LEVELS
    }
    figure = noise_prompts(image, mask, prompts)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["no noise", "level 0.1", "level 0.2", "level 0.5"]
    for axes, level in zip(figure.axes, LEVELS, strict=True):
        (star,) = [c for c in axes.collections if isinstance(c, PathCollection)]
        (box,) = axes.patches
        assert star.get_offsets()[0].tolist() == pytest.approx([19 + 20 * level, 18])
        assert box.get_x() == pytest.approx(6 - 8 * level - 0.5)
