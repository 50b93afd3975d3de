"""The stages of a run, measured on a few images in seconds."""

from __future__ import annotations

import cProfile
import os
import pstats
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from types import FunctionType
from typing import Any

from medsam import evaluation, study
from medsam.datasets.like import Like
from medsam.datasets.sample import Case, Dataset
from medsam.errors import DataError, InputError
from medsam.merging import merge
from medsam.models import load
from medsam.models.contract import PromptableModel
from medsam.plan import PROMPTS
from medsam.prompts import mode_prompt, next_click
from medsam.protocol import PROTOCOLS, Protocol
from medsam.results import shards, table
from medsam.scaling.stages import Stages
from medsam.store import Identity, Store, Unit

__all__ = ["probe"]

SHARDS, SHARD = 4, 8
"""Files that are written to measure that, and images in each, as many as a run takes."""

# What `medsam run` does before its first image.
_START = """
import sys
from time import perf_counter, process_time
from medsam import cli, study
from medsam.datasets import select
from medsam.models import load
times = process_time(), perf_counter()
load(sys.argv[1])
print(times[0], process_time() - times[0], perf_counter() - times[1])
"""

Call = Callable[..., Any]


class _Clock:
    """Seconds by name, of the calls that it watches: on the wall, or of the processor."""

    def __init__(self, cpu: bool) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.now = process_time if cpu else perf_counter

    def watch(self, name: str, call: Call) -> Call:
        """The same call, its seconds added to that name."""

        def timed(*args: Any, **options: Any) -> Any:
            start = self.now()
            try:
                return call(*args, **options)
            finally:
                self.seconds[name] += self.now() - start

        return timed


class _Few(Like):
    """Some cases of a dataset, and else like it."""

    def __init__(self, dataset: Dataset, cases: Sequence[Case]):
        super().__init__(dataset)
        self._cases = cases

    def cases(self) -> Iterator[Case]:
        return iter(self._cases)

    def __len__(self) -> int:
        return len(self._cases)


def probe(
    dataset: Dataset,
    model: str | PromptableModel,
    protocol: Protocol = PROTOCOLS["paper"],
    images: int = 2,
    *,
    threads: int = 1,
    cpu: bool = False,
) -> Stages:
    """Run a model on a few images as `medsam run` does, and tell the seconds of each stage.

    Parameters
    ----------
    dataset : Dataset
        Not read before in this process, or ``open`` is too low.
    model : str or PromptableModel
        A name, or a model that is loaded: ``start`` and ``load`` are then 0.
    protocol : Protocol
    images : int
        As many, spread evenly over the dataset.
    threads : int
        Of the model's processor.
    cpu : bool
        Seconds of the processor, which other programs on the machine leave alone, in place of those
        on the wall.

    Raises
    ------
    InputError
        If ``images`` is not positive, or none of those that were tried could be used.
    UnknownName, WeightsError
        If there is no such model, or its weights are missing.
    """
    if images < 1:
        raise InputError(f"A probe of {images} images. Allowed: a whole number from 1. Ask more.")
    clock = _Clock(cpu)
    with _threads(threads), TemporaryDirectory() as folder:
        if isinstance(model, str):
            name, model = model, load(model)
            clock.seconds |= _start(name, cpu)
        chosen = clock.watch("open", _spread)(dataset, images)
        _warm(chosen[0], model, clock)
        return _measure(_Few(dataset, chosen), model, protocol, Path(folder), clock)


