"""Figures of the reports: they show the table, and say whose numbers it has."""

import pandas as pd
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


def test_every_figure_says_whose_numbers_it_has():
    bars = stage_bars(OURS.breakdown(), source=MEASURED)
    assert {"MEASURED BY THIS PROJECT", "2.3 s", "500 ms"} <= set(words(bars))
    lines = hours_by_workers(page.hours(OURS), sources=(PAPER, MEASURED))
    assert {"ON PAPER, NOT RUN", "MEASURED BY THIS PROJECT", "shared evenly"} <= set(words(lines))
    # The ideal, then the two ways of each turn.
    (strong, *_) = speedups(OURS.scaling(), source=MEASURED).axes
    assert strong.lines[0].get_xydata().tolist() == [[1, 1], [2, 2]]


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
