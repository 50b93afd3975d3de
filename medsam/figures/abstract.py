"""Fig. 10: the graphical abstract, drawn from data."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from medsam.abstract import SHORT, Facts, facts
from medsam.errors import InputError
from medsam.figures.abstract_panels import (
    boxes_and_points,
    click_lines,
    mode_means,
    task_strip,
    unit_chart,
)
from medsam.figures.overlay import outline, picture, prompt_marks, window
from medsam.figures.style import MODES, Picture, Source, badge, styled
from medsam.prompts import Prompt

__all__ = ["Shown", "abstract", "vector"]

TITLE = "How well does {} segment medical images?"
CITE = "Mazurowski et al., Medical Image Analysis 2023, doi:10.1016/j.media.2023.102918"
_NOTE = (
    "The points and boxes of a person are simulated from the ground truth.\n"
    "IoU: overlap of answer and object, from 0 to 1."
)


@dataclass(frozen=True, eq=False)
class Shown:
    """The object on which prompts are drawn.

    Attributes
    ----------
    image : (H, W, 3) uint8
    mask : (H, W) bool
    prompts : mapping of int to Prompt
        Of modes 1 to 5.
    clicked, clicked_mask : (H, W, 3) uint8, (H, W) bool
        Image and object of the clicks; may be others.
    clicks : Prompt
        Points in the order in which they were made, of either label.
    words : str
        What is seen, and who answered the clicks.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    prompts: Mapping[int, Prompt]
    clicked: NDArray[np.uint8]
    clicked_mask: NDArray[np.bool_]
    clicks: Prompt
    words: str

    def __post_init__(self) -> None:
        if set(self.prompts) != set(MODES) or not len(self.clicks.points):
            raise InputError(
                f"Prompts of modes {sorted(self.prompts)} and {len(self.clicks.points)} clicks. "
                "Allowed: one of each mode from 1 to 5, and at least one click."
            )


@styled
def abstract(
    data: pd.DataFrame,
    modes: pd.DataFrame,
    clicks: pd.DataFrame,
    shown: Shown,
    *,
    model: str,
    source: Source,
) -> Picture:
    """Fig. 10: data, prompts and findings in one wide picture.

    Parameters
    ----------
    data : DataFrame
        Columns ``dataset, title, modality, n_tasks``: what is listed, with its squares.
    modes : DataFrame
        Columns ``task, name, modality, mode, choice, iou``.
    clicks : DataFrame
        Columns ``task, model, k, iou``.
    shown : Shown
        What the prompts are drawn on.
    model : str
        The model of ``modes``, by its name in ``clicks``.
    source : Source
        Of the numbers; written on the figure.

    Returns
    -------
    Picture
        10 inches wide: type of 7 points and more is 10 pixels high on a page of 1000. No
        number is typed: words and plots are of the tables.

    Raises
    ------
    InputError, UnknownName
        As :func:`medsam.abstract.facts`.
    """
    found = facts(modes, clicks, model)
    figure = Picture(figsize=(10, 6.5))
    badge(figure, source)
    words = TITLE.format(model)
    wide = TextPath((0, 0), words, size=16, prop=FontProperties(weight="bold"))
    fits = 5.6 * 72 / wide.get_extents().width
    text(figure, 0.12, 6.05, words, 16 * min(1, fits), bold=True, va="center")
    text(figure, 5.98, 6.05, _NOTE, 7.5, "#444444", va="center")
    for x, width, words in (
        (0.1, 2.2, _data_words(data)),
        (2.4, 2.95, "Prompts, simulated from masks"),
        (5.45, 4.45, "What was found"),
    ):
        _sheet(figure, x, 0.34, width, 5.4)
        text(figure, x + 0.12, 5.56, words, 9.5, bold=True, va="center")
    unit_chart(place(figure, 0.22, 0.42, 1.96, 4.92), data)
    _prompts(figure, shown)
    _findings(figure, modes, clicks, found)
    text(figure, 0.12, 0.16, f"After {CITE}. Prompts: {shown.words}.", 6.8, "#555555", va="center")
    return figure


def _data_words(data: pd.DataFrame) -> str:
    sets, tasks = data.dataset.nunique(), int(data.n_tasks.sum())
    return f"{sets} data set{'s' * (sets != 1)}, {tasks} task{'s' * (tasks != 1)}"


