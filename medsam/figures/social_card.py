"""The main findings on a card that a page is shared with."""

from __future__ import annotations

import io
import textwrap

import pandas as pd

from medsam.abstract import SHORT, facts
from medsam.figures.abstract import CITE, TITLE, Shown, place, text
from medsam.figures.abstract_panels import mode_means
from medsam.figures.overlay import outline, picture, prompt_marks, window
from medsam.figures.style import BADGES, MODES, Picture, Source, styled

__all__ = ["CARD_SIZE", "card", "social_card"]

CARD_SIZE = (1200, 630)
"""Pixels: width, height."""


@styled
def card(
    modes: pd.DataFrame, clicks: pd.DataFrame, shown: Shown, *, model: str, source: Source
) -> Picture:
    """What :func:`social_card` shows, before it becomes pixels."""
    found = facts(modes, clicks, model)
    figure = Picture(figsize=(CARD_SIZE[0] / 100, CARD_SIZE[1] / 100))
    figure.raster = True
    chip = BADGES[source.kind]
    figure.text(
        0.57 / 12,
        5.95 / 6.3,
        f"{source.label} · {source.detail}",
        fontsize=12,
        fontweight="bold",
        va="center",
        color="white" if source.kind == "published" else "black",
        bbox={"boxstyle": "round,pad=0.35", "linewidth": 1, **chip},
    )
    text(figure, 0.5, 5.55, "\n".join(textwrap.wrap(TITLE.format(model), 23)), 31, bold=True)
    y = 4.1
    for words in (*found.headlines[:3], found.alone):
        if words:
            wrapped = textwrap.wrap(words, 44)
            text(figure, 0.5, y, "■", 14, "#0072B2")
            text(figure, 0.85, y, "\n".join(wrapped), 17)
            y -= 0.36 + 0.3 * len(wrapped)
    text(figure, 0.5, 0.35, f"After {CITE}", 10.5, "#555555", va="center")
    view = window(shown.mask, 0.25)
    for n, mode in enumerate((2, 4)):
        axes = place(figure, 7.3 + 2.3 * n, 3.55, 2.15, 2.15)
        picture(axes, shown.image, view)
        outline(axes, shown.mask, width=1.6)
        prompt_marks(axes, shown.prompts[mode], 190)
        text(figure, 7.3 + 2.3 * n, 5.75, SHORT[mode], 13, MODES[mode], bold=True, va="bottom")
    axes = place(figure, 9.25, 0.95, 2.3, 2.3)
    mode_means(axes, found, 1.75, words=True)
    axes.tick_params(labelsize=12.5)
    axes.xaxis.label.set_fontsize(12)
    return figure


def social_card(
    modes: pd.DataFrame, clicks: pd.DataFrame, shown: Shown, *, model: str, source: Source
) -> bytes:
    """A card of 1200 x 630 pixels to share the page with: title, findings, prompts.

    Parameters
    ----------
    modes, clicks, shown, model, source
        As of :func:`medsam.figures.abstract.abstract`.

    Returns
    -------
    bytes
        A PNG file.
    """
    drawn = card(modes, clicks, shown, model=model, source=source)
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
