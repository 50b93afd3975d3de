"""A few slices of each scan, so that no scan outweighs the others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from medsam.datasets.readers.volume import PLANES
from medsam.datasets.sample import Case, Dataset
from medsam.errors import InputError

__all__ = ["Spread"]

_SLICE = re.compile(rf"(?P<scan>.+)/(?:{'|'.join(PLANES)})-\d+")


class Spread:
    """At most n slices of each scan, evenly spaced among those that hold an object.

    The N slices with an object are cut into n equal parts, and the one in the middle of each part
    is taken: of ten slices, three are the 2nd, 6th and 9th. Pictures are all taken.

    Parameters
    ----------
    dataset : Dataset
    n : int

    Raises
    ------
    InputError
        If n is not positive.

    Examples
    --------
    >>> Spread.places(10, 3)
    [1, 5, 8]
    """

    def __init__(self, dataset: Dataset, n: int):
        if n < 1:
            raise InputError(f"{n} slices of a scan. Allowed: a whole number from 1.")
        self.key, self.title, self.modality = dataset.key, dataset.title, dataset.modality
        self._dataset, self.n = dataset, n
        self.settings = {**getattr(dataset, "settings", {}), "slices": n}

    @staticmethod
    def places(found: int, n: int) -> list[int]:
        """Which of so many slices are taken, from 0 on; all if there are no more than n."""
        if found <= n:
            return list(range(found))
        return [(2 * part + 1) * found // (2 * n) for part in range(n)]

    @property
    def tasks(self) -> tuple[str, ...]:
        """Those of the dataset."""
        return self._dataset.tasks

    def cases(self) -> Iterator[Case]:
        """The cases that are taken, in the order of their ids."""
        for _, of_scan in groupby(self._dataset.cases(), key=_scan):
            cases = list(of_scan)
            yield from (cases[place] for place in self.places(len(cases), self.n))

    def __len__(self) -> int:
        """Number of cases."""
        return sum(1 for _ in self.cases())


def _scan(case: Case) -> str:
    """The scan of a slice; of a picture, itself."""
    found = _SLICE.fullmatch(case.id)
    return found["scan"] if found else case.id
