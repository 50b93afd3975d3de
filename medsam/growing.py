"""Region growing from a point, which the masks of a model are compared with (section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["grow"]


def grow(
    grey: NDArray[np.uint8], point: tuple[int, int], tolerances: Sequence[int]
) -> list[NDArray[np.bool_]]:
    """Regions grown from a point: what is connected to it and differs from it by at most so much.

    Parameters
    ----------
    grey : (H, W) uint8
    point : (x, y) int
    tolerances : sequence of int
        Grey levels.

    Returns
    -------
    list of (H, W) bool
        One a tolerance (8-connectivity; the difference is to the point itself).

    Examples
    --------
    >>> grey = np.array([[9, 9, 5, 9]], np.uint8)
    >>> [region.tolist() for region in grow(grey, (0, 0), (0, 4))]
    [[[True, True, False, False]], [[True, True, True, True]]]
    """
    import cv2

    flags = 8 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
    out = []
    for tolerance in tolerances:
        frame = np.zeros((grey.shape[0] + 2, grey.shape[1] + 2), np.uint8)
        cv2.floodFill(grey.copy(), frame, point, 0, (tolerance,), (tolerance,), flags)
        out.append(frame[1:-1, 1:-1].astype(bool))
    return out
