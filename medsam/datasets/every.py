"""Each n-th image of a dataset: where all would take too long, or several processes share them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from medsam.datasets.like import Like
from medsam.datasets.sample import Case, Dataset
from medsam.errors import InputError

__all__ = ["Every", "Stride"]


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
