"""Text against code: what each choice changes, and the two presets task by task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsam.analysis.statistics import check_columns
from medsam.analysis.variants import Difference
from medsam.figures import layout
from medsam.figures.html import Html, tag
from medsam.figures.overlay import overlay, prompt_marks, window
from medsam.figures.style import MODES, Picture, Source, signed, styled
from medsam.prompts import Prompt

_FOREST = ("field", "title", "experiment", "k", "choice", "delta", "low", "high", "changed")
_HEAT = ("task", "name", "experiment", "k", "choice", "base", "variant", "delta", "low", "high")
_NOTHING = "#8C8C8C"


def _panels(table: pd.DataFrame) -> list[tuple[str, int]]:
    """Modes in order, then numbers of clicks."""
    found = table[["experiment", "k"]].drop_duplicates().itertuples(index=False, name=None)
    return sorted(((e, int(k)) for e, k in found), key=lambda one: (one[0] == "clicks", one[1]))


def _name(experiment: str, k: int) -> str:
    if experiment == "mode":
        return f"mode {k}"
    return f"{k} click" if k == 1 else f"{k} clicks"


@styled
def differences_forest(table: pd.DataFrame, *, source: Source) -> Picture:
    """What each choice of the code changes of the IoU, one panel a mode or number of clicks.

    Parameters
    ----------
    table : DataFrame
        Columns ``field, title, experiment, k, choice, delta, low, high, changed``, as
        :func:`medsam.analysis.variants.effects` gives them.
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        Dots: top; inverted triangles: oracle; lines: 95 % intervals, where there are any. A small
        grey cross: no case changes at all. The last row, set apart, is every choice at once.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, _FOREST)
    names = table.drop_duplicates("field")[::-1]
    y = pd.Series(range(len(names)), names.field)
    columns = _panels(table)
    figure, grid = layout.rows(
        list(names.title), len(columns), row=0.3, rest=1.2, xlabel="change of IoU, mean of tasks"
    )
    for axes, (experiment, k) in zip(grid, columns, strict=True):
        panel = table[(table.experiment == experiment) & (table.k == k)]
        colour = MODES[k] if experiment == "mode" else "#333333"
        axes.axvline(0, color="#C8C8C8", lw=0.8, zorder=0)
        for choice, marker, fill, up in (
            ("top", "o", colour, 0.15),
            ("oracle", "v", "white", -0.15),
        ):
            part = panel[panel.choice == choice]
            moved, still = part[part.changed > 0], part[part.changed == 0]
            at = y[moved.field] + up
            axes.hlines(at, moved.low, moved.high, color=colour, lw=1.2)
            axes.plot(moved.delta, at, marker, ms=3.8, mfc=fill, color=colour, mew=0.9)
            axes.plot(still.delta * 0, y[still.field] + up, "x", color=_NOTHING, ms=2.8, mew=0.9)
        axes.set_title(_name(experiment, k))
        if names.field.iloc[0] == "all":
            axes.axhline(0.5, color="#BBBBBB", lw=0.8)
    reach = max(0.05, 1.08 * float(np.nanmax(np.abs(table[["low", "high", "delta"]]))))
    tick = float(f"{0.6 * reach:.1g}")
    grid[0].set(xlim=(-reach, reach), xticks=(-tick, 0, tick))
    grid[0].xaxis.set_major_formatter(layout.SIGNED)
    handles = [
        layout.key("top", "#444444", "o"),
        layout.key("oracle", "#444444", "v", mfc="none"),
        layout.key("no case changes", _NOTHING, "x"),
    ]
    figure.legend(handles=handles, ncols=3, markerscale=0.8)
    return figure


