r"""Human-like noise on prompts: nobody clicks the exact centre or draws the tightest box.

The paper's prompts are exact: the centre of a region, the tight box. Two fields of the protocol
say how far a person is from that; 0, as in both presets, is the paper.

Clicks
    ``click_jitter`` is the standard deviation in x and in y, as a fraction of the equivalent
    diameter :math:`2\sqrt{A / \pi}` of what is clicked on. The spread of aimed movements grows
    with the size of the target: at a rate of misses of 4 %, the width of a target is 4.133
    standard deviations (MacKenzie 1992, doi:10.1207/s15327051hci0701_3), which makes 0.24 of its
    width that of a person in a hurry. A click that would leave what is clicked on stops at its
    border, since a person sees the miss and does not make it.
Boxes
    ``box_jitter`` is the standard deviation of each edge on its own, as a fraction of the box's
    side across that edge, as in the training of SAM, where it is 0.1 (Kirillov et al. 2023,
    appendix A; there with at most 20 pixels).

The draw depends on the seed, the task, the image and the region or click, not on the level: a
level scales it. So no result depends on the order of the images, all levels see the same person,
and a curve over levels is smooth. It does not depend on the mode either: modes 1 and 2 stay the
same for an object of one region, and 3, 4 and 5 as well. The streams of the ``released`` preset
are left alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from medsam.protocol import Protocol
from medsam.regions import Mask

__all__ = ["box", "click"]

_STEP = 0.25
"""Pixels between the places that a click is moved to along its direction."""


def _normals(n: int, seed: int, keys: tuple[object, ...]) -> NDArray[np.float64]:
    """(n,) standard normal numbers of their own for these keys."""
    text = "\x1f".join(map(str, ("jitter", seed, *keys)))
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest)).standard_normal(n)


def click(
    point: tuple[int, int] | NDArray[np.intp],
    target: Mask,
    protocol: Protocol,
    seed: int = 0,
    keys: tuple[object, ...] = (),
) -> tuple[int, int]:
    """Where a person clicks who means a pixel.

    Parameters
    ----------
    point : (x, y) int
        The pixel that is meant.
    target : (H, W) bool
        What is clicked on: the object, or the part of an error that is missing from, or too much
        in, the prediction. Of it, the contiguous region (8-connectivity) around the point counts.
    protocol : Protocol
        ``click_jitter`` decides; 0 gives the point back.
    seed : int
    keys : tuple
        Task, image, and region or number of the click.

    Returns
    -------
    (x, y) int
        A pixel of that region. The greater the level, the farther from the point in the same
        direction, up to the border of the region.

    Examples
    --------
    >>> target = np.ones((9, 9), bool)
    >>> click((4, 4), target, Protocol())
    (4, 4)
    >>> click((4, 4), target, Protocol().but(click_jitter=0.2), seed=1)
    (4, 2)
    """
    x, y = int(point[0]), int(point[1])
    # Where nothing is wrong, a click falls anywhere (no_error="anywhere"): it aims at nothing.
    if not protocol.click_jitter or not target[y, x]:
        return x, y
    _, labelled = cv2.connectedComponents(np.ascontiguousarray(target, np.uint8), connectivity=8)
    region = labelled == labelled[y, x]
    diameter = 2 * math.sqrt(np.count_nonzero(region) / math.pi)
    along = _normals(2, seed, keys)
    length = float(np.hypot(*along))
    far = protocol.click_jitter * diameter * length
    way = np.arange(0, far + 1e-9, _STEP)[:, None] * (along / length)
    xs, ys = np.rint(way + np.array([x, y])).astype(np.intp).T
    height, width = target.shape
    inside = (xs >= 0) & (xs < width) & (ys >= 0) & (ys < height)
    inside[inside] = region[ys[inside], xs[inside]]
    last = len(inside) - 1 if inside.all() else int(np.argmin(inside)) - 1
    return int(xs[last]), int(ys[last])


def box(
    edges: Sequence[int],
    shape: tuple[int, ...],
    protocol: Protocol,
    seed: int = 0,
    keys: tuple[object, ...] = (),
) -> list[int]:
    """The box that a person draws who means another one.

    Parameters
    ----------
    edges : (x0, y0, x1, y1) int
        The tight box, inclusive.
    shape : (H, W) int
        Of the image.
    protocol : Protocol
        ``box_jitter`` decides; 0 gives the box back.
    seed : int
    keys : tuple
        Task, image and region.

    Returns
    -------
    list of int
        ``x0 <= x1`` and ``y0 <= y1`` within the image: at least one pixel. Edges that pass each
        other change places, as when a box is drawn from the other corner.

    Examples
    --------
    >>> box([10, 10, 29, 19], (40, 50), Protocol())
    [10, 10, 29, 19]
    >>> box([10, 10, 29, 19], (40, 50), Protocol().but(box_jitter=0.1), seed=1)
    [10, 9, 27, 19]
    """
    if not protocol.box_jitter:
        return list(edges)
    sides = np.array([edges[2] - edges[0] + 1, edges[3] - edges[1] + 1] * 2)
    moved = np.rint(np.array(edges) + protocol.box_jitter * sides * _normals(4, seed, keys))
    height, width = shape[:2]
    xs = np.clip(np.sort(moved[[0, 2]]), 0, width - 1)
    ys = np.clip(np.sort(moved[[1, 3]]), 0, height - 1)
    return [int(xs[0]), int(ys[0]), int(xs[1]), int(ys[1])]
