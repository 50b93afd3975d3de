"""A study beside the same study with other models, in one results folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from pydantic import Field

from medsam import comparison, results, summary
from medsam.figures.tables import HtmlTable, html_table
from medsam.models import check_name
from medsam.models.registry import models
from medsam.notebook import Settings, Study

__all__ = ["Others", "OthersSettings", "clicks_by_model", "found", "other_click_means"]


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
        """The model less every other one, as :func:`medsam.comparison.of_rows` gives it."""
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
        ``model, choice, k, iou``, as of :meth:`medsam.notebook.Study.click_means`; may be empty.
    """
    table = clicks_by_model(study)
    table = table[table.model != study.settings.model].assign(choice="top")
    return table.groupby(["model", "choice", "k"])[["iou"]].mean().reset_index()
