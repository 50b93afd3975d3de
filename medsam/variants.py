"""Variants of the protocol over the same images: what two pages of the book are made of.

``python -m medsam.variants OUT`` computes both, on the embedded sample: the differences of text
and code (:mod:`medsam.differences`) and noise on prompts (:mod:`medsam.robustness`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from medsam import differences, results, robustness, study
from medsam.datasets.every import Every
from medsam.datasets.sample import Sample
from medsam.datasets.select import Reading, select
from medsam.errors import MedsamError
from medsam.models import check_name, load
from medsam.models.cache import CachedModel
from medsam.models.contract import PromptableModel
from medsam.notebook import Settings
from medsam.protocol import Protocol

__all__ = ["EVERY", "NoiseSettings", "VariantSettings", "Variants"]

EVERY = 4
"""By default one of so many images, in the order of their ids."""


class VariantSettings(Settings):
    """Parameters of the page on text and code."""

    results: str = Field("_build/variants/differences", description="Results folder.")
    every: int = Field(EVERY, description="One of so many images; 1 for all.")
    embeddings: str = Field("", description="Folder of cached embeddings; empty for none.")


class NoiseSettings(VariantSettings):
    """Parameters of the page on noise."""

    results: str = Field("_build/variants/robustness", description="Results folder.")
    levels: list[float] = Field(
        list(robustness.LEVELS), description="Standard deviations as fractions of the size."
    )


@dataclass(frozen=True)
class Variants:
    """A model on part of a dataset under several protocols; rows computed where missing.

    Parameters
    ----------
    settings : VariantSettings
    protocols : sequence of Protocol
    experiments : tuple of str
        See :data:`medsam.study.EXPERIMENTS`.

    Raises
    ------
    UnknownName
        If the model or a task does not exist; before any compute.
    """

    settings: VariantSettings
    protocols: Sequence[Protocol]
    experiments: tuple[str, ...] = study.EXPERIMENTS

    def __post_init__(self) -> None:
        check_name(self.settings.model)
        assert self.dataset.tasks

    @classmethod
    def of_differences(cls, settings: VariantSettings) -> Variants:
        """Both presets, and that of the settings with one choice of the other at a time."""
        return cls(settings, differences.protocols(settings.protocol))

    @classmethod
    def of_noise(cls, settings: NoiseSettings) -> Variants:
        """The text's preset with noise on clicks and boxes, level by level."""
        base = Protocol.get(settings.protocol)
        return cls(settings, robustness.protocols(base, settings.levels), ("mode",))

    @cached_property
    def dataset(self) -> Every:
        """The part of the data."""
        s = self.settings
        tasks = "" if s.images or s.masks else s.tasks
        reading = Reading(Protocol.get(s.protocol).intensity)
        return Every(select(tasks, s.images, s.masks, data=s.data, reading=reading), s.every)

    @cached_property
    def model(self) -> PromptableModel:
        """The model, with a cache of embeddings where the settings name one."""
        model = load(self.settings.model)
        return CachedModel(model, Path(s)) if (s := self.settings.embeddings) else model

    @cached_property
    def titles(self) -> dict[str, str]:
        """What a reader calls each task."""
        from medsam.datasets.brain import TASKS

        return {key: TASKS[key].title if key in TASKS else key for key in self.dataset.tasks}

    @property
    def label(self) -> str:
        """Model, data, protocol that variants start from, and how many images, in a few words."""
        s, images = self.settings, self.rows.image.nunique()
        return f"{s.model} on {self.dataset.title} (n = {images}), from protocol {s.protocol}"

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Rows of these protocols, evaluated first where the results folder lacks them."""
        folder = Path(self.settings.results)
        self.compute()
        rows = results.read(folder)
        return rows[
            (rows.dataset == self.dataset.key)
            & (rows.model == self.settings.model)
            & rows.protocol.isin([protocol.name for protocol in self.protocols])
            & rows.task.isin(self.dataset.tasks)
        ].reset_index(drop=True)

    def clear_case(self) -> tuple[Sample, str]:
        """A case that shows well what a prompt does, and its task.

        Of the objects of fewest regions, the one on which the first protocol's mode 3 is best.
        """
        rows = self.rows.query("experiment == 'mode' and k == 3 and choice == 'top'")
        rows = rows[rows.protocol == self.protocols[0].name]
        row = rows.sort_values(["n_regions", "iou"], ascending=[True, False]).iloc[0]
        (case,) = (case for case in self.dataset.cases() if case.id == row["image"])
        return case.load(), str(row.task)

    def named(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table by task, with what a reader calls each, in the order of the dataset."""
        place = {task: n for n, task in enumerate(self.dataset.tasks)}
        ordered = table.sort_values("task", key=lambda t: t.map(place), kind="stable")
        return ordered.assign(name=ordered.task.map(self.titles)).reset_index(drop=True)

    def compute(self, **options: Any) -> study.Report:
        """Evaluate what is missing; options as of :func:`medsam.study.run_all`."""
        return study.run_all(
            self.dataset,
            self.model,
            self.protocols,
            Path(self.settings.results),
            seed=self.settings.seed,
            experiments=self.experiments,
            # The pages are about IoU; surface distances of so many variants would take longer.
            surface=False,
            **options,
        )


def _main(folder: str) -> None:
    places: dict[str, Any] = {"embeddings": f"{folder}/embeddings"}
    for name, variants in (
        (
            "differences",
            Variants.of_differences(VariantSettings(results=f"{folder}/differences", **places)),
        ),
        ("robustness", Variants.of_noise(NoiseSettings(results=f"{folder}/robustness", **places))),
    ):
        report = variants.compute()
        print(f"{name}: {report.computed} cases computed, {report.resumed} found complete")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m medsam.variants FOLDER")
    try:
        _main(sys.argv[1])
    except MedsamError as error:
        sys.exit(f"medsam: {error}")
