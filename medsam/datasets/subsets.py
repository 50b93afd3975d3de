"""A dataset made of some cases of another one, or of several datasets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from medsam.datasets.sample import Case, Dataset
from medsam.errors import InputError, UnknownName


class Joined:
    """Several datasets as one: their cases one after the other.

    Rows are of the dataset that a case is from; what is taken of all is taken of each.

    Parameters
    ----------
    parts : sequence of Dataset
        No two with a task or an image of one name.
    title : str
    """

    def __init__(self, parts: Sequence[Dataset], title: str):
        self.parts, self.title = tuple(parts), title
        self.key = "+".join(part.key for part in parts)
        self.modality = ", ".join(dict.fromkeys(part.modality for part in parts))
        self.tasks = tuple(task for part in parts for task in part.tasks)
        ways = [getattr(part, "settings", {}).get("intensity", "") for part in parts]
        self.settings = {"intensity": ", ".join(ways)}

    def cases(self) -> Iterator[Case]:
        """Those of each dataset, in order."""
        return chain.from_iterable(part.cases() for part in self.parts)

    def __len__(self) -> int:
        """Number of cases."""
        return sum(len(part) for part in self.parts)


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
    parts : tuple of Subset
        Of a :class:`Joined` dataset: what is taken of each of those.
    """

    def __init__(self, dataset: Dataset, choose: Callable[[Iterator[Case]], Iterator[Case]]):
        self.key, self.title, self.modality = dataset.key, dataset.title, dataset.modality
        self.tasks = dataset.tasks
        self.settings: Mapping[str, Any] = getattr(dataset, "settings", {})
        self.every: int = getattr(dataset, "every", 1)
        self.parts = tuple(Subset(part, choose) for part in getattr(dataset, "parts", ()))
        self._dataset, self._choose = dataset, choose

    def cases(self) -> Iterator[Case]:
        """Those that are taken, in the order of the dataset."""
        if self.parts:
            return chain.from_iterable(part.cases() for part in self.parts)
        return self._choose(self._dataset.cases())

    def __len__(self) -> int:
        """Number of cases."""
        return sum(1 for _ in self.cases())


def parts_of(dataset: Dataset) -> tuple[Dataset, ...]:
    """The datasets that a :class:`Joined` one, or a subset of it, is made of; else itself."""
    return tuple(getattr(dataset, "parts", ())) or (dataset,)


class _Stride(Subset):
    """Each n-th case from one on."""

    def __init__(self, dataset: Dataset, first: int, n: int):
        super().__init__(dataset, lambda cases: islice(cases, first, None, n))
        self._first, self._n = first, n

    def __len__(self) -> int:
        parts = parts_of(self._dataset)
        return sum(len(range(self._first, len(one), self._n)) for one in parts)


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
        for one in (self, *self.parts):
            one.every *= n


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
