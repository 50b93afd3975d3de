"""Fig. 2: the five modes, task by task and in all."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from medsam.figures.style import (
    MODALITIES,
    MODES,
    Picture,
    Source,
    badge,
    model_colour,
    need,
    panels,
    styled,
)
from medsam.prompts import MODES as TITLES

__all__ = ["beside_published", "models_paired", "modes_box", "modes_ranked"]


_COLUMNS = ("task", "name", "modality", "mode", "choice", "iou")


@styled
def modes_ranked(table: pd.DataFrame, *, source: Source) -> Picture:
    """Fig. 2, left: IoU of each task for the five modes, ranked by mode 4.

    Parameters
    ----------
    table : DataFrame
        Columns ``task, name, modality, mode`` (1-5), ``choice`` (``top`` | ``oracle``),
        ``iou`` (0-1).
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        Dots: top-confidence; inverted triangles: oracle. The square beside a name is its
        modality.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    need(table, _COLUMNS)
    wide = table.pivot(index=["task", "name", "modality"], columns=["choice", "mode"], values="iou")
    wide = wide.iloc[np.argsort(wide["top", 4].to_numpy(), kind="stable")]
    names = wide.index.get_level_values("name")
    modalities = wide.index.get_level_values("modality")
    y = np.arange(len(wide))

    figure = Picture(figsize=(4.6, 1.75 + 0.2 * len(wide)))
    height = figure.get_figheight()
    axes = figure.add_axes((0.32, 1.05 / height, 0.65, 1 - 1.5 / height))
    spans = wide.to_numpy()
    axes.hlines(y, np.nanmin(spans, 1), np.nanmax(spans, 1), color="#D5D5D5", linewidth=1)
    # Offset a little, so that equal values (objects of one region) stay visible.
    for mode, colour in MODES.items():
        shift = (3 - mode) * 0.1
        axes.plot(
            wide["oracle", mode],
            y + shift,
            "v",
            ms=4.2,
            mfc="none",
            mec=colour,
            mew=0.9,
            label=f"oracle {mode}",
        )
        axes.plot(
            wide["top", mode], y + shift, "o", ms=3.8, color=colour, mec="none", label=f"top {mode}"
        )
    axes.scatter(
        np.full(len(y), -0.018),
        y,
        marker="s",
        s=14,
        clip_on=False,
        zorder=5,
        color=[MODALITIES.get(m, MODALITIES["unknown"]) for m in modalities],
        transform=axes.get_yaxis_transform(),
    )
    axes.set_yticks(y, names)
    axes.tick_params(axis="y", length=0, pad=9)
    axes.set(xlim=(0, 1), ylim=(-0.7, len(wide) - 0.3), xlabel="IoU")
    axes.grid(axis="y", visible=False)
    badge(figure, source)

    handles = [
        Line2D([], [], ls="", marker="o", color=MODES[m], label=f"{m}  {t}")
        for m, t in TITLES.items()
    ]
    handles.append(Line2D([], [], ls="", marker="v", mfc="none", mec="#444444", label="oracle"))
    seen = [m for m in MODALITIES if m in set(modalities)]
    handles += [Line2D([], [], ls="", marker="s", ms=4, color=MODALITIES[m], label=m) for m in seen]
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=3,
        frameon=False,
        bbox_to_anchor=(0.5, 0),
        handletextpad=0.3,
        columnspacing=1.2,
        fontsize=7,
        markerscale=0.85,
    )
    return figure


@styled
def modes_box(table: pd.DataFrame, *, source: Source) -> Picture:
    """Fig. 2, right: box and whisker over tasks for each mode, top beside oracle.

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
    need(table, _COLUMNS)
    figure = Picture(figsize=(4.6, 3.6))
    axes = figure.add_axes((0.11, 0.25, 0.87, 0.63))
    rng = np.random.default_rng(0)
    labels = []
    for mode, colour in MODES.items():
        means = {}
        for choice, offset in (("top", -0.19), ("oracle", 0.19)):
            values = table[(table["mode"] == mode) & (table.choice == choice)].iou.to_numpy()
            at = mode + offset
            fill = colour if choice == "top" else "white"
            axes.boxplot(
                [values],
                positions=[at],
                widths=0.3,
                patch_artist=True,
                showfliers=False,
                showmeans=True,
                boxprops={"facecolor": fill, "edgecolor": colour, "alpha": 0.75, "linewidth": 1},
                medianprops={"color": "#222222", "linewidth": 1.1},
                whiskerprops={"color": colour, "linewidth": 1},
                capprops={"color": colour, "linewidth": 1},
                meanprops={
                    "marker": "D",
                    "markerfacecolor": "white",
                    "markeredgecolor": "#222222",
                    "markersize": 3.6,
                },
            )
            jitter = rng.uniform(-0.09, 0.09, len(values))
            axes.plot(at + jitter, values, "o", ms=1.8, color="#222222", alpha=0.35, mec="none")
            means[choice] = values.mean()
        words = (
            TITLES[mode].replace(", ", ",\n").replace(" per", "\nper").replace(" over", "\nover")
        )
        labels.append(f"{mode}\n{words}\n{means['top']:.2f} | {means['oracle']:.2f}")
    axes.set_xticks(list(MODES), labels, fontsize=6.8)
    axes.tick_params(axis="x", length=0)
    axes.set(xlim=(0.5, 5.5), ylim=(0, 1), ylabel="IoU")
    axes.grid(axis="x", visible=False)
    n = table.task.nunique()
    figure.text(
        0.11,
        0.015,
        f"Left of each pair: top | right: oracle. Last line: means. n = {n} tasks.",
        fontsize=7,
        color="#444444",
    )
    badge(figure, source)
    return figure


# What this project measured: two models on the same cases, and ours beside the paper's.


_PAIRED = ("name", "mode", "a", "b", "mean_a", "mean_b", "difference", "low", "high", "n", "groups")
_BESIDE = ("name", "modality", "paper", "mode", "published", "iou", "low", "high", "n", "groups")
_PUBLISHED, _MEASURED = "#1F3A5F", "#00664F"


@styled
def models_paired(table: pd.DataFrame, *, source: Source) -> Picture:
    """Mean IoU of two models on the same cases, one panel a mode, and the difference in words.

    Parameters
    ----------
    table : DataFrame
        As :meth:`medsam.analysis.measured.Measured.paired` gives it: ``name, mode, a, b, mean_a, mean_b,
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
        As :meth:`medsam.analysis.measured.Measured.beside_published` gives it: ``name, modality, paper,
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
