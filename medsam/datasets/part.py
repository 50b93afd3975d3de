"""A part of a dataset, so that several processes share the work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from medsam.datasets.sample import Case, Dataset
from medsam.errors import InputError

__all__ = ["Part", "parsed"]


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


class Part:
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
        self.i, self.n = parsed(f"{i}/{n}")
        self.key, self.modality, self._dataset = dataset.key, dataset.modality, dataset
        self.title = dataset.title if n == 1 else f"{dataset.title}, part {i} of {n}"
        self.settings = getattr(dataset, "settings", {})

    @property
    def tasks(self) -> tuple[str, ...]:
        """Those of the dataset."""
        return self._dataset.tasks

    def cases(self) -> Iterator[Case]:
        """Each n-th case, from the i-th on."""
        return islice(self._dataset.cases(), self.i - 1, None, self.n)

    def __len__(self) -> int:
        """Number of cases."""
        return max(0, -(-(len(self._dataset) - self.i + 1) // self.n))
