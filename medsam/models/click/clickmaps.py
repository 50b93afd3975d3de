"""Clicks as pictures: a disk around each, positive ones in one channel, negative in the other.

Clicks are arrays (N, 3) of row, column and label (1 on the object, 0 beside it), in pixels of
the picture that the network sees; after a crop they are fractions and may lie outside.

Source: Sofiiuk et al., "Reviving Iterative Training with Mask Guidance for Interactive
Segmentation", section 3.1 (arXiv 2102.06583).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medsam.prompts import Prompt

__all__ = ["Clicks", "disks", "mirrored", "of_prompt"]

Clicks = NDArray[np.float64]
"""(N, 3) float: row, column, label."""


def of_prompt(prompt: Prompt) -> Clicks:
    """(N, 3) row, column and label of a prompt's points, in their order.

    Examples
    --------
    >>> of_prompt(Prompt([[3, 4], [5, 6]], [1, 0]))
    array([[4., 3., 1.],
           [6., 5., 0.]])
    """
    return np.column_stack([prompt.points[:, ::-1], prompt.labels]).astype(np.float64)


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
