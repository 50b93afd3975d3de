"""Fig. 4: one model minus others, task by task."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from medsam.analysis.statistics import check_columns
from medsam.figures import layout
from medsam.figures.style import Picture, Source, model_colours, signed, styled

_MARKERS = ("o", "s", "^", "D", "v", "P")


@styled
def comparison_ranked(table: pd.DataFrame, *, source: Source) -> Picture:
    """Fig. 4: IoU of a model minus that of others, tasks ranked by their largest difference.

    Parameters
    ----------
    table : DataFrame
        Columns ``setting, task, name, modality, method, reference, delta``; with ``low`` and
        ``high`` intervals are drawn. See :mod:`medsam.analysis.comparison`.
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        One panel a setting, one point a task and method. Right of 0 the reference is better.
        Ranked by the first setting. The square beside a name is its modality.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, ("setting", "task", "name", "modality", "method", "reference", "delta"))
    settings = list(dict.fromkeys(table.setting))
    ranks = _ranks(table, settings[0])
    y = {task: float(n) for n, task in enumerate(ranks.index)}
    colours = model_colours(dict.fromkeys(table.method))
    looks = {
        method: (colour, _MARKERS[n % len(_MARKERS)])
        for n, (method, colour) in enumerate(colours.items())
    }
    wide = len(settings) > 1
    height = 1.8 + 0.2 * len(y)
    figure, grid = layout.subplots(
        (7.4 if wide else 4.6, height), 1, len(settings), top=0.62, bottom=0.95,
        left=0.24 if wide else 0.34, right=0.985, sharex=True, sharey=True, wspace=0.08,
    )  # fmt: skip
    for axes, setting in zip(grid[0], settings, strict=True):
        _panel(axes, table[table.setting == setting], y, looks)
        axes.set_title(setting, fontsize=8, pad=4, loc="left", fontweight="bold")
    first = grid[0, 0]
    shift = -0.03 if wide else -0.018
    layout.name_rows(first, list(y.values()), ranks["name"].to_numpy(), ranks.modality, shift=shift)
    _limits(first, table, len(y))
    first.xaxis.set_major_locator(MaxNLocator(max(2, 7 - len(settings)), steps=[1, 2, 5, 10]))
    middle = (first.get_position().x0 + grid[0, -1].get_position().x1) / 2
    words = f"Δ IoU (right of 0: {table.reference.iloc[0]} is better)"
    figure.text(middle, 0.6 / height, words, ha="center", fontsize=7.5)
    methods = [layout.key(name, *look) for name, look in looks.items()]
    for row, handles in enumerate((layout.modality_keys(ranks.modality), methods)):
        place = (0.5, (0.02 + 0.2 * row) / height)
        figure.legend(
            handles=handles, ncols=max(len(handles), 1), bbox_to_anchor=place, borderpad=0.2
        )
    return figure


def _ranks(table: pd.DataFrame, setting: str) -> pd.DataFrame:
    """Tasks by their largest difference in a setting, that with the greatest last (on top)."""
    largest = table[table.setting == setting].groupby("task").delta.max()
    tasks = table.drop_duplicates("task").set_index("task")[["name", "modality"]]
    # A task that the first setting lacks stands below.
    return tasks.assign(largest=largest).sort_values("largest", kind="stable", na_position="first")


def _panel(
    axes: Axes, table: pd.DataFrame, y: Mapping[str, float], looks: Mapping[str, tuple[str, str]]
) -> None:
    axes.axvspan(-2, 0, color="#F3F0EC", zorder=0, lw=0)
    axes.axvline(0, color="#444444", lw=0.9, zorder=1)
    spans = table.groupby("task").delta.agg(["min", "max"])
    heights = [y[str(task)] for task in spans.index]
    axes.hlines(heights, spans["min"], spans["max"], color="#CFCFCF", linewidth=1, zorder=1.5)
    for n, (method, (colour, marker)) in enumerate(looks.items()):
        line = table[table.method == method]
        if line.empty:
            continue
        # A little apart, so that equal differences do not hide each other.
        at = np.array([y[task] for task in line.task]) - 0.17 * (n - (len(looks) - 1) / 2)
        if "low" in line and line.low.notna().any():
            axes.hlines(at, line.low, line.high, color=colour, linewidth=1, zorder=2)
        axes.plot(
            line.delta, at, marker, color=colour, ms=4.2, mec="white", mew=0.4, zorder=3,
            label=method,
        )  # fmt: skip
    layout.name_rows(axes, heights)


def _limits(axes: Axes, table: pd.DataFrame, rows: int) -> None:
    """The same steps for every panel, with 0 and a little of both sides."""
    ends = table[[name for name in ("delta", "low", "high") if name in table]]
    low, high = min(ends.min().min(), -0.03), max(ends.max().max(), 0.03)
    pad = 0.05 * (high - low)
    axes.set(xlim=(max(low - pad, -1), min(high + pad, 1)), ylim=(-0.7, rows - 0.3))
    axes.xaxis.set_major_formatter(lambda value, _: signed(round(value, 9), ".2g"))
