"""Fig. 5 and 17: IoU against the number of clicks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from medsam.figures.comparison import method_colours
from medsam.figures.style import MODALITIES, Picture, Source, badge, need, panels, styled

__all__ = ["clicks_average", "clicks_by_task"]


def _apart(heights: list[float], gap: float) -> list[float]:
    """Move labels up or down until neighbours stand at least ``gap`` apart."""
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


@styled
def clicks_average(
    table: pd.DataFrame, *, source: Source, reference: Mapping[str, float] | None = None
) -> Picture:
    """Fig. 5, left: mean IoU over tasks for one to nine clicks, one line a model.

    Parameters
    ----------
    table : DataFrame
        Columns ``model, k`` (number of clicks), ``iou`` (0-1).
    source : Source
        Written on the figure.
    reference : mapping of str to float, optional
        Label and IoU of horizontal lines, such as the box modes.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    need(table, ("model", "k", "iou"))
    colours = method_colours(dict.fromkeys(map(str, table.model)))
    figure = Picture(figsize=(4.6, 3.4))
    axes = figure.add_axes((0.11, 0.13, 0.64, 0.74))
    ends, names = [], []
    for model, line in table.groupby("model", sort=False):
        line = line.sort_values("k")
        oracle = "oracle" in str(model)
        axes.plot(
            line.k,
            line.iou,
            marker="v" if oracle else "o",
            ms=3.6,
            lw=1.5,
            label=str(model),
            color=colours[str(model)],
            ls=(0, (4, 1.5)) if oracle else "-",
        )
        ends.append(float(line.iou.iloc[-1]))
        names.append(str(model))
    last = table.k.max()
    lines = dict(reference or {})
    placed = _apart([*ends, *lines.values()], 0.047)
    for name, end, height in zip(names, ends, placed, strict=False):
        axes.annotate(
            name,
            (last, end),
            (last + 0.35, height),
            color=colours[name],
            fontsize=7.5,
            va="center",
            annotation_clip=False,
            fontweight="bold",
        )
    for (name, value), height in zip(lines.items(), placed[len(ends) :], strict=True):
        axes.axhline(value, color="#777777", lw=0.9, ls=":")
        axes.annotate(
            name,
            (last, value),
            (last + 0.35, height),
            color="#555555",
            fontsize=7.5,
            va="center",
            annotation_clip=False,
        )
    axes.set(
        xlim=(0.7, last + 0.3),
        ylim=(0, 0.85),
        xlabel="number of clicks",
        ylabel="IoU, mean of tasks",
    )
    axes.set_xticks(range(1, last + 1))
    axes.grid(axis="x", visible=False)
    badge(figure, source)
    return figure


@styled
def clicks_by_task(table: pd.DataFrame, *, source: Source, columns: int = 5) -> Picture:
    """Fig. 5, right, and 17: IoU against the number of clicks, one small panel a task.

    Parameters
    ----------
    table : DataFrame
        Columns ``task, name, modality, k, iou``; with a column ``choice`` the oracle is drawn
        dashed. With several models in a column ``model`` each has its colour, in that order;
        otherwise the colour is that of the modality, and titles say the change.
    source : Source
        Written on the figure.
    columns : int
        Panels in a row.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    need(table, ("task", "name", "modality", "k", "iou"))
    names = table.drop_duplicates("task").set_index("task")
    models = list(dict.fromkeys(table.model)) if "model" in table else []
    several = len(models) > 1
    legend = 0.22 if several else 0
    figure, grid = panels(
        len(names), columns, row=1.12, rest=0.75 + legend, top=0.55, bottom=0.42 + legend
    )
    height = figure.get_figheight()
    colours = method_colours(models)
    named = table.assign(
        choice=table.choice if "choice" in table else "top",
        model=table.model if several else "",
    )
    for axes, (task, info) in zip(grid, names.iterrows(), strict=True):
        own = MODALITIES.get(str(info.modality), MODALITIES["unknown"])
        of_task = named[named.task == task].sort_values("k", kind="stable")
        for (model, choice), line in of_task.groupby(["model", "choice"], sort=False):
            dashed = choice == "oracle"
            axes.plot(
                line.k,
                line.iou,
                color=colours[str(model)] if several else own,
                lw=1.3,
                ls=(0, (3, 1.5)) if dashed else "-",
                marker=None if dashed else "o",
                ms=2.2,
                alpha=0.6 if dashed else 1,
                label=f"{model} {choice}".strip(),
            )
            if not dashed and not several:
                change = line.iou.iloc[-1] - line.iou.iloc[0]
                falls = "#B00020" if change < 0 else "#777777"
                axes.set_title(f"{change:+.2f}", fontsize=6.5, loc="right", pad=2.5, color=falls)
        axes.set_title(str(info["name"]), fontsize=7.2, loc="left", pad=2.5)
        axes.set(xlim=(0.5, 9.5), ylim=(0, 1))
        axes.set_xticks((1, 5, 9))
        axes.set_yticks((0, 0.5, 1))
    told = "" if several else " (at the right of a title: change from 1 to 9)"
    at = (0.06 + legend) / height
    figure.text(0.5, at, f"number of clicks{told}", ha="center", fontsize=7.5)
    if several:
        figure.legend(
            [Line2D([], [], color=c, marker="o", ms=3, lw=1.5) for c in colours.values()],
            models,
            loc="lower center",
            ncols=len(models),
            frameon=False,
            borderpad=0.1,
        )
    figure.text(0.004, 0.5, "IoU", va="center", rotation=90, fontsize=7.5)
    badge(figure, source)
    return figure
