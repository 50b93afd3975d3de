"""Clicks as pictures, and zooming in on the surroundings of the object from the second click on.

A region of interest is ``(top, bottom, left, right)`` in pixels, all inclusive.

Source: Sofiiuk et al., "f-BRS: Rethinking Backpropagating Refinement for Interactive
Segmentation", section 4.3 (arXiv 2001.10331), with the numbers of the released evaluations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from medsam.regions import box

Clicks = NDArray[np.float64]
"""(N, 3) float: row, column, label."""
Roi = tuple[int, int, int, int]
"""Top, bottom, left, right, inclusive."""


def mirrored(clicks: Clicks, width: int) -> Clicks:
    """The clicks on the picture flipped left to right.

    Examples
    --------
    >>> mirrored(np.array([[4.0, 3.0, 1.0]]), width=10)
    array([[4., 6., 1.]])
    """
    out = clicks.copy()
    out[:, 1] = width - out[:, 1] - 1
    return out


def disks(batch: Sequence[Clicks], size: tuple[int, int], radius: float, like: Tensor) -> Tensor:
    """(B, 2, H, W) maps: 1 where a click is at most ``radius`` away, else 0.

    Parameters
    ----------
    batch : sequence of (N, 3) float
        Clicks of each picture; N may differ.
    size : (H, W) int
    radius : float
        In pixels of the map.
    like : Tensor
        Gives dtype and device.

    Returns
    -------
    Tensor
        Channel 0 holds the positive clicks, channel 1 the negative ones.

    Notes
    -----
    As in the published code, a click both of whose coordinates are negative is no click: it
    draws nothing, even where its disk would reach the picture.

    Examples
    --------
    >>> maps = disks([np.array([[0.0, 1.0, 1.0]])], (2, 4), 1, torch.zeros(1))
    >>> maps[0, 0]
    tensor([[1., 1., 1., 0.],
            [0., 1., 0., 0.]])
    >>> maps[0, 1].sum()
    tensor(0.)
    """
    rows = torch.arange(size[0], dtype=like.dtype, device=like.device)
    columns = torch.arange(size[1], dtype=like.dtype, device=like.device)
    out = like.new_zeros((len(batch), 2, *size))
    for maps, clicks in zip(out, batch, strict=True):
        for row, column, label in clicks:
            if max(row, column) < 0:
                continue
            # Rounded to the network's precision first, as the published code does: a
            # pixel that lies on the rim falls on the same side.
            at = like.new_tensor([row, column])
            down, right = rows - at[0], columns - at[1]
            near = (down * down)[:, None] + (right * right)[None] <= radius**2
            maps[0 if label else 1][near] = 1
    return out


def surroundings(mask: NDArray[np.bool_], clicks: Clicks, expansion: float, min_side: float) -> Roi:
    """The box around mask and positive clicks, enlarged about its centre, within the picture.

    Parameters
    ----------
    mask : (H, W) bool
        With at least one pixel, or a positive click.
    clicks : (N, 3) float
        The negative ones do not count.
    expansion : float
        By what the sides are multiplied.
    min_side : float
        Least side in pixels, where the picture is large enough.

    Examples
    --------
    >>> mask = np.zeros((100, 100), bool)
    >>> mask[40:50, 30:50] = True
    >>> surroundings(mask, np.zeros((0, 3)), 1.4, 10)
    (38, 52, 26, 54)
    """
    marked = mask.copy()
    for row, column, label in clicks:
        if label:
            marked[int(row), int(column)] = True
    left, top, right, bottom = box(marked)
    spans = []
    for first, end, last in ((top, bottom, mask.shape[0]), (left, right, mask.shape[1])):
        centre = 0.5 * (first + end)
        half = 0.5 * max(expansion * (end - first + 1), min_side)
        spans += [max(0, round(centre - half)), min(last - 1, round(centre + half))]
    return spans[0], spans[1], spans[2], spans[3]


def overlap(a: Roi, b: Roi) -> float:
    """Overlap of two regions: IoU of their rows times IoU of their columns.

    Examples
    --------
    >>> overlap((0, 9, 0, 9), (0, 9, 5, 14))
    0.3333333333333333
    """
    product = 1.0
    for i in (0, 2):
        both = max(0, min(a[i + 1], b[i + 1]) - max(a[i], b[i]) + 1)
        product *= both / max(1e-6, max(a[i + 1], b[i + 1]) - min(a[i], b[i]) + 1)
    return product


def _contains(roi: Roi, clicks: Clicks) -> bool:
    """Whether the positive clicks lie in a region, its last row and column left out."""
    row, column = clicks[clicks[:, 2] == 1, :2].T
    return bool(((row >= roi[0]) & (row < roi[1]) & (column >= roi[2]) & (column < roi[3])).all())


def resize(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """(B, C, h, w) to a size; bilinear, the centres of the corner pixels stay corners."""
    return interpolate(x, size=size, mode="bilinear", align_corners=True)


def crop(picture: Tensor, roi: Roi, size: int | tuple[int, int] | None) -> Tensor:
    """(B, C, H, W) to the region, brought to a size.

    Parameters
    ----------
    picture : (B, C, H, W) Tensor
    roi : (top, bottom, left, right) int
    size : int, (h, w) or None
        An ``int`` is the longest side; ``None`` leaves the pixels as they are.
    """
    top, bottom, left, right = roi
    cut = picture[:, :, top : bottom + 1, left : right + 1]
    if size is None:
        return cut
    if isinstance(size, int):
        scale = size / max(cut.shape[2:])
        size = round(cut.shape[2] * scale), round(cut.shape[3] * scale)
    return resize(cut, size)


def in_region(clicks: Clicks, roi: Roi, size: tuple[int, int]) -> Clicks:
    """The clicks in pixels of the region at that size.

    Examples
    --------
    >>> in_region(np.array([[30.0, 20.0, 1.0]]), (20, 39, 10, 29), (40, 40))
    array([[20., 20.,  1.]])
    """
    top, bottom, left, right = roi
    out = clicks.copy()
    out[:, 0] = size[0] * (clicks[:, 0] - top) / (bottom - top + 1)
    out[:, 1] = size[1] * (clicks[:, 1] - left) / (right - left + 1)
    return out


def paste(probability: Tensor, roi: Roi | None, size: tuple[int, int]) -> Tensor:
    """(1, 1, H, W) of zeros with what was predicted, resized, in the region, or all over."""
    top, bottom, left, right = roi or (0, size[0] - 1, 0, size[1] - 1)
    out = probability.new_zeros((1, 1, *size))
    shape = (bottom - top + 1, right - left + 1)
    out[:, :, top : bottom + 1, left : right + 1] = resize(probability, shape)
    return out


@dataclass(frozen=True)
class Zoom:
    """When and where to zoom in.

    Attributes
    ----------
    size : int, (h, w) or None
        What a region is brought to, see :func:`crop`.
    skip_clicks : int
        So many clicks see the whole picture as it is; -1 brings the whole picture to ``size``
        where there is no object yet.
    expansion, min_side : float
        See :func:`surroundings`.
    keep_above : float
        A region is kept while it overlaps the new one by this much and holds the positive
        clicks; above 1 it never is.
    threshold : float
        What of the last prediction is the object.
    """

    size: int | tuple[int, int] | None = 400
    skip_clicks: int = 1
    expansion: float = 1.4
    min_side: float = 200
    keep_above: float = 0.5
    threshold: float = 0.5

    def region(
        self,
        before: NDArray[np.float32] | None,
        last: Roi | None,
        clicks: Clicks,
        size: tuple[int, int],
    ) -> Roi | None:
        """The region to look at, or ``None`` for the picture as it is.

        Parameters
        ----------
        before : (H, W) float32 or None
            Probability of the last step.
        last : Roi or None
            Region of the last step.
        clicks : (N, 3) float
            All so far.
        size : (H, W) int
            Of the picture.
        """
        if len(clicks) <= self.skip_clicks:
            return None
        new: Roi | None = None
        if before is not None:
            mask = before > self.threshold
            if mask.any():
                new = surroundings(mask, clicks, self.expansion, self.min_side)
        if new is None:
            if self.skip_clicks >= 0:
                return None
            new = (0, size[0] - 1, 0, size[1] - 1)
        if last is None or not _contains(last, clicks) or overlap(new, last) < self.keep_above:
            return new
        return last
