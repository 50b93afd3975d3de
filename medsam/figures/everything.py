"""Fig. 9: what a grid of points finds, and how well each object is among it."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from medsam.analysis.statistics import check_columns
from medsam.errors import InputError
from medsam.figures import layout
from medsam.figures.overlay import outline, picture
from medsam.figures.style import Looks, Picture, Source, chip, styled
from medsam.study.everything import Grid

_CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5E3C99", "#7F7F7F")
_DETAIL: Looks = {"va": "top", "fontsize": 7.5, "color": "#333333"}


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
    height = 0.3 + (size + 0.42) * len(images)
    figure, grid_of = layout.subplots(
        (size * columns, height), len(images), columns, top=0.66, bottom=0.02, left=0.003,
        right=0.997, raster=True, hspace=0.24, wspace=0.02,
    )  # fmt: skip
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
            source = Source("run" if here else "earlier", detail)
            chip(axes, 0.02, 0.98, source, 6, transform=axes.transAxes, va="top", zorder=6)
            words = "mask" if len(grid.found) == 1 else "masks"
            title = f"{_power(side)} points a side\n{len(grid.found)} {words}, {_took(grid)}"
            axes.set_title(title, fontsize=7, pad=3)
    figure.text(0.003, 1 - 0.08 / height, detail, **_DETAIL)
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
    check_columns(table, ("task", "name", "k", "iou", "here"))
    check_columns(masks, ("image", "k", "masks", "here"))
    figure, grid = layout.subplots(
        (7.4, 3.5), 1, 2, top=0.35, bottom=1.085, left=0.065, right=0.985, wspace=0.22,
        width_ratios=(3, 2),
    )  # fmt: skip
    left, right = grid[0]
    sides = sorted(int(k) for k in table.k.unique() if k)
    low = sides[0] / 2
    for n, (_, part) in enumerate(table.groupby("task", sort=False)):
        colour = _CYCLE[n % len(_CYCLE)]
        line, alone = part[part.k > 0].sort_values("k"), part[part.k == 0]
        left.plot(line.k, line.iou, color=colour, lw=1.2, label=str(part.name.iloc[0]))
        _dots(left, line.k, line.iou, line.here, colour)
        left.plot([low] * len(alone), alone.iou, "D", color=colour, ms=4)
    mean = table[table.k > 0].groupby("k").iou.mean()
    left.plot(mean.index, mean, color="#222222", lw=2.2, ls=(0, (4, 1.5)), label="mean of objects")
    left.set(ylim=(0, 1), ylabel="IoU of the best mask")
    for image, line in masks.groupby("image", sort=False):
        line = line.sort_values("k")
        right.plot(line.k, line.masks, color="#444444", lw=1.2, label=str(image))
        _dots(right, line.k, line.masks, line.here, "#444444")
        above = {"textcoords": "offset points", "ha": "center", "fontsize": 7}
        for k, count in zip(line.k, line.masks, strict=True):
            right.annotate(f"{count}", (k, count), (0, 6), **above)
    right.set(ylim=(0, 1.18 * max(1, masks.masks.max())), ylabel="masks")
    compared: dict[float, str] = {low: "mode 2"} if (table.k == 0).any() else {}
    for axes, first in ((left, compared), (right, {})):
        ticks = dict(first) | {side: _power(side) for side in sides}
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(FixedLocator(list(ticks)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels(ticks.values())
        axes.set_xlim(min(ticks) / 1.35, max(ticks) * 1.35)
        axes.set_xlabel("points along a side of the grid")
        axes.grid(axis="x", visible=False)
    handles = left.get_legend_handles_labels()[0]
    handles += [
        layout.key("a point on each part", "#444444", "D", ms=4),
        layout.key("this run", "#444444", "o", ms=5),
        layout.key("computed earlier", "#444444", "o", ms=5, mfc="white"),
    ]
    figure.legend(handles=handles, ncols=4)
    figure.text(0.01, 0.985, detail, **_DETAIL)
    return figure


def _dots(axes: Axes, x: pd.Series, y: pd.Series, here: pd.Series, colour: str) -> None:
    for kind, fill in ((True, colour), (False, "white")):
        axes.plot(x[here == kind], y[here == kind], "o", ms=5, mfc=fill, mec=colour, mew=1.1)
