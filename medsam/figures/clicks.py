"""Fig. 5 and 17: IoU against the number of clicks."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from medsam.analysis.statistics import check_columns
from medsam.figures import layout
from medsam.figures.style import Looks, Picture, Source, modality_colour, model_colours, styled

_BESIDE: Looks = {"marker": "x", "ls": ":"}


@styled
def clicks_average(
    table: pd.DataFrame, *, source: Source, reference: Mapping[str, float] | None = None
) -> Picture:
    """Fig. 5, left: mean IoU over tasks for one to nine clicks, one line a model.

    Parameters
    ----------
    table : DataFrame
        Columns ``model, k`` (number of clicks), ``iou`` (0-1). A model with ``(oracle)`` behind
        its name is dashed, with another choice of the mask there dotted.
    source : Source
        Written on the figure.
    reference : mapping of str to float, optional
        Label and IoU of horizontal lines, such as the box modes.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, ("model", "k", "iou"))
    figure = Picture(4.6, 3.4)
    axes = figure.subplots()
    average_lines(axes, table, reference or {}, gap=0.047)
    axes.set(xlabel="number of clicks", ylabel="IoU, mean of tasks")
    return figure


def average_lines(
    axes: Axes, table: pd.DataFrame, reference: Mapping[str, float], *, gap: float
) -> None:
    """A line for each model with its name at the end; ``gap`` is the least distance of names."""
    last, ends = int(table.k.max()), []
    for model, colour in model_colours(dict.fromkeys(map(str, table.model))).items():
        line = table[table.model == model].sort_values("k")
        looks: Looks = {"marker": "o", "ls": "-"}
        if "(" in model:
            looks = {"marker": "v", "ls": (0, (4, 1.5))} if "oracle" in model else _BESIDE
        axes.plot(line.k, line.iou, ms=3.6, lw=1.5, label=model, color=colour, **looks)
        ends.append((model, float(line.iou.iloc[-1]), colour, "bold"))
    for name, value in reference.items():
        axes.axhline(value, color="#777777", lw=0.9, ls=":")
        ends.append((name, value, "#555555", "normal"))
    layout.label_ends(axes, ends, last, gap=gap)
    highest = max(table.iou.max(), *(value for _, value, *_ in ends)) + 0.03
    axes.set(xlim=(0.7, last + 0.3), ylim=(0, max(0.85, highest)), xticks=range(1, last + 1))
    axes.grid(axis="x", visible=False)


@styled
def clicks_by_task(table: pd.DataFrame, *, source: Source, columns: int = 5) -> Picture:
    """Fig. 5, right, and 17: IoU against the number of clicks, one small panel a task.

    Parameters
    ----------
    table : DataFrame
        Columns ``task, name, modality, k, iou``; with a column ``choice`` the oracle is drawn
        dashed, and another choice than ``top`` dotted. With several models in a column ``model``
        each has its colour, in that order; otherwise the colour is that of the modality, and
        titles say the change.
    source : Source
        Written on the figure.
    columns : int
        Panels in a row.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, ("task", "name", "modality", "k", "iou"))
    names = table.drop_duplicates("task")
    models = list(dict.fromkeys(table.model)) if "model" in table else []
    several = len(models) > 1
    words = "number of clicks" + " (at the right of a title: change from 1 to 9)" * (not several)
    figure, grid = layout.panels(
        len(names), columns, row=1.12, rest=0.85, xlabel=words, ylabel="IoU"
    )
    layout.iou_ticks(grid[0])
    grid[0].set(xlim=(0.5, 9.5), xticks=(1, 5, 9))
    colours = model_colours(models)
    named = table.assign(
        choice=table.choice if "choice" in table else "top", model=table.model if several else ""
    )
    for axes, task in zip(grid, names.itertuples(), strict=True):
        of_task = named[named.task == task.task].sort_values("k", kind="stable")
        for (model, choice), line in of_task.groupby(["model", "choice"], sort=False):
            looks: Looks = {"marker": "o", "ms": 2.2, "label": f"{model} {choice}".strip()}
            if choice == "oracle":
                looks |= {"ls": (0, (3, 1.5)), "marker": None, "alpha": 0.6}
            elif choice != "top":
                looks |= _BESIDE
            elif not several:
                change = line.iou.iloc[-1] - line.iou.iloc[0]
                falls = "#B00020" if change < 0 else "#777777"
                axes.set_title(f"{change:+.2f}", fontsize=6.5, loc="right", color=falls)
            colour = colours[str(model)] if several else modality_colour(task.modality)
            axes.plot(line.k, line.iou, color=colour, lw=1.3, **looks)
        axes.set_title(str(task.name), loc="left")
    if several:
        handles = [layout.key(name, c, "o", ls="-", ms=3, lw=1.5) for name, c in colours.items()]
        figure.legend(handles=handles, ncols=len(models), borderpad=0.1)
    return figure
