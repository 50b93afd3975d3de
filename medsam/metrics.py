"""Overlap of two masks; for the distance between their boundaries see :mod:`medsam.surface`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medsam.errors import InputError

__all__ = ["EMPTY", "check_pair", "check_policy", "dice", "iou"]

EMPTY = {"nan": float("nan"), "minus_one": -1.0}
"""What an overlap is where both masks are empty, by the name of the policy."""

Policy = Literal["nan", "minus_one"]


def check_pair(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> tuple[int, int]:
    """Shape of two masks that can be compared.

    Raises
    ------
    InputError
        If shapes or dtypes differ, or they are not images.
    """
    if a.shape != b.shape or a.ndim != 2 or a.dtype != np.bool_ or b.dtype != np.bool_:
        raise InputError(
            f"Masks of shapes {a.shape} and {b.shape}, dtypes {a.dtype} and {b.dtype}. "
            "Allowed: two bool masks of one shape (H, W)."
        )
    height, width = a.shape
    return height, width


def check_policy(name: str, got: str, allowed: Iterable[str]) -> None:
    """Raise :class:`~medsam.errors.InputError` where there is no such policy for empty masks."""
    names = tuple(allowed)
    if got not in names:
        raise InputError(f"{name}={got!r}. Allowed: {', '.join(names)}. Take one of these.")


def _counts(
    a: NDArray[np.bool_], b: NDArray[np.bool_], empty: Policy
) -> tuple[int, int, int, float]:
    check_pair(a, b)
    check_policy("empty", empty, EMPTY)
    return (
        int(np.count_nonzero(a & b)),
        int(np.count_nonzero(a)),
        int(np.count_nonzero(b)),
        EMPTY[empty],
    )


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_], *, empty: Policy = "nan") -> float:
    """Intersection over union, 0 to 1.

    Parameters
    ----------
    a, b : (H, W) bool
        Where one of them is empty, it is 0: no policy is needed.
    empty : {"nan", "minus_one"}
        What it is where both masks are empty.

    Raises
    ------
    InputError
        If shapes or dtypes differ, or there is no such policy.

    Examples
    --------
    >>> a = np.array([[1, 1], [0, 0]], bool)
    >>> b = np.array([[1, 0], [1, 0]], bool)
    >>> round(iou(a, b), 4)
    0.3333
    """
    both, in_a, in_b, undefined = _counts(a, b, empty)
    union = in_a + in_b - both
    return both / union if union else undefined


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_], *, empty: Policy = "nan") -> float:
    """Dice coefficient, 0 to 1; parameters as in :func:`iou`.

    Examples
    --------
    >>> a = np.array([[1, 1], [0, 0]], bool)
    >>> b = np.array([[1, 0], [1, 0]], bool)
    >>> dice(a, b)
    0.5
    """
    both, in_a, in_b, undefined = _counts(a, b, empty)
    total = in_a + in_b
    return 2 * both / total if total else undefined
