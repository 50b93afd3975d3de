"""Figures of the reports: they show the table, and say whose numbers it has."""

import numpy as np
import pandas as pd
import pytest
from scaling_toys import content

from benchmarks.report import page
from benchmarks.report.faults import PHASES, STEPS
from benchmarks.report.figures import hours_by_workers, kills, speedups, stage_bars
from benchmarks.report.scaling import Measured
from medsam.errors import InputError
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


def killed():
    rows = [
        {"command": "run", "aim": "moment", "seconds": n / 3, "whole": 8.0, "lost": n % 3,
         "phase": PHASES[n % 5], "kept": n // 8}
        for n in range(24)
    ]  # fmt: skip
    rows += [
        {"command": "run", "aim": step, "seconds": 4 + n / 10, "whole": 8.0, "phase": "writing",
         "lost": 0 if step == "after rename" else 2}
        for n, step in enumerate(STEPS)
    ]  # fmt: skip
    rows += [
        {"command": "merge", "aim": "moment", "seconds": n / 10, "whole": 0.4, "lost": 0,
         "phase": PHASES[n % 2]}
        for n in range(5)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def dots(figure):
    """Each dot: lane, share in percent, and marker."""
    return [
        (round(line.get_ydata()[0]), line.get_xdata()[0], line.get_marker())
        for line in figure.axes[0].lines
        if line.get_marker() not in ("None", None, "")
    ]


def test_each_kill_is_in_the_lane_of_what_it_cost():
    given = killed()
    figure = kills(given, source=MEASURED)
    lanes = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    costs = ["0 images again", "1 image again", "2 images again"]
    assert lanes == [*costs, *(f"aimed: {step}" for step in STEPS), "merge"]
    drawn = dots(figure)
    assert len(drawn) == len(given)
    for lost in range(3):
        chance = given[(given.command == "run") & (given.aim == "moment") & (given.lost == lost)]
        shares = sorted(share for lane, share, _ in drawn if lane == lost)
        assert shares == pytest.approx(sorted(100 * chance.seconds / 8))
    assert [share for lane, share, _ in drawn if lane == 8] == pytest.approx([0, 25, 50, 75, 100])
    assert {mark for lane, _, mark in drawn if 3 <= lane <= 7} == {"X"}
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[:4] == ["8", "0.0", "8", "1.0"]
    assert texts[6:8] == ["1", "2.0"]


def test_a_kill_beyond_the_undisturbed_time_stays_in_the_picture():
    given = killed().assign(seconds=9.0)
    assert {share for _, share, _ in dots(kills(given, source=MEASURED))} == {100}


@pytest.mark.parametrize("draw", [stage_bars, speedups, kills])
def test_a_table_has_its_columns(draw):
    with pytest.raises(InputError, match="Allowed: at least one row, with columns"):
        draw(pd.DataFrame({"a": [1]}), source=MEASURED)
