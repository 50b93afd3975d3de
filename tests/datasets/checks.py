"""How the tests of datasets open one of the paper's, and what they ask of any."""

from __future__ import annotations

from medsam.datasets.layouts.layout import open_dataset
from medsam.datasets.source import DiskDataset, Reading
from medsam.errors import DataError


def opened(key, root, **reading) -> DiskDataset:
    return open_dataset(key, root, Reading(**reading), progress=False)


def samples(dataset, *tasks):
    """Every sample by its id."""
    return {case.id: case.load() for case in dataset.cases(*tasks)}


def reasons(dataset, *tasks) -> dict[str, str]:
    """Why each case that cannot be used cannot, by id."""
    found = {}
    for case in dataset.cases(*tasks):
        try:
            case.load()
        except DataError as error:
            found[case.id] = str(error)
    return found
