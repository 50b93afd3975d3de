"""Text against code: what each choice changes, and the two presets task by task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
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
_SMALL = 0.0005


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
    fields = table.drop_duplicates("field").set_index("field").title
    y = {field: float(n) for n, field in enumerate(reversed(fields.index))}
    if "all" in y:
        y["all"] -= 0.4
    columns = _panels(table)
    height = 1.2 + 0.3 * len(fields)
    figure, grid = layout.subplots(
        (7.4, height), 1, len(columns), top=0.58, bottom=0.56, left=0.29, right=0.99,
        sharey=True, wspace=0.12,
    )  # fmt: skip
    reach = max(0.05, 1.08 * float(np.nanmax(np.abs(table[["low", "high", "delta"]]))))
    tick = float(np.format_float_positional(0.6 * reach, precision=1, fractional=False))
    for axes, (experiment, k) in zip(grid[0], columns, strict=True):
        part = table[(table.experiment == experiment) & (table.k == k)]
        colour = MODES[k] if experiment == "mode" else "#333333"
        axes.axvline(0, color="#C8C8C8", lw=0.8, zorder=0)
        for row in part.itertuples():
            top = row.choice == "top"
            at = y[row.field] + (0.15 if top else -0.15)
            if not row.changed:
                axes.plot(0, at, "x", color=_NOTHING, ms=2.8, mew=0.9)
                continue
            axes.plot([row.low, row.high], [at, at], color=colour, lw=1.2)
            look = {"ms": 3.8, "mfc": colour if top else "white", "mec": colour, "mew": 0.9}
            axes.plot(row.delta, at, "o" if top else "v", **look)
        axes.set_title(_name(experiment, k), fontsize=7.5, pad=3)
        axes.set(xlim=(-reach, reach), ylim=(min(y.values()) - 0.6, max(y.values()) + 0.6))
        axes.set_xticks(
            (-tick, 0, tick), [signed(x, ".3g") for x in (-tick, 0, tick)], fontsize=6.2
        )
        layout.name_rows(axes, list(y.values()))
    grid[0, 0].set_yticks(list(y.values())[::-1], fields.to_numpy(), fontsize=7)
    figure.text(0.64, 0.25 / height, "change of IoU, mean of tasks", ha="center", fontsize=7.5)
    handles = [
        layout.key("top", "#444444", "o"),
        layout.key("oracle", "#444444", "v", mfc="none"),
        layout.key("no case changes", _NOTHING, "x"),
    ]
    figure.legend(handles=handles, loc="lower left", ncols=3, markerscale=0.8)
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
    figure, axes = layout.one_axes(
        (7.4, 0.9 + 0.48 * len(names)), left=0.2, right=0.98, top=0.73, bottom=0.12
    )
    cells: Any = part.set_index(["task", "experiment", "k"])
    grid = np.array([[cells.delta[task, e, k] for e, k in columns] for task in names.index])
    reach = max(0.05, float(np.nanmax(np.abs(grid))))
    axes.imshow(
        grid, cmap="PuOr", norm=TwoSlopeNorm(0, -reach, reach), aspect="auto", origin="upper"
    )
    for (i, j), delta in np.ndenumerate(grid):
        cell = cells.loc[(names.index[i], *columns[j])]
        ink = "white" if abs(delta) > 0.62 * reach else "#222222"
        known = np.isfinite(cell.low)
        for down, size, words in (
            (-0.24, 7.5, signed(delta)),
            (0.06, 5.6, f"{signed(cell.low)} to {signed(cell.high)}" if known else ""),
            (0.3, 5.6, f"{cell.base:.2f} → {cell.variant:.2f}"),
        ):
            axes.text(j, i + down, words, ha="center", va="center", fontsize=size, color=ink)
    axes.set_xticks(range(len(columns)), [_name(*one) for one in columns])
    axes.set_yticks(range(len(names)), names.to_numpy())
    axes.xaxis.tick_top()
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(0.5, len(columns) - 1), minor=True)
    axes.set_yticks(np.arange(0.5, len(names) - 1), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
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
        A heading and a paragraph each.
    """
    check_columns(table, _FOREST)
    out = []
    for one in found:
        code = [Html(" "), tag("code", one.field)] if one.field else []
        words = {"The text": one.text, "The code": one.code, "Why it matters": one.matters}
        told = [
            part
            for name, text in words.items()
            for part in (tag("strong", f"{name}:"), f" {text} ")
        ]
        measured = tag("strong", "Measured:"), f" {_measured(one, table)}"
        out.append(
            tag(
                "section",
                tag("h3", one.title, *code),
                tag("p", *told),
                tag("p", *measured),
                class_="medsam-prose",
                id=f"difference-{one.key}",
            )
        )
    return Html("".join(out))


