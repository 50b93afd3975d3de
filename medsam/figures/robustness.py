"""Noise on clicks and boxes: IoU against its level."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from medsam.figures.overlay import outline, picture, prompt_marks, window
from medsam.figures.panels import panels
from medsam.figures.style import MODES, TRUTH, Picture, Source, badge, need, styled
from medsam.prompts import MODES as TITLES
from medsam.prompts import Prompt

__all__ = ["noise_by_task", "noise_curves", "noise_prompts"]

_COLUMNS = ("k", "choice", "level", "variant", "delta", "low", "high")
_X = "noise: standard deviation as a fraction of the object's size"
_MARKERS = {1: "o", 2: "s", 3: "D", 4: "^", 5: "v"}


def _handles() -> list[Line2D]:
    return [
        Line2D([], [], color=MODES[k], marker=_MARKERS[k], ms=4, lw=1.3, label=f"{k}  {title}")
        for k, title in TITLES.items()
    ]


@styled
def noise_curves(table: pd.DataFrame, *, source: Source) -> Picture:
    """IoU of each mode against the level of noise, and what is lost, with intervals.

    Parameters
    ----------
    table : DataFrame
        Columns ``k`` (mode), ``choice, level, variant`` (IoU), ``delta, low, high`` (change from
        level 0 and its interval), as :func:`medsam.robustness.curves` gives them.
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        Left: mean IoU over tasks. Right: its change from level 0; bands: 95 % intervals.
        Solid: top; dashed (left only): oracle.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    need(table, _COLUMNS)
    figure = Picture(figsize=(7.4, 3.5))
    left, right = figure.subplots(
        1, 2, gridspec_kw={"left": 0.07, "right": 0.99, "top": 0.86, "bottom": 0.27, "wspace": 0.2}
    )
    for (mode, choice), line in table.groupby(["k", "choice"]):
        k, line = int(str(mode)), line.sort_values("level")
        top = choice == "top"
        left.plot(
            line.level,
            line.variant,
            color=MODES[k],
            lw=1.4 if top else 1,
            ls="-" if top else (0, (3, 1.5)),
            marker=_MARKERS[k] if top else None,
            ms=3.4,
            alpha=1 if top else 0.65,
            label=f"{choice} {k}",
        )
        if top:
            right.fill_between(line.level, line.low, line.high, color=MODES[k], alpha=0.16, lw=0)
            right.plot(line.level, line.delta, color=MODES[k], lw=1.4, marker=_MARKERS[k], ms=3.4)
    right.axhline(0, color="#777777", lw=0.8, zorder=0)
    left.set(ylim=(0, None), ylabel="IoU, mean of tasks")
    right.set(ylabel="change from no noise")
    levels = sorted(table.level.unique())
    for axes in (left, right):
        axes.set_xticks(levels, [f"{level:g}" for level in levels])
        axes.grid(axis="x", visible=False)
    figure.text(0.53, 0.155, _X, ha="center", fontsize=7.5)
    handles = [*_handles(), Line2D([], [], color="#555555", ls=(0, (3, 1.5)), label="oracle")]
    figure.legend(
        handles=handles, loc="lower center", ncols=3, frameon=False, fontsize=7, columnspacing=1.4
    )
    badge(figure, source)
    return figure


@styled
def noise_by_task(table: pd.DataFrame, *, source: Source, columns: int = 4) -> Picture:
    """IoU of each mode against the level of noise, one small panel a task (top only).

    Parameters
    ----------
    table : DataFrame
        As for :func:`noise_curves`, with ``task, name`` and ``cases`` (their number).
    source : Source
        Written on the figure.
    columns : int
        Panels in a row.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    need(table, ("task", "name", "cases", *_COLUMNS))
    names = table.drop_duplicates("task").set_index("task")
    figure, grid = panels(
        len(names), columns, row=1.3, rest=1.15, top=0.6, bottom=0.82, left=0.065, hspace=0.32
    )
    height = figure.get_figheight()
    highest = float(table.level.max())
    for axes, (task, info) in zip(grid, names.iterrows(), strict=True):
        part = table[(table.task == task) & (table.choice == "top")]
        for mode, line in part.groupby("k"):
            k, line = int(str(mode)), line.sort_values("level")
            axes.plot(line.level, line.variant, color=MODES[k], lw=1.2, marker=_MARKERS[k], ms=2.4)
        axes.set_title(str(info["name"]), fontsize=7.2, loc="left", pad=2.5)
        axes.set_title(f"n = {info.cases}", fontsize=6.5, loc="right", pad=2.5, color="#777777")
        axes.set(ylim=(0, 1))
        axes.set_xticks((0, highest / 2, highest), [f"{x:g}" for x in (0, highest / 2, highest)])
        axes.set_yticks((0, 0.5, 1))
    figure.text(0.53, 0.47 / height, _X, ha="center", fontsize=7.5)
    figure.text(0.004, 0.5, "IoU", va="center", rotation=90, fontsize=7.5)
    figure.legend(
        handles=_handles(),
        loc="lower center",
        ncols=3,
        frameon=False,
        fontsize=7,
        columnspacing=1.4,
    )
    badge(figure, source)
    return figure


@styled
def noise_prompts(
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    prompts: Mapping[float, tuple[Prompt, Prompt]],
) -> Picture:
    """The click of mode 1 and the box of mode 3 on one object at each level of noise.

    Parameters
    ----------
    image : (H, W, 3) uint8
    mask : (H, W) bool
    prompts : mapping of float to (Prompt, Prompt)
        Level to a point and a box.
    """
    figure = Picture(figsize=(7.4, 1.65))
    figure.raster = True
    panels = figure.subplots(
        1,
        len(prompts),
        squeeze=False,
        gridspec_kw={"left": 0.005, "right": 0.995, "top": 0.84, "bottom": 0.01, "wspace": 0.04},
    )[0]
    view = window(mask, 0.5)
    for axes, (level, (point, box)) in zip(panels, sorted(prompts.items()), strict=True):
        picture(axes, image, view)
        outline(axes, mask, TRUTH)
        prompt_marks(axes, point)
        prompt_marks(axes, box)
        axes.set_title(f"level {level:g}" if level else "no noise", fontsize=7.5, pad=3)
    return figure
