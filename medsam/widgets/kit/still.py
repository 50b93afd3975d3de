"""What stands in place of a live widget: a picture where scripts are off, or words."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from medsam.analysis.examples import Example
from medsam.widgets.kit.state import uri

MASKS = ((255, 176, 0), (92, 192, 255), (240, 139, 216))
"""Colours of the three masks, most confident first; as in live.css."""
TRUTH, PREDICTION = (61, 220, 132), (255, 92, 92)
"""Solid and dashed, as in kit.css."""
PROMPT, NEGATIVE, DARK = (25, 211, 224), (255, 79, 216), (6, 38, 42)

Outline = tuple[NDArray[np.bool_], tuple[int, int, int]]

_ANGLES = np.arange(10) * np.pi / 5
_RADII = np.where(np.arange(10) % 2, 3.9, 9.0)
STAR = np.c_[np.sin(_ANGLES) * _RADII, -np.cos(_ANGLES) * _RADII]
MINUS = np.array([[-8, -3], [8, -3], [8, 3], [-8, 3]])
"""Shapes of a click in pixels of the picture, around 0 0; as in kit/js."""


def painted(
    image: NDArray[np.uint8],
    outlines: Sequence[Outline],
    points: ArrayLike = (),
    scale: int = 2,
    *,
    labels: Sequence[int] | None = None,
    boxes: ArrayLike = (),
    numbered: bool = False,
) -> Image.Image:
    """An image, made larger, with outlines of masks and a prompt on it, as the widgets draw them.

    Parameters
    ----------
    image : (H, W, 3) uint8
    outlines : sequence of ((H, W) bool, RGB colour)
        The later ones lie on top; those in the colour of a prediction are dashed.
    points : (N, 2) array_like
        ``(x, y)`` in pixels of the image.
    scale : int
        Pixels of the picture for one of the image.
    labels : sequence of int, optional
        1 for a positive click, which is a star, 0 for a negative one, a minus sign; all positive
        by default.
    boxes : (M, 4) array_like
        ``(x0, y0, x1, y1)`` in pixels of the image, both ends inside.
    numbered : bool
        Number the points, those on one pixel together.
    """
    zoomed = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    large = np.asarray(zoomed, np.uint8)
    for mask, colour in outlines:
        inside = np.kron(mask, np.ones((scale, scale), bool)).astype(np.uint8)
        _line(large, inside, colour, dashed=colour == PREDICTION)
    for x0, y0, x1, y1 in np.reshape(boxes, (-1, 4)).astype(int) * scale:
        inside = np.zeros(large.shape[:2], np.uint8)
        inside[y0 : y1 + scale, x0 : x1 + scale] = 1
        _line(large, inside, PROMPT)
    at = (np.reshape(points, (-1, 2)) + 0.5) * scale
    for middle, label in zip(at, labels or [1] * len(at), strict=True):
        shape = np.rint(16 * (middle + (STAR if label else MINUS))).astype(np.int32)
        cv2.fillPoly(large, [shape], PROMPT if label else NEGATIVE, cv2.LINE_AA, shift=4)
        cv2.polylines(large, [shape], True, DARK, 1, cv2.LINE_AA, shift=4)
    picture = Image.fromarray(large)
    if numbered:
        _number(picture, at)
    return picture


def _line(
    large: NDArray[np.uint8],
    inside: NDArray[np.uint8],
    colour: tuple[int, int, int],
    dashed: bool = False,
) -> None:
    """Draw the edge of an area, two pixels wide, on a shadow that shows it on bright tissue."""
    loops, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    drawn = np.zeros_like(inside)
    for loop in loops:
        x, y = loop[:, 0].T
        kept = np.arange(len(x)) % 11 < 7 if dashed else slice(None)
        drawn[y[kept], x[kept]] = 1
    around = cv2.dilate(drawn, np.ones((4, 4), np.uint8)) > 0
    large[around] = (0.6 * large[around]).astype(np.uint8)
    large[cv2.dilate(drawn, np.ones((2, 2), np.uint8)) > 0] = colour


def _number(picture: Image.Image, points: NDArray[np.float64]) -> None:
    """Write the numbers of clicks beside them, from 1; those of one place together."""
    found: dict[tuple[float, float], list[str]] = {}
    for n, (x, y) in enumerate(points, 1):
        found.setdefault((float(x), float(y)), []).append(str(n))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=15)
    for (x, y), numbers in found.items():
        words, side, left = ", ".join(numbers), "ls", x + 8
        if x + pen.textlength(words, font) + 10 > picture.width:
            side, left = "rs", x - 8
        place = (left, max(y - 6, 14))
        pen.text(place, words, "white", font, side, stroke_width=2, stroke_fill="black")


class Still:
    """A picture in place of a widget; the book shows it only where scripts are off.

    Parameters
    ----------
    picture : Image
    alt, caption : str
        What is drawn; and what the reader should know of it.
    """

    def __init__(self, picture: Image.Image, alt: str, caption: str):
        self.picture, self.alt, self.caption = picture, alt, caption

    def __repr__(self) -> str:
        return self.caption

    def _repr_html_(self) -> str:
        source = uri(self.picture, quality=85, method=6)
        width, height = self.picture.size
        return (
            '<figure class="medsam-still">'
            f'<img src="{source}" width="{width}" height="{height}" alt="{escape(self.alt)}">'
            f"<figcaption>{escape(self.caption)}</figcaption></figure>"
        )


def example_still(
    e: Example, view: Sequence[int], drawn: str, more: str, *, numbered: bool = False
) -> Still:
    """A part of an example's image with its object, prediction and prompt.

    Parameters
    ----------
    e : Example
    view : (x0, y0, x1, y1) of int
        The part, both ends inside.
    drawn, more : str
        What is drawn; and what a reader with scripts can do.
    numbered : bool
        Number the points.
    """
    scale = max(2, 480 // _longer(view))
    return Still(_part(e, view, scale, numbered=numbered), drawn, f"{drawn} {more}")


def _longer(view: Sequence[int]) -> int:
    x0, y0, x1, y1 = view
    return max(x1 - x0 + 1, y1 - y0 + 1)


def _part(e: Example, view: Sequence[int], scale: int, *, numbered: bool = False) -> Image.Image:
    """A part of an example's image, ``scale`` times as large, with its masks and prompt."""
    x0, y0, x1, y1 = view
    inside = slice(y0, y1 + 1), slice(x0, x1 + 1)
    return painted(
        e.image[inside],
        [(e.mask[inside], TRUTH), (e.prediction[inside], PREDICTION)],
        e.prompt.points - [x0, y0],
        scale,
        labels=e.prompt.labels.tolist(),
        boxes=e.prompt.boxes - [x0, y0, x0, y0],
        numbered=numbered,
    )


def side_by_side(parts: Sequence[tuple[Example, Sequence[int]]]) -> Image.Image:
    """Parts of examples' images in a row, each within a square of 240 pixels.

    Parameters
    ----------
    parts : sequence of (Example, view)
        As in :func:`example_still`.
    """
    side, gap = 240, 8
    sheet = Image.new("RGB", (len(parts) * (side + gap) - gap, side), "white")
    for n, (e, view) in enumerate(parts):
        picture = _part(e, view, max(1, side // _longer(view)))
        picture.thumbnail((side, side))
        left = n * (side + gap) + (side - picture.width) // 2
        sheet.paste(picture, (left, (side - picture.height) // 2))
    return sheet


class Note:
    """Words where a widget cannot be."""

    def __init__(self, words: str):
        self.words = words

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        return f'<p class="medsam-prose">{escape(self.words)}</p>'

    def still(self) -> Note:
        """The same words, which need no script."""
        return Note("")
