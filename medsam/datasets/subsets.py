"""A dataset made of another one: some of its cases, or the same ones otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from medsam.datasets.sample import Case, Dataset
from medsam.errors import InputError, UnknownName

__all__ = ["Every", "Like", "OneTask", "Part", "Stride", "parsed"]


class Like:
    """Key, title, modality, settings, tasks and cases of a dataset; a subclass changes some.

    Parameters
    ----------
    dataset : Dataset
    """

    def __init__(self, dataset: Dataset):
        self.key, self.modality, self.title = dataset.key, dataset.modality, dataset.title
        self.settings: Mapping[str, Any] = getattr(dataset, "settings", {})
        self._dataset = dataset

    @property
    def tasks(self) -> tuple[str, ...]:
        """Those of the dataset."""
        return self._dataset.tasks

    def cases(self) -> Iterator[Case]:
        """Those of the dataset."""
        return self._dataset.cases()

    def __len__(self) -> int:
        """Number of cases."""
        return len(self._dataset)


# Each n-th image of a dataset: where all would take too long, or several processes share them.


class Stride(Like):
    """Each n-th case of a dataset from one on, in the order of their ids; else like the dataset.

    Parameters
    ----------
    dataset : Dataset
    first : int
        From 0.
    n : int
    """

    def __init__(self, dataset: Dataset, first: int, n: int):
        super().__init__(dataset)
        self._first, self.n = first, n

    def cases(self) -> Iterator[Case]:
        """Each n-th case."""
        return islice(self._dataset.cases(), self._first, None, self.n)

    def __len__(self) -> int:
        """Number of cases."""
        return len(range(self._first, len(self._dataset), self.n))


class Every(Stride):
    """Each n-th case of a dataset, from the first on, in the order of their ids.

    Parameters
    ----------
    dataset : Dataset
    n : int
        1 for all cases.

    Raises
    ------
    InputError
        If n is not positive.
    """

    def __init__(self, dataset: Dataset, n: int):
        if n < 1:
            raise InputError(
                f"One of every {n} images. Allowed: a whole number from 1 (all). Choose another."
            )
        super().__init__(dataset, 0, n)
        if n > 1:
            self.title = f"{dataset.title}, 1 of {n} images"
        # Rows do not depend on it, but a stream of draws over the images does.
        self.settings = {**self.settings, "every": n}


# A part of a dataset, so that several processes share the work.


def parsed(text: str) -> tuple[int, int]:
    """``I/N`` as numbers.

    Raises
    ------
    InputError
        If it is something else.

    Examples
    --------
    >>> parsed("2/8")
    (2, 8)
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(
            f"Part {text!r}. Allowed: I/N with I from 1 to N, such as 1/8. Choose another."
        )
    return int(found[1]), int(found[2])


class Part(Stride):
    """The i-th of n parts of a dataset: each case is in one of them.

    The parts take turns through the cases in the order of their ids, so that each has its share of
    every volume. Rows do not depend on the parts: those of all parts together are those of a run
    in one go, and merge into one folder.

    Parameters
    ----------
    dataset : Dataset
    i, n : int
        From 1/1, which is the whole.

    Raises
    ------
    InputError
        If i is not from 1 to n.
    """

    def __init__(self, dataset: Dataset, i: int, n: int):
        i, n = parsed(f"{i}/{n}")
        super().__init__(dataset, i - 1, n)
        if n > 1:
            self.title = f"{dataset.title}, part {i} of {n}"


# One task of a dataset, so that several processes share the tasks of the same images.


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
