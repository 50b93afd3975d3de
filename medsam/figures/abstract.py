"""Fig. 10: the graphical abstract, drawn from data."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from medsam.analysis.abstract import ORACLE, SHORT, Facts, facts
from medsam.errors import InputError
from medsam.figures.clicks import _apart
from medsam.figures.overlay import outline, picture, prompt_marks, window
from medsam.figures.style import (
    BADGES,
    MODALITIES,
    MODES,
    Picture,
    Source,
    badge,
    model_colour,
    styled,
)
from medsam.prompts import Prompt

__all__ = [
    "CARD_SIZE",
    "Shown",
    "abstract",
    "boxes_and_points",
    "card",
    "click_lines",
    "mode_means",
    "social_card",
    "task_strip",
    "unit_chart",
    "vector",
]


# Parts of the graphical abstract: tasks by modality, and four small plots of findings.


_INK, _SOFT = "#222222", "#666666"


def colour(modality: object) -> str:
    """Colour of a modality."""
    return MODALITIES.get(str(modality), MODALITIES["unknown"])


def unit_chart(axes: Axes, data: pd.DataFrame, scale: float = 1.0) -> None:
    """Tasks by modality, a square each, with names below.

    Parameters
    ----------
    axes : Axes
        Its limits become its size in inches.
    data : DataFrame
        Columns ``title, modality, n_tasks``; squares and a name a row.
    scale : float
        Of the type.
    """
    width, height = _inches(axes)
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    order = data.groupby("modality").n_tasks.sum().sort_values(ascending=False, kind="stable")
    row = height / max(len(order), 3)
    side, step = 0.16 * scale, 0.2 * scale
    across = max(1, int((width + step - side) / step))
    for n, (modality, count) in enumerate(order.items()):
        sets = data[data.modality == modality]
        top = height - n * row
        axes.text(
            0, top, str(modality), va="top", fontsize=9 * scale, fontweight="bold",
            color=colour(modality),
        )  # fmt: skip
        axes.text(
            width, top - 0.015, f"{count} task{'s' * (count != 1)}", va="top", ha="right",
            fontsize=7.5 * scale, color=_INK,
        )  # fmt: skip
        for i in range(int(count)):
            corner = (i % across * step, top - 0.36 * scale - i // across * step)
            axes.add_patch(
                Rectangle(corner, side, side, facecolor=colour(modality), edgecolor="none")
            )
        below = top - 0.43 * scale - (int(count) - 1) // across * step
        names = [
            f"{title}\N{NO-BREAK SPACE}×{k}" if k > 1 else str(title)
            for title, k in zip(sets.title, sets.n_tasks, strict=True)
        ]
        words = textwrap.wrap(", ".join(names), int(width * 16.5 / scale))
        axes.text(
            0, below, "\n".join(words), va="top", fontsize=7.2 * scale, color=_SOFT,
            linespacing=1.15,
        )  # fmt: skip


def _inches(axes: Axes) -> tuple[float, float]:
    figure = axes.get_figure()
    assert figure is not None
    place = axes.get_position()
    width, height = figure.get_figure(root=True).get_size_inches()
    return float(place.width * width), float(place.height * height)


def task_strip(axes: Axes, modes: pd.DataFrame, found: Facts) -> None:
    """IoU of each task with one point, a row a modality; the lowest and the highest are named."""
    one = modes[(modes["mode"] == 1) & (modes.choice == "top")]
    there = [name for name in MODALITIES if name in set(one.modality)]
    there += sorted(set(one.modality) - set(there))
    for n, modality in enumerate(there):
        part = one[one.modality == modality]
        dots: dict[str, Any] = {"ms": 5.5, "mec": "white", "mew": 0.5, "alpha": 0.9}
        axes.plot(part.iou, [n] * len(part), "o", color=colour(modality), label=modality, **dots)
    for (name, iou), up, va in ((found.lowest, 8, "bottom"), (found.highest, -8, "top")):
        n = there.index(one[one["name"] == name].modality.iloc[0])
        axes.annotate(
            name,
            (iou, n),
            (0, up / 2),
            textcoords="offset points",
            ha="left" if iou < 0.5 else "right",
            va=va,
            fontsize=6.8,
            color=colour(there[n]),
            fontweight="bold",
        )
    axes.set_yticks(range(len(there)), there)
    for label in axes.get_yticklabels():
        label.set_color(colour(label.get_text()))
    axes.set(ylim=(len(there) - 0.4, -0.8), xlim=(0, 1), xlabel="IoU of a task, one point")
    axes.set_xticks((0, 0.5, 1))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)


def boxes_and_points(axes: Axes, modes: pd.DataFrame) -> None:
    """IoU of each task with one box against that with one point; above the diagonal: box."""
    top = modes[modes.choice == "top"]
    wide = top.pivot(index=["task", "modality"], columns="mode", values="iou").reset_index()
    axes.fill_between([0, 1], [0, 1], [1, 1], color="#E69F00", alpha=0.1, lw=0)
    axes.plot([0, 1], [0, 1], color="#999999", lw=0.9, label="equal")
    axes.scatter(
        wide[1],
        wide[3],
        s=24,
        color=[colour(m) for m in wide.modality],
        edgecolors="white",
        linewidths=0.5,
        zorder=3,
        label="tasks",
    )
    axes.text(0.04, 0.96, "box better", va="top", fontsize=7, color="#8A5E00")
    axes.text(0.96, 0.05, "point better", ha="right", fontsize=7, color=_SOFT)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="IoU, one point", ylabel="IoU, one box")
    axes.set_xticks((0, 0.5, 1))
    axes.set_yticks((0, 0.5, 1))
    axes.set_aspect("equal", anchor="W")


def mode_means(axes: Axes, found: Facts, size: float = 1.0, *, words: bool = False) -> None:
    """Mean IoU of each mode: dot top-confidence, triangle oracle.

    Parameters
    ----------
    axes : Axes
    found : Facts
    size : float
        Of marks and type.
    words : bool
        Whether the modes are named, not only numbered.
    """
    for mode, (top, oracle) in found.means.items():
        hue = MODES[mode]
        axes.plot([top, oracle], [mode, mode], color=hue, lw=2.2 * size, alpha=0.35)
        axes.plot(oracle, mode, "v", ms=5.5 * size, mfc="white", mec=hue, label=f"oracle {mode}")
        axes.plot(top, mode, "o", ms=7 * size, color=hue, mec="none", label=f"top {mode}")
        inside = top > 0.25  # room for the number at the left of the dot
        axes.text(
            top - 0.045 if inside else max(top, oracle) + 0.05,
            mode,
            f"{top:.2f}",
            ha="right" if inside else "left",
            va="center",
            fontsize=7.2 * size,
            fontweight="bold" if mode == found.best else "normal",
            color=_INK,
        )
    names = [f"{SHORT[mode]}  {mode}" if words else f"mode {mode}" for mode in found.means]
    axes.set_yticks(list(found.means), names)
    axes.tick_params(axis="y", length=0)
    axes.set(ylim=(5.6, 0.4), xlim=(0, 1), xlabel="mean IoU (▽ with oracle)")
    axes.set_xticks((0, 0.5, 1))
    axes.grid(axis="y", visible=False)


def click_lines(axes: Axes, clicks: pd.DataFrame) -> None:
    """Mean IoU over tasks by the number of clicks, one line a method."""
    lines = clicks.groupby(["model", "k"], sort=False).iou.mean().unstack("model")
    last = int(lines.index.max())
    placed = _apart([float(lines[name].iloc[-1]) for name in lines], 0.095)
    for name, height in zip(lines, placed, strict=True):
        oracle = str(name).endswith(ORACLE)
        axes.plot(
            lines.index,
            lines[name],
            marker=None if oracle else "o",
            ms=2.8,
            lw=1.5,
            ls=(0, (3, 1.5)) if oracle else "-",
            color=model_colour(str(name)),
            label=str(name),
        )
        axes.annotate(
            "with oracle" if oracle else str(name),
            (last, lines[name].iloc[-1]),
            (last + 0.4, height),
            color=model_colour(str(name)),
            fontsize=7,
            va="center",
            fontweight="bold",
            annotation_clip=False,
        )
    axes.set(xlim=(0.6, last + 0.2), ylim=(0, 0.8), xlabel="clicks", ylabel="mean IoU")
    axes.set_xticks(sorted({1, (1 + last) // 2, last}))
    axes.grid(axis="x", visible=False)


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
        As :func:`medsam.analysis.abstract.facts`.
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


# The main findings on a card that a page is shared with.


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