def _measured(one: Difference, table: pd.DataFrame) -> str:
    part = table[table.field == one.field]
    if not one.field or part.empty:
        return f"not run; it affects {one.affects}."
    moved = part[part.changed > 0]
    if moved.empty:
        return f"no case changes. It could affect {one.affects}."
    words, small = [], []
    for experiment, k in _panels(moved):
        here = moved[(moved.experiment == experiment) & (moved.k == k)]
        for row in here.sort_values("choice", ascending=False).itertuples():
            name = f"{_name(experiment, k)}{', oracle' * (row.choice == 'oracle')}"
            changes = np.array([row.delta, row.low, row.high], float)
            delta, low, high = (signed(value, ".3f") for value in changes)
            if np.nanmax(np.abs(changes)) < _SMALL:
                small.append(name)
            elif np.isfinite(changes).all():
                words.append(f"{name} {delta} ({low} to {high})")
            else:
                words.append(f"{name} {delta}")
    if small:
        words.append(f"less than {_SMALL:g} in {' and in '.join(small)}")
    return "; ".join(words) + ". All else stays as it is."


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
    figure, grid = layout.subplots(
        (7.4, 3.5), 1, 2, top=0.49, bottom=0.945, left=0.07, right=0.99, wspace=0.2
    )
    left, right = grid[0]
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
    levels = sorted(table.level.unique())
    for axes in (left, right):
        axes.set_xticks(levels, [f"{level:g}" for level in levels])
        axes.grid(axis="x", visible=False)
    figure.text(0.53, 0.155, _X, ha="center", fontsize=7.5)
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
    figure, grid = layout.panels(
        len(names), 4, row=1.3, rest=1.15, top=0.6, bottom=0.82, left=0.065, hspace=0.32,
        xlabel=(_X, 0.53, 0.47), ylabel="IoU",
    )  # fmt: skip
    layout.iou_ticks(grid[0])
    levels = [part * float(table.level.max()) for part in (0, 0.5, 1)]
    grid[0].set_xticks(levels, [f"{level:g}" for level in levels])
    for axes, task in zip(grid, names.itertuples(), strict=True):
        part = table[(table.task == task.task) & (table.choice == "top")].sort_values("level")
        for k, colour in MODES.items():
            line = part[part.k == k]
            axes.plot(line.level, line.variant, color=colour, lw=1.2, marker=_MARKERS[k], ms=2.4)
        axes.set_title(str(task.name), fontsize=7.2, loc="left", pad=2.5)
        axes.set_title(f"n = {task.cases}", fontsize=6.5, loc="right", pad=2.5, color="#777777")
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
    figure, grid = layout.subplots(
        (7.4, 1.65), 1, len(prompts), top=0.264, bottom=0.0165, raster=True, wspace=0.04
    )
    view = window(mask, 0.5)
    for axes, (level, (point, box)) in zip(grid[0], sorted(prompts.items()), strict=True):
        overlay(axes, image, view, mask=mask, prompt=point)
        prompt_marks(axes, box)
        axes.set_title(f"level {level:g}" if level else "no noise", fontsize=7.5, pad=3)
    return figure
