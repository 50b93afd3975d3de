"""What this project measured: two models on the same cases, and ours beside the paper's."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from medsam.figures.panels import panels
from medsam.figures.style import (
    MODALITIES,
    Picture,
    Source,
    badge,
    model_colour,
    need,
    styled,
)
from medsam.prompts import MODES as TITLES

__all__ = ["beside_published", "models_paired"]

_PAIRED = ("name", "mode", "a", "b", "mean_a", "mean_b", "difference", "low", "high", "n", "groups")
_BESIDE = ("name", "modality", "paper", "mode", "published", "iou", "low", "high", "n", "groups")
_PUBLISHED, _MEASURED = "#1F3A5F", "#00664F"


@styled
def models_paired(table: pd.DataFrame, *, source: Source) -> Picture:
    """Mean IoU of two models on the same cases, one panel a mode, and the difference in words.

    Parameters
    ----------
    table : DataFrame
        As :meth:`medsam.measured.Measured.paired` gives it: ``name, mode, a, b, mean_a, mean_b,
        difference, low, high, n, groups``.
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        Filled circles: the first model; open ones: the second; the line between them is the
        difference, whose 95 % interval stands at the right where there is one. Rows are ranked
        by the difference in the first panel.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    need(table, _PAIRED)
    modes = sorted(int(mode) for mode in table["mode"].unique())
    first = table[table["mode"] == modes[0]].sort_values("difference")
    y = {name: at for at, name in enumerate(first.name)}
    figure = Picture(figsize=(7.4, 1.25 + 0.24 * len(y)))
    height = figure.get_figheight()
    grid = figure.subplots(
        1,
        len(modes),
        sharey=True,
        squeeze=False,
        gridspec_kw={
            "left": 0.235,
            "right": 0.99,
            "top": 1 - 0.55 / height,
            "bottom": 0.6 / height,
            "wspace": 0.08,
        },
    )[0]
    a, b = str(table.a.iloc[0]), str(table.b.iloc[0])
    for axes, mode in zip(grid, modes, strict=True):
        for row in table[table["mode"] == mode].itertuples():
            at = y[str(row.name)]
            axes.plot([row.mean_b, row.mean_a], [at, at], color="#BBBBBB", lw=1.6, zorder=1)
            axes.plot(row.mean_b, at, "o", ms=4.6, mfc="white", mec=model_colour(b), mew=1.2)
            axes.plot(row.mean_a, at, "o", ms=4.6, color=model_colour(a), mec="none")
            axes.text(1.03, at, _difference(row), fontsize=5.8, va="center", color="#444444")
        axes.set_title(f"mode {mode}: {TITLES[mode]}", fontsize=7, pad=3)
        axes.set(xlim=(0, 1.7), ylim=(-0.7, len(y) - 0.3))
        axes.set_xticks((0, 0.5, 1))
        axes.axvline(1, color="#E4E4E4", lw=0.8)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", visible=False)
    numbers = first.set_index("name")
    words = [f"{name} ({n})" for name, n in numbers.n.items()]
    grid[0].set_yticks(list(y.values()), words, fontsize=7)
    figure.text(0.61, 0.27 / height, "IoU, mean of cases", ha="center", fontsize=7.5)
    handles = [
        Line2D([], [], ls="", marker="o", color=model_colour(a), label=a),
        Line2D([], [], ls="", marker="o", mfc="white", mec=model_colour(b), mew=1.2, label=b),
    ]
    figure.legend(
        handles=handles, loc="lower left", ncols=2, frameon=False, fontsize=7, numpoints=1
    )
    badge(figure, source)
    return figure


def _difference(row: object) -> str:
    """The difference, with its interval where there is one."""
    value, low, high = (float(getattr(row, name)) for name in ("difference", "low", "high"))
    words = _signed(value)
    return words if np.isnan(low) else f"{words} [{_signed(low)}, {_signed(high)}]"


def _signed(value: float) -> str:
    """A change with its sign, and none where it is 0 as written.

    Examples
    --------
    >>> _signed(0.126), _signed(-0.001), _signed(-0.2)
    ('+.13', '.00', '−.20')
    """
    text = f"{abs(value):.2f}".removeprefix("0")
    return text if not float(text) else f"{'−' if value < 0 else '+'}{text}"


@styled
def beside_published(table: pd.DataFrame, *, sources: tuple[Source, Source]) -> Picture:
    """IoU by mode of an object that was measured, beside one of its kind in the paper.

    Parameters
    ----------
    table : DataFrame
        As :meth:`medsam.measured.Measured.beside_published` gives it: ``name, modality, paper,
        mode, published, iou, low, high, n, groups``.
    sources : (Source, Source)
        Of the published numbers, and of the measured ones.

    Returns
    -------
    Picture
        A panel an object. Dark squares: published; green circles: measured, with 95 % intervals
        where there are groups enough. The strip at the left of a panel is the modality's colour.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    need(table, _BESIDE)
    names = table.drop_duplicates("name")
    figure, grid = panels(len(names), 4, row=1.5, rest=0.95, top=0.85, bottom=0.42, hspace=0.5)
    height = figure.get_figheight()
    for axes, row in zip(grid, names.itertuples(), strict=True):
        of_name = table[table.name == row.name].sort_values("mode")
        left, right = of_name["mode"] - 0.1, of_name["mode"] + 0.1
        axes.plot(left, of_name.published, color=_PUBLISHED, lw=0.8, alpha=0.35)
        axes.plot(left, of_name.published, "s", ms=3.6, color=_PUBLISHED)
        axes.plot(right, of_name.iou, ":", color=_MEASURED, lw=0.9, alpha=0.6)
        axes.vlines(right, of_name.low, of_name.high, color=_MEASURED, lw=1.1)
        axes.plot(right, of_name.iou, "o", ms=4, mfc="white", mec=_MEASURED, mew=1.1)
        axes.set_title(f"{row.name} ({row.n})", fontsize=7, loc="left", pad=11)
        axes.text(0, 1.03, f"{row.paper}", transform=axes.transAxes, fontsize=6.2, color=_PUBLISHED)
        axes.axvline(
            0.42, color=MODALITIES.get(str(row.modality), MODALITIES["unknown"]), lw=4, alpha=0.85
        )
        axes.set(xlim=(0.4, 5.5), ylim=(0, 1))
        axes.set_xticks(list(TITLES))
        axes.set_yticks((0, 0.5, 1))
    figure.text(0.5, 0.07 / height, "mode", ha="center", fontsize=7.5)
    figure.text(0.004, 0.45, "IoU", va="center", rotation=90, fontsize=7.5)
    handles = [
        Line2D([], [], ls="", marker="s", ms=4, color=_PUBLISHED, label="published"),
        Line2D([], [], ls="", marker="o", ms=4, mfc="white", mec=_MEASURED, label="measured"),
    ]
    figure.legend(
        handles=handles,
        loc="lower left",
        ncols=2,
        frameon=False,
        fontsize=7,
        handletextpad=0.2,
        numpoints=1,
    )
    for line, source in enumerate(sources):
        badge(figure, source, line=line)
    return figure
