"""Fig. 10: the graphical abstract, drawn from data."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from medsam.analysis.abstract import SHORT, facts, headlines
from medsam.analysis.comparison import ORACLE
from medsam.errors import InputError
from medsam.figures import layout
from medsam.figures.overlay import overlay, window
from medsam.figures.style import (
    MODALITIES,
    MODES,
    Looks,
    Picture,
    Source,
    chip,
    modality_colour,
    model_colour,
    styled,
    text_width,
)
from medsam.prompts import Prompt

# Parts of the graphical abstract: tasks by modality, and four small plots of findings.


_INK, _SOFT = "#222222", "#666666"


def _unit_chart(axes: Axes, data: pd.DataFrame) -> None:
    """Tasks by modality, a square each, with names below; limits of axes are their inches."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    width, height = (float(x) for x in axes.get_position().size * figure.get_size_inches())
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    order = data.groupby("modality").n_tasks.sum().sort_values(ascending=False, kind="stable")
    row = height / max(len(order), 3)
    side, step = 0.16, 0.2
    across = max(1, int((width + step - side) / step))
    for n, (modality, count) in enumerate(order.items()):
        sets, hue = data[data.modality == modality], modality_colour(modality)
        top = height - n * row
        axes.text(0, top, str(modality), va="top", fontsize=9, fontweight="bold", color=hue)
        words = f"{count} task{'s' * (count != 1)}"
        axes.text(width, top - 0.015, words, va="top", ha="right", fontsize=7.5, color=_INK)
        for i in range(int(count)):
            corner = (i % across * step, top - 0.36 - i // across * step)
            axes.add_patch(Rectangle(corner, side, side, facecolor=hue, edgecolor="none"))
        names = [
            f"{title}\N{NO-BREAK SPACE}×{k}" if k > 1 else str(title)
            for title, k in zip(sets.title, sets.n_tasks, strict=True)
        ]
        below = top - 0.43 - (int(count) - 1) // across * step
        listed = textwrap.fill(", ".join(names), int(width * 16.5))
        axes.text(0, below, listed, va="top", fontsize=7.2, color=_SOFT, linespacing=1.15)


def _task_strip(axes: Axes, modes: pd.DataFrame) -> None:
    """IoU of each task with one point, a row a modality; the lowest and the highest are named."""
    one = modes[(modes["mode"] == 1) & (modes.choice == "top")]
    there = [name for name in MODALITIES if name in set(one.modality)]
    there += sorted(set(one.modality) - set(there))
    for n, modality in enumerate(there):
        values = one[one.modality == modality].iou
        axes.plot(
            values, [n] * len(values), "o", color=modality_colour(modality), label=modality, ms=5.5,
            mec="white", mew=0.5, alpha=0.9,
        )  # fmt: skip
    ends = one.sort_values("iou")[["name", "modality", "iou"]].iloc[[0, -1]]
    for (name, modality, iou), up, va in zip(
        ends.to_numpy(), (4, -4), ("bottom", "top"), strict=True
    ):
        n = there.index(modality)
        axes.annotate(
            name, (iou, n), (0, up), textcoords="offset points", va=va, fontsize=6.8,
            ha="left" if iou < 0.5 else "right", color=modality_colour(there[n]), fontweight="bold",
        )  # fmt: skip
    layout.name_rows(axes, range(len(there)), there)
    for label in axes.get_yticklabels():
        label.set_color(modality_colour(label.get_text()))
    axes.set(ylim=(len(there) - 0.4, -0.8), xlabel="IoU of a task, one point")
    layout.iou_ticks(axes, "x")


def _boxes_and_points(axes: Axes, modes: pd.DataFrame) -> None:
    """IoU of each task with one box against that with one point; above the diagonal: box."""
    top = modes[modes.choice == "top"]
    wide = top.pivot(index=["task", "modality"], columns="mode", values="iou").reset_index()
    axes.fill_between([0, 1], [0, 1], [1, 1], color="#E69F00", alpha=0.1, lw=0)
    axes.plot([0, 1], [0, 1], color="#999999", lw=0.9, label="equal")
    axes.scatter(
        wide[1], wide[3], s=24, color=[modality_colour(m) for m in wide.modality],
        edgecolors="white", linewidths=0.5, zorder=3, label="tasks",
    )  # fmt: skip
    axes.text(0.04, 0.96, "box better", va="top", fontsize=7, color="#8A5E00")
    axes.text(0.96, 0.05, "point better", ha="right", fontsize=7, color=_SOFT)
    axes.set(xlabel="IoU, one point", ylabel="IoU, one box")
    layout.iou_ticks(axes, "xy")
    axes.set_aspect("equal", anchor="W")


def _mode_means(axes: Axes, modes: pd.DataFrame, size: float = 1.0, *, words: bool = False) -> None:
    """Mean IoU of each mode: dot top-confidence, triangle oracle; modes named, or numbered."""
    means = modes.groupby(["mode", "choice"]).iou.mean().unstack()[["top", "oracle"]]
    for mode, top, oracle in means.itertuples():
        hue = MODES[mode]
        axes.plot([top, oracle], [mode, mode], color=hue, lw=2.2 * size, alpha=0.35)
        axes.plot(oracle, mode, "v", ms=5.5 * size, mfc="white", mec=hue, label=f"oracle {mode}")
        axes.plot(top, mode, "o", ms=7 * size, color=hue, mec="none", label=f"top {mode}")
        inside = top > 0.25  # room for the number at the left of the dot
        axes.text(
            top - 0.045 if inside else max(top, oracle) + 0.05, mode, f"{top:.2f}",
            ha="right" if inside else "left", va="center", fontsize=7.2 * size, color=_INK,
            fontweight="bold" if mode == means.top.idxmax() else "normal",
        )  # fmt: skip
    names = [f"{SHORT[mode]}  {mode}" if words else f"mode {mode}" for mode in means.index]
    layout.name_rows(axes, means.index, names)
    axes.set(ylim=(5.6, 0.4), xlabel="mean IoU (▽ with oracle)")
    layout.iou_ticks(axes, "x")


def _click_lines(axes: Axes, clicks: pd.DataFrame) -> None:
    """Mean IoU over tasks by the number of clicks, one line a method."""
    lines = clicks.groupby(["model", "k"], sort=False).iou.mean().unstack("model")
    last = int(lines.index.max())
    ends = []
    for name, line in lines.items():
        oracle, hue = str(name).endswith(ORACLE), model_colour(str(name))
        look: Looks = {"ls": (0, (3, 1.5))} if oracle else {"marker": "o", "ms": 2.8}
        axes.plot(lines.index, line, lw=1.5, color=hue, label=str(name), **look)
        words = "with oracle" if oracle else str(name)
        ends.append((words, float(line.iloc[-1]), hue, "bold"))
    layout.label_ends(axes, ends, last, gap=0.095, shift=0.4, size=7)
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
    figure = Picture(figsize=(10, 6.5))
    words = TITLE.format(model)
    size = 16 * min(1, 5.6 / text_width(words, 16))
    _text(figure, 0.12, 6.05, words, size, bold=True, va="center")
    _text(figure, 5.98, 6.05, _NOTE, 7.5, "#444444", va="center")
    sets, tasks = data.dataset.nunique(), int(data.n_tasks.sum())
    for x, width, words in (
        (0.1, 2.2, f"{sets} dataset{'s' * (sets != 1)}, {tasks} task{'s' * (tasks != 1)}"),
        (2.4, 2.95, "Prompts, simulated from masks"),
        (5.45, 4.45, "What was found"),
    ):
        _sheet(figure, x, 0.34, width, 5.4)
        _text(figure, x + 0.12, 5.56, words, 9.5, bold=True, va="center")
    _unit_chart(_place(figure, 0.22, 0.42, 1.96, 4.92), data)
    _prompts(figure, shown)
    left, right, upper, lower = 5.57, 7.78, 5.32, 2.72
    places = ((left, upper), (right, upper), (left, lower), (right, lower))
    for (x, y), words in zip(places, headlines(facts(modes, clicks, model), model), strict=True):
        _text(figure, x, y, textwrap.fill(words, 30), 8, bold=True)
    _task_strip(_place(figure, left + 0.45, 3.28, 1.52, 1.55), modes)
    _boxes_and_points(_place(figure, right + 0.42, 3.28, 1.6, 1.55), modes)
    _mode_means(_place(figure, left + 0.45, 0.8, 1.52, 1.35), modes)
    _click_lines(_place(figure, right + 0.42, 0.8, 0.85, 1.2), clicks)
    after = f"After {CITE}. Prompts: {shown.words}."
    _text(figure, 0.12, 0.16, after, 6.8, "#555555", va="center")
    return figure


def _place(figure: Picture, x: float, y: float, width: float, height: float) -> Axes:
    """Axes by their place in inches, from the lower left."""
    w, h = figure.get_size_inches()
    return figure.add_axes((x / w, y / h, width / w, height / h))


def _text(
    figure: Picture,
    x: float,
    y: float,
    words: str,
    size: float,
    colour: str = _INK,
    *,
    bold: bool = False,
    va: str = "top",
) -> None:
    """Words at a place in inches, from the lower left."""
    w, h = figure.get_size_inches()
    weight = "bold" if bold else "normal"
    figure.text(x / w, y / h, words, fontsize=size, color=colour, fontweight=weight, va=va)


def _sheet(figure: Picture, x: float, y: float, width: float, height: float) -> None:
    w, h = figure.get_size_inches()
    look: Looks = {"facecolor": "#F5F7FA", "edgecolor": "#D5DBE3", "linewidth": 0.8, "zorder": -1}
    figure.add_artist(Rectangle((x / w, y / h), width / w, height / h, **look))


def _prompts(figure: Picture, shown: Shown) -> None:
    side, step = 1.32, 1.66
    view = window(shown.mask, 0.25)
    places = [(2.5 + (n % 2) * 1.41, 3.86 - n // 2 * step) for n in range(6)]
    for (x, y), mode in zip(places, MODES, strict=False):
        axes = _place(figure, x, y, side, side)
        prompt = shown.prompts[mode]
        overlay(axes, shown.image, view, mask=shown.mask, prompt=prompt, size=70, widths=(1.1, 0))
        _text(figure, x, y + side + 0.04, str(mode), 8.5, MODES[mode], bold=True, va="bottom")
        _text(figure, x + 0.12, y + side + 0.04, SHORT[mode], 8, va="bottom")
    x, y = places[-1]
    axes = _place(figure, x, y, side, side)
    seen = shown.clicked_mask.copy()
    seen[tuple(shown.clicks.points.round().astype(int).T[::-1])] = True
    overlay(
        axes, shown.clicked, window(seen, 0.25), mask=shown.clicked_mask, prompt=shown.clicks,
        widths=(1.1, 0), numbered=True,
    )  # fmt: skip
    _text(figure, x, y + side + 0.04, "clicks: ★ add, − remove", 8, va="bottom")


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
    modes: pd.DataFrame, clicks: pd.DataFrame, shown: Shown, model: str, of: Source
) -> Picture:
    """What :func:`social_card` shows, before it becomes pixels; it writes its source itself."""
    figure = Picture(figsize=(CARD_SIZE[0] / 100, CARD_SIZE[1] / 100))
    figure.raster = True
    words = f"{of.label} · {of.detail}"
    chip(figure, 0.57 / 12, 5.95 / 6.3, of, 12, words=words, va="center")
    _text(figure, 0.5, 5.55, textwrap.fill(TITLE.format(model), 23), 31, bold=True)
    y = 4.1
    for words in headlines(facts(modes, clicks, model), model):
        wrapped = textwrap.wrap(words, 44)
        _text(figure, 0.5, y, "■", 14, "#0072B2")
        _text(figure, 0.85, y, "\n".join(wrapped), 17)
        y -= 0.36 + 0.3 * len(wrapped)
    _text(figure, 0.5, 0.35, f"After {CITE}", 10.5, "#555555", va="center")
    view = window(shown.mask, 0.25)
    for x, mode in ((7.3, 2), (9.6, 4)):
        prompt = shown.prompts[mode]
        axes = _place(figure, x, 3.55, 2.15, 2.15)
        overlay(axes, shown.image, view, mask=shown.mask, prompt=prompt, size=190, widths=(1.6, 0))
        _text(figure, x, 5.75, SHORT[mode], 13, MODES[mode], bold=True, va="bottom")
    axes = _place(figure, 9.25, 0.95, 2.3, 2.3)
    _mode_means(axes, modes, 1.75, words=True)
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
    drawn = card(modes, clicks, shown, model, source)
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
