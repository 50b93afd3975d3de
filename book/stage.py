"""Run one stage of a build: its time is kept, and a line says how far the build is.

    python book/stage.py --due NAME...         # what this build will run
    python book/stage.py NAME -- COMMAND...    # one of them

Times are lines of ``_build/times.csv``; ``benchmarks/book.py`` shows them. Only the standard
library is needed, as the first stage makes the environment.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Due", "Stage", "left", "read", "words"]

TYPICAL = Path(__file__).with_name("stages.csv")
"""Seconds of each stage on two idle cores, where this folder has none yet."""


class Stage(NamedTuple):
    """A stage that came to its end: its name, when it began (seconds since 1970), and its time."""

    name: str
    began: float
    seconds: float


class Due(NamedTuple):
    """What a build runs, from when on, and on how many cores."""

    began: float
    names: list[str]
    cores: int


def read(file: Path) -> list[Stage]:
    """Every stage of a file of times, in the order in which they ended."""
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", newline="") as lines:
        return [Stage(name, float(began), float(took)) for name, began, took in csv.reader(lines)]


def left(due: Due, times: Sequence[Stage], typical: Mapping[str, float]) -> float | None:
    """Seconds that a build still takes; nothing where a stage was never timed.

    Parameters
    ----------
    due : Due
    times : sequence of Stage
        Of all builds, the last ones at the end.
    typical : mapping of str to float
        Seconds of stages that are in no earlier build.
    """
    known = dict(typical) | {one.name: one.seconds for one in times if one.began < due.began}
    done = {one.name: one.seconds for one in times if one.began >= due.began}
    rest = [name for name in due.names if name not in done]
    if not all(name in known for name in rest):
        return None
    # A busy or slow machine is so for what is left as well.
    before = sum(known[name] for name in done if name in known)
    pace = sum(done[name] for name in done if name in known) / before if before else 1.0
    each = [known[name] * pace for name in rest]
    return max([sum(each) / due.cores, *each])


def words(seconds: float) -> str:
    """A time in words.

    Examples
    --------
    >>> words(41.2), words(150)
    ('41 s', '3 min')
    """
    return f"{seconds:.0f} s" if seconds < 100 else f"{(seconds + 30) // 60:.0f} min"


def _say(due: Due, times: Sequence[Stage], stage: Stage | None = None) -> None:
    typical = {one.name: one.seconds for one in read(TYPICAL)}
    rest = left(due, times, typical)
    still = f"; about {words(rest)} left" if rest is not None else ""
    done = {one.name for one in times if one.began >= due.began} & set(due.names)
    if stage is None:
        print(f"{len(due.names)} stages{still}", flush=True)
    elif stage.name in due.names:
        place = f"[{len(done)} of {len(due.names)}]"
        print(f"{place} {stage.name}: {words(stage.seconds)}{still}", flush=True)
    else:
        print(f"{stage.name}: {words(stage.seconds)}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; the exit code is that of the stage."""
    parser = argparse.ArgumentParser(description="Run one stage of a build, and time it.")
    parser.add_argument("--build", type=Path, default=Path("_build"), help="build folder")
    parser.add_argument("--cores", type=int, default=1, help="stages at a time")
    parser.add_argument("--due", nargs="*", metavar="NAME", help="what this build will run")
    parser.add_argument("name", nargs="?", help="of the stage")
    parser.add_argument("command", nargs="*", help="after --")
    given = parser.parse_args(arguments)
    plan, file = given.build / "due.json", given.build / "times.csv"
    if given.due is not None:
        due = Due(time.time(), given.due, given.cores)
        plan.parent.mkdir(parents=True, exist_ok=True)
        plan.write_text(json.dumps(due), encoding="utf-8")
        if due.names:
            _say(due, read(file))
        return 0
    began = time.time()
    code = subprocess.run(given.command, check=False).returncode
    stage = Stage(given.name, began, round(time.time() - began, 2))
    if not code:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8", newline="") as lines:
            csv.writer(lines).writerow(stage)
        due = Due(*json.loads(plan.read_text("utf-8"))) if plan.is_file() else Due(began, [], 1)
        _say(due, read(file), stage)
    return code


if __name__ == "__main__":
    sys.exit(main())
