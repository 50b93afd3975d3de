"""Stages of a run and their costs: a model of how long a larger one takes, and a probe of them."""

from __future__ import annotations

import cProfile
import os
import pstats
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import pandas as pd

from medsam.datasets.sample import Case, Dataset
from medsam.datasets.subsets import Subset
from medsam.errors import DataError, InputError
from medsam.models import load
from medsam.models.contract import PromptableModel
from medsam.prompts import MODES, mode_prompt, next_click
from medsam.protocol import CHOICES, EXPERIMENTS, MAX_CLICKS, PROTOCOLS, SEED, Protocol
from medsam.results.merge import merge
from medsam.results.rows import read
from medsam.results.store import Identity, Store
from medsam.study.evaluate import lockstep, prepare
from medsam.study.runner import run

__all__ = ["ONCE", "PROMPTS", "STAGES", "Stages", "check_workers", "probe_stages"]

PROMPTS = len(MODES) + len(CHOICES) * MAX_CLICKS
"""Of an object: by them the seconds of a prompt are told."""

STAGES = {
    "start": "start Python",
    "load": "load the model",
    "open": "open the dataset",
    "read": "read the image",
    "encode": "encode the image",
    "simulate": "make the prompts",
    "decode": "answer the prompts",
    "metrics": "choose masks, metrics",
    "write": "write the rows",
    "merge": "merge the parts",
}
"""Each stage, in order, in words."""

ONCE = ("start", "load", "open")
"""Those of a process; the others are of an image, an embedding or a prompt."""
_IMAGE = ("read", "write")
_PROMPT = ("simulate", "decode", "metrics")


def check_workers(workers: int) -> None:
    """Stop where nobody would work.

    Raises
    ------
    InputError
        If there is no worker.
    """
    if workers < 1:
        raise InputError(f"{workers} workers. Allowed: a whole number from 1. Choose another.")


@dataclass(frozen=True)
class Stages:
    """Seconds of each stage, on one worker (a core, or a GPU with one).

    Attributes
    ----------
    start, load, open : float
        Of each process, once: Python and the libraries; the model's weights; what a dataset reads
        before its first image.
    read, write : float
        Of an image: its pixels and masks; its rows.
    encode : float
        Of an embedding.
    simulate, decode, metrics : float
        Of a prompt: where it is put; the model's answer; the choice of the mask and all that is
        measured of it. Of an object five modes and two times nine clicks are counted
        (:data:`PROMPTS`), also where a prompt is not asked because it was asked
        before, or no error is left: so these are means, below the seconds of a prompt alone.
    merge : float
        Of an image, by one process at the end. The only stage that workers do not share.
    """

    start: float = 0.0
    load: float = 0.0
    open: float = 0.0
    read: float = 0.0
    encode: float = 0.0
    simulate: float = 0.0
    decode: float = 0.0
    metrics: float = 0.0
    write: float = 0.0
    merge: float = 0.0

    def __post_init__(self) -> None:
        for name, seconds in asdict(self).items():
            # Also true of NaN.
            if not seconds >= 0:
                raise InputError(
                    f"Stage {name!r} of {seconds} seconds. Allowed: a number from 0. Measure it "
                    "with benchmarks.report.stages."
                )

    def seconds(
        self, images: float, embeddings: float, prompts: float, processes: float = 1
    ) -> dict[str, float]:
        """Seconds of each stage, of all processes together.

        Parameters
        ----------
        images : float
            How often an image is read. In a study each task reads its own images, so that this is
            the number of embeddings.
        embeddings, prompts : float
            How often one is encoded, and prompts, counted as above.
        processes : float
            How many are started.

        Returns
        -------
        dict of str to float
            The keys of :data:`STAGES`, in order.
        """
        times = dict.fromkeys(ONCE, processes) | dict.fromkeys((*_IMAGE, "merge"), images)
        times |= dict.fromkeys(_PROMPT, prompts) | {"encode": embeddings}
        costs = asdict(self)
        return {name: costs[name] * times[name] for name in STAGES}

    def total(
        self,
        images: float,
        embeddings: float,
        prompts: float,
        workers: int = 1,
        processes: int | None = None,
    ) -> float:
        """Seconds on the wall when workers share the work evenly, by Amdahl's law.

        What is done once a process does not shrink below one process a worker, and the merge
        is done by one. Waiting for a share that is larger than the others is not in it; see
        :func:`benchmarks.report.full.makespan`.

        Parameters
        ----------
        images, embeddings, prompts : float
            See :meth:`seconds`.
        workers : int
            Processes at a time.
        processes : int, optional
            All that are started, one after the other on each worker; as many as workers by default.

        Raises
        ------
        InputError
            If there is no worker.
        """
        check_workers(workers)
        started = max(workers, processes or workers)
        shared = self.seconds(images, embeddings, prompts, started)
        serial = shared.pop("merge")
        return sum(shared.values()) / workers + serial


