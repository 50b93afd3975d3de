"""Masks as lengths of runs, as js/masks.js reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from medsam.errors import InputError

__all__ = ["decode_mask", "encode_mask", "runs_text"]


def encode_mask(mask: NDArray[np.bool_]) -> list[int]:
    """Run lengths of a mask, row by row, beginning with background.

    Parameters
    ----------
    mask : (H, W) bool

    Returns
    -------
    list of int
        Lengths of background, object, background, ...; the first may be 0.

    Examples
    --------
    >>> encode_mask(np.array([[0, 1, 1], [1, 0, 0]], bool))
    [1, 3, 2]
    >>> encode_mask(np.ones((1, 2), bool))
    [0, 2]
    """
    flat = np.asarray(mask, bool).ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs: list[int] = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    return [0, *runs] if flat.size and flat[0] else runs


def decode_mask(runs: Iterable[int], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask that :func:`encode_mask` encoded.

    Parameters
    ----------
    runs : iterable of int
    shape : (H, W)

    Returns
    -------
    (H, W) bool

    Raises
    ------
    InputError
        If the runs do not fill the shape.

    Examples
    --------
    >>> decode_mask([1, 3, 2], (2, 3)).astype(int).tolist()
    [[0, 1, 1], [1, 0, 0]]
    """
    lengths = np.fromiter(runs, np.int64)
    if lengths.sum() != math.prod(shape):
        raise InputError(
            f"Run lengths of {lengths.sum()} pixels for a mask of {shape[0]} x {shape[1]}. "
            "Allowed: runs that fill the mask. Take the shape that the mask was encoded with."
        )
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(shape)


def runs_text(mask: NDArray[np.bool_]) -> str:
    """Text, as a notebook on disk gives each number of a list a line of its own."""
    return " ".join(map(str, encode_mask(mask)))
