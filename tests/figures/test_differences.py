"""Text against code, as figures: what they show equals the table."""

import numpy as np
import pandas as pd
import pytest

from medsam.analysis.variants import differences
from medsam.errors import InputError
from medsam.figures import Source
from medsam.figures.variants import differences_by_task, differences_forest, differences_list

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
def test_differences_forest():
    return differences_forest(effects(), source=RUN)


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


def test_errors():
    with pytest.raises(InputError, match="Allowed: at least one row, with columns field, title"):
        differences_forest(effects().drop(columns="low"), source=RUN)
    with pytest.raises(InputError, match="0 rows"):
        differences_by_task(by_task(), source=RUN, choice="best")
