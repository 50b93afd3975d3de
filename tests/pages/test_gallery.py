"""Which examples are shown together, and what is said of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import SquareModel, blob, write_pair

from medsam.pages import gallery
from medsam.pages.page import Page
from medsam.pages.study import Parameters, Settings, Study


@given(st.integers(0, 40), st.integers(1, 8))
def test_every_task_once_in_order_and_no_part_too_long(count, most):
    tasks = [f"t{n:02d}" for n in range(count)]
    shown = gallery.parts(tasks, most)
    assert [task for part in shown for task in part] == tasks
    assert len(shown) == -(-count // most)
    sizes = [len(part) for part in shown]
    assert all(1 <= size <= most for size in sizes)
    assert not sizes or max(sizes) - min(sizes) <= 1


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """What a page says of a model's examples on two folders, and what it has glued."""
    glued = {}
    monkeypatch.setattr("medsam.pages.page.glue", glued.__setitem__)
    monkeypatch.setattr("medsam.pages.page.keep", glued.__setitem__)
    for i in (0, 1, 2):
        write_pair(tmp_path, f"case{i}", blob(i))

    def draw(model, **changes):
        folders = {"images": str(tmp_path / "images"), "masks": str(tmp_path / "masks")}
        settings = Settings(**folders, results=str(tmp_path / "r"), **changes)
        page = Page("nb", Parameters({}), {})
        return gallery.draw(page, Study(settings, model)), glued

    return draw


def test_a_figure_a_part_with_its_tasks_and_numbers(drawn):
    words, glued = drawn(SquareModel())
    assert words.count("```{glue:figure} part-1\n") == 1
    assert "object-1 (n = 3), object-2 (n = 2)" in words
    assert glued["part-1"]._repr_jpeg_().startswith(b"\xff\xd8")
    # Two tasks, three percentiles, two modes.
    assert glued["part-1-origin"].csv.count("\n") == 1 + 12


def test_a_task_without_an_example_says_why(drawn, tmp_path):
    for i in (0, 2):
        write_pair(tmp_path, f"case{i}", blob(i), np.zeros((40, 50), np.uint8))
    words, _ = drawn(SquareModel())
    assert "object-1 (n = 1)." not in words
    assert "No example of **object-2**: none of its cases has a result" in words
