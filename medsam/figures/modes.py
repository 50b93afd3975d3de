"""Fig. 2: the five modes, task by task and in all; and what this project measured of them."""

from __future__ import annotations

import re
from typing import Any

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
    model_colour,
    signed,
    styled,
)
from medsam.prompts import MODES as TITLES

__all__ = ["beside_published", "models_paired", "modes_box", "modes_ranked"]

_COLUMNS = ("task", "name", "modality", "mode", "choice", "iou")
_SURE = ("low", "high", "n", "groups")
_PAIRED = ("name", "mode", "a", "b", "mean_a", "mean_b", "difference", *_SURE)
_BESIDE = ("name", "modality", "paper", "mode", "published", "iou", *_SURE)
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
    names, modalities = (wide.index.get_level_values(name) for name in ("name", "modality"))
    y = np.arange(len(wide))
    figure, axes = layout.one_axes(
        (4.6, 1.75 + 0.2 * len(wide)), left=0.32, right=0.97, top=0.45, bottom=1.05
    )
    spans = wide.to_numpy()
    axes.hlines(y, np.nanmin(spans, 1), np.nanmax(spans, 1), color="#D5D5D5", linewidth=1)
    others = _others(table)
    # Offset a little, so that equal values (objects of one region) stay visible.
    for mode in there:
        at, colour = y + (3 - mode) * 0.1, MODES[mode]
        oracle, top = wide["oracle", mode], wide["top", mode]
        axes.plot(oracle, at, "v", mec=colour, ms=4.2, mfc="none", mew=0.9, label=f"oracle {mode}")
        axes.plot(top, at, "o", color=colour, ms=3.8, mec="none", label=f"top {mode}")
        for choice in others:
            axes.plot(wide[choice, mode], at, "x", color=colour, ms=3.2, label=f"{choice} {mode}")
    layout.name_rows(axes, y, names, modalities)
    axes.set(xlim=(0, 1), ylim=(-0.7, len(wide) - 0.3), xlabel="IoU")
    handles = layout.mode_keys(dict.fromkeys(MODES, "o"))
    handles += [layout.key("oracle", "#444444", "v", mfc="none")]
    handles += [layout.key(choice, "#444444", "x") for choice in others]
    handles += layout.modality_keys(modalities)
    figure.legend(handles=handles, ncols=3, markerscale=0.85)
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
    figure, axes = layout.one_axes((4.6, 3.6), left=0.11, right=0.98, top=0.432, bottom=0.9)
    rng = np.random.default_rng(0)
    ink = "#222222"
    mean = {"marker": "D", "markerfacecolor": "white", "markeredgecolor": ink, "markersize": 3.6}
    labels = []
    choices = ["top", *_others(table), "oracle"]
    places = np.linspace(-1, 1, len(choices)) * (0.19 if len(choices) == 2 else 0.28)
    there = [mode for mode in MODES if mode in set(table["mode"])]
    for mode in there:
        colour, means = MODES[mode], []
        line = {"color": colour, "linewidth": 1}
        for at, choice in zip(mode + places, choices, strict=True):
            values = table[(table["mode"] == mode) & (table.choice == choice)].iou.to_numpy()
            fill = {"facecolor": colour if choice == "top" else "white", "edgecolor": colour}
            fill["hatch"] = "" if choice in ("top", "oracle") else "/////"
            axes.boxplot(
                [values], positions=[at], widths=0.6 / len(choices), patch_artist=True,
                showfliers=False, showmeans=True, meanprops=mean,
                boxprops={**fill, "alpha": 0.75, "linewidth": 1},
                medianprops={"color": ink, "linewidth": 1.1}, whiskerprops=line, capprops=line,
            )  # fmt: skip
            jitter = rng.uniform(-0.18, 0.18, len(values)) / len(choices)
            axes.plot(at + jitter, values, "o", ms=1.8, color=ink, alpha=0.35, mec="none")
            means.append(f"{values.mean():.2f}".lstrip("0" if len(choices) > 2 else ""))
        words = re.sub("(?<=,) | (?=per|over)", "\n", TITLES[mode])
        labels.append(f"{mode}\n{words}\n{' | '.join(means)}")
    axes.set_xticks(there, labels, fontsize=6.8)
    axes.tick_params(axis="x", length=0)
    axes.set(xlim=(0.5, 5.5), ylim=(0, 1), ylabel="IoU")
    axes.grid(axis="x", visible=False)
    told = f"From left to right: {' | '.join(choices)}. Last line: means. "
    figure.text(
        0.11, 0.015, f"{told}n = {table.task.nunique()} tasks.", fontsize=7, color="#444444"
    )
    return figure


@styled
def models_paired(table: pd.DataFrame, *, source: Source) -> Picture:
    """Mean IoU of two models on the same cases, one panel a mode, and the difference in words.

    Parameters
    ----------
    table : DataFrame
        As :meth:`medsam.analysis.measured.Measured.paired` gives it: ``name, mode, a, b,
        mean_a, mean_b, difference, low, high, n, groups``.
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
    check_columns(table, _PAIRED)
    modes = sorted(int(mode) for mode in table["mode"].unique())
    first = table[table["mode"] == modes[0]].sort_values("difference")
    y = {name: at for at, name in enumerate(first.name)}
    height = 1.25 + 0.24 * len(y)
    figure, grid = layout.subplots(
        (7.4, height), 1, len(modes), top=0.55, bottom=0.6, left=0.235, right=0.99, sharey=True,
        wspace=0.08,
    )  # fmt: skip
    a, b = str(table.a.iloc[0]), str(table.b.iloc[0])
    filled = {"color": model_colour(a), "mec": "none"}
    hollow: Looks = {"mec": model_colour(b), "mfc": "white", "mew": 1.2}
    row: Any
    for axes, mode in zip(grid[0], modes, strict=True):
        for row in table[table["mode"] == mode].itertuples():
            at = y[row.name]
            axes.plot([row.mean_b, row.mean_a], [at, at], color="#BBBBBB", lw=1.6, zorder=1)
            axes.plot(row.mean_b, at, "o", ms=4.6, **hollow)
            axes.plot(row.mean_a, at, "o", ms=4.6, **filled)
            words, low, high = (
                signed(value).replace("0.", ".", 1) for value in (row.difference, row.low, row.high)
            )
            words += "" if np.isnan(row.low) else f" [{low}, {high}]"
            axes.text(1.03, at, words, fontsize=5.8, va="center", color="#444444")
        axes.set_title(f"mode {mode}: {TITLES[mode]}", fontsize=7, pad=3)
        axes.set(xlim=(0, 1.7), ylim=(-0.7, len(y) - 0.3), xticks=(0, 0.5, 1))
        axes.axvline(1, color="#E4E4E4", lw=0.8)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", visible=False)
    labels = [f"{name} ({n})" for name, n in zip(first.name, first.n, strict=True)]
    grid[0, 0].set_yticks(list(y.values()), labels, fontsize=7)
    figure.text(0.61, 0.27 / height, "IoU, mean of cases", ha="center", fontsize=7.5)
    handles = [
        layout.key(a, model_colour(a), "o"),
        layout.key(b, model_colour(b), "o", mfc="white", mew=1.2),
    ]
    figure.legend(handles=handles, loc="lower left", ncols=2)
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
    figure, grid = layout.panels(
        len(names), 4, row=1.5, rest=0.95, top=0.85, bottom=0.42, hspace=0.5,
        xlabel=("mode", 0.5, 0.07), ylabel="IoU",
    )  # fmt: skip
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
    figure.legend(handles=handles, loc="lower left", ncols=2)
    return figure
