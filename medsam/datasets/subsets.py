"""A dataset made of some cases of another one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from medsam.datasets.sample import Case, Dataset
from medsam.errors import InputError, UnknownName

__all__ = ["Every", "OneTask", "Part", "Subset", "parse_part"]


class Subset:
    """Some cases of a dataset, and else like it.

    Parameters
    ----------
    dataset : Dataset
    choose : callable
        From all its cases to those that are taken.

    Attributes
    ----------
    every : int
        One of so many of its images, on which no row depends unless draws do.
    """

    def __init__(self, dataset: Dataset, choose: Callable[[Iterator[Case]], Iterator[Case]]):
        self.key, self.title, self.modality = dataset.key, dataset.title, dataset.modality
        self.tasks = dataset.tasks
        self.settings: Mapping[str, Any] = getattr(dataset, "settings", {})
        self.every: int = getattr(dataset, "every", 1)
        self._dataset, self._choose = dataset, choose

    def cases(self) -> Iterator[Case]:
        """Those that are taken, in the order of the dataset."""
        return self._choose(self._dataset.cases())

    def __len__(self) -> int:
        """Number of cases."""
        return sum(1 for _ in self.cases())


class _Stride(Subset):
    """Each n-th case from one on."""

    def __init__(self, dataset: Dataset, first: int, n: int):
        super().__init__(dataset, lambda cases: islice(cases, first, None, n))
        self._first, self._n = first, n

    def __len__(self) -> int:
        return len(range(self._first, len(self._dataset), self._n))


class Every(_Stride):
    """Each n-th case of a dataset, from the first on, where all would take too long.

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
        self.every *= n


def parse_part(text: str) -> tuple[int, int]:
    """``I/N`` as numbers.

    Raises
    ------
    InputError
        If it is something else.

    Examples
    --------
    >>> parse_part("2/8")
    (2, 8)
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(
            f"Part {text!r}. Allowed: I/N with I from 1 to N, such as 1/8. Choose another."
        )
    return int(found[1]), int(found[2])


class Part(_Stride):
    """The i-th of n parts of a dataset, so that several processes share the work.

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
        i, n = parse_part(f"{i}/{n}")
        super().__init__(dataset, i - 1, n)
        if n > 1:
            self.title = f"{dataset.title}, part {i} of {n}"


class OneTask(Subset):
    """The cases of one task of a dataset; those of all its tasks are all its rows.

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
        super().__init__(
            dataset,
            lambda cases: (replace(case, tasks=(task,)) for case in cases if task in case.tasks),
        )
        self.tasks = (task,)
