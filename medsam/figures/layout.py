"""Places of axes in inches, panels a task, rows with names, and entries of legends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from medsam.figures.style import MODALITIES, MODES, Picture, modality_colour
from medsam.prompts import MODES as TITLES


def subplots(
    size: tuple[float, float],
    rows: int = 1,
    columns: int = 1,
    *,
    top: float,
    bottom: float,
    left: float = 0.005,
    right: float = 0.995,
    sharex: bool = False,
    sharey: bool = False,
    raster: bool = False,
    **gaps: Any,
) -> tuple[Picture, NDArray[Any]]:
    """A figure with a grid of axes.

    Parameters
    ----------
    size : (float, float)
        Width and height, inches.
    rows, columns : int
    top, bottom : float
        From the edges of the figure to the axes, inches.
    left, right : float
        Ends of the axes as parts of the width.
    sharex, sharey : bool
        Whether the axes have their limits and ticks in common.
    raster : bool
        Of the :class:`Picture`.
    **gaps
        ``wspace, hspace, width_ratios``: as for matplotlib's ``GridSpec``.

    Returns
    -------
    Picture, (rows, columns) array of Axes
    """
    figure = Picture(figsize=size)
    figure.raster = raster
    edges = {"left": left, "right": right, "top": 1 - top / size[1], "bottom": bottom / size[1]}
    grid = figure.subplots(
        rows, columns, sharex=sharex, sharey=sharey, squeeze=False, gridspec_kw=edges | gaps
    )
    return figure, np.asarray(grid)


def one_axes(size: tuple[float, float], **edges: Any) -> tuple[Picture, Axes]:
    """A figure with one pair of axes; ``edges`` as for :func:`subplots`."""
    figure, grid = subplots(size, **edges)
    return figure, grid[0, 0]


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
    xlabel: tuple[str, float, float] | None = None,
    ylabel: str = "",
) -> tuple[Picture, NDArray[Any]]:
    """A figure of full width with panels that share their axes; its last row may end early.

    Parameters
    ----------
    count, columns : int
        Panels, and at most so many in a row.
    row, rest : float
        Height of the figure, inches: so much a row, and so much besides.
    top, bottom, left, hspace : float
        As for :func:`subplots`.
    xlabel : (str, float, float), optional
        For all panels: words, their place as a part of the width, and from the bottom in inches.
    ylabel : str
        For all panels.

    Returns
    -------
    Picture, (count,) array of Axes
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    height = rest + row * rows
    figure, grid = subplots(
        (7.4, height), rows, columns, top=top, bottom=bottom, left=left, right=0.99,
        sharex=True, sharey=True, hspace=hspace, wspace=0.1,
    )  # fmt: skip
    for axes in grid.flat[count:]:
        axes.set_axis_off()
    if xlabel:
        figure.text(xlabel[1], xlabel[2] / height, xlabel[0], ha="center", fontsize=7.5)
    figure.text(0.004, 0.5, ylabel, va="center", rotation=90, fontsize=7.5)
    return figure, grid.ravel()[:count]


def iou_ticks(axes: Axes, which: str = "y") -> None:
    """IoU from 0 to 1 with three ticks; on one of several shared axes it holds for all."""
    for name in which:
        axes.set(**{f"{name}lim": (0, 1), f"{name}ticks": (0, 0.5, 1)})


# Rows with names.


def name_rows(
    axes: Axes,
    places: ArrayLike,
    names: Iterable[Any] | None = None,
    modalities: Iterable[str] | None = None,
    *,
    shift: float = -0.018,
    **looks: Any,
) -> None:
    """Name rows at the left, without ticks or lines across.

    Parameters
    ----------
    axes : Axes
    places : (N,) float
        Heights of the rows.
    names : iterable of str, optional
        Where left out, the ticks stay as they are.
    modalities : iterable of str, optional
        Of each row: a square of its colour beside the name.
    shift : float
        Of the squares, as a part of the width.
    **looks
        Of the names.
    """
    places = np.asarray(places)
    if names is not None:
        axes.set_yticks(places, names, **looks)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    if modalities is not None:
        axes.tick_params(axis="y", pad=9)
        axes.scatter(
            np.full(len(places), shift), places, marker="s", s=14, clip_on=False, zorder=5,
            color=[modality_colour(m) for m in modalities], transform=axes.get_yaxis_transform(),
        )  # fmt: skip


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


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move heights up or down until neighbours stand at least ``gap`` apart.

    Examples
    --------
    >>> [round(height, 3) for height in spread([0.61, 0.9, 0.6], 0.05)]
    [0.63, 0.9, 0.58]
    """
    order = np.argsort(heights)
    placed = np.array(heights, float)
    for _ in range(200):
        moved = False
        for a, b in pairwise(order):
            short = gap - (placed[b] - placed[a])
            if short > 1e-6:
                placed[a] -= short / 2
                placed[b] += short / 2
                moved = True
        if not moved:
            break
    return [float(p) for p in placed]


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
