"""Kills as a figure: each at its moment, in the lane of what it cost."""

import pandas as pd
import pytest

from benchmarks.report.faults import PHASES, STEPS
from benchmarks.report.figures import kills
from medsam.errors import InputError
from medsam.figures import Source

MEASURED = Source.measured("a run of toys")


def table():
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


@pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})
def test_kills():
    return kills(table(), source=MEASURED)


def test_each_kill_is_in_the_lane_of_what_it_cost():
    given = table()
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
    given = table().assign(seconds=9.0)
    assert {share for _, share, _ in dots(kills(given, source=MEASURED))} == {100}


def test_what_is_needed():
    with pytest.raises(InputError, match=r"Allowed: at least one row, with columns command, aim"):
        kills(table().drop(columns="lost"), source=MEASURED)
    with pytest.raises(InputError, match=r"and 0 rows"):
        kills(table()[:0], source=MEASURED)
