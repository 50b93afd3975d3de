"""A dataset made of another one: some of its cases, or the same ones otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from medsam.datasets.sample import Case, Dataset

__all__ = ["Like"]


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
