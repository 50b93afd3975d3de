"""Parts of the graphical abstract: tasks by modality, and four small plots of findings."""

from __future__ import annotations

import textwrap
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from medsam.abstract import ORACLE, SHORT, Facts
from medsam.figures.clicks import _apart
from medsam.figures.style import MODALITIES, MODES, model_colour

__all__ = ["boxes_and_points", "click_lines", "mode_means", "task_strip", "unit_chart"]

_INK, _SOFT = "#222222", "#666666"


def colour(modality: object) -> str:
    """Colour of a modality."""
    return MODALITIES.get(str(modality), MODALITIES["unknown"])


def unit_chart(axes: Axes, data: pd.DataFrame, scale: float = 1.0) -> None:
    """Tasks by modality, a square each, with names below.

    Parameters
    ----------
    axes : Axes
        Its limits become its size in inches.
    data : DataFrame
        Columns ``title, modality, n_tasks``; squares and a name a row.
    scale : float
        Of the type.
    """
    width, height = _inches(axes)
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    order = data.groupby("modality").n_tasks.sum().sort_values(ascending=False, kind="stable")
    row = height / max(len(order), 3)
    side, step = 0.16 * scale, 0.2 * scale
    across = max(1, int((width + step - side) / step))
    for n, (modality, count) in enumerate(order.items()):
        sets = data[data.modality == modality]
        top = height - n * row
        axes.text(
            0, top, str(modality), va="top", fontsize=9 * scale, fontweight="bold",
            color=colour(modality),
        )  # fmt: skip
        axes.text(
            width, top - 0.015, f"{count} task{'s' * (count != 1)}", va="top", ha="right",
            fontsize=7.5 * scale, color=_INK,
        )  # fmt: skip
        for i in range(int(count)):
            corner = (i % across * step, top - 0.36 * scale - i // across * step)
            axes.add_patch(
                Rectangle(corner, side, side, facecolor=colour(modality), edgecolor="none")
            )
        below = top - 0.43 * scale - (int(count) - 1) // across * step
        names = [
            f"{title}\N{NO-BREAK SPACE}×{k}" if k > 1 else str(title)
            for title, k in zip(sets.title, sets.n_tasks, strict=True)
        ]
        words = textwrap.wrap(", ".join(names), int(width * 16.5 / scale))
        axes.text(
            0, below, "\n".join(words), va="top", fontsize=7.2 * scale, color=_SOFT,
            linespacing=1.15,
        )  # fmt: skip


def _inches(axes: Axes) -> tuple[float, float]:
    figure = axes.get_figure()
    assert figure is not None
    place = axes.get_position()
    width, height = figure.get_figure(root=True).get_size_inches()
    return float(place.width * width), float(place.height * height)


def task_strip(axes: Axes, modes: pd.DataFrame, found: Facts) -> None:
    """IoU of each task with one point, a row a modality; the lowest and the highest are named."""
    one = modes[(modes["mode"] == 1) & (modes.choice == "top")]
    there = [name for name in MODALITIES if name in set(one.modality)]
    there += sorted(set(one.modality) - set(there))
    for n, modality in enumerate(there):
        part = one[one.modality == modality]
        dots: dict[str, Any] = {"ms": 5.5, "mec": "white", "mew": 0.5, "alpha": 0.9}
        axes.plot(part.iou, [n] * len(part), "o", color=colour(modality), label=modality, **dots)
    for (name, iou), up, va in ((found.lowest, 8, "bottom"), (found.highest, -8, "top")):
        n = there.index(one[one["name"] == name].modality.iloc[0])
        axes.annotate(
            name,
            (iou, n),
            (0, up / 2),
            textcoords="offset points",
            ha="left" if iou < 0.5 else "right",
            va=va,
            fontsize=6.8,
            color=colour(there[n]),
            fontweight="bold",
        )
    axes.set_yticks(range(len(there)), there)
    for label in axes.get_yticklabels():
        label.set_color(colour(label.get_text()))
    axes.set(ylim=(len(there) - 0.4, -0.8), xlim=(0, 1), xlabel="IoU of a task, one point")
    axes.set_xticks((0, 0.5, 1))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)


