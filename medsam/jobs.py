"""The processes of a study as data: what each is to do, and how it is named.

``medsam study`` writes them into ``study.json``; Snakemake says which are due, and each is done by
``medsam study-worker``.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from medsam.datasets.sample import Dataset

__all__ = ["Embedding", "Evaluation", "Images", "Jobs", "Page", "Shard", "Site", "digest"]


def digest(made_of: Any) -> str:
    """Twelve hex digits that stand for JSON values.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1})
    True
    """
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:12]


class _Job(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Images(_Job):
    """Which images, and how they are read.

    Attributes
    ----------
    source : str
        ``KEY=PATH``, ``FILE.yaml`` or ``sample``.
    tasks : tuple of str
        Keys, or ``all``.
    intensity : str
        How values become grey levels; see :mod:`medsam.datasets.intensity`.
    every : int
        One of so many.
    task : str
        Only the cases of this one of them.
    part : str
        ``I/N`` of those.
    """

    source: str
    tasks: tuple[str, ...]
    intensity: str
    every: int = 1
    task: str = ""
    part: str = "1/1"

    def open(self) -> Dataset:
        """The dataset; a process looks through its files once."""
        from medsam.datasets.every import Every
        from medsam.datasets.one_task import OneTask
        from medsam.datasets.part import Part, parsed

        found = _whole(self.source, self.tasks, self.intensity)
        found = found if self.every == 1 else Every(found, self.every)
        found = OneTask(found, self.task) if self.task else found
        return found if self.part == "1/1" else Part(found, *parsed(self.part))


@lru_cache(maxsize=16)
def _whole(source: str, tasks: tuple[str, ...], intensity: str) -> Dataset:
    from medsam.datasets.select import Reading, select

    data = "" if source == "sample" else source
    return select(tasks, data=data, reading=Reading(intensity), progress=False)


class Embedding(_Job):
    """Images that a model encodes into ``embeddings``."""

    model: str
    images: Images


class Shard(_Job):
    """A part of one task for one model under one protocol.

    Attributes
    ----------
    folder : str
        Of its rows, below that of the study.
    protocol : str
    seed : int
    images : Images
    """

    folder: str
    protocol: str
    seed: int
    images: Images


class Evaluation(_Job):
    """Shards that one process evaluates one after the other, its model loaded once.

    Attributes
    ----------
    model : str
    shards : tuple of Shard
    needs : str
        What must be encoded before; empty where embeddings are not kept.
    """

    model: str
    shards: tuple[Shard, ...]
    needs: str = ""


class Page(_Job):
    """A notebook that is executed on merged rows.

    Attributes
    ----------
    notebook : Path
    folder : str
        What it computes itself lies there, for the next time.
    parameters : dict
    folders : dict of str to str
        Parameters that are folders, below that of the page; the merged rows are in ``results``.
    """

    notebook: Path
    folder: str
    parameters: dict[str, Any]
    folders: dict[str, str]


class Site(_Job):
    """A book of executed pages.

    Attributes
    ----------
    name : str
        Changes with all that the book is made of.
    parts : dict of str to dict of str to str
        Caption of each part: place of a page in the book to the name of its job.
    about : str
        The first page, in Markdown.
    """

    name: str
    parts: dict[str, dict[str, str]]
    about: str


class Jobs(_Job):
    """All processes of a study by name, except that of the merge.

    Attributes
    ----------
    gpus : int
        That each process needs.
    merged : str
        Changes with the folders that are merged.
    encoded : dict of str to tuple of str
        What is encoded together: the images of a source for a model, in parts.
    """

    gpus: int
    merged: str
    encoded: dict[str, tuple[str, ...]]
    embed: dict[str, Embedding]
    evaluate: dict[str, Evaluation]
    pages: dict[str, Page]
    site: Site | None

    @property
    def folders(self) -> list[str]:
        """Of all shards, in order."""
        return [shard.folder for job in self.evaluate.values() for shard in job.shards]
