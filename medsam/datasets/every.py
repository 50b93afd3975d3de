"""Each n-th image of a dataset, where all would take too long."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from medsam.datasets.sample import Case, Dataset
from medsam.errors import InputError

__all__ = ["Every"]


class Every:
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
        self.key, self.modality, self._dataset, self.n = dataset.key, dataset.modality, dataset, n
        self.title = dataset.title if n == 1 else f"{dataset.title}, 1 of {n} images"
        # Rows do not depend on it, but a stream of draws over the images does.
        self.settings = {**getattr(dataset, "settings", {}), "every": n}

    @property
    def tasks(self) -> tuple[str, ...]:
        """Those of the dataset."""
        return self._dataset.tasks

    def cases(self) -> Iterator[Case]:
        """Each n-th case."""
        return islice(self._dataset.cases(), None, None, self.n)

    def __len__(self) -> int:
        """Number of cases."""
        return -(-len(self._dataset) // self.n)
