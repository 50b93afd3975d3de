"""What stands in place of a live widget: a picture on paper and where scripts are off, or words."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape

from matplotlib.axes import Axes
from PIL import Image

from medsam.analysis.examples import Example
from medsam.figures.html import embedded
from medsam.figures.overlay import View, overlay
from medsam.figures.style import Picture


class Still:
    """A picture in place of a widget; the book shows it on paper and where scripts are off.

    Parameters
    ----------
    picture : Picture
    alt, caption : str
        What is drawn; and what the reader should know of it.
    """

    def __init__(self, picture: Picture, alt: str, caption: str):
        self.picture, self.alt, self.caption = picture, alt, caption

    def __repr__(self) -> str:
        return self.caption

    def _repr_html_(self) -> str:
        content = self.picture._bytes("webp", dpi=120, pil_kwargs={"quality": 85, "method": 6})
        width, height = Image.open(io.BytesIO(content)).size
        return (
            '<figure class="medsam-still">'
            f'<img src="{embedded(content, "image/webp")}" width="{width}" height="{height}" '
            f'alt="{escape(self.alt)}"><figcaption>{escape(self.caption)}</figcaption></figure>'
        )


def squares(count: int) -> tuple[Picture, Sequence[Axes]]:
    """A figure with so many square axes in a row, in which images are drawn."""
    side = 4 if count == 1 else 2
    figure = Picture(side * count, side, raster=True)
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def part(view: Sequence[int]) -> View:
    """The part ``x0, y0, x1, y1`` of an image, both ends inside, as figures have it."""
    x0, y0, x1, y1 = view
    return x0 - 0.5, x1 + 0.5, y0 - 0.5, y1 + 0.5


def example_still(
    parts: Sequence[tuple[Example, Sequence[int]]],
    drawn: str,
    more: str,
    *,
    numbered: bool = False,
) -> Still:
    """Parts of examples' images in a row, with their objects, predictions and prompts.

    Parameters
    ----------
    parts : sequence of (Example, (x0, y0, x1, y1) of int)
        At least one; of each the part that is shown, both ends inside.
    drawn, more : str
        What is drawn; and what a reader with scripts can do.
    numbered : bool
        Number the points.
    """
    figure, places = squares(len(parts))
    for axes, (e, view) in zip(places, parts, strict=True):
        overlay(
            axes, e.image, part(view), mask=e.mask, prediction=e.prediction, prompt=e.prompt,
            size=90 / len(parts), widths=(1.6, 1.6), alpha=0.12, numbered=numbered,
        )  # fmt: skip
    return Still(figure, drawn, f"{drawn} {more}")


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
