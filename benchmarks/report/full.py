"""The full study of the paper on many workers: how long, and what limits it.

Not a run: costs of the stages that were measured on a CPU, published times of a GPU in the place of
two of them (:data:`GPUS`), and the number of images that the catalog has from the paper.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from benchmarks.report.stages import PROMPTS, Stages, check_workers
from medsam.datasets.catalog import catalog

__all__ = ["BALANCED", "GPUS", "PARTS", "WORKERS", "Gpu", "Study", "makespan", "tasks"]

WORKERS = (1, 8, 64)
PARTS = (1, 4, 16, 64, 256)
BALANCED = 1.05
"""Longest worker over the mean one: up to here the parts count as balanced."""


@dataclass(frozen=True)
class Gpu:
    """Published times of SAM ViT-H on a GPU, which this project has not measured.

    Attributes
    ----------
    name, source : str
        For people: which, and where the times are from.
    encode, decode : float
        Seconds to encode an image, and to answer one prompt.
    load : float
        Seconds to read 2.6 GB of weights and move them there. Assumed.
    """

    name: str
    source: str
    encode: float
    decode: float
    load: float = 15.0

    def stages(self, cpu: Stages) -> Stages:
        """The stages of a worker with this GPU; all but these three as on that CPU."""
        return replace(cpu, encode=self.encode, decode=self.decode, load=self.load)


GPUS = (
    Gpu("A100", "encoder: segment-anything.com; decoder: as in the next line", 0.15, 0.004),
    Gpu("slower GPU", "both: arXiv:2306.14289, README of its code (a single GPU)", 0.452, 0.004),
)
"""Two answers to how fast a GPU is. Every prompt is counted as answered anew, one a call."""


def tasks() -> pd.DataFrame:
    """The 28 tasks: ``task, dataset, images``.

    ``images`` are those of the dataset in the paper's tables (see
    :class:`medsam.datasets.catalog.PublishedMasks`): at most as many hold the object of one task.
    """
    rows = [
        {"task": task.key, "dataset": one.key, "images": one.published_masks.count}
        for one in catalog().values()
        for task in one.tasks
    ]
    return pd.DataFrame(rows)


def makespan(seconds: Iterable[float], workers: int) -> float:
    """Seconds until the last worker is done, when each takes the longest job that is left.

    It is at most a third longer than the best order (Graham 1969).

    Examples
    --------
    >>> makespan([5, 4, 3, 3, 3], 2)
    10.0

    Raises
    ------
    InputError
        If there is no worker.
    """
    check_workers(workers)
    ends = [0.0] * workers
    for job in sorted(seconds, reverse=True):
        heapq.heapreplace(ends, ends[0] + job)
    return max(ends)


@dataclass(frozen=True)
class Study:
    """All tasks of the paper for some models, each task cut into parts.

    Attributes
    ----------
    stages : Stages
        Of one worker.
    models : int
        As many, each at these costs.
    parts : int
        Of each task: a process each.
    kept : bool
        Whether the embedding of an image is kept for the other tasks of its dataset
        (``medsam run --embeddings``), or computed anew for each.
    resident : bool
        Whether a worker starts once and keeps its model for all of its parts, or starts for each.
    """

    stages: Stages
    models: int = 1
    parts: int = 1
    kept: bool = False
    resident: bool = False

    def shards(self) -> list[float]:
        """Seconds of each process."""
        found: list[float] = []
        table = tasks()
        share = table.groupby("dataset").task.transform("count") if self.kept else 1
        for images, tasks_of in zip(table.images, table.assign(n=share).n, strict=True):
            whole, more = divmod(int(images), self.parts)
            sizes = [whole + 1] * more + [whole] * (self.parts - more)
            found += [self._seconds(size, size / tasks_of) for size in sizes if size]
        return found * self.models

    def _seconds(self, images: float, embeddings: float) -> float:
        started = 0 if self.resident else 1
        each = self.stages.seconds(images, embeddings, images * PROMPTS, started)
        return sum(each.values()) - each["merge"]

    @property
    def merging(self) -> float:
        """Seconds at the end, when one process merges all parts."""
        return self.stages.merge * float(tasks().images.sum()) * self.models

    @property
    def once(self) -> float:
        """Seconds of a process before its first image."""
        return self.stages.start + self.stages.load + self.stages.open

    def balance(self, workers: int) -> float:
        """Longest worker over the mean of all; 1 at best."""
        shards = self.shards()
        return makespan(shards, workers) * workers / sum(shards)

    def table(self, workers: Sequence[int]) -> pd.DataFrame:
        """By number of workers.

        Returns
        -------
        DataFrame
            ``workers, hours, even`` (hours if all shared the same work evenly, and nothing was
            merged), ``balance, merging`` (part of the time, 0-1) and ``once`` (part of all
            work that is starting processes and loading models, 0-1).
        """
        shards = self.shards()
        rows = []
        for number in workers:
            first = self.once if self.resident else 0.0
            longest = makespan(shards, number)
            total = sum(shards) + first * number
            starting = self.once * (number if self.resident else len(shards))
            seconds = longest + first + self.merging
            rows.append(
                {
                    "workers": number,
                    "hours": seconds / 3600,
                    "even": total / number / 3600,
                    "balance": (longest + first) * number / total,
                    "merging": self.merging / seconds,
                    "once": starting / total,
                }
            )
        return pd.DataFrame(rows)

    def balanced(self, workers: int) -> int | None:
        """The fewest :data:`PARTS` that are balanced on so many workers; ``None`` for none."""
        for parts in PARTS:
            if replace(self, parts=parts).balance(workers) <= BALANCED:
                return parts
        return None