def place(figure: Picture, x: float, y: float, width: float, height: float) -> Axes:
    """Axes by their place in inches, from the lower left."""
    w, h = figure.get_size_inches()
    return figure.add_axes((x / w, y / h, width / w, height / h))


def text(
    figure: Picture,
    x: float,
    y: float,
    words: str,
    size: float,
    colour: str = "#222222",
    *,
    bold: bool = False,
    va: str = "top",
) -> None:
    w, h = figure.get_size_inches()
    weight = "bold" if bold else "normal"
    figure.text(x / w, y / h, words, fontsize=size, color=colour, fontweight=weight, va=va)


def _sheet(figure: Picture, x: float, y: float, width: float, height: float) -> None:
    w, h = figure.get_size_inches()
    figure.add_artist(
        FancyBboxPatch(
            (x / w, y / h),
            width / w,
            height / h,
            boxstyle="round,pad=0,rounding_size=0.008",
            mutation_aspect=w / h,
            facecolor="#F5F7FA",
            edgecolor="#D5DBE3",
            linewidth=0.8,
            zorder=-1,
        )
    )


def _prompts(figure: Picture, shown: Shown) -> None:
    side, step = 1.32, 1.66
    view = window(shown.mask, 0.25)
    places = [(2.5 + (n % 2) * 1.41, 3.86 - n // 2 * step) for n in range(6)]
    for (x, y), mode in zip(places, MODES, strict=False):
        axes = place(figure, x, y, side, side)
        picture(axes, shown.image, view)
        outline(axes, shown.mask, width=1.1)
        prompt_marks(axes, shown.prompts[mode], 70)
        text(figure, x, y + side + 0.04, str(mode), 8.5, MODES[mode], bold=True, va="bottom")
        text(figure, x + 0.12, y + side + 0.04, SHORT[mode], 8, va="bottom")
    x, y = places[-1]
    axes = place(figure, x, y, side, side)
    picture(axes, shown.clicked, _around(shown.clicked_mask, shown.clicks))
    outline(axes, shown.clicked_mask, width=1.1)
    clicks(axes, shown.clicks)
    text(figure, x, y + side + 0.04, "clicks: ★ add, ✖ remove", 8, va="bottom")


def _around(mask: NDArray[np.bool_], made: Prompt) -> tuple[float, float, float, float]:
    """View of an object and of the clicks beside it."""
    seen = mask.copy()
    seen[tuple(made.points.round().astype(int).T[::-1])] = True
    return window(seen, 0.25)


def clicks(axes: Axes, made: Prompt, size: float = 60) -> None:
    """Clicks with their numbers; a star adds, a cross takes away."""
    prompt_marks(axes, made, size)
    for n, (x, y) in enumerate(made.points, 1):
        axes.annotate(
            str(n),
            (x, y),
            (4, 3),
            textcoords="offset points",
            fontsize=7,
            fontweight="bold",
            color="white",
            zorder=6,
            path_effects=[withStroke(linewidth=1.6, foreground="black")],
        )


def _findings(figure: Picture, modes: pd.DataFrame, clicked: pd.DataFrame, found: Facts) -> None:
    left, right, upper, lower = 5.57, 7.78, 5.32, 2.72
    places = ((left, upper), (right, upper), (left, lower), (right, lower))
    for (x, y), words in zip(places, found.headlines, strict=True):
        text(figure, x, y, "\n".join(textwrap.wrap(words, 30)), 8, bold=True)
    task_strip(place(figure, left + 0.45, 3.28, 1.52, 1.55), modes, found)
    boxes_and_points(place(figure, right + 0.42, 3.28, 1.6, 1.55), modes)
    mode_means(place(figure, left + 0.45, 0.8, 1.52, 1.35), found)
    click_lines(place(figure, right + 0.42, 0.8, 0.85, 1.2), clicked)


def vector(figure: Picture, kind: str) -> bytes:
    """The drawing as a file for a poster.

    Parameters
    ----------
    figure : Picture
    kind : str
        ``"svg"`` or ``"pdf"``. The same drawing gives the same bytes.

    Raises
    ------
    InputError
        If it is another kind.
    """
    if kind not in ("svg", "pdf"):
        raise InputError(f"A drawing as {kind!r}. Allowed: svg, pdf.")
    date = {"svg": "Date", "pdf": "CreationDate"}[kind]
    with mpl.rc_context({"pdf.fonttype": 42}):
        return figure._bytes(kind, metadata={date: None})
