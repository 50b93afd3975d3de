"""Figures of the reports: they show the table, and say whose numbers it has."""

from scaling_toys import content

from benchmarks.report import page
from benchmarks.report.figures import hours_by_workers, speedups, stage_bars
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
