"""Stages of a build: their times, and how long is left."""

import sys

import pytest
from stage import Due, Stage, left, main, read

from benchmarks.book import table, wall


def test_what_is_left_follows_the_pace_of_this_build():
    known = {"a": 10.0, "b": 20.0, "c": 60.0}
    due = Due(100, ["a", "b", "c"], 2)
    assert left(due, [], known) == 60  # not shorter than the longest
    # An earlier build here counts instead of the typical times; this one is twice as slow.
    times = [Stage("c", 5, 30.0), Stage("a", 101, 20.0)]
    assert left(due, times, known) == 60
    assert left(Due(100, ["a", "d"], 2), times, known) is None


def test_a_stage_is_timed_and_told(tmp_path, capfd):
    base = ["--build", str(tmp_path)]
    main([*base, "--due", "one", "two"])
    assert main([*base, "one", "--", sys.executable, "-c", "print('ran')"]) == 0
    assert "2 stages\nran\n[1 of 2] one: 0 s" in capfd.readouterr().out
    assert main([*base, "two", "--", sys.executable, "-c", "raise SystemExit(3)"]) == 3
    (one,) = read(tmp_path / "times.csv")
    assert one.name == "one"
    assert 0 < one.seconds < 30


def test_the_table_counts_stages_once_and_what_ran_beside_each_other_once():
    stages = [Stage("a", 0, 50.0), Stage("a", 100, 10.0), Stage("b", 105, 10.0)]
    assert wall(stages[1:]) == pytest.approx(15)
    _, first, *_, last = table(stages).splitlines()
    assert first.split() == ["a", "10.0", "50.0%"]
    assert last.endswith("15.0")
