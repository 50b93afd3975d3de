"""Fig. 8: how large the objects are, and IoU against their size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cbook import boxplot_stats
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray
from scipy.stats import t

from medsam.analysis import sizes
from medsam.analysis.statistics import ALPHA
from medsam.figures.style import MODALITIES, MODES, Picture, Source, badge, need, panels, styled
from medsam.prompts import KINDS
from medsam.prompts import MODES as TITLES

__all__ = [
    "CASES",
    "FLOOR",
    "X_LABEL",
    "correlations",
    "floor",
    "log_axis",
    "signed",
    "size_and_iou",
    "size_correlations",
    "size_within",
]


CASES = ("dataset", "task", "name", "modality", "image", "group", "size", "k", "iou")
X_LABEL = "object size: share of the image (log scale)"
_INK = "#333333"
_MANY = 14  # tasks, above which the numbered dots are smaller


def _colour(modality: object) -> str:
    return MODALITIES.get(str(modality), MODALITIES["unknown"])


def share(value: float, _: object = None) -> str:
    """A share of the image in percent, short: 0.05 %, 3 %."""
    return f"{100 * value:g} %"


def log_axis(axes: Axes, values: pd.Series) -> None:
    """Logarithmic, over the values and a little more, with ticks in percent.

    Where they span less than one power of ten, 2 and 5 times its values are ticks as well.
    """
    axes.set_xscale("log")
    low, high = float(values.min()) / 1.3, min(1.0, float(values.max()) * 1.3)
    axes.set_xlim(low, max(high, low * 2))
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 30 else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(share))
    axes.xaxis.set_minor_formatter(NullFormatter())


FLOOR = Line2D([], [], color="#999999", lw=1, ls=":", label="a mask of the whole image")


def floor(axes: Axes) -> None:
    """What a mask of the whole image would have: its IoU is the size of the object."""
    low, high = axes.get_xlim()
    at = np.geomspace(low, high, 80)
    axes.plot(at, at, color="#999999", lw=1, ls=":", label="whole image", zorder=1)


def signed(value: float) -> str:
    """A correlation with its sign, a true minus."""
    return f"{value:+.2f}".replace("-", "−")


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _modality_handles(modalities: pd.Series) -> list[Line2D]:
    there = set(modalities)
    return [
        Line2D([], [], ls="", marker="s", ms=5, color=colour, label=name)
        for name, colour in MODALITIES.items()
        if name in there
    ]


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
    need(found, CASES)
    table, ranks = sizes.means(found), sizes.spread(found)
    modes = sorted(found.k.unique())
    rows = len(ranks)
    top, gap, bottom = 0.42, 0.95, 2.35
    body = max(0.6, 0.24 * rows)
    figure = Picture(figsize=(7.4, top + body + gap + bottom + 0.75))
    height = figure.get_figheight()
    upper = figure.add_axes((0.235, (0.75 + bottom + gap) / height, 0.7, body / height))
    _distributions(upper, found, ranks)
    width = (0.925 - 0.05 * (len(modes) - 1)) / len(modes)
    for n, k in enumerate(modes):
        left = 0.065 + n * (width + 0.05)
        axes = figure.add_axes((left, 0.75 / height, width, (bottom - 0.15) / height))
        _relation(axes, table[table.k == k], int(k))
        if n:
            axes.set_yticklabels([])
        else:
            axes.set_ylabel("mean IoU")
    figure.text(0.53, 0.36 / height, f"mean {X_LABEL}", ha="center", va="bottom", fontsize=8)
    figure.legend(
        handles=[*_modality_handles(ranks.modality), FLOOR],
        loc="lower center",
        ncols=6,
        frameon=False,
        bbox_to_anchor=(0.53, 0),
        handletextpad=0.3,
    )
    badge(figure, source)
    return figure


def _distributions(axes: Axes, found: pd.DataFrame, ranks: pd.DataFrame) -> None:
    once = found.drop_duplicates(["dataset", "task", "image"])
    rng = np.random.default_rng(0)
    for rank, dataset, task, modality, mean in ranks[
        ["rank", "dataset", "task", "modality", "mean"]
    ].itertuples(index=False):
        values = once[(once.dataset == dataset) & (once.task == task)]["size"].to_numpy(float)
        colour = _colour(modality)
        line = {"color": colour, "linewidth": 0.9}
        axes.bxp(
            [_box(values)],
            positions=[rank],
            orientation="horizontal",
            widths=0.62,
            showfliers=False,
            patch_artist=True,
            manage_ticks=False,
            boxprops={"facecolor": colour, "alpha": 0.28, "edgecolor": colour, "linewidth": 0.9},
            medianprops={"color": _INK, "linewidth": 1.2},
            whiskerprops=line,
            capprops=line,
        )
        at = rank + rng.uniform(-0.22, 0.22, len(values))
        dots: dict[str, Any] = {"color": colour, "mec": "none", "alpha": 0.55}
        axes.plot(values, at, "o", ms=2.0, label=f"objects {rank}", **dots)
        axes.plot(mean, rank, "D", ms=3.8, mfc="white", mec=_INK, mew=0.8, label=f"mean {rank}")
    names = zip(ranks["name"], ranks["rank"], strict=True)
    axes.set_yticks(ranks["rank"], [f"{name}  {rank:>2}" for name, rank in names])
    axes.tick_params(axis="y", length=0)
    beside = axes.secondary_yaxis("right")
    beside.set_yticks(ranks["rank"], [f"n = {n}" for n in ranks.n])
    beside.tick_params(length=0, labelsize=6.5, labelcolor="#777777", pad=1)
    beside.spines["right"].set_visible(False)
    axes.set(ylim=(0.4, len(ranks) + 0.6), xlabel=X_LABEL)
    log_axis(axes, once["size"])
    axes.grid(axis="y", visible=False)


def _box(values: NDArray[np.float64]) -> dict[str, Any]:
    """Quartiles and whiskers on the log scale, as sizes: outliers are what is far there."""
    (stats,) = boxplot_stats(np.log10(values))
    return {name: 10 ** stats[name] for name in ("med", "q1", "q3", "whislo", "whishi")}


def _relation(axes: Axes, table: pd.DataFrame, k: int) -> None:
    log_axis(axes, table["size"])
    told = sizes.between(table).iloc[0]
    if not np.isnan(told.slope):
        _line(axes, table, told)
    axes.scatter(
        table["size"],
        table.iou,
        s=88 if len(table) <= _MANY else 58,
        color=[_colour(m) for m in table.modality],
        edgecolors="white",
        linewidths=0.8,
        zorder=4,
        label="tasks",
    )
    for size, iou, rank in table[["size", "iou", "rank"]].itertuples(index=False):
        axes.text(
            size,
            iou,
            str(rank),
            ha="center",
            va="center_baseline",
            fontsize=6.2 if len(table) <= _MANY else 5.2,
            fontweight="bold",
            color="white",
            zorder=5,
        )
    floor(axes)
    axes.set_ylim(-0.03, 1)
    axes.set_title(f"Mode {k}: {TITLES[k]}", loc="left", fontweight="bold", color=MODES[k], pad=24)
    axes.text(0, 1.025, _told(told), transform=axes.transAxes, fontsize=7, va="bottom", color=_INK)


def _line(axes: Axes, table: pd.DataFrame, told: pd.Series) -> None:
    """The fitted line and the 95 % interval of its mean (Student's t)."""
    x = np.log10(table["size"].to_numpy(float))
    y = table.iou.to_numpy(float)
    left, right = axes.get_xlim()
    at = np.log10(np.geomspace(left, right, 60))
    rest = y - (told.intercept + told.slope * x)
    spread = np.sqrt((rest**2).sum() / (len(x) - 2))
    off = np.sqrt(1 / len(x) + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
    reach = t.isf(ALPHA / 2, len(x) - 2) * spread * off
    middle = told.intercept + told.slope * at
    axes.fill_between(10**at, middle - reach, middle + reach, color="#777777", alpha=0.13, lw=0)
    axes.plot(10**at, middle, color="#444444", lw=1.2, label="line")


def _told(row: pd.Series) -> str:
    if np.isnan(row.r):
        return f"{row.n:g} tasks: too few, or all alike,\nfor a correlation"
    told = []
    for name, key in (("Pearson, log size", "r"), ("Spearman", "rho")):
        low, high = row[f"{key}_low"], row[f"{key}_high"]
        span = "" if np.isnan(low) else f" ({signed(low)} to {signed(high)})"
        told.append(f"{name} {signed(row[key])}{span}, {_p(row[f'{key}_p'])}")
    return "\n".join(told)


# Beyond Fig. 8: IoU against the size of single objects, within each task.


_MARKERS = {"points": "o", "box": "s"}


@styled
def size_within(found: pd.DataFrame, *, source: Source, columns: int = 4) -> Picture:
    """Size of each object against its IoU, a panel a task, in the order of their median size.

    Parameters
    ----------
    found : DataFrame
        From :func:`medsam.analysis.sizes.cases`.
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
