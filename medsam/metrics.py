"""Overlap of two masks."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medsam.errors import InputError

__all__ = ["EMPTY", "dice", "iou"]

EMPTY = {"nan": float("nan"), "minus_one": -1.0}
"""What an overlap is where both masks are empty, by the name of the policy."""

Policy = Literal["nan", "minus_one"]


def _counts(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> tuple[int, int, int]:
    if a.shape != b.shape or a.dtype != np.bool_ or b.dtype != np.bool_:
        raise InputError(
            f"Masks of shapes {a.shape} and {b.shape}, dtypes {a.dtype} and {b.dtype}. "
            "Allowed: two bool masks of one shape."
        )
    return int(np.count_nonzero(a & b)), int(np.count_nonzero(a)), int(np.count_nonzero(b))


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_], *, empty: Policy = "nan") -> float:
    """Intersection over union, 0 to 1.

    Parameters
    ----------
    a, b : (H, W) bool
    empty : {"nan", "minus_one"}
        What it is where both masks are empty.

    Raises
    ------
    InputError
        If shapes or dtypes differ.

    Examples
    --------
    >>> a = np.array([[1, 1], [0, 0]], bool)
    >>> b = np.array([[1, 0], [1, 0]], bool)
    >>> round(iou(a, b), 4)
    0.3333
    """
    both, in_a, in_b = _counts(a, b)
    union = in_a + in_b - both
    return both / union if union else EMPTY[empty]


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_], *, empty: Policy = "nan") -> float:
    """Dice coefficient, 0 to 1; parameters as in :func:`iou`.

    Examples
    --------
    >>> a = np.array([[1, 1], [0, 0]], bool)
    >>> b = np.array([[1, 0], [1, 0]], bool)
    >>> dice(a, b)
    0.5
    """
    both, in_a, in_b = _counts(a, b)
    total = in_a + in_b
    return 2 * both / total if total else EMPTY[empty]
