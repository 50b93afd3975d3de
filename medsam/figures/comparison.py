"""Fig. 4: one model less others, task by task."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from medsam.figures.style import MODALITIES, MODELS, Picture, Source, badge, need, styled

__all__ = ["comparison_ranked", "method_colours"]

_COLUMNS = ("setting", "task", "name", "modality", "method", "reference", "delta")
_MARKERS = ("o", "s", "^", "D", "v", "P")
# For models that have none; told apart from the others with any colour vision.
_SPARE = ("#000000", "#999933", "#7F7F7F")


def method_colours(methods: Iterable[str]) -> dict[str, str]:
    """A colour for each model: its own, that of its kind (``ritm-h32``: RITM), or a spare one.

    Examples
    --------
    >>> method_colours(["ritm-h32", "ritm-h18", "mine"])
    {'ritm-h32': '#D55E00', 'ritm-h18': '#000000', 'mine': '#999933'}
    """
    found: dict[str, str] = {}
    spare = list(_SPARE)
    for method in methods:
        model, oracle = method.removesuffix(" (oracle)"), " (oracle)" * method.endswith(" (oracle)")
        plain = re.sub(r"[^a-z]", "", model.lower())
        kind = next((name for name in MODELS if plain.startswith(name.lower())), "")
        colour = MODELS.get(method) or MODELS.get(kind + oracle)
        if colour is None or colour in found.values():
            colour = spare.pop(0) if spare else "#555555"
        found[method] = colour
    return found


@styled
def comparison_ranked(table: pd.DataFrame, *, source: Source) -> Picture:
    """Fig. 4: IoU of a model less that of others, tasks ranked by their largest difference.

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
    need(table, _COLUMNS)
    settings = list(dict.fromkeys(table.setting))
    ranks = _ranks(table, settings[0])
    y = {task: float(n) for n, task in enumerate(ranks.index)}
    colours = method_colours(dict.fromkeys(table.method))
    markers = dict(zip(colours, _MARKERS * len(colours), strict=False))

    wide = len(settings) > 1
    figure = Picture(figsize=(7.4 if wide else 4.6, 1.8 + 0.2 * len(y)))
    height = figure.get_figheight()
    grid = figure.subplots(
        1,
        len(settings),
        sharex=True,
        sharey=True,
        squeeze=False,
        gridspec_kw={
            "left": 0.24 if wide else 0.34,
            "right": 0.985,
            "top": 1 - 0.62 / height,
            "bottom": 0.95 / height,
            "wspace": 0.08,
        },
    )[0]
    for axes, setting in zip(grid, settings, strict=True):
        of_setting = table[table.setting == setting]
        _panel(axes, of_setting, y, colours, markers)
        axes.set_title(setting, fontsize=8, pad=4, loc="left", fontweight="bold")
    first = grid[0]
    first.scatter(
        np.full(len(y), -0.03 if wide else -0.018),
        list(y.values()),
        marker="s",
        s=14,
        clip_on=False,
        zorder=5,
        color=[MODALITIES.get(m, MODALITIES["unknown"]) for m in ranks.modality],
        transform=first.get_yaxis_transform(),
    )
    first.set_yticks(list(y.values()), ranks["name"].to_numpy())
    first.tick_params(axis="y", pad=9)
    _limits(first, table, len(y))
    first.xaxis.set_major_locator(MaxNLocator(max(2, 7 - len(settings)), steps=[1, 2, 5, 10]))
    middle = (first.get_position().x0 + grid[-1].get_position().x1) / 2
    reference = table.reference.iloc[0]
    figure.text(
        middle,
        0.6 / height,
        f"Δ IoU (right of 0: {reference} is better)",
        ha="center",
        fontsize=7.5,
    )
    _legend(figure, ranks, colours, markers)
    badge(figure, source)
    return figure


def _ranks(table: pd.DataFrame, setting: str) -> pd.DataFrame:
    """Tasks by their largest difference in a setting, that with the greatest last (on top)."""
    largest = table[table.setting == setting].groupby("task").delta.max()
    tasks = table.drop_duplicates("task").set_index("task")[["name", "modality"]]
    # A task that the first setting lacks stands below.
    return tasks.assign(largest=largest).sort_values("largest", kind="stable", na_position="first")


def _panel(
    axes: Axes,
    table: pd.DataFrame,
    y: dict[str, float],
    colours: dict[str, str],
    markers: dict[str, str],
) -> None:
    axes.axvspan(-2, 0, color="#F3F0EC", zorder=0, lw=0)
    axes.axvline(0, color="#444444", lw=0.9, zorder=1)
    spans = table.groupby("task").delta.agg(["min", "max"])
    heights = [y[str(task)] for task in spans.index]
    axes.hlines(heights, spans["min"], spans["max"], color="#CFCFCF", linewidth=1, zorder=1.5)
    methods = list(colours)
    for method, line in table.groupby("method", sort=False):
        # A little apart, so that equal differences do not hide each other.
        shift = 0.17 * (methods.index(str(method)) - (len(methods) - 1) / 2)
        at = np.array([y[task] for task in line.task]) - shift
        colour = colours[str(method)]
        if "low" in line and line.low.notna().any():
            axes.hlines(at, line.low, line.high, color=colour, linewidth=1, zorder=2)
        axes.plot(
            line.delta,
            at,
            markers[str(method)],
            ms=4.2,
            color=colour,
            mec="white",
            mew=0.4,
            label=str(method),
            zorder=3,
        )
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)


def _limits(axes: Axes, table: pd.DataFrame, rows: int) -> None:
    """The same steps for every panel, with 0 and a little of both sides."""
    ends = [table.delta] + [table[c].dropna() for c in ("low", "high") if c in table]
    low = min(min((float(e.min()) for e in ends if len(e)), default=0.0), -0.03)
    high = max(max((float(e.max()) for e in ends if len(e)), default=0.0), 0.03)
    pad = 0.05 * (high - low)
    axes.set(xlim=(max(low - pad, -1), min(high + pad, 1)), ylim=(-0.7, rows - 0.3))
    axes.xaxis.set_major_formatter(
        lambda value, _: "0" if abs(value) < 1e-9 else f"{value:+.2g}".replace("-", "−")
    )


def _legend(
    figure: Picture, ranks: pd.DataFrame, colours: dict[str, str], markers: dict[str, str]
) -> None:
    handles = [
        Line2D([], [], ls="", marker=markers[name], color=colour, label=name)
        for name, colour in colours.items()
    ]
    kinds = [
        Line2D([], [], ls="", marker="s", ms=4, color=MODALITIES[m], label=m)
        for m in MODALITIES
        if m in set(ranks.modality)
    ]
    for row, (made, size) in enumerate(((kinds, 7), (handles, 7.5))):
        figure.add_artist(
            figure.legend(
                handles=made,
                loc="lower center",
                ncols=max(len(made), 1),
                frameon=False,
                bbox_to_anchor=(0.5, (0.02 + 0.2 * row) / figure.get_figheight()),
                handletextpad=0.2,
                columnspacing=1.2,
                borderpad=0.2,
                fontsize=size,
            )
        )
