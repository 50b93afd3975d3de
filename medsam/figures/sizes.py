"""Fig. 8: how large the objects are, and IoU against their size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from statsmodels.api import OLS, add_constant

from medsam.analysis import sizes
from medsam.analysis.statistics import ALPHA, check_columns, probability
from medsam.figures import layout
from medsam.figures.style import MODES, Picture, Source, modality_colour, signed, styled
from medsam.prompts import KINDS
from medsam.prompts import MODES as TITLES

CASES = ("dataset", "task", "name", "modality", "image", "group", "size", "k", "iou")
X_LABEL = "object size: share of the image (log scale)"
_INK = "#333333"
_MANY = 14  # tasks, above which the numbered dots are smaller
_MARKERS = {k: "o" if kind == "points" else "s" for k, kind in KINDS.items()}
_WHOLE = layout.key("a mask of the whole image", "#999999", lw=1, ls=":")


def share(value: float, _: object = None) -> str:
    """A share of the image in percent, short: 0.05 %, 3 %."""
    return f"{100 * value:g} %"


def _log_axis(axes: Axes, values: pd.Series) -> None:
    """Logarithmic, over the values and a little more, with ticks in percent.

    Where they span less than one power of ten, 2 and 5 times its values are ticks as well.
    """
    low, high = float(values.min()) / 1.3, min(1.0, float(values.max()) * 1.3)
    axes.set(xscale="log", xlim=(low, max(high, low * 2)))
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 30 else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(share))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _whole_image(axes: Axes) -> None:
    """What a mask of the whole image would have: its IoU is the size of the object."""
    at = np.geomspace(*axes.get_xlim(), 80)
    axes.plot(at, at, color="#999999", lw=1, ls=":", label="whole image", zorder=1)


@styled
def size_and_iou(found: pd.DataFrame, *, source: Source) -> Picture:
    """Fig. 8: sizes of each task (top), and mean size against mean IoU, a panel a mode (bottom).

    Parameters
    ----------
    found : DataFrame
        From :func:`medsam.analysis.sizes.cases`.
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        Top: a point an object; box: quartiles and median; whiskers: to the last object within
        1.5 times the box; white diamond: mean; tasks from the smallest median at the bottom.
        Bottom: a task has the number that stands before its name above; line:
        least squares on the logarithm of the size, band: its 95 % interval. Dotted: the IoU of a
        mask of the whole image.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(found, CASES)
    table, ranks = sizes.means(found), sizes.spread(found)
    modes = sorted(found.k.unique())
    tall = 0.7 + 0.24 * len(ranks)  # of the upper part, inches
    figure = Picture(7.4, tall + 3.6)
    places: Any = [["all"] * len(modes), [*map(str, modes)]]
    axes = figure.subplot_mosaic(places, height_ratios=(tall, 2.9))
    _distributions(axes["all"], found, ranks)
    for k in modes:
        _relation(axes[f"{k}"], table[table.k == k], int(k))
        axes[f"{k}"].tick_params(labelleft=bool(k == modes[0]))
    axes[f"{modes[0]}"].set_ylabel("mean IoU")
    figure.supxlabel(f"mean {X_LABEL}")
    figure.legend(handles=[*layout.modality_keys(ranks.modality, ms=5), _WHOLE], ncols=6)
    return figure


def _distributions(axes: Axes, found: pd.DataFrame, ranks: pd.DataFrame) -> None:
    once = found.drop_duplicates(["dataset", "task", "image"])
    row: Any
    for row in ranks.itertuples():
        values = once[(once.dataset == row.dataset) & (once.task == row.task)]["size"].to_numpy()
        colour = modality_colour(row.modality)
        fill = {"facecolor": colour, "alpha": 0.28}
        layout.box(axes, values, row.rank, colour, fill, width=0.62, orientation="horizontal")
    names = zip(ranks["name"], ranks["rank"], strict=True)
    layout.name_rows(axes, list(ranks["rank"]), [f"{name}  {rank:>2}" for name, rank in names])
    beside = axes.secondary_yaxis("right")
    beside.set_yticks(ranks["rank"], [f"n = {n}" for n in ranks.n])
    beside.tick_params(length=0, labelsize=6.5, labelcolor="#777777", pad=1)
    beside.spines["right"].set_visible(False)
    axes.set(ylim=(0.4, len(ranks) + 0.6), xlabel=X_LABEL)
    _log_axis(axes, once["size"])


def _relation(axes: Axes, table: pd.DataFrame, k: int) -> None:
    _log_axis(axes, table["size"])
    told = sizes.between(table).iloc[0]
    if not np.isnan(told.slope):
        _line(axes, table)
    dot, digit = (88, 6.2) if len(table) <= _MANY else (58, 5.2)
    axes.scatter(
        table["size"], table.iou, s=dot, color=[modality_colour(m) for m in table.modality],
        edgecolors="white", linewidths=0.8, zorder=4, label="tasks",
    )  # fmt: skip
    for size, iou, rank in table[["size", "iou", "rank"]].itertuples(index=False):
        axes.text(
            size, iou, str(rank), ha="center", va="center_baseline", fontsize=digit,
            fontweight="bold", color="white", zorder=5,
        )  # fmt: skip
    _whole_image(axes)
    axes.set_ylim(-0.03, 1)
    title = f"Mode {k}: {TITLES[k]}"
    axes.set_title(title, loc="left", fontsize=8, fontweight="bold", color=MODES[k], pad=24)
    axes.text(0, 1.025, _told(told), transform=axes.transAxes, fontsize=7, va="bottom", color=_INK)


