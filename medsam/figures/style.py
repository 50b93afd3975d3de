"""One visual language: colours, type, and the badge that says where numbers come from."""

from __future__ import annotations

import functools
import io
import re
import textwrap
from collections.abc import Callable, Iterable
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, ParamSpec

import matplotlib as mpl
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

_FOLDER = Path(__file__).parent
_COLOURS = yaml.safe_load((_FOLDER / "colours.yaml").read_text("utf-8"))
MODES: dict[int, str] = _COLOURS["modes"]
MODELS: dict[str, str] = _COLOURS["models"]
MODALITIES: dict[str, str] = _COLOURS["modalities"]
TRUTH, PREDICTION, PROMPT, NEGATIVE = _COLOURS["marks"].values()
MINUS = [(-8, -3), (8, -3), (8, 3), (-8, 3)]
"""Marker of a negative click, as the widgets draw it."""

_RC = mpl.rc_params_from_file(_FOLDER / "book.mplstyle", use_default_template=False)


narrow: ContextVar[bool] = ContextVar("narrow", default=False)
"""Whether figures of panels are drawn for a narrow screen: two in a row."""


class Picture(Figure):
    """A figure that shows itself in a notebook without pyplot: as PNG, and a drawing as SVG too.

    JupyterLab shows no SVG of a notebook that papermill executed, as it does not trust the file.

    Room for its labels is made when it is drawn.

    Parameters
    ----------
    width, height : float
        Inches.
    raster : bool
        ``True`` for a figure that is mostly images.

    Attributes
    ----------
    narrower : callable or None
        Draws the same for a narrow screen, where that differs.
    panels_in_a_row : int
        More than two are drawn two in a row for such a screen.
    """

    narrower: Callable[[], Picture] | None = None

    def __init__(self, width: float, height: float, *, raster: bool = False):
        super().__init__(figsize=(width, height), layout="compressed" if raster else "constrained")
        self.raster = raster
        self.panels_in_a_row = 1

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

    Matplotlib's settings stay as they were. Axes and their labels stand between the sources and
    the legend.
    """

    @functools.wraps(draw)
    def inner(*args: _P.args, **kwargs: _P.kwargs) -> Picture:
        with mpl.rc_context(_RC):
            figure = draw(*args, **kwargs)
            sources: Any = kwargs.get("sources") or [kwargs.get("source")]
            _frame(figure, above=badge(figure, *filter(None, sources)))
        if figure.panels_in_a_row > 2:
            figure.narrower = functools.partial(copy_context().run, again, *args, **kwargs)
        return figure

    def again(*args: _P.args, **kwargs: _P.kwargs) -> Picture:
        narrow.set(True)
        return inner(*args, **kwargs)

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


def chip(on: Axes | Figure, x: float, y: float, source: Source, size: float, **looks: Any) -> Text:
    """Write the label of a source into a box that looks as its kind does."""
    box = _COLOURS["badges"][source.kind]["box"]
    ink = "white" if source.kind == "published" else "black"
    looks |= {"bbox": {"boxstyle": "round,pad=0.35", "linewidth": 1, **box}}
    return on.text(x, y, source.label, fontsize=size, fontweight="bold", color=ink, **looks)


def badge(figure: Figure, *sources: Source) -> float:
    """Write the sources at the top left of a figure, a line each; returns inches taken.

    Dark for published, yellow with a dashed edge for a run, green with a dotted one for what this
    project measured and ships, white for what is only computed.
    """
    for line, source in enumerate(sources):
        top = 1 - (0.1 + 0.22 * line) / figure.get_figheight()
        label = chip(figure, 0.012, top, source, 7.5, va="top")
        detail = Annotation(
            source.detail, (1, 0.5), (9, 0), xycoords=label, textcoords="offset points",
            va="center_baseline", fontsize=7.5, color="#333333",
        )  # fmt: skip
        figure.add_artist(detail)
    return 0.12 + 0.22 * len(sources)


def _frame(figure: Figure, above: float) -> None:
    """Leave so many inches above all axes, and stack the legends below them."""
    height, below = figure.get_figheight(), 0.0
    for legend in reversed(figure.legends):
        legend.set_bbox_to_anchor((0.5, below / height), figure.transFigure)
        below += legend.get_window_extent().height / figure.dpi
    engine: Any = figure.get_layout_engine()
    engine.set(rect=(0, below / height, 1, 1 - (above + below) / height))
    engine.execute(figure)
    figure.set_layout_engine("none")  # once is enough, however often it is saved
    # The solver's last digits vary; the same table gives the same bytes.
    for part in figure.findobj(SubFigure):
        part.bbox_relative.set_points(part.bbox_relative.get_points().round(9))
    for axes in figure.axes:
        axes.set_position(Bbox(axes.get_position(original=True).get_points().round(9)))
    if words := figure.get_supxlabel():
        figure.supxlabel(words, y=(below + 0.06) / height)


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
    figure = Picture(6.4, 0.55 + 0.16 * len(lines))
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0, 1, "\n".join(lines), va="top", fontsize=8.5, linespacing=1.35)
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