def _spread(dataset: Dataset, images: int) -> list[Case]:
    every = max(1, len(dataset) // images)
    chosen = list(islice(dataset.cases(), every // 2, None, every))[:images]
    if not chosen:
        raise InputError(f"No image in {dataset.title}. Allowed: at least one. Check the data.")
    return chosen


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Models of this block on so many threads, as those of a study are."""
    import cv2
    import torch

    before = os.environ.get("OMP_NUM_THREADS"), torch.get_num_threads(), cv2.getNumThreads()
    os.environ["OMP_NUM_THREADS"] = str(count)
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        if before[0] is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before[0]
        torch.set_num_threads(before[1])
        cv2.setNumThreads(before[2])


def _start(name: str, cpu: bool) -> dict[str, float]:
    """Seconds to start a process, and to load the model there."""
    begun = perf_counter()
    command = [sys.executable, "-c", _START, name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall = perf_counter() - begun
    before, processor, loading = map(float, done.stdout.split()[-3:])
    if cpu:
        return {"start": before, "load": processor}
    return {"start": wall - loading, "load": loading}


def _warm(case: Case, model: PromptableModel, clock: _Clock) -> None:
    """Let the model see an image, and add to ``open`` how much longer the first takes to read."""
    took = []
    # What cannot be read, the run tells.
    with suppress(DataError):
        for _ in range(2):
            start = clock.now()
            sample = case.load()
            took.append(clock.now() - start)
        model.embed(sample.image)
        clock.seconds["open"] += max(0.0, took[0] - took[1])


def _measure(
    few: _Few, model: PromptableModel, protocol: Protocol, folder: Path, clock: _Clock
) -> Stages:
    timed = copy(model)
    vars(timed).update(
        embed=clock.watch("encode", model.embed), predict=clock.watch("decode", model.predict)
    )
    watched = [
        replace(case, load=clock.watch("read", case.load), digest=clock.watch("read", case.digest))
        for case in few.cases()
    ]
    profile, out = cProfile.Profile(clock.now), folder / "run"
    dataset = _Few(few, watched)
    report = profile.runcall(study.run, dataset, timed, out, protocol, progress=False)
    objects = report.status["ok"]
    if not objects:
        why = "; ".join(report.reasons.values()) or "empty masks"
        raise InputError(
            f"None of the {len(few)} images that were tried could be used ({why}). Allowed: at "
            "least one with an object. Try more images."
        )
    inside = _profiled(profile)
    simulate = inside(mode_prompt) + inside(next_click)
    asked = simulate + clock.seconds["encode"] + clock.seconds["decode"]
    clock.seconds |= {"simulate": simulate, "metrics": max(0, inside(evaluation.evaluate) - asked)}
    _keep(out, _identity(dataset, model, protocol), folder, clock)
    times = {"write": SHARDS * SHARD, "merge": SHARDS * SHARD, "read": len(few), "encode": len(few)}
    times |= dict.fromkeys(("simulate", "decode", "metrics"), objects * PROMPTS)
    return Stages(**{name: took / times.get(name, 1) for name, took in clock.seconds.items()})


def _profiled(profile: cProfile.Profile) -> Callable[[Any], float]:
    """Seconds of a function, those of what it calls included."""
    stats: dict[Any, Any] = vars(pstats.Stats(profile))["stats"]

    def inside(function: FunctionType) -> float:
        code = function.__code__
        key = code.co_filename, code.co_firstlineno, code.co_name
        return float(stats[key][3]) if key in stats else 0.0

    return inside


def _identity(dataset: _Few, model: PromptableModel, protocol: Protocol) -> Identity:
    return Identity(
        dataset.key,
        model.name,
        protocol.as_dict(),
        model.provenance(),
        study.SEED,
        study.EXPERIMENTS,
        True,
        dataset.settings,
    )


def _keep(out: Path, identity: Identity, folder: Path, clock: _Clock) -> None:
    """Write rows and merge them, in files as of a run: the same few images under many names."""
    rows = [row for shard in shards(out) for row in table(shard).to_pylist()]
    names = sorted({row["image"] for row in rows})
    with Store(folder / "rows", identity) as store:
        for first in range(0, SHARDS * SHARD, SHARD):
            taken = [
                row | {"image": str(number)}
                for number in range(first, first + SHARD)
                for row in rows
                if row["image"] == names[number % len(names)]
            ]
            units = sorted({(row["image"], row["task"]) for row in taken})
            done = [Unit(image, task, "") for image, task in units]
            clock.watch("write", store.write)(taken, done, {})
    clock.watch("merge", merge)([folder / "rows"], folder / "merged")
