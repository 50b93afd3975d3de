"""Fig. 2: the five modes, task by task and in all; and what this project measured of them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from medsam.analysis.statistics import check_columns
from medsam.figures import layout
from medsam.figures.style import (
    MODES,
    Looks,
    Picture,
    Source,
    modality_colour,
    styled,
)
from medsam.prompts import MODES as TITLES

_COLUMNS = ("task", "name", "modality", "mode", "choice", "iou")
_BESIDE = ("name", "modality", "paper", "mode", "published", "iou", "low", "high", "n")
_PUBLISHED, _MEASURED = "#1F3A5F", "#00664F"


@styled
def modes_ranked(table: pd.DataFrame, *, source: Source) -> Picture:
    """Fig. 2, left: IoU of each task for the modes there are, ranked by mode 4 (or the last).

    Parameters
    ----------
    table : DataFrame
        Columns ``task, name, modality, mode`` (1-5), ``choice`` (``top``, ``oracle``, and maybe
        another choice of the mask, by name), ``iou`` (0-1).
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        Dots: ``top``; inverted triangles: oracle; crosses: the other choice. The square beside
        a name is its modality.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, _COLUMNS)
    wide = table.pivot(index=["task", "name", "modality"], columns=["choice", "mode"], values="iou")
    there = [mode for mode in MODES if ("top", mode) in wide]
    ranked = wide["top", 4 if 4 in there else there[-1]]
    wide = wide.iloc[np.argsort(ranked.to_numpy(), kind="stable")]
    names, modalities = (list(wide.index.get_level_values(name)) for name in ("name", "modality"))
    figure, (axes,) = layout.rows(names, width=4.6, rest=1.75, modalities=modalities, xlabel="IoU")
    y, spans, others = np.arange(len(wide)), wide.to_numpy(), _others(table)
    axes.hlines(y, np.nanmin(spans, 1), np.nanmax(spans, 1), color="#D5D5D5", linewidth=1)
    # Offset a little, so that equal values (objects of one region) stay visible.
    for mode in there:
        at, colour = y + (3 - mode) * 0.1, MODES[mode]
        oracle, top = wide["oracle", mode], wide["top", mode]
        axes.plot(oracle, at, "v", mec=colour, ms=4.2, mfc="none", mew=0.9, label=f"oracle {mode}")
        axes.plot(top, at, "o", color=colour, ms=3.8, mec="none", label=f"top {mode}")
        for choice in others:
            axes.plot(wide[choice, mode], at, "x", color=colour, ms=3.2, label=f"{choice} {mode}")
    axes.set_xlim(0, 1)
    choices = [layout.key("oracle", "#444444", "v", mfc="none")]
    choices += [layout.key(choice, "#444444", "x") for choice in others]
    modes = layout.mode_keys(dict.fromkeys(MODES, "o"))
    figure.legend(handles=[*modes, *choices], ncols=3, markerscale=0.85)
    figure.legend(handles=layout.modality_keys(modalities), ncols=5)
    return figure


def _others(table: pd.DataFrame) -> list[str]:
    """Choices of the mask besides the two of the paper."""
    return [name for name in dict.fromkeys(table.choice) if name not in ("top", "oracle")]


@styled
def modes_box(table: pd.DataFrame, *, source: Source) -> Picture:
    """Fig. 2, right: box and whisker over tasks for each mode, choices of the mask side by side.

    Parameters
    ----------
    table : DataFrame
        As for :func:`modes_ranked`.
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        Box: quartiles and median; whiskers: to the last task within 1.5 times the box;
        white diamond: mean, also written below; faint dots: tasks.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, _COLUMNS)
    figure = Picture(4.6, 3.6)
    axes = figure.subplots()
    labels = []
    choices = ["top", *_others(table), "oracle"]
    places = np.linspace(-1, 1, len(choices)) * (0.19 if len(choices) == 2 else 0.28)
    there = [mode for mode in MODES if mode in set(table["mode"])]
    for mode in there:
        means = []
        for at, choice in zip(mode + places, choices, strict=True):
            values = table[(table["mode"] == mode) & (table.choice == choice)].iou.to_numpy()
            fill: Looks = {"facecolor": MODES[mode] if choice == "top" else "white"}
            fill["hatch"] = "" if choice in ("top", "oracle") else "/////"
            layout.box(axes, values, at, MODES[mode], fill, width=0.6 / len(choices))
            means.append(f"{values.mean():.2f}".lstrip("0" if len(choices) > 2 else ""))
        words = re.sub("(?<=,) | (?=per|over)", "\n", TITLES[mode])
        labels.append(f"{mode}\n{words}\n{' | '.join(means)}")
    axes.set_xticks(there, labels, fontsize=6.8)
    axes.tick_params(axis="x", length=0)
    axes.set(xlim=(0.5, 5.5), ylim=(0, 1), ylabel="IoU")
    axes.grid(axis="x", visible=False)
    told = f"From left to right: {' | '.join(choices)}. Last line: means. "
    axes.set_xlabel(f"{told}n = {table.task.nunique()} tasks.", fontsize=7)
    return figure


@styled
def beside_published(table: pd.DataFrame, *, sources: tuple[Source, Source]) -> Picture:
    """IoU by mode of an object that was measured, beside one of its kind in the paper.

    Parameters
    ----------
    table : DataFrame
        As :meth:`medsam.analysis.measured.Measured.beside_published` gives it: ``name, modality,
        paper, mode, published, iou, low, high, n, groups``.
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
    check_columns(table, _BESIDE)
    names = table.drop_duplicates("name")
    figure, grid = layout.panels(len(names), 4, row=1.5, rest=0.95, xlabel="mode", ylabel="IoU")
    layout.iou_ticks(grid[0])
    grid[0].set(xlim=(0.4, 5.5), xticks=list(TITLES))
    hollow: Looks = {"mfc": "white", "mew": 1.1}
    for axes, row in zip(grid, names.itertuples(), strict=True):
        of_name = table[table.name == row.name].sort_values("mode")
        left, right = of_name["mode"] - 0.1, of_name["mode"] + 0.1
        axes.plot(left, of_name.published, color=_PUBLISHED, lw=0.8, alpha=0.35)
        axes.plot(left, of_name.published, "s", ms=3.6, color=_PUBLISHED)
        axes.plot(right, of_name.iou, ":", color=_MEASURED, lw=0.9, alpha=0.6)
        axes.vlines(right, of_name.low, of_name.high, color=_MEASURED, lw=1.1)
        axes.plot(right, of_name.iou, "o", ms=4, color=_MEASURED, **hollow)
        axes.set_title(f"{row.name} ({row.n})", fontsize=7, loc="left", pad=11)
        axes.text(0, 1.03, f"{row.paper}", transform=axes.transAxes, fontsize=6.2, color=_PUBLISHED)
        axes.axvline(0.42, color=modality_colour(row.modality), lw=4, alpha=0.85)
    handles = [
        layout.key("published", _PUBLISHED, "s", ms=4),
        layout.key("measured", _MEASURED, "o", ms=4, mfc="white"),
    ]
    figure.legend(handles=handles, ncols=2)
    return figure
