"""A part of a dataset, so that several processes share the work."""

from __future__ import annotations

import re

from medsam.datasets.every import Stride
from medsam.datasets.sample import Dataset
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


class Part(Stride):
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
        i, n = parsed(f"{i}/{n}")
        super().__init__(dataset, i - 1, n)
        if n > 1:
            self.title = f"{dataset.title}, part {i} of {n}"
