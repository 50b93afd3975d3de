"""Figures of the reports: they show the table, and say whose numbers it has."""

import numpy as np
import pandas as pd
import pytest
from scaling_toys import content

from benchmarks.report import page
from benchmarks.report.faults import STEPS
from benchmarks.report.figures import hours_by_workers, kills, speedups, stage_bars
from benchmarks.report.scaling import Measured
from medsam.figures import Source

MEASURED = Source.measured("toys, 2 cores")
PAPER = Source.model("toys")
OURS = Measured(content())


def words(figure):
    texts = figure.findobj(lambda one: hasattr(one, "get_text"))
    return [text.get_text() for text in texts]


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


def test_lines_are_the_hours_and_are_no_run():
    table = page.hours(OURS)
    figure = hours_by_workers(table, sources=(PAPER, MEASURED))
    for axes, (_, of_worker) in zip(figure.axes, table.groupby("worker", sort=False), strict=True):
        ideal, *lines = axes.lines
        np.testing.assert_allclose(ideal.get_ydata(), of_worker[of_worker.parts == 1].even)
        for line, (_, of_parts) in zip(lines, of_worker.groupby("parts"), strict=True):
            np.testing.assert_allclose(line.get_ydata(), of_parts.hours)
    assert {"ON PAPER, NOT RUN", "MEASURED BY THIS PROJECT", "shared evenly"} <= set(words(figure))


def test_each_kill_is_in_the_lane_of_what_it_cost():
    rows = [("run", "moment", 2.0, 8.0, lost, "encoding") for lost in (0, 1, 2, 2)]
    rows += [("run", step, 4.0, 8.0, 2, "writing") for step in STEPS]
    rows += [("merge", "moment", 0.1, 0.4, 0, "reading")]
    columns = ["command", "aim", "seconds", "whole", "lost", "phase"]
    (axes,) = kills(pd.DataFrame(rows, columns=columns), source=MEASURED).axes
    lanes = [label.get_text() for label in axes.get_yticklabels()]
    costs = ["0 images again", "1 image again", "2 images again"]
    assert lanes == [*costs, *(f"aimed: {step}" for step in STEPS), "merge"]
    drawn = [line for line in axes.lines if line.get_marker() not in ("None", None, "")]
    at = sorted((round(line.get_ydata()[0]), line.get_xdata()[0]) for line in drawn)
    assert at == [(0, 25), (1, 25), (2, 25), (2, 25), *((n, 50) for n in range(3, 8)), (8, 25)]
