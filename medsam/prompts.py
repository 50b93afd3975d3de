"""Simulated prompts: the five modes and the next click of Algorithm 1.

Coordinates are pixel indices, points ``(x, y)``, boxes ``(x0, y0, x1, y1)`` with both
ends inside. Masks are (H, W) bool. Nothing here needs torch.

Prompts may be noisy, as nobody clicks the exact centre or draws the tightest box: see
:func:`jitter_click` and :func:`jitter_box`. In the paper they are exact.

Source: paper sections 2.2.1 and Algorithm 1 (doi:10.1016/j.media.2023.102918).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from medsam.errors import InputError
from medsam.protocol import PROTOCOLS, Protocol
from medsam.regions import Mask, Regions, as_mask, centres, regions


def _generator(*keys: object) -> np.random.Generator:
    """A generator that depends on ``str`` of each key and on nothing else."""
    text = "\x1f".join(map(str, keys))
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest))


class Draw:
    """Decides ties: which of several equally central pixels is clicked.

    Under ``random="derived"`` each draw has a generator of its own, derived from the seed
    and the keys of what is drawn for; under ``"stream"`` all draws come from one legacy
    generator, so that a draw depends on every draw before it.

    Parameters
    ----------
    protocol : Protocol
        Its ``random`` field decides.
    seed : int
        Seed of the run.
    """

    def __init__(self, protocol: Protocol, seed: int = 0):
        self.kind, self.seed = protocol.random, int(seed)
        stream = self.kind == "stream"
        self._stream = np.random.RandomState(self.seed % 2**32) if stream else None

    def index(self, n: int, *keys: object) -> int:
        """An index in ``range(n)``, uniform.

        Parameters
        ----------
        n : int
            Number of equally good candidates.
        *keys : object
            What is drawn for, such as task, image and click; ``str`` of each is hashed.
        """
        if self._stream is not None:
            return int(self._stream.randint(0, n))
        if n == 1:
            return 0
        return int(_generator(self.seed, *keys).integers(n))

    def get_state(self) -> list[int]:
        """State of the stream, as a list that JSON can hold (empty when derived)."""
        if self._stream is None:
            return []
        _, keys, position, _, _ = self._stream.get_state(legacy=True)
        return [*np.asarray(keys).tolist(), int(position)]

    def set_state(self, state: list[int]) -> None:
        """Go on from a state that :meth:`get_state` gave."""
        if self._stream is not None:
            self._stream.set_state(("MT19937", np.array(state[:-1], np.uint32), state[-1], 0, 0.0))


_STEP = 0.25
"""Pixels between the places that a click is moved to along its direction."""


def jitter_click(
    point: tuple[int, int] | NDArray[np.intp],
    target: Mask,
    protocol: Protocol,
    seed: int = 0,
    keys: tuple[object, ...] = (),
) -> tuple[int, int]:
    """Move a click off the pixel that it is meant for, as a person would.

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
    >>> jitter_click((4, 4), target, Protocol())
    (4, 4)
    >>> jitter_click((4, 4), target, Protocol().but(click_jitter=0.2), seed=1)
    (4, 2)
    """
    x, y = int(point[0]), int(point[1])
    # Where nothing is wrong, a click falls anywhere (no_error="anywhere"): it aims at nothing.
    if not protocol.click_jitter or not target[y, x]:
        return x, y
    _, labelled = cv2.connectedComponents(np.ascontiguousarray(target, np.uint8), connectivity=8)
    region = labelled == labelled[y, x]
    diameter = 2 * math.sqrt(np.count_nonzero(region) / math.pi)
    along = _generator("jitter", seed, *keys).standard_normal(2)
    length = float(np.hypot(*along))
    far = protocol.click_jitter * diameter * length
    way = np.arange(0, far + 1e-9, _STEP)[:, None] * (along / length)
    xs, ys = np.rint(way + np.array([x, y])).astype(np.intp).T
    height, width = target.shape
    inside = (xs >= 0) & (xs < width) & (ys >= 0) & (ys < height)
    inside[inside] = region[ys[inside], xs[inside]]
    last = len(inside) - 1 if inside.all() else int(np.argmin(inside)) - 1
    return int(xs[last]), int(ys[last])


def jitter_box(
    edges: Sequence[int],
    shape: tuple[int, ...],
    protocol: Protocol,
    seed: int = 0,
    keys: tuple[object, ...] = (),
) -> list[int]:
    """Move the edges of a box, as a person who draws it would.

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
    >>> jitter_box([10, 10, 29, 19], (40, 50), Protocol())
    [10, 10, 29, 19]
    >>> jitter_box([10, 10, 29, 19], (40, 50), Protocol().but(box_jitter=0.1), seed=1)
    [10, 9, 27, 19]
    """
    if not protocol.box_jitter:
        return list(edges)
    sides = np.array([edges[2] - edges[0] + 1, edges[3] - edges[1] + 1] * 2)
    noise = _generator("jitter", seed, *keys).standard_normal(4)
    moved = np.rint(np.array(edges) + protocol.box_jitter * sides * noise)
    height, width = shape[:2]
    xs = np.clip(np.sort(moved[[0, 2]]), 0, width - 1)
    ys = np.clip(np.sort(moved[[1, 3]]), 0, height - 1)
    return [int(xs[0]), int(ys[0]), int(xs[1]), int(ys[1])]


MAX_REGIONS = 3
"""At most this many regions are prompted in modes 2 and 4 (section 2.2.1)."""

MODES = {
    1: "1 point, largest region",
    2: "1 point per region (≤ 3)",
    3: "1 box, largest region",
    4: "1 box per region (≤ 3)",
    5: "1 box over all",
}
"""The five non-iterative modes, by the paper's numbers."""

