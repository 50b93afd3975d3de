"""One visual language: colours, type, and the badge that says where numbers come from."""

from __future__ import annotations

import functools
import io
import re
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, ParamSpec

import matplotlib as mpl
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

_FOLDER = Path(__file__).parent
_COLOURS = yaml.safe_load((_FOLDER / "colours.yaml").read_text("utf-8"))
MODES: dict[int, str] = _COLOURS["modes"]
MODELS: dict[str, str] = _COLOURS["models"]
MODALITIES: dict[str, str] = _COLOURS["modalities"]
TRUTH, PREDICTION, PROMPT, NEGATIVE = _COLOURS["marks"].values()
MINUS = [(-8, -3), (8, -3), (8, 3), (-8, 3)]
"""Marker of a negative click, as the widgets draw it."""

_RC = mpl.rc_params_from_file(_FOLDER / "book.mplstyle", use_default_template=False)


class Picture(Figure):
    """A figure that shows itself in a notebook without pyplot: as PNG, and a drawing as SVG too.

    JupyterLab shows no SVG of a notebook that papermill executed, as it does not trust the file.

    Attributes
    ----------
    raster : bool
        ``True`` for a figure that is mostly images.
    """

    raster = False

    def _bytes(self, kind: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        with mpl.rc_context(_RC):
            self.savefig(buffer, format=kind, bbox_inches="tight", pad_inches=0.06, **options)
        return buffer.getvalue()

    def _repr_svg_(self) -> str | None:
        # No date in the file: the same table gives the same bytes.
        return None if self.raster else self._bytes("svg", metadata={"Date": None}).decode()

    def _repr_png_(self) -> bytes:
        return self._bytes("png", dpi=160 if self.raster else 120)


_P = ParamSpec("_P")


def styled(draw: Callable[_P, Picture]) -> Callable[_P, Picture]:
    """Draw in the style of the book, and write the function's ``source`` or ``sources`` above.

    Matplotlib's settings stay as they were.
    """

    @functools.wraps(draw)
    def inner(*args: _P.args, **kwargs: _P.kwargs) -> Picture:
        with mpl.rc_context(_RC):
            figure = draw(*args, **kwargs)
            sources: Any = kwargs.get("sources") or [kwargs.get("source")]
            badge(figure, *filter(None, sources))
            return figure

    return inner


Looks = dict[str, Any]
"""Arguments of matplotlib that say how something looks."""


@dataclass(frozen=True)
class Source:
    """Where the numbers of a figure come from.

    Attributes
    ----------
    kind : {"published", "run", "measured", "model", "earlier"}
        ``earlier``: computed by another run, and shipped.
    detail : str
        Model, data, protocol.
    """

    kind: Literal["published", "run", "measured", "model", "earlier"]
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
        return str(_COLOURS["badges"][self.kind]["words"])


def chip(
    on: Axes | Figure,
    x: float,
    y: float,
    source: Source,
    size: float,
    *,
    words: str = "",
    **looks: Any,
) -> None:
    """Write words, or the label of a source, into a box that looks as its kind does."""
    box = _COLOURS["badges"][source.kind]["box"]
    on.text(
        x,
        y,
        words or source.label,
        fontsize=size,
        fontweight="bold",
        color="white" if source.kind == "published" else "black",
        bbox={"boxstyle": "round,pad=0.35", "linewidth": 1, **box},
        **looks,
    )


def badge(figure: Figure, *sources: Source) -> None:
    """Write the sources at the top left of a figure, a line each.

    Dark for published, yellow with a dashed edge for a run, green with a dotted one for what this
    project measured and ships, white for what is only computed.
    """
    size = 7.5
    for line, source in enumerate(sources):
        top = 1 - (0.1 + 0.22 * line) / figure.get_figheight()
        chip(figure, 0.012, top, source, size, va="top")
        x = 0.012 + (text_width(source.label, size) + 0.16) / figure.get_figwidth()
        figure.text(x, top, source.detail, va="top", fontsize=size, color="#333333")


def text_width(words: str, size: float) -> float:
    """Width of bold words in inches, measured with the font itself."""
    bold = FontProperties(family="DejaVu Sans", weight="bold", size=size)
    return float(TextPath((0, 0), words, prop=bold).get_extents().width / 72)


def modality_colour(modality: object) -> str:
    """Colour of a modality throughout the book; grey for one that has none."""
    return MODALITIES.get(str(modality), MODALITIES["unknown"])


def model_colour(model: str) -> str:
    """Colour of a model throughout the book; grey for one that has none."""
    return MODELS.get(model, "#555555")


def model_colours(models: Iterable[str]) -> dict[str, str]:
    """A colour for each model: its own, that of its kind (``ritm-h32``: RITM), or a spare one.

    Examples
    --------
    >>> model_colours(["ritm-h32", "ritm-h18", "mine", "mine (first)"])
    {'ritm-h32': '#D55E00', 'ritm-h18': '#000000', 'mine': '#999933', 'mine (first)': '#999933'}
    """
    found: dict[str, str] = {}
    spare = ["#000000", "#999933", "#7F7F7F"]  # told apart with any colour vision
    for model in models:
        name, bracket, choice = model.partition(" (")
        plain = re.sub(r"[^a-z]", "", name.lower())
        kind = next((one for one in MODELS if plain.startswith(one.lower())), "")
        colour = MODELS.get(model) or MODELS.get(kind + bracket + choice)
        if colour is None and bracket and name in found:
            colour = found[name]  # the same model, another choice of the mask
        elif colour is None or colour in found.values():
            colour = spare.pop(0) if spare else "#555555"
        found[model] = colour
    return found


def signed(value: float, spec: str = ".2f") -> str:
    """A number with its sign, a true minus, and no sign where it is 0 as written.

    Examples
    --------
    >>> signed(0.126), signed(-0.001), signed(-0.2, ".3g")
    ('+0.13', '0.00', '−0.2')
    """
    text = f"{abs(value):{spec}}"
    return text if not float(text) else f"{'−' if value < 0 else '+'}{text}"


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
    return figure


# A picture that is mostly images, as JPEG: a page of many of them stays light.


class Photo:
    """A picture that shows itself in a notebook as JPEG only.

    Colours are kept at full resolution: outlines are a pixel or two wide.

    Parameters
    ----------
    picture : Picture
    """

    def __init__(self, picture: Picture):
        self.picture = picture

    def _repr_jpeg_(self) -> bytes:
        options = {"quality": 90, "subsampling": 0, "optimize": True, "progressive": True}
        return self.picture._bytes("jpeg", dpi=160, pil_kwargs=options)
