"""Beyond Fig. 8: IoU against the size of single objects, within each task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from medsam import sizes
from medsam.figures.panels import panels
from medsam.figures.sizes import CASES, FLOOR, X_LABEL, floor, log_axis, signed
from medsam.figures.style import MODES, Picture, Source, badge, need, styled
from medsam.prompts import KINDS
from medsam.prompts import MODES as TITLES

__all__ = ["correlations", "size_correlations", "size_within"]

_MARKERS = {"points": "o", "box": "s"}


@styled
def size_within(found: pd.DataFrame, *, source: Source, columns: int = 4) -> Picture:
    """Size of each object against its IoU, a panel a task, in the order of their median size.

    Parameters
    ----------
    found : DataFrame
        From :func:`medsam.sizes.cases`.
    source : Source
        Written on the figure.
    columns : int
        Panels in a row.

    Returns
    -------
    Picture
        A point an object and mode; lines: least squares on the logarithm of the size. At the
        right of a title Spearman's correlation for each mode, in its colour. Dotted: the IoU of a
        mask of the whole image.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    need(found, CASES)
    ranks, lines = sizes.spread(found), sizes.within(found)
    modes = sorted(int(k) for k in found.k.unique())
    figure, grid = panels(
        len(ranks), columns, row=1.5, rest=1.0, top=0.62, bottom=0.72, left=0.065, hspace=0.42
    )
    height = figure.get_figheight()
    log_axis(grid[0], found["size"])
    for axes, (dataset, task, name) in zip(
        grid, ranks[["dataset", "task", "name"]].itertuples(index=False), strict=True
    ):
        of_task = found[(found.dataset == dataset) & (found.task == task)]
        for n, k in enumerate(modes):
            part = of_task[of_task.k == k]
            if part.empty:
                continue
            dots: dict[str, Any] = {
                "ms": 3,
                "color": MODES[k],
                "mec": "none",
                "alpha": 0.6,
                "clip_on": False,
            }
            axes.plot(part["size"], part.iou, _MARKERS[KINDS[k]], label=f"mode {k}", **dots)
            told = lines[(lines.dataset == dataset) & (lines.task == task) & (lines.k == k)].iloc[0]
            if np.isnan(told.rho):
                continue
            ends = np.array([part["size"].min(), part["size"].max()])
            fitted = told.intercept + told.slope * np.log10(ends)
            axes.plot(ends, fitted, color=MODES[k], lw=1.3, label=f"line {k}")
            axes.text(
                1 - 0.25 * (len(modes) - 1 - n),
                1.03,
                signed(told.rho),
                transform=axes.transAxes,
                ha="right",
                fontsize=6.8,
                color=MODES[k],
                fontweight="bold",
            )
        floor(axes)
        axes.set_title(str(name), fontsize=7.2, loc="left", pad=10)
        axes.set(ylim=(0, 1))
        axes.set_yticks((0, 0.5, 1))
    figure.text(
        0.53, 0.34 / height, f"{X_LABEL}; right of a title: Spearman", ha="center", fontsize=7.5
    )
    figure.text(0.004, 0.5, "IoU", va="center", rotation=90, fontsize=7.5)
    figure.legend(
        handles=[*_mode_handles(modes), FLOOR],
        loc="lower center",
        ncols=3,
        frameon=False,
        fontsize=7.5,
    )
    badge(figure, source)
    return figure


def _mode_handles(modes: list[int]) -> list[Line2D]:
    return [
        Line2D(
            [],
            [],
            color=MODES[k],
            marker=_MARKERS[KINDS[k]],
            ms=4,
            lw=1.3,
            label=f"{k}  {TITLES[k]}",
        )
        for k in modes
    ]


@styled
def size_correlations(found: pd.DataFrame, *, source: Source) -> Picture:
    """Spearman's correlation of size and IoU: within each task, pooled, and between tasks.

    Parameters
    ----------
    found : DataFrame
        From :func:`medsam.sizes.cases`.
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        Lines: 95 % intervals. Diamonds: within tasks, pooled (random effects); stars: between
        the means of tasks, as in Fig. 8. Circles are points, squares boxes.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    need(found, CASES)
    table = correlations(found)
    modes = sorted(int(k) for k in found.k.unique())
    names = table.drop_duplicates("at")
    figure = Picture(figsize=(7.4, 1.15 + 0.25 * len(names)))
    height = figure.get_figheight()
    axes = figure.add_axes((0.3, 0.72 / height, 0.68, 1 - 1.1 / height))
    axes.axvline(0, color="#777777", lw=0.9)
    axes.axhline(1.5, color="#BBBBBB", lw=0.8)
    for n, k in enumerate(modes):
        shift = 0.32 * ((len(modes) - 1) / 2 - n)
        for kind, marker, size in (
            ("within", _MARKERS[KINDS[k]], 4),
            ("pooled", "D", 5.5),
            ("between", "*", 9),
        ):
            part = table[(table.k == k) & (table.kind == kind)]
            at = part["at"] + shift
            axes.hlines(at, part.low, part.high, color=MODES[k], lw=1.3, alpha=0.8)
            axes.plot(
                part.value, at, marker, ms=size, color=MODES[k], mec="none", label=f"{kind} {k}"
            )
    axes.set_yticks(names["at"], names["name"])
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(-1.02, 1.02), xlabel="Spearman's correlation of size and IoU")
    axes.set_ylim(-0.6, names["at"].max() + 0.6)
    axes.grid(axis="y", visible=False)
    figure.legend(
        handles=_mode_handles(modes), loc="lower center", ncols=3, frameon=False, fontsize=7.5
    )
    badge(figure, source)
    return figure


def correlations(found: pd.DataFrame) -> pd.DataFrame:
    """What :func:`size_correlations` draws.

    Returns
    -------
    DataFrame
        ``at`` (height: 0 between tasks, 1 pooled, from 2 on tasks from the largest objects to
        the smallest), ``kind`` (``within | pooled | between``), ``name, k, n`` (objects, or
        tasks), ``value, low, high``.
    """
    inside, ranks = sizes.within(found), sizes.spread(found)
    places = dict(zip(zip(ranks.dataset, ranks.task, strict=True), ranks["rank"], strict=True))
    rows = []
    for row in inside.itertuples():
        place = places[row.dataset, row.task] + 1
        told = {"value": row.rho, "low": row.rho_low, "high": row.rho_high}
        rows.append(
            {"at": place, "kind": "within", "name": row.name, "k": row.k, "n": row.n} | told
        )
    for row in sizes.pooled(inside).query("method == 'spearman'").itertuples():
        told = {"value": row.value, "low": row.low, "high": row.high}
        name = "Within tasks, pooled"
        rows.append({"at": 1, "kind": "pooled", "name": name, "k": row.k, "n": row.n} | told)
    for row in sizes.between(sizes.means(found)).itertuples():
        told = {"value": row.rho, "low": row.rho_low, "high": row.rho_high}
        name = "Between means of tasks"
        rows.append({"at": 0, "kind": "between", "name": name, "k": row.k, "n": row.n} | told)
    return pd.DataFrame(rows).sort_values(["at", "k"], ignore_index=True)