def _line(axes: Axes, table: pd.DataFrame) -> None:
    """The fitted line and, of enough volumes, the 95 % interval of its mean (Student's t)."""
    at = np.geomspace(*axes.get_xlim(), 60)
    fit = OLS(table.iou.to_numpy(float), add_constant(np.log10(table["size"]))).fit()
    found = fit.get_prediction(add_constant(np.log10(at)))
    if table.sure.iloc[0]:
        low, high = found.conf_int(alpha=ALPHA).T
        axes.fill_between(at, low, high, color="#777777", alpha=0.13, lw=0)
    axes.plot(at, found.predicted_mean, color="#444444", lw=1.2, label="line")


def _told(row: pd.Series) -> str:
    if np.isnan(row.r):
        return f"{row.n:g} tasks: too few, or all alike,\nfor a correlation"
    told = []
    for name, which in (("Pearson, log size", "r"), ("Spearman", "rho")):
        p = row[f"{which}_p"]
        words = "too few patients: no p" if np.isnan(p) else probability(p)
        told.append(f"{name} {signed(row[which])}, {words}")
    return "\n".join(told)


# Beyond Fig. 8: IoU against the size of single objects, within each task.


@styled
def size_within(found: pd.DataFrame, *, source: Source) -> Picture:
    """Size of each object against its IoU, a panel a task, in the order of their median size.

    Parameters
    ----------
    found : DataFrame
        From :func:`medsam.analysis.sizes.cases`.
    source : Source
        Written on the figure.

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
    check_columns(found, CASES)
    ranks, lines = sizes.spread(found), sizes.within(found)
    figure, grid = layout.panels(
        len(ranks), 4, row=1.5, rest=1.0, ylabel="IoU",
        xlabel=f"{X_LABEL}; right of a title: Spearman",
    )  # fmt: skip
    _log_axis(grid[0], found["size"])
    layout.iou_ticks(grid[0])
    fit: Any
    for axes, task in zip(grid, ranks.itertuples(), strict=True):
        of_task = found[(found.dataset == task.dataset) & (found.task == task.task)]
        fits = lines[(lines.dataset == task.dataset) & (lines.task == task.task)]
        for n, fit in enumerate(fits.sort_values("k").itertuples()):
            part, colour = of_task[of_task.k == fit.k], MODES[fit.k]
            axes.plot(
                part["size"], part.iou, _MARKERS[fit.k], color=colour, ms=3, mec="none", alpha=0.6,
                clip_on=False, label=f"mode {fit.k}",
            )  # fmt: skip
            if np.isnan(fit.rho):
                continue
            ends = np.array([part["size"].min(), part["size"].max()])
            fitted = fit.intercept + fit.slope * np.log10(ends)
            axes.plot(ends, fitted, color=colour, lw=1.3, label=f"line {fit.k}")
            right = 1 - 0.25 * (len(fits) - 1 - n)
            axes.text(
                right, 1.03, signed(fit.rho), transform=axes.transAxes, ha="right", fontsize=6.8,
                color=colour, fontweight="bold",
            )  # fmt: skip
        _whole_image(axes)
        axes.set_title(str(task.name), loc="left", pad=10)
    figure.legend(handles=[*_mode_keys(found), _WHOLE], ncols=3)
    return figure


def _mode_keys(found: pd.DataFrame) -> list[Line2D]:
    markers = {int(k): _MARKERS[k] for k in sorted(found.k.unique())}
    return layout.mode_keys(markers, ls="-", ms=4, lw=1.3)


@styled
def size_correlations(found: pd.DataFrame, *, source: Source) -> Picture:
    """Spearman's correlation of size and IoU: within each task, pooled, and between tasks.

    Parameters
    ----------
    found : DataFrame
        From :func:`medsam.analysis.sizes.cases`.
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
    check_columns(found, CASES)
    table = correlations(found)
    names = table.drop_duplicates("at")["name"]
    words = "Spearman's correlation of size and IoU"
    figure, (axes,) = layout.rows(list(names), row=0.25, rest=1.15, xlabel=words)
    axes.axvline(0, color="#777777", lw=0.9)
    axes.axhline(1.5, color="#BBBBBB", lw=0.8)
    apart = dict(zip(sorted(table.k.unique()), (0.16, -0.16), strict=False))
    key: Any
    for key, part in table.groupby(["kind", "k"]):
        kind, k = key
        marker, size = {"pooled": ("D", 5.5), "between": ("*", 9)}.get(kind, (_MARKERS[k], 4))
        at, colour = part["at"] + apart.get(k, 0), MODES[k]
        axes.hlines(at, part.low, part.high, color=colour, lw=1.3, alpha=0.8)
        axes.plot(part.value, at, marker, color=colour, ms=size, mec="none", label=f"{kind} {k}")
    axes.set_xlim(-1.02, 1.02)
    figure.legend(handles=_mode_keys(found), ncols=3)
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
    columns = {"rho": "value", "rho_low": "low", "rho_high": "high"}
    inside = sizes.within(found)
    within = inside.merge(sizes.spread(found)[["dataset", "task", "rank"]], on=["dataset", "task"])
    pooled = sizes.pooled(inside).query("method == 'spearman'")
    between = sizes.between(sizes.means(found))
    rows = [
        within.rename(columns=columns).assign(at=within["rank"] + 1, kind="within"),
        pooled.assign(at=1, kind="pooled", name="Within tasks, pooled"),
        between.rename(columns=columns).assign(at=0, kind="between", name="Between means of tasks"),
    ]
    table = pd.concat(rows)[["at", "kind", "name", "k", "n", "value", "low", "high"]]
    return table.sort_values(["at", "k"], ignore_index=True)
