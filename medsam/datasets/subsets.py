"""A dataset made of some cases of another one, or of several datasets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from medsam.datasets.sample import Case, Dataset
from medsam.errors import InputError


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


def parts_of(dataset: Dataset) -> tuple[Dataset, ...]:
    """The datasets that a :class:`Joined` one, or a subset of it, is made of; else itself."""
    return tuple(getattr(dataset, "parts", ())) or (dataset,)


class Subset:
    """Some cases of a dataset, and else like it; of a :class:`Joined` one, some of each of its.

    What the whole dataset tells of its files (``skipped``, ``empty``, ``notes``) it tells, too.

    Parameters
    ----------
    dataset : Dataset
    choose : callable, optional
        From its cases to those that are taken; of what the following leave.
    every : int
        Each so many-th case, from the first on.
    part : str
        ``I/N``: the i-th of n parts of those, so that several processes share the work. Parts take
        turns through the cases in the order of their ids, so that each has its share of every
        volume. Rows do not depend on them, and merge into one folder.

    Attributes
    ----------
    every : int
        One of so many of its images, on which no row depends unless draws do.
    parts : tuple of Subset

    Raises
    ------
    InputError
        If every is not positive, or part is no part.
    """

    def __init__(
        self,
        dataset: Dataset,
        choose: Callable[[Iterator[Case]], Iterator[Case]] | None = None,
        *,
        every: int = 1,
        part: str = "1/1",
    ):
        if every < 1:
            raise InputError(
                f"One of every {every} images. Allowed: a whole number from 1 (all). Choose "
                "another."
            )
        first, parts = parse_part(part)
        self.key, self.modality = dataset.key, dataset.modality
        self.title = dataset.title + (f", 1 of {every} images" if every > 1 else "")
        self.title += f", part {first} of {parts}" if parts > 1 else ""
        self.tasks = dataset.tasks
        self.settings: Mapping[str, Any] = getattr(dataset, "settings", {})
        self.every: int = getattr(dataset, "every", 1) * every
        self.parts = tuple(
            Subset(one, choose, every=every, part=part) for one in getattr(dataset, "parts", ())
        )
        self._dataset, self._choose = dataset, choose
        self._stride, self._part = slice(0, None, every), slice(first - 1, None, parts)

    def __getattr__(self, name: str) -> Any:
        if name in ("skipped", "empty", "notes"):
            return getattr(self._dataset, name)
        raise AttributeError(name)

    def cases(self) -> Iterator[Case]:
        """Those that are taken, in the order of the dataset."""
        if self.parts:
            return chain.from_iterable(part.cases() for part in self.parts)
        cases: Iterator[Case] = islice(self._dataset.cases(), 0, None, self._stride.step)
        cases = islice(cases, self._part.start, None, self._part.step)
        return self._choose(cases) if self._choose else cases

    def __len__(self) -> int:
        """Number of cases."""
        if self.parts or self._choose:
            return sum(1 for _ in self.cases())
        return len(range(len(self._dataset))[self._stride][self._part])


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
