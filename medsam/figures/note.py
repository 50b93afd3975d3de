"""A picture that says why there is nothing to draw."""

from __future__ import annotations

import textwrap

from medsam.figures.style import Picture, Source, badge, styled

__all__ = ["note"]


@styled
def note(words: str, *, source: Source) -> Picture:
    """Words in the place of a figure that these data cannot fill.

    Parameters
    ----------
    words : str
        What is missing, and how to get it.
    source : Source
        Written on the figure.
    """
    lines = textwrap.wrap(words, 88)
    figure = Picture(figsize=(6.4, 0.55 + 0.16 * len(lines)))
    top = 1 - 0.42 / figure.get_figheight()
    figure.text(0.012, top, "\n".join(lines), va="top", fontsize=8.5, linespacing=1.35)
    badge(figure, source)
    return figure