KINDS = {1: "points", 2: "points", 3: "box", 4: "box", 5: "box"}
"""What each mode's prompt is made of."""


def _numbers(name: str, value: object, width: int | None = None) -> NDArray[np.float64]:
    """Finite numbers, (N,) or (N, width), of a prompt's field."""
    try:
        array = np.asarray(value)
    except ValueError:  # Rows of different lengths.
        array = np.array(None)
    shape = "(N,)" if width is None else f"(N, {width})"
    if not array.size and array.ndim in (1, 2):
        array = np.zeros((0,) if width is None else (0, width))
    if array.dtype.kind not in "buif":
        raise InputError(f"Prompt {name} of {type(value).__name__}. Allowed: numbers {shape}.")
    if array.shape[1:] != (() if width is None else (width,)) or not array.ndim:
        raise InputError(f"Prompt {name} of shape {array.shape}. Allowed: {shape}.")
    if not np.isfinite(array).all():
        raise InputError(f"Prompt {name} with NaN or infinity. Allowed: finite numbers.")
    return array.astype(np.float64)


def _empty(width: int) -> NDArray[np.float64]:
    return np.zeros((0, width))


@dataclass(frozen=True, eq=False)
class Prompt:
    """Points with labels, boxes, and optionally the previous mask.

    Attributes
    ----------
    points : (N, 2) float
        ``(x, y)`` in pixels.
    labels : (N,) int
        1 for a positive click, 0 for a negative one.
    boxes : (M, 4) float
        ``(x0, y0, x1, y1)`` in pixels, inclusive.
    logits : (1, h, w) float32 or None
        The previous low-resolution logits.

    Raises
    ------
    InputError
        If shapes do not agree, a number is not finite, a label is not 0 or 1, a box ends before
        it begins, or nothing is given.
    """

    points: NDArray[np.float64] = field(default_factory=lambda: _empty(2))
    labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    boxes: NDArray[np.float64] = field(default_factory=lambda: _empty(4))
    logits: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        points = _numbers("points", self.points, 2)
        labels = _numbers("labels", self.labels)
        boxes = _numbers("boxes", self.boxes, 4)
        if len(points) != len(labels):
            raise InputError(
                f"A prompt with {len(points)} points and {len(labels)} labels. "
                "Allowed: one label a point. Give each point a 1 or a 0."
            )
        if not ((labels == 0) | (labels == 1)).all():
            raise InputError(
                f"Prompt labels [{', '.join(f'{v:g}' for v in np.unique(labels))}]. "
                "Allowed: 1 (object) and 0 (not)."
            )
        if (boxes[:, 2:] < boxes[:, :2]).any():
            raise InputError(
                f"A box that ends before it begins: {boxes.tolist()}. "
                "Allowed: x0 <= x1 and y0 <= y1."
            )
        if not len(points) and not len(boxes):
            raise InputError(
                "An empty prompt. Allowed: at least one point or one box. "
                "For a mask without a pixel there is no prompt."
            )
        found = {"points": points, "labels": labels.astype(np.int64), "boxes": boxes}
        if self.logits is not None:
            logits = np.asarray(self.logits)
            if logits.ndim != 3 or len(logits) != 1 or not logits.size:
                raise InputError(
                    f"Previous logits of shape {logits.shape}. Allowed: (1, h, w). "
                    "Give `prediction.logits[i][None]`."
                )
            found["logits"] = _numbers("logits", logits[0], logits.shape[2])[None].astype("f4")
        for name, value in found.items():
            object.__setattr__(self, name, value)

    @property
    def kinds(self) -> frozenset[str]:
        """What the prompt is made of: of ``"points"``, ``"box"``, ``"mask"``."""
        has = {
            "points": len(self.points),
            "box": len(self.boxes),
            "mask": self.logits is not None,
        }
        return frozenset(kind for kind, present in has.items() if present)

    def split(self) -> list[Prompt]:
        """One prompt a box; a prompt of at most one box is returned as it is."""
        return [self] if len(self.boxes) <= 1 else [*self._each_box]

    @cached_property
    def _each_box(self) -> list[Prompt]:
        return [Prompt(self.points, self.labels, each[None], self.logits) for each in self.boxes]

    def then(self, x: float, y: float, label: int) -> Prompt:
        """This prompt with one more click."""
        return Prompt(np.vstack([self.points, [[x, y]]]), np.append(self.labels, label), self.boxes)

    def to_json(self) -> str:
        """Compact JSON for the ``prompt`` column; whole numbers stay whole.

        Examples
        --------
        >>> Prompt([[3, 4]], [1]).to_json()
        '{"points":[[3,4]],"labels":[1]}'
        >>> Prompt(boxes=[[0, 0, 5, 6]]).to_json()
        '{"boxes":[[0,0,5,6]]}'
        """
        return self._json

    @cached_property
    def _json(self) -> str:
        def plain(array: NDArray[np.float64]) -> list[list[float]]:
            return [[int(v) if v.is_integer() else v for v in row] for row in array.tolist()]

        out: dict[str, object] = {}
        if len(self.points):
            out |= {"points": plain(self.points), "labels": self.labels.tolist()}
        if len(self.boxes):
            out["boxes"] = plain(self.boxes)
        return json.dumps(out, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Prompt:
        """The prompt that :meth:`to_json` wrote."""
        data = json.loads(text)
        return cls(
            np.array(data.get("points", _empty(2))),
            np.array(data.get("labels", []), np.int64),
            np.array(data.get("boxes", _empty(4))),
        )


def _pick(candidates: NDArray[np.intp], draw: Draw, *keys: object) -> NDArray[np.intp]:
    picked: NDArray[np.intp] = candidates[draw.index(len(candidates), *keys)]
    return picked


def _aim(
    point: NDArray[np.intp],
    target: Callable[[], Mask],
    protocol: Protocol,
    draw: Draw,
    *keys: object,
) -> NDArray[np.intp]:
    """Where the click falls that is meant for a point of the target."""
    if not protocol.click_jitter:
        return point
    return np.array(jitter_click(point, target(), protocol, draw.seed, keys))


def mode_prompt(
    mask: Mask,
    mode: int,
    protocol: Protocol = PROTOCOLS["paper"],
    draw: Draw | None = None,
    keys: tuple[object, ...] = (),
    parts: Regions | None = None,
) -> Prompt:
    """The prompt that one of the five modes places on an object.

    Parameters
    ----------
    mask : (H, W) bool
        The object, with at least one pixel; or whole numbers as :func:`medsam.regions.as_mask`
        takes them.
    mode : int
        1 to 5, see :data:`MODES`.
    protocol : Protocol
        How distance and ties are decided.
    draw : Draw, optional
        Where ties are decided; a fresh one with seed 0 by default.
    keys : tuple
        Task and image. The draw for a region's centre depends on these and on the rank of
        the region, not on the mode: so modes 1 and 2 are the same for an object of one
        region, as the paper says.
    parts : Regions, optional
        The mask's :func:`regions` where the caller already has them; what is found of them for
        one mode serves the others.

    Returns
    -------
    Prompt
        Modes 1, 2: positive points. Modes 3, 5: one box. Mode 4: one to three boxes.

    Raises
    ------
    InputError
        If the mask is empty or no mask, or there is no such mode.

    Notes
    -----
    Source: paper section 2.2.1, Fig. 1.
    """
    if not isinstance(mode, int | np.integer) or mode not in MODES:
        raise InputError(f"Mode {mode!r}. Allowed: 1, 2, 3, 4 or 5 (see medsam.prompts.MODES).")
    mask = as_mask(mask)
    draw = draw or Draw(protocol)
    parts = regions(mask, protocol) if parts is None else parts
    if parts.box is None:
        raise InputError(
            "No prompt for a mask without a pixel. Allowed: at least one pixel. "
            "Record the case as empty."
        )
    chosen = [parts.region(i) for i in range(min(len(parts), 1 if mode in (1, 3) else MAX_REGIONS))]
    if mode in (3, 4, 5):
        boxes = [
            jitter_box(box, mask.shape, protocol, draw.seed, (*keys, "region", rank))
            for rank, box in enumerate([parts.box] if mode == 5 else [p.box for p in chosen])
        ]
        return Prompt(boxes=np.array(boxes))
    points = []
    for rank, part in enumerate(chosen):
        of = (*keys, "region", rank)
        point = _pick(part.centres(protocol), draw, *of)
        points.append(_aim(point, part.mask, protocol, draw, *of))
    return Prompt(np.array(points), np.ones(len(points), np.int64))


def next_click(
    mask: Mask,
    prediction: Mask | None,
    clicks: Prompt | None = None,
    protocol: Protocol = PROTOCOLS["paper"],
    draw: Draw | None = None,
    keys: tuple[object, ...] = (),
    any_object: Mask | None = None,
) -> Prompt | None:
    """Algorithm 1: the clicks so far and one more.

    Parameters
    ----------
    mask : (H, W) bool
        The object.
    prediction : (H, W) bool or None
        What the model made of the clicks so far; ``None`` for the first click, which goes
        to the centre of the whole mask.
    clicks : Prompt, optional
        The clicks so far.
    protocol, draw, keys
        As in :func:`mode_prompt`; the draw also depends on the number of the click.
    any_object : (H, W) bool, optional
        Union of all objects of the dataset, which decides the label under
        ``click_label="any"``; the mask itself by default.

    Returns
    -------
    Prompt or None
        ``None`` where prediction and object agree everywhere and the protocol stops there.

    Raises
    ------
    InputError
        If a mask is no mask or of another shape, or the first click has nothing to aim at.

    Notes
    -----
    Source: paper Algorithm 1. The error region is the symmetric difference of prediction
    and object; the click is positive where the object is.
    """
    mask = as_mask(mask)
    draw = draw or Draw(protocol)
    error = mask if prediction is None else mask ^ as_mask(prediction, "prediction", mask.shape)
    positive = mask
    if any_object is not None:
        union = as_mask(any_object, "any_object", mask.shape)
        positive = mask if protocol.click_label == "task" else union
    if not isinstance(clicks, Prompt | None):
        raise InputError(f"Clicks of {type(clicks).__name__}. Allowed: a Prompt, or None.")
    number = 1 if clicks is None else len(clicks.points) + 1
    if prediction is not None and not error.any():
        if protocol.no_error == "stop":
            return None
        y, x = divmod(draw.index(error.size, *keys, "click", number), error.shape[1])
    else:
        x, y = _pick(centres(error, protocol), draw, *keys, "click", number)
    label = int(positive[y, x])
    # Of the error, what is wrong in the same way: a positive click stays one.
    alike = lambda: error & (positive == bool(label))  # noqa: E731
    x, y = _aim(np.array([x, y]), alike, protocol, draw, *keys, "click", number)
    if clicks is None:
        return Prompt(np.array([[x, y]]), np.array([label]))
    return clicks.then(x, y, label)
