"""Geometry of masks: contiguous regions, their centres and tight boxes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from medsam.errors import InputError
from medsam.protocol import PROTOCOLS, Protocol

__all__ = ["Mask", "box", "centres", "regions"]

Mask = NDArray[np.bool_]


def regions(mask: Mask, protocol: Protocol = PROTOCOLS["paper"]) -> list[Mask]:
    """Contiguous regions of a mask (8-connectivity), largest first.

    Parameters
    ----------
    mask : (H, W) bool
    protocol : Protocol
        ``region_ties`` orders regions of equal area.

    Returns
    -------
    list of (H, W) bool
        Empty for an empty mask.
    """
    count, labelled, stats, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(mask, np.uint8), connectivity=8
    )
    if count <= 1:
        return []
    # OpenCV numbers regions block by block; order them by their first pixel, row by row.
    labels, first = np.unique(labelled, return_index=True)
    label_first = {n: at for n, at in zip(labels.tolist(), first.tolist(), strict=True) if n}
    sign = 1 if protocol.region_ties == "first" else -1
    order = sorted(
        label_first,
        key=lambda label: (-int(stats[label, cv2.CC_STAT_AREA]), sign * label_first[label]),
    )
    return [labelled == label for label in order]


def centres(mask: Mask, protocol: Protocol) -> NDArray[np.intp]:
    """(N, 2) candidates ``(x, y)`` farthest from the boundary, row by row."""
    if not mask.any():
        raise InputError(
            "A mask without a pixel has no centre. Allowed: at least one pixel. "
            "Record the case as empty."
        )
    # One pixel of background around: the border of the image counts as boundary.
    padded = np.pad(np.asarray(mask, np.uint8), 1)
    if protocol.distance == "exact":
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # Squared distances between pixels are whole numbers: rounding makes ties exact.
        distance = np.rint(distance.astype(np.float64) ** 2)
    else:
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5)
    inner = distance[1:-1, 1:-1]
    rows, columns = np.nonzero(inner == inner.max())
    return np.stack([columns, rows], axis=1)


def box(mask: Mask) -> list[int]:
    """Tight box ``(x0, y0, x1, y1)``, inclusive."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])]
