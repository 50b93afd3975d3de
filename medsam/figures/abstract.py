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
from numpy.typing import NDArray

from medsam.analysis.abstract import SHORT, facts, headlines
from medsam.errors import InputError
from medsam.figures import layout
from medsam.figures.clicks import average_lines
from medsam.figures.overlay import overlay, window
from medsam.figures.style import (
    MODALITIES,
    MODES,
    Looks,
    Picture,
    Source,
    modality_colour,
    styled,
)
from medsam.prompts import Prompt

# Parts of the graphical abstract: tasks by modality, and four small plots of findings.


_INK, _SOFT = "#222222", "#666666"


def _unit_chart(axes: Axes, data: pd.DataFrame) -> None:
    """Tasks by modality, a square each, with the names of the datasets below."""
    order = data.groupby("modality").n_tasks.sum().sort_values(ascending=False, kind="stable")
    width = max(10, *order)
    for n, (modality, count) in enumerate(order.items()):
        sets, hue = data[data.modality == modality], modality_colour(modality)
        axes.barh([n] * count, 0.85, left=range(count), height=0.2, align="edge", color=hue)
        above: Looks = {"va": "bottom", "fontsize": 9}
        axes.text(0, n - 0.05, str(modality), fontweight="bold", color=hue, **above)
        axes.text(width, n - 0.05, f"{count} task{'s' * (count != 1)}", ha="right", **above)
        names = [
            f"{title}\N{NO-BREAK SPACE}×{k}" if k > 1 else str(title)
            for title, k in zip(sets.title, sets.n_tasks, strict=True)
        ]
        below = textwrap.fill(", ".join(names), 32)
        axes.text(0, n + 0.23, below, va="top", fontsize=7.2, color=_SOFT, linespacing=1.15)
    axes.set(xlim=(0, width), ylim=(max(len(order), 3) - 0.3, -0.3))
    axes.set_axis_off()


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


def _mode_means(axes: Axes, modes: pd.DataFrame) -> None:
    """Mean IoU of each mode: dot top-confidence, triangle oracle."""
    means = modes.groupby(["mode", "choice"]).iou.mean().unstack()[["top", "oracle"]]
    for mode, top, oracle in means.itertuples():
        hue = MODES[mode]
        axes.plot([top, oracle], [mode, mode], color=hue, lw=2.2, alpha=0.35)
        axes.plot(oracle, mode, "v", ms=5.5, mfc="white", mec=hue, label=f"oracle {mode}")
        axes.plot(top, mode, "o", ms=7, color=hue, mec="none", label=f"top {mode}")
        inside = top > 0.25  # room for the number at the left of the dot
        axes.text(
            top - 0.045 if inside else max(top, oracle) + 0.05, mode, f"{top:.2f}",
            ha="right" if inside else "left", va="center", fontsize=7.2,
            fontweight="bold" if mode == means.top.idxmax() else "normal",
        )  # fmt: skip
    layout.name_rows(axes, list(means.index), [f"mode {mode}" for mode in means.index])
    axes.set(ylim=(5.6, 0.4), xlabel="mean IoU (▽ with oracle)")
    layout.iou_ticks(axes, "x")


TITLE = "How well does {} segment medical images?"
CITE = "Mazurowski et al., Medical Image Analysis 2023, doi:10.1016/j.media.2023.102918"
_NOTE = (
    "The points and boxes of a person are simulated from the ground truth. "
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
    found = headlines(facts(modes, clicks, model), model)
    figure = Picture(10, 6.8)
    figure.set_layout_engine("constrained", w_pad=0.08)
    parts = figure.subfigures(3, 1, squeeze=False, height_ratios=(0.5, 5.6, 0.2))
    head, body, foot = parts.flat
    head.text(0.012, 1, TITLE.format(model), fontsize=16, fontweight="bold", va="top")
    head.text(0.012, 0.15, _NOTE, fontsize=7.5, color="#444444")
    foot.text(0.012, 0.3, f"After {CITE}. Prompts: {shown.words}.", fontsize=6.8, color=_SOFT)
    sets, tasks = data.dataset.nunique(), int(data.n_tasks.sum())
    words = f"{sets} dataset{'s' * (sets != 1)}, {tasks} task{'s' * (tasks != 1)}"
    headings = (words, "Prompts, simulated from masks", "What was found")
    parts = body.subfigures(1, 3, width_ratios=(2.2, 2.95, 4.45), wspace=0.015)
    for part, heading in zip(parts, headings, strict=True):
        part.set_facecolor("#F5F7FA")
        part.suptitle(heading, x=0.04, ha="left", fontsize=9.5, fontweight="bold")
    _unit_chart(parts[0].subplots(), data)
    *places, last = parts[1].subplots(3, 2).flat
    for axes, (mode, colour) in zip(places, MODES.items(), strict=True):
        _prompt(axes, shown, mode)
        axes.set_title(str(mode), loc="left", fontsize=8.5, fontweight="bold", color=colour)
        axes.set_title(SHORT[mode])
    _clicks(last, shown)
    strip, boxes, means, lines = parts[2].subplots(2, 2).flat
    for axes, headline in zip((strip, boxes, means, lines), found, strict=True):
        axes.set_title(textwrap.fill(headline, 28), loc="left", fontsize=8, fontweight="bold")
    _task_strip(strip, modes)
    _boxes_and_points(boxes, modes)
    _mode_means(means, modes)
    averages = clicks.groupby(["model", "k"], sort=False).iou.mean().reset_index()
    average_lines(lines, averages, {}, gap=0.09)
    lines.set(xlabel="clicks", ylabel="mean IoU")
    return figure


def _prompt(axes: Axes, shown: Shown, mode: int) -> None:
    view, prompt = window(shown.mask, 0.25), shown.prompts[mode]
    overlay(axes, shown.image, view, mask=shown.mask, prompt=prompt, size=70, widths=(1.1, 0))


def _clicks(axes: Axes, shown: Shown) -> None:
    seen = shown.clicked_mask.copy()
    seen[tuple(shown.clicks.points.round().astype(int).T[::-1])] = True
    overlay(
        axes, shown.clicked, window(seen, 0.25), mask=shown.clicked_mask, prompt=shown.clicks,
        widths=(1.1, 0), numbered=True,
    )  # fmt: skip
    axes.set_title("clicks: ★ add, − remove")


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
    figure = Picture(6, 3.15)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(3.6, 2.4)).flat
    title = textwrap.fill(TITLE.format(model), 23)
    left.text(0.04, 0.98, title, fontsize=15.5, fontweight="bold", va="top")
    told = headlines(facts(modes, clicks, model), model)
    listed = "\n".join(
        textwrap.fill(words, 44, initial_indent="■ ", subsequent_indent="    ") for words in told
    )
    left.text(0.04, 0.7, listed, fontsize=8.8, linespacing=1.6, va="top")
    left.text(0.04, 0.03, f"After {CITE}", fontsize=5.2, color=_SOFT)
    axes = right.subplot_mosaic([["2", "4"], ["means", "means"]])
    for mode, words in (2, "points"), (4, "boxes"):
        _prompt(axes[f"{mode}"], shown, mode)
        axes[f"{mode}"].set_title(f"{words} (mode {mode})", fontsize=6.5, color=MODES[mode])
    _mode_means(axes["means"], modes)
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
    drawn.savefig(buffer, format="png", dpi=CARD_SIZE[0] / 6)
    return buffer.getvalue()