@styled
def differences_by_task(table: pd.DataFrame, *, source: Source, choice: str = "top") -> Picture:
    """The two presets, task by task: IoU of each, and their difference as colour.

    Parameters
    ----------
    table : DataFrame
        Columns ``task, name, experiment, k, choice, base, variant, delta, low, high``.
    source : Source
        Written on the figure.
    choice : {"top", "oracle"}

    Returns
    -------
    Picture
        In each cell the difference, its 95 % interval, and both IoUs. Orange: the second preset's
        is lower; purple: higher.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    part = table[table.choice == choice]
    check_columns(part, _HEAT)
    columns = _panels(part)
    names = part.drop_duplicates("task").set_index("task").name
    wide = part.pivot(index="task", columns=["experiment", "k"]).loc[names.index]
    delta = wide["delta"][columns].to_numpy()
    reach = max(0.05, float(np.nanmax(np.abs(delta))))
    figure = Picture(7.4, 0.9 + 0.48 * len(names))
    axes = figure.subplots()
    axes.pcolormesh(delta, cmap="PuOr", vmin=-reach, vmax=reach, edgecolors="white", linewidth=1.5)
    for (i, j), change in np.ndenumerate(delta):
        low, high, base, variant = (
            wide[name, *columns[j]].iloc[i] for name in ("low", "high", "base", "variant")
        )
        span = f"{signed(low)} to {signed(high)}\n" if np.isfinite(low) else ""
        ink = "white" if abs(change) > 0.62 * reach else "#222222"
        for down, size, words in (
            (0.27, 7.5, signed(change)),
            (0.68, 5.6, f"{span}{base:.2f} → {variant:.2f}"),
        ):
            axes.text(j + 0.5, i + down, words, ha="center", va="center", fontsize=size, color=ink)
    axes.set_xticks(np.arange(len(columns)) + 0.5, [_name(*one) for one in columns])
    axes.set_yticks(np.arange(len(names)) + 0.5, names.to_numpy())
    axes.xaxis.tick_top()
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def differences_list(found: Iterable[Difference], table: pd.DataFrame) -> Html:
    """Each difference in words, with its measured effect.

    Parameters
    ----------
    found : iterable of Difference
    table : DataFrame
        As for :func:`differences_forest`.

    Returns
    -------
    Html
        A heading and four paragraphs each.
    """
    check_columns(table, _FOREST)
    parts = []
    for one in found:
        told = {
            "The text": one.text,
            "The code": one.code,
            "Why it matters": one.matters,
            "Measured": _measured(one, table),
        }
        title = tag("h3", f"{one.title} ", tag("code", one.field) if one.field else "")
        words = (tag("p", tag("strong", f"{name}:"), f" {text}") for name, text in told.items())
        key = f"difference-{one.key}"
        parts.append(tag("section", title, *words, class_="medsam-prose", id=key))
    return Html("".join(parts))


def _measured(one: Difference, table: pd.DataFrame) -> str:
    part = table[table.field == one.field]
    if not one.field or part.empty:
        return f"not run; it affects {one.affects}."
    moved = part[part.changed > 0]
    if moved.empty:
        return f"no case changes. It could affect {one.affects}."
    most: Any = moved.iloc[int(moved.delta.abs().argmax())]
    delta, low, high = (signed(value, ".3f") for value in (most.delta, most.low, most.high))
    span = f" ({low} to {high})" if np.isfinite(most.low) else ""
    name = f"{_name(most.experiment, most.k)}{', oracle' * (most.choice == 'oracle')}"
    return f"the largest change of IoU is {delta}{span}, in {name}. The figure above has all."


# Noise on clicks and boxes: IoU against its level.


_NOISE = ("k", "choice", "level", "variant", "delta", "low", "high")
_X = "noise: standard deviation as a fraction of the object's size"
_MARKERS = {1: "o", 2: "s", 3: "D", 4: "^", 5: "v"}
_KEYS = {"ls": "-", "ms": 4, "lw": 1.3}


@styled
def noise_curves(table: pd.DataFrame, *, source: Source) -> Picture:
    """IoU of each mode against the level of noise, and what is lost, with intervals.

    Parameters
    ----------
    table : DataFrame
        Columns ``k`` (mode), ``choice, level, variant`` (IoU), ``delta, low, high`` (change from
        level 0 and its interval), as :func:`medsam.analysis.variants.noise_effects` gives them.
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        Left: mean IoU over tasks. Right: its change from level 0; bands: 95 % intervals.
        Solid: top; dashed (left only): oracle.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, _NOISE)
    figure = Picture(7.4, 3.5)
    left, right = figure.subplots(1, 2, sharex=True)
    for k, colour in MODES.items():
        for choice, line in table[table.k == k].sort_values("level").groupby("choice"):
            look = {"ls": (0, (3, 1.5)), "lw": 1, "alpha": 0.65}
            if choice == "top":
                look = {"marker": _MARKERS[k], "ms": 3.4, "lw": 1.4}
                right.fill_between(line.level, line.low, line.high, color=colour, alpha=0.16, lw=0)
                right.plot(line.level, line.delta, color=colour, **look)
            left.plot(line.level, line.variant, color=colour, label=f"{choice} {k}", **look)
    right.axhline(0, color="#777777", lw=0.8, zorder=0)
    left.set(ylim=(0, None), ylabel="IoU, mean of tasks")
    right.set(ylabel="change from no noise")
    left.set_xticks(sorted(table.level.unique()))
    left.xaxis.set_major_formatter("{x:g}")
    figure.supxlabel(_X)
    handles = [
        *layout.mode_keys(_MARKERS, **_KEYS),
        layout.key("oracle", "#555555", ls=(0, (3, 1.5))),
    ]
    figure.legend(handles=handles, ncols=3)
    return figure


