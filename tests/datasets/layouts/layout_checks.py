"""How the tests of layouts open a dataset and what they ask of it."""

from __future__ import annotations

from medsam.datasets.layouts.layout import open_dataset
from medsam.datasets.source import DiskDataset, Reading
from medsam.errors import DataError


def opened(key, root, **reading) -> DiskDataset:
    return open_dataset(key, root, Reading(**reading), progress=False)


def samples(key, root, **reading):
    """Every sample by its id."""
    return {case.id: case.load() for case in opened(key, root, **reading).cases()}


def reasons(dataset) -> dict[str, str]:
    """Why each case that cannot be used cannot, by id."""
    found = {}
    for case in dataset.cases():
        try:
            case.load()
        except DataError as error:
            found[case.id] = str(error)
    return found
