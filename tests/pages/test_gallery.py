"""Which examples are shown together, and what is said of them."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medsam import figures
from medsam.analysis.examples import Example
from medsam.errors import InputError
from medsam.figures.style import Photo
from medsam.pages import gallery
from medsam.prompts import mode_prompt


def example(task="t", k=4, percentile=50, **changes):
    mask = np.zeros((30, 40), bool)
    mask[5:15, 8:20] = True
    values = {
        "task": task, "image_id": f"{task}{percentile}", "model": "m", "protocol": "paper",
        "choice": "top", "k": k, "percentile": percentile,
        "image": np.full((30, 40, 3), 90, np.uint8), "mask": mask, "prediction": mask,
        "prompt": mode_prompt(mask, k), "iou": 0.5, "dice": 0.6, "score": 0.7,
    }  # fmt: skip
    return Example(**(values | changes))


def rows(*given):
    names = ("task", "image", "k", "status", "reason")
    table = pd.DataFrame(given, columns=names)
    return table.assign(experiment="mode", choice="top", iou=0.5)


@given(st.integers(0, 40), st.integers(1, 8))
def test_every_task_once_in_order_and_no_part_too_long(count, most):
    shown = gallery.parts([example(f"t{n:02d}") for n in range(count)], most)
    assert [task for part in shown for task in part.tasks] == [f"t{n:02d}" for n in range(count)]
    assert all(1 <= len(part.tasks) <= most for part in shown)
    assert len(shown) == -(-count // most)
    sizes = [len(part.tasks) for part in shown]
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_the_papers_tasks_make_six_figures():
    shown = gallery.parts([example(f"t{n}") for n in range(28)])
    assert [len(part.tasks) for part in shown] == [5, 4, 5, 5, 4, 5]
    assert [part.name for part in shown] == [f"part-{n}" for n in range(1, 7)]


def test_no_part_of_nothing():
    with pytest.raises(InputError, match=r"Parts of 0 tasks. Allowed: at least one"):
        gallery.parts([example()], 0)


def test_modes_are_those_of_the_rows():
    both = rows(("t", "a", 2, "ok", None), ("t", "a", 4, "ok", None), ("t", "a", 5, "ok", None))
    assert gallery.modes_of(both) == (2, 4)
    assert gallery.modes_of(both[both.k != 2]) == (4,)
    assert gallery.modes_of(both.assign(status="error")) == ()


def test_a_task_without_an_example_says_why():
    table = rows(
        ("t", "a", 4, "ok", None),
        ("u", "a", None, "empty", "the mask has no pixel"),
        ("u", "b", None, "error", "torn"),
    )
    assert gallery.left_out(table, ["t", "u", "v"]) == {
        "u": "1 empty, 1 error (such as: the mask has no pixel)",
        "v": "no case",
    }


def test_the_text_has_a_figure_a_part_with_its_n():
    shown = gallery.parts([example("a_b", 2), example("a_b", 4)])
    table = rows(
        *[("a_b", f"i{n}", k, "ok", None) for n in range(3) for k in (2, 4)],
        ("u", "b", None, "error", "torn"),
    )
    words = gallery.text(shown, table, label="m on [x]", titles={"a_b": "A_B", "u": "U"})
    assert words.count("```{glue:figure} part-1\n") == 1
    assert "part 1 of 1, from **this run**: m on \\[x\\]." in words
    assert "A\\_B (n = 3)" in words
    assert "of a point for each region (mode 2) and of a box for each region (mode 4)" in words
    assert "{glue:}`part-1-origin`" in words
    assert ":alt: This run. A_B: images" in words
    assert words.endswith("No example of **U**: 1 error (such as: torn).")


def test_what_is_found_is_counted():
    shown = [example(percentile=p, k=k, iou=iou) for p, k, iou in
             [(25, 2, 0.1), (25, 4, 0.3), (50, 2, 0.9), (50, 4, 0.4)]]  # fmt: skip
    words = gallery.found(shown)
    assert words.startswith("**2 images of 1 task** in this run.")
    assert "on 1 of them" in words
    assert gallery.found(shown[1::2]).endswith("asked for a box for each region (mode 4) only.")
    assert "no case gave a result" in gallery.found([])


def test_photo_is_a_jpeg_of_the_picture():
    source = figures.Source.run("m on toys")
    alone = [example(percentile=p) for p in (25, 50, 75)]
    picture = figures.percentile_examples(alone, source=source)
    content = Photo(picture)._repr_jpeg_()
    image = Image.open(io.BytesIO(content))
    assert image.format == "JPEG"
    # One mode: half the height of two, without the zoom.
    both = [example(percentile=p, k=k) for p in (25, 50, 75) for k in (2, 4)]
    taller = figures.percentile_examples(both, source=source)
    assert picture.get_figheight() == pytest.approx(0.85 + 1.31)
    assert taller.get_figheight() == pytest.approx(0.85 + 2 * 1.31)
    titles = [axes.get_title() for axes in picture.axes]
    assert titles[::2] == ["t25", "t50", "t75"]
    assert titles[1::2] == ["mode 4: IoU 0.50"] * 3


def test_long_names_keep_both_ends():
    name = "a-very-long-name-of-a-scan-slice-0001"
    alone = [example(percentile=p, image_id=name) for p in (25, 50, 75)]
    picture = figures.percentile_examples(alone, source=figures.Source.run("m"))
    (title,) = {axes.get_title() for axes in picture.axes[::2]}
    assert title == "a-very-long…n-slice-0001"
