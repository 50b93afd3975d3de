"""Scaling as figures: they show the table, and say whose numbers it has."""

import numpy as np
import pytest
from scaling_toys import content

from benchmarks.report import page
from benchmarks.report.figures import hours_by_workers, speedups, stage_bars
from benchmarks.report.scaling import Measured
from medsam.errors import InputError
from medsam.figures import Source

MEASURED = Source.measured("toys, 2 cores")
PAPER = Source.model("toys")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})
OURS = Measured(content())


def words(figure):
    texts = figure.findobj(lambda one: hasattr(one, "get_text"))
    return [text.get_text() for text in texts]


@golden
def test_stage_bars():
    return stage_bars(OURS.breakdown(), source=MEASURED)


@golden
def test_speedups():
    return speedups(OURS.scaling(), source=MEASURED)


@golden
def test_hours_by_workers():
    return hours_by_workers(page.hours(OURS), sources=(PAPER,))


def test_bars_are_the_seconds():
    table = OURS.breakdown()
    figure = stage_bars(table, source=MEASURED)
    assert [axes.get_title("left") for axes in figure.axes] == list(dict.fromkeys(table.name))
    for axes, (_, of_name) in zip(figure.axes, table.groupby("name", sort=False), strict=True):
        assert [bar.get_width() for bar in axes.patches] == pytest.approx(of_name.seconds.tolist())
        pale = [bar.get_alpha() < 1 for bar in axes.patches]
        assert pale == (of_name.per == "process").tolist()
    assert {"MEASURED BY THIS PROJECT", "2.3 s", "500 ms"} <= set(words(figure))


def test_points_are_the_turns():
    table = OURS.scaling()
    figure = speedups(table, source=MEASURED)
    for axes, (_, of_kind) in zip(figure.axes, table.groupby("scaling", sort=False), strict=True):
        ideal, line, _, cpus, walls = axes.lines
        assert ideal.get_xydata().tolist() == [[1, 1], [2, 2]]
        assert line.get_ydata().tolist() == pytest.approx([1, of_kind.cpu.median()])
        np.testing.assert_allclose(walls.get_ydata(), of_kind.wall)
        np.testing.assert_allclose(cpus.get_ydata(), of_kind.cpu)


def test_a_turn_that_was_slower_is_seen():
    table = OURS.scaling().assign(wall=[0.4, 1.5, 3.6, 1.8])
    for axes in speedups(table, source=MEASURED).axes:
        assert axes.get_ylim()[0] < 0.4
        assert axes.get_ylim()[1] > 3.6


def test_lines_are_the_hours_and_are_no_run():
    table = page.hours(OURS)
    figure = hours_by_workers(table, sources=(PAPER, MEASURED))
    for axes, (_, of_worker) in zip(figure.axes, table.groupby("worker", sort=False), strict=True):
        ideal, *lines = axes.lines
        np.testing.assert_allclose(ideal.get_ydata(), of_worker[of_worker.parts == 1].even)
        for line, (_, of_parts) in zip(lines, of_worker.groupby("parts"), strict=True):
            np.testing.assert_allclose(line.get_ydata(), of_parts.hours)
    assert {"ON PAPER, NOT RUN", "MEASURED BY THIS PROJECT", "shared evenly"} <= set(words(figure))


@pytest.mark.parametrize(
    ("draw", "table", "column"),
    [
        (lambda t: stage_bars(t, source=MEASURED), OURS.breakdown(), "per"),
        (lambda t: speedups(t, source=MEASURED), OURS.scaling(), "wall"),
        (lambda t: hours_by_workers(t, sources=(PAPER,)), page.hours(OURS), "even"),
    ],
)
def test_what_is_needed(draw, table, column):
    with pytest.raises(InputError, match="Allowed: at least one row, with columns"):
        draw(table.drop(columns=column))
    with pytest.raises(InputError, match="and 0 rows"):
        draw(table[:0])
