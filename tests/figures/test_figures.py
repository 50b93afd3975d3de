"""Figures: what they show equals the table, and how they look stays as it was."""

import io
import math
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from medsam import figures
from medsam.analysis import published
from medsam.analysis.examples import Example
from medsam.errors import InputError
from medsam.figures.clicks import _apart
from medsam.figures.overlay import edges, window
from medsam.figures.style import MODES, Picture
from medsam.prompts import Prompt, mode_prompt

PUBLISHED = figures.Source.published("SAM ViT-H, 28 tasks")
RUN = figures.Source.run("square on toys, protocol paper")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})


def parts():
    mask = np.zeros((50, 60), bool)
    mask[8:30, 6:24] = True
    mask[20:34, 36:52] = True
    mask[40:45, 10:16] = True
    return mask


def picture_of(mask):
    yy, xx = np.mgrid[: mask.shape[0], : mask.shape[1]]
    grey = np.uint8(60 + 60 * mask + (xx + yy) % 40)
    return np.repeat(grey[..., None], 3, axis=2)


def example(mode, percentile, **changes):
    mask = parts()
    values = {
        "task": "t", "image_id": f"i{percentile}", "model": "square", "protocol": "paper",
        "choice": "top", "k": mode, "percentile": percentile, "image": picture_of(mask),
        "mask": mask, "prediction": np.roll(mask, 2, 1), "prompt": mode_prompt(mask, mode),
        "iou": 0.5 + percentile / 1000, "dice": 0.6, "score": 0.7,
    }  # fmt: skip
    return Example(**(values | changes))


def slots():
    return [example(mode, p) for p in (25, 50, 75) for mode in (2, 4)]


def sam():
    return published.clicks().query("model == 'SAM'")


@golden
def test_modes_ranked():
    return figures.modes_ranked(published.modes(), source=PUBLISHED)


@golden
def test_modes_box():
    return figures.modes_box(published.modes(), source=PUBLISHED)


@golden
def test_modes_box_of_a_run():
    few = published.modes().query("modality == 'US'")
    return figures.modes_box(few, source=RUN)


@golden
def test_clicks_average():
    reference = {"box, mode 3": 0.589, "box, mode 4": 0.654}
    return figures.clicks_average(published.click_averages(), source=PUBLISHED, reference=reference)


@golden
def test_clicks_by_task():
    return figures.clicks_by_task(sam(), source=PUBLISHED)


@golden
def test_prompt_modes():
    mask = parts()
    return figures.prompt_modes(
        picture_of(mask), mask, {m: mode_prompt(mask, m) for m in MODES}, title="toy"
    )


@golden
def test_percentile_examples():
    return figures.percentile_examples(slots(), source=RUN, titles={"t": "Toy"})


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


def test_lines_are_the_averages():
    table = published.click_averages()
    figure = figures.clicks_average(table, source=PUBLISHED)
    for line in figure.axes[0].lines:
        wanted = table[table.model == line.get_label()].sort_values("k").iou
        np.testing.assert_array_equal(line.get_ydata(), wanted)
    assert len(figure.axes[0].lines) == 5


def test_panels_are_the_tasks():
    figure = figures.clicks_by_task(sam(), source=PUBLISHED)
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes if axes.lines}
    assert len(panels) == 28
    wanted = sam().query("name == 'US-Nerve'").sort_values("k").iou
    np.testing.assert_array_equal(panels["US-Nerve"].lines[0].get_ydata(), wanted)


def words(figure):
    return [text.get_text() for text in figure.texts]


def test_the_source_is_written_on_the_figure():
    for source, label in ((PUBLISHED, "PUBLISHED TABLE"), (RUN, "THIS RUN")):
        figure = figures.modes_box(published.modes(), source=source)
        assert label in words(figure)
        assert source.detail in words(figure)


def test_same_table_same_bytes():
    one, two = (figures.modes_box(published.modes(), source=PUBLISHED)._repr_svg_() for _ in "12")
    assert one == two
    assert "<svg" in one


