"""Fig. 9: what a grid of points finds, and how well each object is among it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from medsam.analysis.statistics import check_columns
from medsam.errors import InputError
from medsam.figures import layout
from medsam.figures.overlay import outline, picture
from medsam.figures.style import Picture, Source, chip, styled
from medsam.study.everything import Grid

_CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5E3C99", "#7F7F7F")


@dataclass(frozen=True, eq=False)
class Shown:
    """One image of Fig. 9.

    Attributes
    ----------
    title : str
    image : (H, W, 3) uint8
    grids : sequence of (Grid, bool)
        Each with whether this run computed it.
    """

    title: str
    image: NDArray[np.uint8]
    grids: Sequence[tuple[Grid, bool]]


def _masks(axes: Axes, grid: Grid) -> None:
    """All masks, the largest below, each with a colour far from the last and a thin outline."""
    wash = np.zeros((*grid.size, 4))
    for n, one in enumerate(sorted(grid.found, key=lambda one: -one.area)):
        wash[one.mask] = (*mpl.colormaps["hsv"](0.618 * n % 1)[:3], 0.45)
        outline(axes, one.mask, "white", 0.35)
    axes.imshow(wash, interpolation="nearest")


@styled
def everything_masks(images: Sequence[Shown], *, source: Source) -> Picture:
    """Fig. 9: an image, then all masks of each grid, with their number and the time they took.

    Parameters
    ----------
    images : sequence of Shown
        A row each.
    source : Source
        Written on the figure. A grid that was computed earlier says so itself.

    Raises
    ------
    InputError
        If there is no image, or one without a grid.
    """
    if not images or not all(one.grids for one in images):
        raise InputError(
            f"{len(images)} images, some without a grid. Allowed: at least one image, each with "
            "one grid or more. Run `medsam everything` first."
        )
    sides = sorted({grid.side for one in images for grid, _ in one.grids})
    columns = 1 + len(sides)
    size = min(2.4, 7.4 / columns)
    figure = Picture(size * columns, 0.3 + (size + 0.42) * len(images), raster=True)
    rows = figure.subplots(len(images), columns, squeeze=False)
    for row, one in zip(rows, images, strict=True):
        picture(row[0], one.image)
        row[0].set_title(one.title)
        of = {grid.side: (grid, here) for grid, here in one.grids}
        for axes, side in zip(row[1:], sides, strict=True):
            if side not in of:
                axes.set_axis_off()
                continue
            grid, here = of[side]
            picture(axes, one.image)
            _masks(axes, grid)
            if not here:
                earlier = Source("earlier", source.detail)
                chip(axes, 0.02, 0.98, earlier, 6, transform=axes.transAxes, va="top", zorder=6)
            words = "mask" if len(grid.found) == 1 else "masks"
            title = f"{_power(side)} points a side\n{len(grid.found)} {words}, {_took(grid)}"
            axes.set_title(title)
    return figure


def _power(side: int) -> str:
    """A power of two as the paper writes it.

    Examples
    --------
    >>> _power(32), _power(6)
    ('$2^5$', '6')
    """
    return f"$2^{side.bit_length() - 1}$" if side > 1 and side & (side - 1) == 0 else str(side)


def _took(grid: Grid) -> str:
    """By the clock, in seconds or from two minutes on in minutes; or what one core would take."""
    seconds = grid.cpu_seconds if grid.seconds is None else grid.seconds
    words = f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds >= 120:
        words = f"{seconds / 60:.1f} min"
    return f"{words} of one core" if grid.seconds is None else words


@styled
def everything_sides(table: pd.DataFrame, masks: pd.DataFrame, *, source: Source) -> Picture:
    """The best IoU of each object, and the number of masks, against the points a side.

    Parameters
    ----------
    table : DataFrame
        Columns ``task, name, k`` (points a side), ``iou`` (of the best mask; mean of images) and
        ``here`` (whether this run computed it). ``k`` 0, where given, is what is compared with:
        a point on each part of the object (mode 2), its best mask. The mean line is that of the
        objects which have every other ``k``.
    masks : DataFrame
        Columns ``image, k, masks, here``.
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        Filled: this run. Hollow: computed earlier.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, ("task", "name", "k", "iou", "here"))
    check_columns(masks, ("image", "k", "masks", "here"))
    figure = Picture(7.4, 3.5)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for n, (_, part) in enumerate(table.groupby("task", sort=False)):
        colour, alone = _CYCLE[n % len(_CYCLE)], part[part.k == 0]
        _line(left, part[part.k > 0], "iou", colour, str(part.name.iloc[0]))
        left.plot(alone.k, alone.iou, "D", color=colour, ms=4)
    # Of the objects that every grid was laid over.
    mean = table[table.k > 0].pivot_table(index="task", columns="k", values="iou").dropna().mean()
    left.plot(mean.index, mean, color="#222222", lw=2.2, ls=(0, (4, 1.5)), label="mean of objects")
    for image, line in masks.groupby("image", sort=False):
        _line(right, line, "masks", "#444444", str(image))
        for k, count in zip(line.k, line.masks, strict=True):
            right.annotate(
                f"{count}", (k, count), (0, 6), textcoords="offset points", ha="center", fontsize=7
            )
    for axes, sides in ((left, {*table.k}), (right, {*masks.k})):
        axes.set_xscale("symlog", base=2, linthresh=min(sides - {0}))
        axes.set_xticks(sorted(sides), [_power(k) if k else "mode 2" for k in sorted(sides)])
        axes.minorticks_off()
        axes.margins(x=0.12)
        axes.grid(axis="x", visible=False)
    left.set(ylim=(0, 1), ylabel="IoU of the best mask")
    right.set(ylim=(0, 1.18 * max(1, masks.masks.max())), ylabel="masks")
    figure.supxlabel("points along a side of the grid")
    handles = left.get_legend_handles_labels()[0]
    handles += [
        layout.key("a point on each part", "#444444", "D", ms=4),
        layout.key("this run", "#444444", "o", ms=5),
        layout.key("computed earlier", "#444444", "o", ms=5, mfc="white"),
    ]
    figure.legend(handles=handles, ncols=4)
    return figure


def _line(axes: Axes, part: pd.DataFrame, column: str, colour: str, label: str) -> None:
    """A line with filled dots of this run, and hollow ones of what was computed earlier."""
    part = part.sort_values("k")
    axes.plot(part.k, part[column], color=colour, lw=1.2, label=label)
    fill = np.where(part.here, colour, "white")
    axes.scatter(part.k, part[column], s=25, c=fill, edgecolors=colour, zorder=3)
