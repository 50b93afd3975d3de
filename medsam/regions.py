"""Geometry of masks: contiguous regions, their centres and tight boxes.

Whatever depends on one region is computed from that region's own box, not from the whole image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import overload

import cv2
import numpy as np
from numpy.typing import NDArray

from medsam.errors import InputError
from medsam.protocol import PROTOCOLS, Protocol

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Region:
    """One contiguous region of a mask.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the whole mask.
    box : (int, int, int, int)
        Tight box ``(x0, y0, x1, y1)``, inclusive pixels.
    area : int
        Number of pixels.
    inside : (y1 - y0 + 1, x1 - x0 + 1) bool
        The region within its box.
    """

    shape: tuple[int, int]
    box: tuple[int, int, int, int]
    area: int
    inside: Mask = field(repr=False)
    _centres: dict[str, NDArray[np.intp]] = field(default_factory=dict, init=False, repr=False)

    def mask(self) -> Mask:
        """(H, W) bool, the region alone; made anew at each call."""
        x0, y0, x1, y1 = self.box
        whole = np.zeros(self.shape, np.bool_)
        whole[y0 : y1 + 1, x0 : x1 + 1] = self.inside
        return whole

    def centres(self, protocol: Protocol) -> NDArray[np.intp]:
        """(N, 2) candidates ``(x, y)`` farthest from the boundary, row by row; kept once found."""
        if protocol.distance not in self._centres:
            self._centres[protocol.distance] = _farthest(
                self.inside, self.box[0], self.box[1], self.shape[1], protocol
            )
        return self._centres[protocol.distance]


class Regions(Sequence[Mask]):
    """Contiguous regions of a mask (8-connectivity), largest first.

    A sequence of (H, W) bool masks, each made when it is asked for; :meth:`region` gives box,
    area and centres without a mask of full size.

    Parameters
    ----------
    mask : (H, W) bool
    protocol : Protocol
        ``region_ties`` orders regions of equal area.

    Attributes
    ----------
    areas : (N,) int
        Pixels of each region, largest first.
    box : (int, int, int, int) or None
        Tight box ``(x0, y0, x1, y1)`` around all of them; ``None`` without a region.

    Examples
    --------
    >>> found = Regions(np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1]], bool))
    >>> len(found), found.areas.tolist(), found.box, found.region(1).box
    (2, [2, 1], (0, 0, 2, 2), (2, 2, 2, 2))
    >>> found[1].astype(int).tolist()
    [[0, 0, 0], [0, 0, 0], [0, 0, 1]]
    """

    def __init__(self, mask: Mask, protocol: Protocol = PROTOCOLS["paper"]):
        pixels = _pixels(mask)
        height, width = pixels.shape
        self._shape = height, width
        self._known: dict[int, Region] = {}
        self.box: tuple[int, int, int, int] | None = None
        self.areas: NDArray[np.intp] = np.zeros(0, np.intp)
        x, y, w, h = cv2.boundingRect(pixels)
        if not w:
            return
        self.box = x, y, x + w - 1, y + h - 1
        self._at = x, y
        cut = pixels[y : y + h, x : x + w]
        _, self._labelled, self._stats, _ = cv2.connectedComponentsWithStats(cut, connectivity=8)
        # OpenCV numbers regions block by block; order them by their first pixel, row by row.
        # The first pixel of a region begins a run, so only those are looked at.
        starts = cut.astype(np.bool_)
        starts[:, 1:] &= cut[:, :-1] == 0
        at = np.flatnonzero(starts)
        labels, index = np.unique(self._labelled.ravel()[at], return_index=True)
        sign = 1 if protocol.region_ties == "first" else -1
        areas = self._stats[labels, cv2.CC_STAT_AREA].astype(np.intp)
        order = np.lexsort((sign * at[index], -areas))
        self._order, self.areas = labels[order], areas[order]

    def __len__(self) -> int:
        """Number of regions."""
        return len(self.areas)

    @overload
    def __getitem__(self, index: int) -> Mask: ...

    @overload
    def __getitem__(self, index: slice) -> list[Mask]: ...

    def __getitem__(self, index: int | slice) -> Mask | list[Mask]:
        """The mask of one region, or a list of masks."""
        if isinstance(index, slice):
            return [self.region(i).mask() for i in range(*index.indices(len(self)))]
        return self.region(index).mask()

    def region(self, index: int) -> Region:
        """The region of that rank, 0 for the largest.

        Raises
        ------
        IndexError
            If there are fewer regions, as for any sequence.
        """
        rank = range(len(self))[index]
        if rank not in self._known:
            label = self._order[rank]
            left, top, width, height = self._stats[label, : cv2.CC_STAT_AREA].tolist()
            inside = self._labelled[top : top + height, left : left + width] == label
            x, y = left + self._at[0], top + self._at[1]
            around = x, y, x + width - 1, y + height - 1
            self._known[rank] = Region(self._shape, around, int(self.areas[rank]), inside)
        return self._known[rank]


def as_mask(mask: object, what: str = "mask", shape: tuple[int, ...] | None = None) -> Mask:
    """A mask as (H, W) bool.

    Parameters
    ----------
    mask : (H, W) array
        Of bool, or of whole numbers that are all 0 and 1, or all 0 and 255.
    what : str
        Its name, for the message.
    shape : (H, W), optional
        That of the mask which it belongs to.

    Raises
    ------
    InputError
        If it is anything else: of floats, of several labels, of another shape, without a pixel.

    Examples
    --------
    >>> as_mask(np.array([[0, 255]], np.uint8)).tolist()
    [[False, True]]
    """
    if not isinstance(mask, np.ndarray) or mask.ndim != 2 or not mask.size:
        got = f"shape {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise InputError(f"A {what} of {got}. Allowed: an array (H, W) with at least one pixel.")
    if shape is not None and mask.shape != shape:
        raise InputError(f"A {what} of shape {mask.shape}. Allowed: {shape}, as the mask's.")
    if mask.dtype == np.bool_:
        return mask
    if mask.dtype.kind not in "iu":
        raise InputError(f"A {what} of {mask.dtype}. Allowed: bool. Give `{what} > threshold`.")
    above = mask != 0
    values = np.unique(mask[above]).tolist()
    if values not in ([], [1], [255]):
        raise InputError(
            f"A {what} of values {values[:3]}. Allowed: bool, 0 and 1, or 0 and 255. "
            f"Give `{what} == value` for one label."
        )
    return np.asarray(above, np.bool_)


def regions(mask: Mask, protocol: Protocol = PROTOCOLS["paper"]) -> Regions:
    """Contiguous regions of a mask (8-connectivity), largest first; see :class:`Regions`.

    Parameters
    ----------
    mask : (H, W) bool
    protocol : Protocol
        ``region_ties`` orders regions of equal area.

    Returns
    -------
    Regions
        A sequence of (H, W) bool; of length 0 for an empty mask.
    """
    return Regions(mask, protocol)


def centres(mask: Mask, protocol: Protocol) -> NDArray[np.intp]:
    """(N, 2) candidates ``(x, y)`` farthest from the boundary, row by row.

    Parameters
    ----------
    mask : (H, W) bool
        Of one region or several; the border of the image counts as boundary.
    protocol : Protocol
        ``distance`` decides how far is measured.

    Raises
    ------
    InputError
        If the mask has no pixel.

    Notes
    -----
    Exact distances are compared as whole squares, which float32 holds for objects up to 2000
    pixels deep. The 5x5 approximation is compared as OpenCV gives it: its last bits, and with
    them rarely a tie, depend on how OpenCV was built.

    Examples
    --------
    >>> centres(np.ones((3, 5), bool), PROTOCOLS["paper"]).tolist()
    [[1, 1], [2, 1], [3, 1]]
    """
    pixels = _pixels(mask)
    x, y, w, h = cv2.boundingRect(pixels)
    if not w:
        raise InputError(
            "A mask without a pixel has no centre. Allowed: at least one pixel. "
            "Record the case as empty."
        )
    return _farthest(pixels[y : y + h, x : x + w], x, y, pixels.shape[1], protocol)


def box(mask: Mask) -> list[int]:
    """Tight box ``(x0, y0, x1, y1)``, inclusive.

    Raises
    ------
    InputError
        If the mask has no pixel.
    """
    x, y, w, h = cv2.boundingRect(_pixels(mask))
    if not w:
        raise InputError(
            "A mask without a pixel has no box. Allowed: at least one pixel. "
            "Record the case as empty."
        )
    return [x, y, x + w - 1, y + h - 1]


def _pixels(mask: Mask) -> NDArray[np.uint8]:
    """The mask as OpenCV takes it, without a copy where its rows follow each other."""
    return np.ascontiguousarray(as_mask(mask)).view(np.uint8)


def _farthest(
    inside: NDArray[np.bool_] | NDArray[np.uint8], x: int, y: int, width: int, protocol: Protocol
) -> NDArray[np.intp]:
    """Of a mask that lies within a box at (x, y) of an image of that width."""
    h, w = inside.shape
    # One pixel of background around: the border of the image counts as boundary. No pixel beyond
    # it is nearer: moved onto that frame, either way of measuring finds it strictly nearer.
    if protocol.distance == "exact":
        padded = np.zeros((h + 2, w + 2), np.uint8)
        padded[1:-1, 1:-1] = inside
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # Squared distances between pixels are whole numbers: rounding makes ties exact.
        peak = np.rint(float(distance.max()) ** 2)
        near = np.flatnonzero(distance >= float(np.sqrt(peak - 0.75)))
        squared = np.rint(distance.ravel()[near].astype(np.float64) ** 2)
        rows, columns = np.divmod(near[squared == peak], w + 2)
        left = x
    else:
        # All columns: OpenCV adds floats in an order that depends on the column, and a tie may
        # hang on the last bit. Rows above and below change nothing.
        padded = np.zeros((h + 2, width + 2), np.uint8)
        padded[1:-1, x + 1 : x + 1 + w] = inside
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5)
        rows, columns = np.divmod(np.flatnonzero(distance == distance.max()), width + 2)
        left = 0
    return np.stack([columns + (left - 1), rows + (y - 1)], axis=1)
