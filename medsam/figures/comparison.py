"""Fig. 4: one model minus others, task by task."""

from __future__ import annotations

import pandas as pd
from matplotlib.ticker import MaxNLocator

from medsam.analysis.statistics import check_columns
from medsam.figures import layout
from medsam.figures.style import Picture, Source, model_colours, styled

_MARKERS = "os^DvP" * 3


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
    y = pd.Series(range(len(ranks)), ranks.index, dtype=float)
    colours = model_colours(dict.fromkeys(table.method))
    words = f"Δ IoU (right of 0: {table.reference.iloc[0]} is better)"
    width = 7.4 if len(settings) > 1 else 4.6
    figure, grid = layout.rows(
        list(ranks["name"]), len(settings), width=width, rest=1.8, xlabel=words,
        modalities=list(ranks.modality),
    )  # fmt: skip
    for axes, setting in zip(grid, settings, strict=True):
        panel = table[table.setting == setting]
        axes.axvline(0, color="#444444", lw=0.9, zorder=1)
        spans = panel.groupby("task").delta.agg(["min", "max"])
        axes.hlines(y[spans.index], spans["min"], spans["max"], color="#CFCFCF", lw=1, zorder=1.5)
        for n, (method, colour) in enumerate(colours.items()):
            line = panel[panel.method == method]
            # A little apart, so that equal differences do not hide each other.
            at = y[line.task] + 0.17 * ((len(colours) - 1) / 2 - n)
            if "low" in line:
                axes.hlines(at, line.low, line.high, color=colour, lw=1, zorder=2)
            axes.plot(
                line.delta, at, _MARKERS[n], color=colour, ms=4.2, mec="white", mew=0.4, zorder=3,
                label=method,
            )  # fmt: skip
        axes.set_title(setting, loc="left", fontweight="bold")
    low, high = grid[0].get_xlim()
    for axes in grid:
        axes.axvspan(low, 0, color="#F3F0EC", zorder=0, lw=0)
    grid[0].set_xlim(low, high)
    grid[0].xaxis.set_major_locator(MaxNLocator(max(2, 7 - len(settings)), steps=[1, 2, 5, 10]))
    grid[0].xaxis.set_major_formatter(layout.SIGNED)
    looks = zip(colours, colours.values(), _MARKERS, strict=False)
    methods = [layout.key(*look) for look in looks]
    for handles in (methods, layout.modality_keys(ranks.modality)):
        figure.legend(handles=handles, ncols=5)
    return figure


def _ranks(table: pd.DataFrame, setting: str) -> pd.DataFrame:
    """Tasks by their largest difference in a setting, that with the greatest last (on top)."""
    largest = table[table.setting == setting].groupby("task").delta.max()
    tasks = table.drop_duplicates("task").set_index("task")[["name", "modality"]]
    # A task that the first setting lacks stands below.
    return tasks.assign(largest=largest).sort_values("largest", kind="stable", na_position="first")
