"""Segment everything: masks of a grid of points, those that are sure, stable and not alike.

The filters and their order are those of segment-anything's ``SamAutomaticMaskGenerator`` without
crops (Kirillov et al. 2023, appendix B); any model that takes points will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from medsam.errors import InputError
from medsam.models.contract import Embedding, PromptableModel
from medsam.prompts import Prompt
from medsam.regions import box

BATCH = 64
"""Points at a time, as segment-anything's; fewer for large images, see :data:`MEMORY`."""
MEMORY = 2**28
"""Bytes that the masks of one batch may take."""
MASKS = 32
"""Masks that are brought to the size of the image at a time."""


@dataclass(frozen=True, eq=False)
class Found:
    """One mask, kept as the bits within its box.

    Attributes
    ----------
    point : (x, y) float
        The point of the grid that gave it, in pixels.
    box : (x0, y0, x1, y1) int
        Both ends inside; zeros for a mask without a pixel.
    area : int
        Pixels.
    score : float
        The model's own estimate of the IoU.
    stability : float
        IoU of the masks above +offset and above -offset.
    """

    point: tuple[float, float]
    box: tuple[int, int, int, int]
    area: int
    score: float
    stability: float
    _bits: NDArray[np.uint8]
    _shape: tuple[int, int]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool."""
        x0, y0, x1, y1 = self.box
        shape = (y1 - y0 + 1, x1 - x0 + 1)
        out = np.zeros(self._shape, np.bool_)
        within = np.unpackbits(self._bits, count=shape[0] * shape[1]).astype(np.bool_)
        out[y0 : y1 + 1, x0 : x1 + 1] = within.reshape(shape)
        return out


def segment_everything(
    model: PromptableModel,
    embedding: Embedding,
    *,
    side: int = 32,
    min_score: float = 0.88,
    min_stability: float = 0.95,
    offset: float = 1.0,
    max_overlap: float = 0.7,
    progress: bool = True,
) -> list[Found]:
    """All masks that a model finds from a grid of points, most confident first.

    Memory does not grow with the number of points: of a batch only what passes is kept, as bits.

    Parameters
    ----------
    model : PromptableModel
        Takes points and gives logits.
    embedding : Embedding
        Of the image.
    side : int
        Points along each side of the grid.
    min_score : float
        Masks of a lower or equal estimated IoU are dropped; 0 keeps all.
    min_stability : float
        Masks of a lower stability are dropped; 0 keeps all.
    offset : float
        How far the cut of the logits is moved to see whether a mask is stable.
    max_overlap : float
        Of masks whose boxes have a larger IoU than this, only the most confident is kept.
    progress : bool
        A bar on stderr.

    Returns
    -------
    list of Found

    Raises
    ------
    InputError
        If the model does not take points or gives no logits, or a setting is out of range.
    """
    if side < 1:
        raise InputError(f"A grid of {side} points a side. Allowed: at least 1.")
    parts = {"min_score": min_score, "min_stability": min_stability, "max_overlap": max_overlap}
    for name, value in parts.items():
        if not 0 <= value <= 1:
            raise InputError(f"{name} {value}. Allowed: 0 to 1.")
    if offset < 0:
        raise InputError(f"offset {offset}. Allowed: 0 or more.")
    model.check(_point(np.zeros(2)))
    from segment_anything.utils.amg import build_point_grid

    height, width = embedding.image_size
    grid = build_point_grid(side) * [width, height]
    batch = min(BATCH, max(1, MEMORY // (3 * height * width)))
    found: list[Found] = []
    with tqdm(
        total=len(grid),
        desc=f"everything · {model.name} · {side} x {side}",
        unit="point",
        disable=not progress,
    ) as bar:
        for start in range(0, len(grid), batch):
            points = grid[start : start + batch]
            found += _find(model, embedding, points, min_score, min_stability, offset)
            bar.update(len(points))
    return _without_overlap(found, max_overlap)


def _point(xy: NDArray[np.float64]) -> Prompt:
    return Prompt(xy[None], np.ones(1, np.int64))


def _find(
    model: PromptableModel,
    embedding: Embedding,
    points: NDArray[np.float64],
    min_score: float,
    min_stability: float,
    offset: float,
) -> list[Found]:
    """What passes the filters of one batch of points."""
    found = []
    low = model.low(embedding, [_point(xy) for xy in points])
    sure = [
        (xy, logits, float(score))
        for xy, (masks, scores) in zip(points, low, strict=True)
        for logits, score in zip(masks, scores, strict=True)
        if min_score == 0 or score > min_score
    ]
    for first in range(0, len(sure), MASKS):
        some = sure[first : first + MASKS]
        size = embedding.image_size
        masks, stability = model.stable([logits for _, logits, _ in some], size, offset)
        for ((x, y), _, score), mask, stable in zip(some, masks, stability, strict=True):
            # A mask without a pixel on both sides is of no stability: not a number.
            if min_stability > 0 and not stable >= min_stability:
                continue
            area = int(np.count_nonzero(mask))
            x0, y0, x1, y1 = box(mask) if area else (0, 0, 0, 0)
            bits = np.packbits(mask[y0 : y1 + 1, x0 : x1 + 1])
            point, at = (float(x), float(y)), (x0, y0, x1, y1)
            found.append(Found(point, at, area, score, float(stable), bits, size))
    return found


def _without_overlap(found: Sequence[Found], max_overlap: float) -> list[Found]:
    """Of masks with nearly the same box only the most confident, in order of confidence."""
    if not found:
        return []
    import torch
    from torchvision.ops import batched_nms

    boxes = torch.tensor([one.box for one in found], dtype=torch.float32)
    scores = torch.tensor([one.score for one in found], dtype=torch.float32)
    keep = batched_nms(boxes, scores, torch.zeros(len(found)), max_overlap)
    return [found[i] for i in keep.tolist()]
