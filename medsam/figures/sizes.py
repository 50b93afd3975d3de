"""Fig. 8: how large the objects are, and IoU against their size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cbook import boxplot_stats
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
        1.5 times the box, on the log scale; white diamond: mean; tasks from the smallest median
        at the bottom. Bottom: a task has the number that stands before its name above; line:
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
    body, gap, bottom = max(0.6, 0.24 * len(ranks)), 0.95, 2.35
    height = 0.42 + body + gap + bottom + 0.75
    figure, upper = layout.one_axes(
        (7.4, height), left=0.235, right=0.935, top=0.42, bottom=0.75 + bottom + gap
    )
    _distributions(upper, found, ranks)
    width = (0.925 - 0.05 * (len(modes) - 1)) / len(modes)
    for n, k in enumerate(modes):
        place = (0.065 + n * (width + 0.05), 0.75 / height, width, (bottom - 0.15) / height)
        axes = figure.add_axes(place)
        _relation(axes, table[table.k == k], int(k))
        if n:
            axes.set_yticklabels([])
        else:
            axes.set_ylabel("mean IoU")
    figure.text(0.53, 0.36 / height, f"mean {X_LABEL}", ha="center", va="bottom", fontsize=8)
    handles = [*layout.modality_keys(ranks.modality, ms=5), _WHOLE]
    figure.legend(handles=handles, ncols=6, bbox_to_anchor=(0.53, 0))
    return figure


def _distributions(axes: Axes, found: pd.DataFrame, ranks: pd.DataFrame) -> None:
    once = found.drop_duplicates(["dataset", "task", "image"])
    rng = np.random.default_rng(0)
    row: Any
    for row in ranks.itertuples():
        of_task = once[(once.dataset == row.dataset) & (once.task == row.task)]
        values, colour = of_task["size"].to_numpy(float), modality_colour(row.modality)
        # Quartiles and whiskers on the log scale, as sizes: outliers are what is far there.
        (stats,) = boxplot_stats(np.log10(values))
        box = {name: 10 ** stats[name] for name in ("med", "q1", "q3", "whislo", "whishi")}
        line = {"color": colour, "linewidth": 0.9}
        axes.bxp(
            [box], positions=[row.rank], orientation="horizontal", widths=0.62, showfliers=False,
            patch_artist=True, manage_ticks=False, whiskerprops=line, capprops=line,
            boxprops={"facecolor": colour, "alpha": 0.28, "edgecolor": colour, "linewidth": 0.9},
            medianprops={"color": _INK, "linewidth": 1.2},
        )  # fmt: skip
        at = row.rank + rng.uniform(-0.22, 0.22, len(values))
        objects, mean = f"objects {row.rank}", f"mean {row.rank}"
        axes.plot(values, at, "o", ms=2.0, color=colour, mec="none", alpha=0.55, label=objects)
        axes.plot(row.mean, row.rank, "D", ms=3.8, mfc="white", mec=_INK, mew=0.8, label=mean)
    names = zip(ranks["name"], ranks["rank"], strict=True)
    layout.name_rows(axes, ranks["rank"], [f"{name}  {rank:>2}" for name, rank in names])
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
    axes.set_title(f"Mode {k}: {TITLES[k]}", loc="left", fontweight="bold", color=MODES[k], pad=24)
    axes.text(0, 1.025, _told(told), transform=axes.transAxes, fontsize=7, va="bottom", color=_INK)


def _line(axes: Axes, table: pd.DataFrame) -> None:
    """The fitted line and, of several volumes, the 95 % interval of its mean (Student's t)."""
    at = np.geomspace(*axes.get_xlim(), 60)
    fit = OLS(table.iou.to_numpy(float), add_constant(np.log10(table["size"]))).fit()
    found = fit.get_prediction(add_constant(np.log10(at)))
    if table.groups.iloc[0] > 1:
        low, high = found.conf_int(alpha=ALPHA).T
        axes.fill_between(at, low, high, color="#777777", alpha=0.13, lw=0)
    axes.plot(at, found.predicted_mean, color="#444444", lw=1.2, label="line")


def _told(row: pd.Series) -> str:
    if np.isnan(row.r):
        return f"{row.n:g} tasks: too few, or all alike,\nfor a correlation"
    told = []
    for name, which in (("Pearson, log size", "r"), ("Spearman", "rho")):
        low, high, p = (row[f"{which}_{end}"] for end in ("low", "high", "p"))
        span = "" if np.isnan(low) else f" ({signed(low)} to {signed(high)})"
        words = "one volume: no p" if np.isnan(p) else probability(p)
        told.append(f"{name} {signed(row[which])}{span}, {words}")
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
    modes = sorted(int(k) for k in found.k.unique())
    figure, grid = layout.panels(
        len(ranks), 4, row=1.5, rest=1.0, top=0.62, bottom=0.72, left=0.065,
        xlabel=(f"{X_LABEL}; right of a title: Spearman", 0.53, 0.34), ylabel="IoU",
    )  # fmt: skip
    _log_axis(grid[0], found["size"])
    layout.iou_ticks(grid[0])
    fit: Any
    for axes, task in zip(grid, ranks.itertuples(), strict=True):
        of_task, fits = (
            table[(table.dataset == task.dataset) & (table.task == task.task)].set_index("k")
            for table in (found, lines)
        )
        for n, k in enumerate(modes):
            if k not in of_task.index:
                continue
            part, fit = of_task.loc[[k]], fits.loc[k]
            axes.plot(
                part["size"], part.iou, _MARKERS[k], color=MODES[k], ms=3, mec="none", alpha=0.6,
                clip_on=False, label=f"mode {k}",
            )  # fmt: skip
            if np.isnan(fit.rho):
                continue
            ends = np.array([part["size"].min(), part["size"].max()])
            fitted = fit.intercept + fit.slope * np.log10(ends)
            axes.plot(ends, fitted, color=MODES[k], lw=1.3, label=f"line {k}")
            right = 1 - 0.25 * (len(modes) - 1 - n)
            axes.text(
                right, 1.03, signed(fit.rho), transform=axes.transAxes, ha="right", fontsize=6.8,
                color=MODES[k], fontweight="bold",
            )  # fmt: skip
        _whole_image(axes)
        axes.set_title(str(task.name), fontsize=7.2, loc="left", pad=10)
    figure.legend(handles=[*_mode_keys(modes), _WHOLE], ncols=3)
    return figure


def _mode_keys(modes: list[int]) -> list[Line2D]:
    return layout.mode_keys({k: _MARKERS[k] for k in modes}, ls="-", ms=4, lw=1.3)


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
    modes = sorted(int(k) for k in found.k.unique())
    names = table.drop_duplicates("at")
    figure, axes = layout.one_axes(
        (7.4, 1.15 + 0.25 * len(names)), left=0.3, right=0.98, top=0.38, bottom=0.72
    )
    axes.axvline(0, color="#777777", lw=0.9)
    axes.axhline(1.5, color="#BBBBBB", lw=0.8)
    for n, k in enumerate(modes):
        for kind, marker, size in (
            ("within", _MARKERS[k], 4),
            ("pooled", "D", 5.5),
            ("between", "*", 9),
        ):
            part = table[(table.k == k) & (table.kind == kind)]
            at = part["at"] + 0.32 * ((len(modes) - 1) / 2 - n)
            axes.hlines(at, part.low, part.high, color=MODES[k], lw=1.3, alpha=0.8)
            axes.plot(
                part.value, at, marker, color=MODES[k], ms=size, mec="none", label=f"{kind} {k}"
            )
    layout.name_rows(axes, names["at"], names["name"])
    axes.set(xlim=(-1.02, 1.02), xlabel="Spearman's correlation of size and IoU")
    axes.set_ylim(-0.6, names["at"].max() + 0.6)
    figure.legend(handles=_mode_keys(modes), ncols=3)
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
