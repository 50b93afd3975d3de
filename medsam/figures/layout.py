"""Panels a task, rows with names, entries of legends, and labels at the ends of lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from medsam.figures.style import (
    MODALITIES,
    MODES,
    Looks,
    Picture,
    modality_colour,
    narrow,
    signed,
)
from medsam.prompts import MODES as TITLES

_INK = "#222222"
SIGNED = FuncFormatter(lambda value, _: signed(round(value, 9), ".2g"))
"""Ticks with their sign, such as −0.2, 0, +0.2."""


def panels(
    count: int, columns: int, *, row: float, rest: float, xlabel: str = "", ylabel: str = ""
) -> tuple[Picture, NDArray[Any]]:
    """A figure of full width with panels that share their axes; its last row may end early.

    Parameters
    ----------
    count, columns : int
        Panels, and at most so many in a row; two where it is drawn for a narrow screen.
    row, rest : float
        Height of the figure, inches: so much a row, and so much besides.
    xlabel, ylabel : str
        For all panels.

    Returns
    -------
    Picture, (count,) array of Axes
    """
    columns = min(2 if narrow.get() else columns, count)
    rows = -(-count // columns)
    figure = Picture(3.9 if narrow.get() else 7.4, rest + row * rows)
    figure.panels_in_a_row = columns
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes in grid[count:]:
        axes.set_axis_off()
    figure.supxlabel(xlabel)
    figure.supylabel(ylabel)
    return figure, grid[:count]


def iou_ticks(axes: Axes, which: str = "y") -> None:
    """IoU from 0 to 1 with three ticks; on one of several shared axes it holds for all."""
    for name in which:
        axes.set(**{f"{name}lim": (0, 1), f"{name}ticks": (0, 0.5, 1)})


# Rows with names.


def rows(
    names: Sequence[str],
    columns: int = 1,
    *,
    width: float = 7.4,
    row: float = 0.2,
    rest: float,
    modalities: Sequence[str] = (),
    xlabel: str = "",
) -> tuple[Picture, NDArray[Any]]:
    """Panels side by side that share their axes; named rows stand at the heights 0, 1, 2, ...

    Parameters
    ----------
    names : sequence of str
        Of the rows, from the bottom.
    columns : int
        Panels.
    width, row, rest : float
        Of the figure, inches: its width, and its height: so much a row, and so much besides.
    modalities : sequence of str, optional
        Of each row: a square of its colour beside the name.
    xlabel : str
        For all panels.

    Returns
    -------
    Picture, (columns,) array of Axes
    """
    figure = Picture(width, rest + row * len(names))
    grid = figure.subplots(1, columns, sharex=True, sharey=True, squeeze=False)[0]
    for axes in grid:
        name_rows(axes, range(len(names)), names, modalities if axes is grid[0] else ())
    grid[0].set_ylim(-0.7, len(names) - 0.3)
    figure.supxlabel(xlabel)
    return figure, grid


def name_rows(
    axes: Axes, places: Sequence[float], names: Iterable[Any], modalities: Sequence[str] = ()
) -> None:
    """Name rows at the left, with squares of their modalities; no ticks and no lines across."""
    axes.set_yticks(places, list(names))
    axes.tick_params(axis="y", length=0, pad=9 if len(modalities) else 3)
    axes.grid(axis="y", visible=False)
    left = ScaledTranslation(-5 / 72, 0, axes.figure.dpi_scale_trans)
    for place, modality in zip(places, modalities, strict=False):
        axes.plot(
            0, place, "s", ms=3.7, color=modality_colour(modality), clip_on=False, zorder=5,
            transform=axes.get_yaxis_transform() + left,
        )  # fmt: skip


# Distributions.


def box(
    axes: Axes,
    values: NDArray[np.float64],
    at: float,
    colour: str,
    fill: Looks,
    *,
    width: float,
    orientation: Literal["vertical", "horizontal"] = "vertical",
) -> None:
    """A box with whiskers, a white diamond at the mean, and a faint dot for each value."""
    line = {"color": colour, "linewidth": 1}
    axes.boxplot(
        [values], positions=[at], widths=width, orientation=orientation, patch_artist=True,
        showfliers=False, showmeans=True, manage_ticks=False, whiskerprops=line, capprops=line,
        boxprops={"edgecolor": colour, "linewidth": 1, "alpha": 0.75, **fill},
        medianprops={"color": _INK, "linewidth": 1.1},
        meanprops={"marker": "D", "mfc": "white", "mec": _INK, "ms": 3.6},
    )  # fmt: skip
    jitter = at + np.random.default_rng(0).uniform(-0.3, 0.3, len(values)) * width
    x, y = (jitter, values) if orientation == "vertical" else (values, jitter)
    axes.plot(x, y, "o", ms=1.8, color=_INK, alpha=0.35, mec="none")


# Entries of legends.


def key(label: str, colour: str, marker: Any = "", **looks: Any) -> Line2D:
    """An entry of a legend: a mark, and a line where ``ls`` is given."""
    return Line2D([], [], label=label, color=colour, marker=marker, **{"ls": "", **looks})


def modality_keys(modalities: Iterable[str], ms: float = 4) -> list[Line2D]:
    """Squares of those modalities that are there, in the order of :data:`MODALITIES`."""
    there = set(modalities)
    return [key(name, MODALITIES[name], "s", ms=ms) for name in MODALITIES if name in there]


def mode_keys(markers: Mapping[int, str], **looks: Any) -> list[Line2D]:
    """Number and title of each mode, with its marker."""
    return [key(f"{k}  {TITLES[k]}", MODES[k], marker, **looks) for k, marker in markers.items()]


# Labels at the ends of lines.


def spread(heights: Sequence[float], gap: float) -> NDArray[np.float64]:
    """Move heights up or down, as little as can be, until neighbours stand ``gap`` apart.

    Examples
    --------
    >>> spread([0.61, 0.9, 0.6], 0.05).round(3).tolist()
    [0.63, 0.9, 0.58]
    """
    order, steps = np.argsort(heights), gap * np.arange(len(heights))
    placed = np.empty(len(heights))
    placed[order] = isotonic_regression(np.asarray(heights)[order] - steps).x + steps
    return placed


def label_ends(
    axes: Axes,
    ends: Sequence[tuple[str, float, str, str]],
    x: float,
    *,
    gap: float,
    shift: float = 0.35,
    size: float = 7.5,
) -> None:
    """Words beside the right ends of lines, none over another.

    Parameters
    ----------
    axes : Axes
    ends : sequence of (str, float, str, str)
        Words, height, colour and weight of each line.
    x, shift : float
        Where the lines end, and how far to the right the words stand.
    gap : float
        Least distance of words, in units of the y axis.
    size : float
        Of the type.
    """
    placed = spread([height for _, height, *_ in ends], gap)
    for (words, height, colour, weight), at in zip(ends, placed, strict=True):
        axes.annotate(
            words, (x, height), (x + shift, at), color=colour, fontsize=size, fontweight=weight,
            va="center", annotation_clip=False,
        )  # fmt: skip
