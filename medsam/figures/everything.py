"""Fig. 9: what a grid of points finds, and how well each object is among it."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from medsam.errors import InputError
from medsam.figures.overlay import outline, picture
from medsam.figures.style import Picture, need, styled
from medsam.study.everything import Grid

__all__ = ["EARLIER", "Shown", "colours", "everything_masks", "everything_sides"]

EARLIER = "COMPUTED EARLIER"
"""On what was not computed by this run, but came with the package."""

_BADGES = {
    True: {"facecolor": "#FFD54A", "edgecolor": "#8A6D00", "linestyle": "--"},
    False: {"facecolor": "#E2E2E2", "edgecolor": "#6E6E6E", "linestyle": ":"},
}
_COLUMNS = ("task", "name", "k", "iou", "here")
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


def colours(count: int) -> list[tuple[float, float, float]]:
    """That many colours, each far from the ones before it: hues a golden section apart.

    Examples
    --------
    >>> len(set(colours(40)))
    40
    """
    return [
        colorsys.hsv_to_rgb((0.07 + n * 0.6180339887) % 1, (0.85, 0.6)[n % 2], (1, 0.85)[n % 3 % 2])
        for n in range(count)
    ]


def _badge(axes: Axes, here: bool) -> None:
    axes.text(
        0.02,
        0.98,
        "THIS RUN" if here else EARLIER,
        transform=axes.transAxes,
        va="top",
        fontsize=6,
        fontweight="bold",
        zorder=6,
        bbox={"boxstyle": "round,pad=0.3", "linewidth": 0.8, **_BADGES[here]},
    )


def _masks(axes: Axes, grid: Grid) -> None:
    """All masks, the largest below, each with a colour and a thin outline."""
    order = sorted(range(len(grid.found)), key=lambda n: -grid.found[n].area)
    wash = np.zeros((*grid.size, 4))
    for n, colour in zip(order, colours(len(order)), strict=True):
        mask = grid.found[n].mask
        wash[mask] = (*colour, 0.45)
    axes.imshow(wash, interpolation="nearest")
    for n in order:
        outline(axes, grid.found[n].mask, "white", 0.35)


@styled
def everything_masks(images: Sequence[Shown], *, detail: str) -> Picture:
    """Fig. 9: an image, then all masks of each grid, with their number and the time they took.

    Parameters
    ----------
    images : sequence of Shown
        A row each.
    detail : str
        Model and data, written above. Each panel says whether this run computed it.

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
    figure = Picture(figsize=(size * columns, 0.3 + (size + 0.42) * len(images)))
    figure.raster = True
    height = figure.get_figheight()
    grid_of = figure.subplots(
        len(images),
        columns,
        squeeze=False,
        gridspec_kw={
            "left": 0.003,
            "right": 0.997,
            "top": 1 - 0.66 / height,
            "bottom": 0.02 / height,
            "hspace": 0.24,
            "wspace": 0.02,
        },
    )
    for row, one in zip(grid_of, images, strict=True):
        picture(row[0], one.image)
        row[0].set_title(one.title, fontsize=7.5, pad=3)
        of = {grid.side: (grid, here) for grid, here in one.grids}
        for axes, side in zip(row[1:], sides, strict=True):
            if side not in of:
                axes.set_axis_off()
                continue
            grid, here = of[side]
            picture(axes, one.image)
            _masks(axes, grid)
            _badge(axes, here)
            words = "mask" if len(grid.found) == 1 else "masks"
            axes.set_title(
                f"{_power(side)} points a side\n{len(grid.found)} {words}, {_took(grid)}",
                fontsize=7,
                pad=3,
            )
    figure.text(0.003, 1 - 0.08 / height, detail, va="top", fontsize=7.5, color="#333333")
    return figure


def _power(side: int) -> str:
    """A power of two as the paper writes it.

    Examples
    --------
    >>> _power(32), _power(6)
    ('$2^5$', '6')
    """
    return (
        f"$2^{{{side.bit_length() - 1}}}$".replace("{", "").replace("}", "")
        if (side & (side - 1) == 0 and side > 1)
        else str(side)
    )


