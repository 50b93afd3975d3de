"""How large a pixel is."""

from __future__ import annotations

from collections.abc import Iterable

from medsam.datasets.sample import Dataset

__all__ = ["pixel_areas"]


def pixel_areas(dataset: Dataset, images: Iterable[str]) -> dict[str, float]:
    """Area of a pixel of each image.

    Parameters
    ----------
    dataset : Dataset
    images : iterable of str
        Ids; others are not read.

    Returns
    -------
    dict of str to float
        mm², by id; empty where an image does not tell its spacing, and nothing after that one
        is read: sizes of some objects only cannot be compared.
    """
    wanted, found = set(images), {}
    for case in dataset.cases():
        if case.id in wanted:
            spacing = case.load().spacing
            if spacing is None:
                return {}
            found[case.id] = float(spacing[0] * spacing[1])
    return found