# The stages of a run, measured on a few images in seconds.


SHARDS, SHARD = 4, 8
"""Files that are written to measure that, and images in each, as many as a run takes."""

# What `medsam run` does before its first image.
_START = """
import sys
from time import perf_counter, process_time
from medsam import cli
from medsam.study import runner as study
from medsam.datasets import select
from medsam.models import load
times = process_time(), perf_counter()
load(sys.argv[1])
print(times[0], process_time() - times[0], perf_counter() - times[1])
"""

Clock = Callable[[], float]


def _seconds(clock: Clock, call: Callable[..., Any], *arguments: Any) -> float:
    """What a call takes."""
    begun = clock()
    call(*arguments)
    return clock() - begun


class _Few(Subset):
    """Some cases of a dataset, and else like it."""

    def __init__(self, dataset: Dataset, cases: Sequence[Case]):
        super().__init__(dataset, lambda _: iter(cases))


def probe_stages(
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
    clock: Clock = process_time if cpu else perf_counter
    with _threads(threads), TemporaryDirectory() as folder:
        once = {}
        if isinstance(model, str):
            name, model = model, load(model)
            once = _start(name, cpu)
        begun = clock()
        chosen = _spread(dataset, images)
        once["open"] = clock() - begun + _first(chosen[0], model, clock)
        each = _measure(_Few(dataset, chosen), model, protocol, Path(folder), clock)
    return Stages(**once, **each)


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


def _first(case: Case, model: PromptableModel, clock: Clock) -> float:
    """How much longer the first image takes to read; the model sees it, which warms it."""
    # What cannot be read, the run tells.
    with suppress(DataError):
        first, again = (_seconds(clock, case.load) for _ in range(2))
        model.embed(case.load().image)
        return max(0.0, first - again)
    return 0.0


def _reads(call: Callable[[], Any]) -> Any:
    return call()


def _measure(
    few: _Few, model: PromptableModel, protocol: Protocol, folder: Path, clock: Clock
) -> dict[str, float]:
    """Seconds of an image, an embedding and a prompt, from a profile of a run."""
    cases = [
        replace(one, load=partial(_reads, one.load), digest=partial(_reads, one.digest))
        for one in few.cases()
    ]
    profile, out = cProfile.Profile(clock), folder / "run"
    report = profile.runcall(run, _Few(few, cases), model, out, protocol, progress=False)
    objects = report.status["ok"]
    if not objects:
        why = "; ".join(report.reasons.values()) or "empty masks"
        raise InputError(
            f"None of the {len(few)} images that were tried could be used ({why}). Allowed: at "
            "least one with an object. Try more images."
        )
    stats: dict[Any, Any] = vars(pstats.Stats(profile))["stats"]

    def inside(*functions: Any) -> float:
        """Seconds of functions, those of what they call included."""
        codes = [function.__code__ for function in functions]
        keys = [(code.co_filename, code.co_firstlineno, code.co_name) for code in codes]
        return sum(float(stats[key][3]) for key in keys if key in stats)

    simulate, decode = inside(mode_prompt, next_click), inside(model.predict)
    metrics = max(0.0, inside(prepare, lockstep) - simulate - decode)
    prompts = {"simulate": simulate, "decode": decode, "metrics": metrics}
    images = {"read": inside(_reads), "encode": inside(model.embed)}
    return (
        {name: took / (objects * PROMPTS) for name, took in prompts.items()}
        | {name: took / len(few) for name, took in images.items()}
        | _keep(few, model, protocol, out, clock)
    )


def _keep(
    few: _Few, model: PromptableModel, protocol: Protocol, out: Path, clock: Clock
) -> dict[str, float]:
    """Write rows and merge them, in files as of a run: the same few images under many names."""
    of: dict[str, dict[str, str]] = {name: {} for name in EXPERIMENTS}
    about = protocol.as_dict(), model.provenance(), SEED, of
    identity = Identity(few.key, model.name, *about, data=few.settings)
    rows, wrote, folder = read(out).astype(object), 0.0, out.parent
    of_image = [part for _, part in rows.where(rows.notna(), None).groupby("image")]
    with Store(folder / "rows", identity) as store:
        for first in range(0, SHARDS * SHARD, SHARD):
            some = range(first, first + SHARD)
            named = [of_image[n % len(of_image)].assign(image=str(n)) for n in some]
            wrote += _seconds(clock, store.write, pd.concat(named).to_dict("records"))
    merged = _seconds(clock, merge, [folder / "rows"], folder / "merged")
    return {"write": wrote / (SHARDS * SHARD), "merge": merged / (SHARDS * SHARD)}
