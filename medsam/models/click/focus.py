"""Where FocalClick looks twice: the part of the picture that the last click changed.

Source: Chen et al., "FocalClick: Towards Practical Interactive Image Segmentation", section 3.1
(arXiv 2204.02574), with the numbers of the released evaluation.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from medsam.models.click.clickmaps import Clicks

__all__ = ["Window", "box", "focus", "grown", "relative", "scaled"]

Window = tuple[int, int, int, int]
"""Top, bottom, left, right; bottom and right are the first that do not belong to it."""

_FEW = 10
"""A mask of fewer pixels has no box of its own."""
_SMALL = 3
"""A change is small if it is that many times less high or wide than the object."""
_AROUND = 0.2
"""For a small change: so many times the object's longest side to each side of the click."""


def box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """First and last row and column of a mask; the whole picture for fewer than 10 pixels."""
    if np.count_nonzero(mask) < _FEW:
        return 0, mask.shape[0], 0, mask.shape[1]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def grown(box: tuple[float, float, float, float], ratio: float, size: tuple[int, int]) -> Window:
    """A box, enlarged about its centre and cut at the picture.

    Examples
    --------
    >>> grown((10, 19, 10, 29), 1.4, (100, 100))
    (7, 21, 5, 33)
    """
    out = []
    for first, last, end in ((*box[:2], size[0]), (*box[2:], size[1])):
        centre, half = 0.5 * (first + last), ratio * (last - first + 1) * 0.5
        out += [max(0, int(centre - half)), min(end, int(centre + half))]
    return out[0], out[1], out[2], out[3]


def focus(
    now: NDArray[np.bool_],
    before: NDArray[np.bool_],
    click: tuple[int, int],
    target: Window,
    ratio: float = 1.4,
) -> Window:
    """The window to refine after a click.

    Parameters
    ----------
    now, before : (H, W) bool
        The coarse mask of this click, and the final one of the last.
    click : (row, column) int
        The last one.
    target : Window
        What the coarse step saw; the window lies within.
    ratio : float
        By what the sides are multiplied.

    Returns
    -------
    Window
        Around the object, if there was none before; else around what changed at the click,
        or around the click where that is small. All of ``target`` where nothing of the
        window lies in it.
    """
    if before.any():
        _, labels = cv2.connectedComponents((now ^ before).astype(np.uint8))
        changed = box(labels == labels[click])
        whole = box(now)
        high, wide = whole[1] - whole[0], whole[3] - whole[2]
        if changed[1] - changed[0] < high / _SMALL or changed[3] - changed[2] < wide / _SMALL:
            reach = _AROUND * max(high, wide)
            around = click[0] - reach, click[0] + reach, click[1] - reach, click[1] + reach
            found = grown(around, ratio, now.shape)
        else:
            found = grown(changed, ratio, now.shape)
    else:
        found = grown(box(now), ratio, now.shape)
    top, bottom = max(found[0], target[0]), min(found[1], target[1])
    left, right = max(found[2], target[2]), min(found[3], target[3])
    if top >= bottom or left >= right:
        return target
    return top, bottom, left, right


def relative(window: Window, target: Window, side: int) -> tuple[float, float, float, float]:
    """A window in pixels of its target brought to ``side`` x ``side``.

    Examples
    --------
    >>> relative((10, 20, 10, 30), (0, 40, 0, 40), 80)
    (20.0, 40.0, 20.0, 60.0)
    """
    down, across = side / (target[1] - target[0]), side / (target[3] - target[2])
    return (
        max((window[0] - target[0]) * down, 0),
        min((window[1] - target[0]) * down, side),
        max((window[2] - target[2]) * across, 0),
        min((window[3] - target[2]) * across, side),
    )


def scaled(clicks: Clicks, window: Window, side: int) -> Clicks:
    """The clicks in pixels of a window brought to ``side`` x ``side``.

    Examples
    --------
    >>> scaled(np.array([[15.0, 20.0, 1.0]]), (10, 20, 10, 30), 80)
    array([[40., 40.,  1.]])
    """
    out = clicks.copy()
    out[:, 0] = (clicks[:, 0] - window[0]) * (side / (window[1] - window[0]))
    out[:, 1] = (clicks[:, 1] - window[2]) * (side / (window[3] - window[2]))
    return out
