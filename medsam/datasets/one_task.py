"""One task of a dataset, so that several processes share the tasks of the same images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from medsam.datasets.sample import Case, Dataset
from medsam.errors import UnknownName

__all__ = ["OneTask"]


class OneTask:
    """The cases of one task; else like the dataset.

    Rows are those of the dataset as a whole, and those of all its tasks are all its rows.

    Parameters
    ----------
    dataset : Dataset
    task : str

    Raises
    ------
    UnknownName
        If it is no task of the dataset.
    """

    def __init__(self, dataset: Dataset, task: str):
        if task not in dataset.tasks:
            raise UnknownName("task", task, dataset.tasks)
        self.key, self.modality, self.title = dataset.key, dataset.modality, dataset.title
        self.settings: Mapping[str, Any] = getattr(dataset, "settings", {})
        self.tasks: tuple[str, ...] = (task,)
        self._dataset = dataset

    def cases(self) -> Iterator[Case]:
        """Those that the task counts among its own, in the order of the dataset."""
        for case in self._dataset.cases():
            if self.tasks[0] in case.tasks:
                yield replace(case, tasks=self.tasks)

    def __len__(self) -> int:
        """Number of cases."""
        return sum(1 for _ in self.cases())
