"""How well the masks of a grid find each object: rows in the schema of the results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.sample import Sample
from medsam.evaluation import Row
from medsam.grids import Grid
from medsam.metrics import dice, iou
from medsam.prompts import Prompt
from medsam.protocol import Protocol
from medsam.regions import regions
from medsam.surface import measure

__all__ = ["EXPERIMENT", "best", "rows_of"]

EXPERIMENT = "everything"
"""Name of the experiment in the results; ``k`` is the number of points a side."""


def best(grid: Grid, mask: NDArray[np.bool_]) -> int | None:
    """Number of the mask of a grid that has the best IoU with an object.

    Parameters
    ----------
    grid : Grid
    mask : (H, W) bool

    Returns
    -------
    int or None
        Of several the most confident; ``None`` where no mask touches the object.
    """
    overlaps = [iou(one.mask, mask) for one in grid.found]
    if not overlaps or not max(overlaps) > 0:
        return None
    return int(np.argmax(overlaps))


def rows_of(sample: Sample, task: str, of: Mapping[int, Grid], protocol: Protocol) -> Iterator[Row]:
    """Rows of one object, one a grid: that of its best mask.

    Parameters
    ----------
    sample : Sample
    task : str
        One of ``sample.masks``.
    of : mapping of int to Grid
        Points a side to what the grid found.
    protocol : Protocol
        Its way to count regions and to score empty masks.

    Yields
    ------
    dict
        Columns of the results without those that are the same for all objects of an image;
        ``prompt`` is the point of the grid that gave the mask. Where no mask touches the object
        the IoU is 0 and there is neither score nor prompt. An object without a pixel gives one
        row with ``status="empty"``.
    """
    mask = sample.masks[task]
    pixels = int(np.count_nonzero(mask))
    height, width = mask.shape
    common: Row = {"task": task, "object_px": pixels, "height": height, "width": width}
    if not pixels:
        reason = f"the mask of {task} has no pixel on this image"
        yield common | {"n_regions": 0, "status": "empty", "reason": reason}
        return
    common |= {"n_regions": len(regions(mask, protocol)), "status": "ok"}
    for side, grid in of.items():
        number = best(grid, mask)
        one = None if number is None else grid.found[number]
        chosen = np.zeros_like(mask) if one is None else one.mask
        row: Row = common | {"experiment": EXPERIMENT, "k": side, "choice": "oracle"}
        row |= {
            "iou": iou(chosen, mask, empty=protocol.empty_union),
            "dice": dice(chosen, mask, empty=protocol.empty_union),
        }
        if one is not None:
            # The point of the grid that gave the mask.
            point = Prompt(np.array([one.point]), np.ones(1, np.int64))
            row |= {"score": one.score, "prompt": point.to_json()}
        if sample.spacing is not None:
            found = measure(chosen, mask, sample.spacing, one_empty="missed")
            row |= {"nsd": found.nsd, "hd95": None if math.isnan(found.hd95) else found.hd95}
        yield row