@styled
def noise_by_task(table: pd.DataFrame, *, source: Source) -> Picture:
    """IoU of each mode against the level of noise, one small panel a task (top only).

    Parameters
    ----------
    table : DataFrame
        As for :func:`noise_curves`, with ``task, name`` and ``cases`` (their number).
    source : Source
        Written on the figure.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, ("task", "name", "cases", *_NOISE))
    names = table.drop_duplicates("task")
    figure, grid = layout.panels(len(names), 4, row=1.3, rest=1.15, xlabel=_X, ylabel="IoU")
    layout.iou_ticks(grid[0])
    grid[0].set_xticks([0, table.level.max() / 2, table.level.max()])
    grid[0].xaxis.set_major_formatter("{x:g}")
    for axes, task in zip(grid, names.itertuples(), strict=True):
        part = table[(table.task == task.task) & (table.choice == "top")].sort_values("level")
        for k, colour in MODES.items():
            line = part[part.k == k]
            axes.plot(line.level, line.variant, color=colour, lw=1.2, marker=_MARKERS[k], ms=2.4)
        axes.set_title(str(task.name), loc="left")
        axes.set_title(f"n = {task.cases}", fontsize=6.5, loc="right", color="#777777")
    handles = layout.mode_keys(_MARKERS, **_KEYS)
    figure.legend(handles=handles, ncols=3)
    return figure


@styled
def noise_prompts(
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    prompts: Mapping[float, tuple[Prompt, Prompt]],
) -> Picture:
    """The click of mode 1 and the box of mode 3 on one object at each level of noise.

    Parameters
    ----------
    image : (H, W, 3) uint8
    mask : (H, W) bool
    prompts : mapping of float to (Prompt, Prompt)
        Level to a point and a box.
    """
    figure = Picture(7.4, 1.65, raster=True)
    grid = figure.subplots(1, len(prompts), squeeze=False)
    view = window(mask, 0.5)
    for axes, (level, (point, box)) in zip(grid[0], sorted(prompts.items()), strict=True):
        overlay(axes, image, view, mask=mask, prompt=point)
        prompt_marks(axes, box)
        axes.set_title(f"level {level:g}" if level else "no noise")
    return figure
