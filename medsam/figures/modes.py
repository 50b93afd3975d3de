"""Fig. 2: the five modes, task by task and in all."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from medsam.figures.style import MODALITIES, MODES, Picture, Source, badge, need, styled
from medsam.prompts import MODES as TITLES

__all__ = ["modes_box", "modes_ranked"]

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
