"""Fig. 7: the masks of one point by confidence, and what tells the ranks apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from medsam.analysis.ambiguity import ORDINALS
from medsam.errors import InputError
from medsam.figures.overlay import outline, picture, prompt_marks, tint
from medsam.figures.style import PREDICTION, Picture, Source, badge, model_colour, need, styled

if TYPE_CHECKING:
    from medsam.analysis.ambiguity import Ambiguous

__all__ = ["ambiguity_examples", "ambiguity_ranks"]

_COLUMNS = ("measure", "rank", "mean", "low", "high", "n")
_TASK = "#BBBBBB"

_PANELS = {
    "best": "best IoU of the three\n(share of cases)",
    "iou": "IoU with the object",
    "doublings": "area, times that of the 1st\n(geometric mean)",
    "contains": "part of the 1st that it holds",
    "spread": "intensity: standard deviation\n(of the image's range)",
    "contrast": "intensity: step at the border\n(of the image's range)",
    "connected": "part in one connected region",
    "grown": "IoU with the closest region\ngrown from the point",
}


@styled
def ambiguity_examples(
    examples: Sequence[Ambiguous], *, source: Source, titles: Mapping[str, str] | None = None
) -> Picture:
    """Fig. 7: an image with its point, then the masks of first, second and third confidence.

    Parameters
    ----------
    examples : sequence of Ambiguous
        A row each.
    source : Source
        Written on the figure.
    titles : mapping of str to str, optional
        What a reader calls each task.

    Raises
    ------
    InputError
        If there is no example.
    """
    if not examples:
        raise InputError(
            "No examples. Allowed: at least one case. Take medsam.analysis.ambiguity.examples."
        )
    columns = 1 + max(len(example.masks) for example in examples)
    figure = Picture(figsize=(0.22 + 1.8 * columns, 0.42 + 1.98 * len(examples)))
    figure.raster = True
    height, width = figure.get_figheight(), figure.get_figwidth()
    grid = figure.subplots(
        len(examples),
        columns,
        squeeze=False,
        gridspec_kw={
            "left": 0.24 / width,
            "right": 0.998,
            "top": 1 - 0.6 / height,
            "bottom": 0.02 / height,
            "hspace": 0.13,
            "wspace": 0.03,
        },
    )
    for row, example in zip(grid, examples, strict=True):
        for axes in row[1 + len(example.masks) :]:
            axes.set_axis_off()
        picture(row[0], example.image)
        outline(row[0], example.mask, width=0.9)
        prompt_marks(row[0], example.prompt, 55)
        row[0].set_title(f"{example.image_id}, its point", fontsize=7.2, pad=2.5)
        name = (titles or {}).get(example.task, example.task)
        row[0].set_ylabel(name, fontsize=8.5, fontweight="bold", labelpad=4)
        told = zip(example.masks, example.scores, example.ious, strict=True)
        for place, (axes, (mask, score, iou)) in enumerate(zip(row[1:], told, strict=False)):
            picture(axes, example.image)
            tint(axes, mask, PREDICTION, 0.3)
            outline(axes, mask, PREDICTION, 1.1)
            outline(axes, example.mask, width=0.8)
            prompt_marks(axes, example.prompt, 45)
            words = f"{ORDINALS[place + 1]}: score {score:.2f}, IoU {iou:.2f}"
            best = iou > 0 and iou == max(example.ious)
            axes.set_title(words, fontsize=7.2, pad=2.5, fontweight="bold" if best else "normal")
    badge(figure, source)
    return figure


@styled
def ambiguity_ranks(
    table: pd.DataFrame, by_task: pd.DataFrame, *, source: Source, model: str = ""
) -> Picture:
    """What tells the masks of first, second and third confidence apart, one panel a measure.

    Parameters
    ----------
    table : DataFrame
        Columns ``measure, rank, mean, low, high, n``, as :func:`medsam.analysis.ambiguity.summary` gives them.
    by_task : DataFrame
        ``task, measure, rank, mean``; thin lines.
    source : Source
        Written on the figure.
    model : str
        Its colour is taken.

    Returns
    -------
    Picture
        Dots: mean of cases, with its interval where there is one.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    need(table, _COLUMNS)
    need(by_task, ("task", "measure", "rank", "mean"))
    figure = Picture(figsize=(7.4, 4.6))
    height = figure.get_figheight()
    grid = figure.subplots(
        2,
        4,
        gridspec_kw={
            "left": 0.05,
            "right": 0.99,
            "top": 1 - 0.72 / height,
            "bottom": 0.78 / height,
            "hspace": 0.5,
            "wspace": 0.28,
        },
    )
    colour = model_colour(model)
    ranks = sorted(int(rank) for rank in table["rank"].unique())
    for axes, (measure, title) in zip(grid.flat, _PANELS.items(), strict=True):
        axes.set_title(title, fontsize=7.4, loc="left", pad=4)
        axes.set_xticks(ranks, [ORDINALS[rank] for rank in ranks])
        axes.set_xlim(ranks[0] - 0.45, ranks[-1] + 0.45)
        axes.grid(axis="x", visible=False)
        _panel(axes, measure, table, by_task, colour)
    n = int(table.n.max())
    handles = [
        Line2D(
            [],
            [],
            color=colour,
            marker="o",
            ms=4.5,
            lw=1.4,
            label=f"mean of {n} cases, 95 % interval",
        ),
        Line2D([], [], color=_TASK, lw=0.9, label="each task"),
    ]
    figure.legend(
        handles=handles, loc="lower center", ncols=2, frameon=False, bbox_to_anchor=(0.5, -0.005)
    )
    figure.text(
        0.5,
        0.4 / height,
        "mask, by the model's own confidence",
        ha="center",
        fontsize=7.5,
    )
    badge(figure, source)
    return figure


def _panel(
    axes: Axes, measure: str, table: pd.DataFrame, by_task: pd.DataFrame, colour: str
) -> None:
    # The first mask is what the others are compared with: it has the area of itself.
    of_first = {"doublings": 0.0, "contains": 1.0}.get(measure)
    for _, line in by_task[by_task.measure == measure].groupby("task", sort=False):
        axes.plot(*_with_first(line, "mean", of_first), color=_TASK, lw=0.8, zorder=1)
    part = table[table.measure == measure].sort_values("rank")
    x, mean = _with_first(part, "mean", of_first)
    axes.plot(x, mean, color=colour, lw=1.4, marker="o", ms=4.5, zorder=3, label=measure)
    sure = part[part.low.notna()]
    axes.vlines(sure["rank"], sure.low, sure.high, color=colour, lw=2.6, alpha=0.55, zorder=2)
    if measure == "doublings":
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(_factor))
        axes.axhline(0, color="#999999", lw=0.7, zorder=0)
    else:
        top = axes.get_ylim()[1]
        axes.set_ylim(0, 1.03 if top > 0.55 else None)


def _factor(doublings: float, _: object = None) -> str:
    """A number of doublings as a factor.

    Examples
    --------
    >>> _factor(3), _factor(0), _factor(-2)
    ('8', '1', '1/4')
    """
    return f"{2**doublings:g}" if doublings >= 0 else f"1/{2**-doublings:g}"


def _with_first(
    part: pd.DataFrame, column: str, first: float | None
) -> tuple[list[int], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Ranks and values in order; with the first mask's own where it is left out of the table."""
    part = part.sort_values("rank")
    ranks = [int(rank) for rank in part["rank"]]
    values = part[column].to_numpy(float)
    if first is not None and 1 not in ranks:
        ranks, values = [1, *ranks], np.concatenate([[first], values])
    return ranks, values
