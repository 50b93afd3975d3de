"""What stands in place of a live widget: a picture where scripts are off, or words."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["MASKS", "TRUTH", "Note", "Outline", "Still", "painted"]

MASKS = ((255, 176, 0), (92, 192, 255), (240, 139, 216))
"""Colours of the three masks, most confident first; as in live.css."""
TRUTH, PROMPT = (61, 220, 132), (25, 211, 224)

Outline = tuple[NDArray[np.bool_], tuple[int, int, int]]


def painted(
    image: NDArray[np.uint8],
    outlines: Sequence[Outline],
    points: Sequence[tuple[float, float]] = (),
    scale: int = 2,
) -> Image.Image:
    """An image, made larger, with outlines of masks and points on it.

    Parameters
    ----------
    image : (H, W, 3) uint8
    outlines : sequence of ((H, W) bool, RGB colour)
        The later ones lie on top.
    points : sequence of (x, y)
        Pixels of the image.
    scale : int
        Pixels of the picture for one of the image.
    """
    large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    for mask, colour in outlines:
        inside = np.kron(mask, np.ones((scale, scale), bool)).astype(np.uint8)
        edge = inside - cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=0)
        large[edge > 0] = colour
    for x, y in points:
        at = int((x + 0.5) * scale), int((y + 0.5) * scale)
        for colour, width in (((6, 38, 42), 4), (PROMPT, 2)):
            cv2.drawMarker(large, at, colour, cv2.MARKER_CROSS, 6 * scale, width)
    return Image.fromarray(large)


class Still:
    """HTML that shows a picture only where scripts are off.

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
        buffer = io.BytesIO()
        self.picture.save(buffer, "webp", quality=85, method=6)
        uri = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        width, height = self.picture.size
        return (
            '<noscript><figure class="medsam-still">'
            f'<img src="{uri}" width="{width}" height="{height}" alt="{escape(self.alt)}">'
            f"<figcaption>{escape(self.caption)}</figcaption></figure></noscript>"
        )


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