def boxes_and_points(axes: Axes, modes: pd.DataFrame) -> None:
    """IoU of each task with one box against that with one point; above the diagonal: box."""
    top = modes[modes.choice == "top"]
    wide = top.pivot(index=["task", "modality"], columns="mode", values="iou").reset_index()
    axes.fill_between([0, 1], [0, 1], [1, 1], color="#E69F00", alpha=0.1, lw=0)
    axes.plot([0, 1], [0, 1], color="#999999", lw=0.9, label="equal")
    axes.scatter(
        wide[1],
        wide[3],
        s=24,
        color=[colour(m) for m in wide.modality],
        edgecolors="white",
        linewidths=0.5,
        zorder=3,
        label="tasks",
    )
    axes.text(0.04, 0.96, "box better", va="top", fontsize=7, color="#8A5E00")
    axes.text(0.96, 0.05, "point better", ha="right", fontsize=7, color=_SOFT)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="IoU, one point", ylabel="IoU, one box")
    axes.set_xticks((0, 0.5, 1))
    axes.set_yticks((0, 0.5, 1))
    axes.set_aspect("equal", anchor="W")


def mode_means(axes: Axes, found: Facts, size: float = 1.0, *, words: bool = False) -> None:
    """Mean IoU of each mode: dot top-confidence, triangle oracle.

    Parameters
    ----------
    axes : Axes
    found : Facts
    size : float
        Of marks and type.
    words : bool
        Whether the modes are named, not only numbered.
    """
    for mode, (top, oracle) in found.means.items():
        hue = MODES[mode]
        axes.plot([top, oracle], [mode, mode], color=hue, lw=2.2 * size, alpha=0.35)
        axes.plot(oracle, mode, "v", ms=5.5 * size, mfc="white", mec=hue, label=f"oracle {mode}")
        axes.plot(top, mode, "o", ms=7 * size, color=hue, mec="none", label=f"top {mode}")
        inside = top > 0.25  # room for the number at the left of the dot
        axes.text(
            top - 0.045 if inside else max(top, oracle) + 0.05,
            mode,
            f"{top:.2f}",
            ha="right" if inside else "left",
            va="center",
            fontsize=7.2 * size,
            fontweight="bold" if mode == found.best else "normal",
            color=_INK,
        )
    names = [f"{SHORT[mode]}  {mode}" if words else f"mode {mode}" for mode in found.means]
    axes.set_yticks(list(found.means), names)
    axes.tick_params(axis="y", length=0)
    axes.set(ylim=(5.6, 0.4), xlim=(0, 1), xlabel="mean IoU (▽ with oracle)")
    axes.set_xticks((0, 0.5, 1))
    axes.grid(axis="y", visible=False)


def click_lines(axes: Axes, clicks: pd.DataFrame) -> None:
    """Mean IoU over tasks by the number of clicks, one line a method."""
    lines = clicks.groupby(["model", "k"], sort=False).iou.mean().unstack("model")
    last = int(lines.index.max())
    placed = _apart([float(lines[name].iloc[-1]) for name in lines], 0.095)
    for name, height in zip(lines, placed, strict=True):
        oracle = str(name).endswith(ORACLE)
        axes.plot(
            lines.index,
            lines[name],
            marker=None if oracle else "o",
            ms=2.8,
            lw=1.5,
            ls=(0, (3, 1.5)) if oracle else "-",
            color=model_colour(str(name)),
            label=str(name),
        )
        axes.annotate(
            "with oracle" if oracle else str(name),
            (last, lines[name].iloc[-1]),
            (last + 0.4, height),
            color=model_colour(str(name)),
            fontsize=7,
            va="center",
            fontweight="bold",
            annotation_clip=False,
        )
    axes.set(xlim=(0.6, last + 0.2), ylim=(0, 0.8), xlabel="clicks", ylabel="mean IoU")
    axes.set_xticks(sorted({1, (1 + last) // 2, last}))
    axes.grid(axis="x", visible=False)