def _took(grid: Grid) -> str:
    """By the clock; where that is not known, what one core would take."""
    if grid.seconds is None:
        return f"{_time(grid.cpu_seconds)} of one core"
    return _time(grid.seconds)


def _time(seconds: float) -> str:
    """Seconds, or minutes from two on.

    Examples
    --------
    >>> _time(4.2), _time(47.3), _time(750)
    ('4.2 s', '47 s', '12.5 min')
    """
    if seconds >= 120:
        return f"{seconds / 60:.1f} min"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


@styled
def everything_sides(table: pd.DataFrame, masks: pd.DataFrame, *, detail: str) -> Picture:
    """The best IoU of each object, and the number of masks, against the points a side.

    Parameters
    ----------
    table : DataFrame
        Columns ``task, name, k`` (points a side), ``iou`` (of the best mask; mean of images) and
        ``here`` (whether this run computed it). ``k`` 0, where given, is what is compared with:
        a point on each part of the object (mode 2), its best mask.
    masks : DataFrame
        Columns ``image, k, masks, here``.
    detail : str
        Model and data, written above.

    Returns
    -------
    Picture
        Filled: this run. Hollow: computed earlier.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    need(table, _COLUMNS)
    need(masks, ("image", "k", "masks", "here"))
    names = table.drop_duplicates("task").set_index("task").name
    figure = Picture(figsize=(7.4, 3.5))
    left, right = figure.subplots(
        1,
        2,
        gridspec_kw={
            "left": 0.065,
            "right": 0.985,
            "top": 0.9,
            "bottom": 0.31,
            "wspace": 0.22,
            "width_ratios": (3, 2),
        },
    )
    sides = sorted(int(k) for k in table.k.unique() if k)
    low = sides[0] / 2
    for (task, name), colour in zip(names.items(), _CYCLE * (len(names) // 8 + 1), strict=False):
        part = table[table.task == task].sort_values("k")
        line = part[part.k > 0]
        left.plot(line.k, line.iou, color=colour, lw=1.2, label=str(name))
        _dots(left, line.k, line.iou, line.here, colour)
        left.plot([low] * int((part.k == 0).sum()), part.iou[part.k == 0], "D", color=colour, ms=4)
    mean = table[table.k > 0].groupby("k").iou.mean()
    left.plot(mean.index, mean, color="#222222", lw=2.2, ls=(0, (4, 1.5)), label="mean of objects")
    left.set(ylim=(0, 1), ylabel="IoU of the best mask")
    for image, line in masks.groupby("image", sort=False):
        line = line.sort_values("k")
        right.plot(line.k, line.masks, color="#444444", lw=1.2, label=str(image))
        _dots(right, line.k, line.masks, line.here, "#444444")
        for k, count in zip(line.k, line.masks, strict=True):
            right.annotate(
                f"{count}", (k, count), (0, 6), textcoords="offset points", ha="center", fontsize=7
            )
    right.set(ylim=(0, 1.18 * max(1, masks.masks.max())), ylabel="masks")
    for axes, first in ((left, low if (table.k == 0).any() else None), (right, None)):
        axes.set_xscale("log", base=2)
        ticks = [*([first] if first else []), *sides]
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([*(["mode 2"] if first else []), *map(_power, sides)])
        axes.set_xlim(ticks[0] / 1.35, ticks[-1] * 1.35)
        axes.set_xlabel("points along a side of the grid")
        axes.grid(axis="x", visible=False)
    handles = left.get_legend_handles_labels()[0]
    handles += [
        Line2D([], [], ls="", marker="D", color="#444444", ms=4, label="a point on each part"),
        Line2D([], [], ls="", marker="o", color="#444444", ms=5, label="this run"),
        Line2D(
            [], [], ls="", marker="o", mfc="white", mec="#444444", ms=5, label="computed earlier"
        ),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=4, frameon=False, fontsize=7)
    figure.text(0.01, 0.985, detail, va="top", fontsize=7.5, color="#333333")
    return figure


def _dots(axes: Axes, x: pd.Series, y: pd.Series, here: pd.Series, colour: str) -> None:
    for kind, fill in ((True, colour), (False, "white")):
        axes.plot(x[here == kind], y[here == kind], "o", ms=5, mfc=fill, mec=colour, mew=1.1)