def test_raster_pictures_are_png():
    figure = figures.percentile_examples(slots(), source=RUN)
    assert figure._repr_svg_() is None
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_settings_are_left_alone_and_pyplot_is_not_used():
    before = dict(mpl.rcParams)
    figures.modes_box(published.modes(), source=PUBLISHED).savefig(io.BytesIO())
    assert dict(mpl.rcParams) == before
    code = "import medsam.figures, sys; print('matplotlib.pyplot' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_edges_by_hand():
    mask = np.zeros((3, 4), bool)
    mask[1, 1:3] = True
    # Two pixels side by side: 2 + 2 flat edges, 2 upright.
    found = {tuple(map(tuple, segment)) for segment in edges(mask).tolist()}
    assert len(found) == 6
    assert ((0.5, 0.5), (1.5, 0.5)) in found
    assert ((2.5, 0.5), (2.5, 1.5)) in found
    assert math.isclose(len(edges(np.ones((5, 7), bool))), 2 * (5 + 7))


def test_window_holds_the_object_and_stays_in_the_image():
    small = np.zeros((100, 120), bool)
    small[90:95, 2:6] = True
    x0, x1, y0, y1 = window(small)
    assert (x0, y1) == pytest.approx((-0.5, 99.5))
    assert x1 - x0 == pytest.approx(12 * 1.7)
    assert y1 - y0 == pytest.approx(12 * 1.7)
    assert x0 < 2 < 6 < x1
    assert y0 < 90 < 95 < y1


def test_window_of_an_object_as_large_as_the_image_is_the_image():
    assert window(np.ones((50, 50), bool)) == (-0.5, 49.5, -0.5, 49.5)
    # The shorter side stands in the middle of the square.
    assert window(np.ones((40, 60), bool)) == (-0.5, 59.5, -10.5, 49.5)


def test_labels_stand_apart():
    placed = _apart([0.61, 0.62, 0.6, 0.9], 0.05)
    assert min(np.diff(sorted(placed))) >= 0.05 - 1e-4
    assert np.argsort(placed).tolist() == [2, 0, 1, 3]
    assert placed[3] == 0.9


ONE = {1: Prompt([[0, 0]], [1])}
TWO_IMAGES = [example(2, 25), example(4, 25, image_id="other")]


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (
            lambda: figures.modes_box(pd.DataFrame({"a": [1]}), source=RUN),
            "columns a and 1 rows. Allowed",
        ),
        (lambda: figures.modes_ranked(published.modes().iloc[:0], source=RUN), "0 rows"),
        (
            lambda: figures.clicks_average(pd.DataFrame({"k": [1]}), source=RUN),
            "columns model, k, iou",
        ),
        (lambda: figures.prompt_modes(picture_of(parts()), parts(), ONE), "one for each of 1 to 5"),
        (lambda: figures.percentile_examples([], source=RUN), "No examples"),
        (
            lambda: figures.percentile_examples([example(2, 25), example(4, 50)], source=RUN),
            "modes 2 and 4 on the same image",
        ),
        (
            lambda: figures.percentile_examples(TWO_IMAGES, source=RUN),
            "modes 2 and 4 on the same image",
        ),
    ],
)
def test_errors(draw, says):
    with pytest.raises(InputError, match=says):
        draw()


def test_picture_is_a_figure():
    assert issubclass(Picture, mpl.figure.Figure)


def test_columns_of_long_text_have_a_least_width():
    html = figures.html_table(pd.DataFrame({"a": ["x"], "b": ["y"]}), widths={"b": "9rem"}).html
    assert '<th scope="col">a</th><th scope="col" style="min-width:9rem">b</th>' in html


def test_html_table():
    table = pd.DataFrame({"task": ["a<b"], "n": [3], "x": [0.126]})
    html = figures.html_table(table, headers={"n": "cases"}, caption="Cap")._repr_html_()
    assert "a&lt;b" in html
    assert ">cases</th>" in html
    assert ">0.13</td>" in html
    assert "<caption" in html
