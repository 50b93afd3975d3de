"""One task of a dataset, so that several processes share the tasks of the same images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from medsam.datasets.like import Like
from medsam.datasets.sample import Case, Dataset
from medsam.errors import UnknownName

__all__ = ["OneTask"]


class OneTask(Like):
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
        super().__init__(dataset)
        self._task = task

    @property
    def tasks(self) -> tuple[str, ...]:
        """This one."""
        return (self._task,)

    def cases(self) -> Iterator[Case]:
        """Those that the task counts among its own, in the order of the dataset."""
        for case in self._dataset.cases():
            if self._task in case.tasks:
                yield replace(case, tasks=self.tasks)

    def __len__(self) -> int:
        """Number of cases."""
        return sum(1 for _ in self.cases())
