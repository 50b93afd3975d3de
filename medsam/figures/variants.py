"""Text against code: what each choice changes, and the two presets task by task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from medsam.analysis.variants import Difference
from medsam.figures.html import HtmlTable
from medsam.figures.overlay import outline, picture, prompt_marks, window
from medsam.figures.style import MODES, TRUTH, Picture, Source, badge, need, panels, styled
from medsam.prompts import MODES as TITLES
from medsam.prompts import Prompt

__all__ = [
    "differences_by_task",
    "differences_forest",
    "differences_list",
    "noise_by_task",
    "noise_curves",
    "noise_prompts",
]


_FOREST = ("field", "title", "experiment", "k", "choice", "delta", "low", "high", "changed")
_HEAT = ("task", "name", "experiment", "k", "choice", "base", "variant", "delta", "low", "high")
_CLICKS = "#333333"
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


def _signed(value: float, digits: int = 2) -> str:
    """A change with its sign, and no sign where it is 0 as written.

    Examples
    --------
    >>> _signed(0.126), _signed(-0.001), _signed(-0.2, 3)
    ('+0.13', '0.00', '−0.2')
    """
    text = f"{abs(value):.2f}" if digits == 2 else f"{abs(value):.{digits}g}"
    return text if not float(text) else f"{'−' if value < 0 else '+'}{text}"


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
        Dots: top; inverted triangles: oracle; lines: 95 % intervals. A small grey cross: no case
        changes at all. The last row, set apart, is every choice at once.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    need(table, _FOREST)
    fields = table.drop_duplicates("field").set_index("field").title
    y = {field: float(n) for n, field in enumerate(reversed(fields.index))}
    if "all" in y:
        y["all"] -= 0.4
    panels = _panels(table)
    figure = Picture(figsize=(7.4, 1.2 + 0.3 * len(fields)))
    height = figure.get_figheight()
    grid = figure.subplots(
        1,
        len(panels),
        sharey=True,
        squeeze=False,
        gridspec_kw={
            "left": 0.29,
            "right": 0.99,
            "top": 1 - 0.58 / height,
            "bottom": 0.56 / height,
            "wspace": 0.12,
        },
    )[0]
    widest = float(np.nanmax(np.abs(table[["low", "high", "delta"]].to_numpy())))
    reach = max(0.05, 1.08 * widest)
    tick = float(np.format_float_positional(0.6 * reach, precision=1, fractional=False))
    for axes, (experiment, k) in zip(grid, panels, strict=True):
        part = table[(table.experiment == experiment) & (table.k == k)]
        colour = MODES[k] if experiment == "mode" else _CLICKS
        axes.axvline(0, color="#C8C8C8", lw=0.8, zorder=0)
        for choice, marker, shift in (("top", "o", 0.15), ("oracle", "v", -0.15)):
            for row in part[part.choice == choice].itertuples():
                at = y[str(row.field)] + shift
                if not row.changed:
                    axes.plot(0, at, "x", color=_NOTHING, ms=2.8, mew=0.9)
                    continue
                axes.plot([row.low, row.high], [at, at], color=colour, lw=1.2)
                fill = colour if choice == "top" else "white"
                axes.plot(row.delta, at, marker, ms=3.8, mfc=fill, mec=colour, mew=0.9)
        axes.set_title(_name(experiment, k), fontsize=7.5, pad=3)
        axes.set(xlim=(-reach, reach), ylim=(min(y.values()) - 0.6, max(y.values()) + 0.6))
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=6.2)
        axes.set_xticks((-tick, 0, tick), [_signed(-tick, 3), "0", _signed(tick, 3)])
        axes.grid(axis="y", visible=False)
    grid[0].set_yticks(list(y.values())[::-1], fields.to_numpy(), fontsize=7)
    figure.text(0.64, 0.25 / height, "change of IoU, mean of tasks", ha="center", fontsize=7.5)
    handles = [
        Line2D([], [], ls="", marker="o", color="#444444", label="top"),
        Line2D([], [], ls="", marker="v", mfc="none", mec="#444444", label="oracle"),
        Line2D([], [], ls="", marker="x", color=_NOTHING, label="no case changes"),
    ]
    figure.legend(
        handles=handles,
        loc="lower left",
        ncols=3,
        frameon=False,
        bbox_to_anchor=(0, -0.01),
        handletextpad=0.2,
        columnspacing=0.9,
        markerscale=0.8,
        fontsize=7,
    )
    badge(figure, source)
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
    need(table, _HEAT)
    part = table[table.choice == choice]
    need(part, _HEAT)
    panels = _panels(part)
    names = part.drop_duplicates("task").set_index("task").name
    figure = Picture(figsize=(7.4, 0.9 + 0.48 * len(names)))
    height = figure.get_figheight()
    axes = figure.add_axes((0.2, 0.12 / height, 0.78, 1 - 0.85 / height))
    cells = {(row.task, row.experiment, row.k): row for row in part.itertuples()}
    grid = np.array([[cells[task, e, k].delta for e, k in panels] for task in names.index])
    reach = max(0.05, float(np.nanmax(np.abs(grid))))
    axes.imshow(
        grid, cmap="PuOr", norm=TwoSlopeNorm(0, -reach, reach), aspect="auto", origin="upper"
    )
    for i, task in enumerate(names.index):
        for j, (experiment, k) in enumerate(panels):
            cell = cells[task, experiment, k]
            dark = abs(grid[i, j]) > 0.62 * reach
            ink = "white" if dark else "#222222"
            low, high = np.array([cell.low, cell.high], np.float64)
            lines = (
                (-0.24, 7.5, _signed(float(grid[i, j]))),
                (0.06, 5.6, f"{_signed(low)} to {_signed(high)}"),
                (0.3, 5.6, f"{cell.base:.2f} → {cell.variant:.2f}"),
            )
            for down, size, words in lines:
                axes.text(j, i + down, words, ha="center", va="center", fontsize=size, color=ink)
    axes.set_xticks(range(len(panels)), [_name(*one) for one in panels])
    axes.set_yticks(range(len(names)), names.to_numpy())
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks(np.arange(0.5, len(panels) - 1), minor=True)
    axes.set_yticks(np.arange(0.5, len(names) - 1), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    badge(figure, source)
    return figure


def differences_list(found: Iterable[Difference], table: pd.DataFrame) -> HtmlTable:
    """Each difference in words, with its measured effect.

    Parameters
    ----------
    found : iterable of Difference
    table : DataFrame
        As for :func:`differences_forest`.

    Returns
    -------
    HtmlTable
        HTML that a notebook shows: a heading and a paragraph each.
    """
    need(table, _FOREST)
    out = []
    for one in found:
        field = f" <code>{escape(one.field)}</code>" if one.field else ""
        out.append(
            f'<section class="medsam-prose" id="difference-{escape(one.key)}">'
            f"<h3>{escape(one.title)}{field}</h3>"
            f"<p><strong>The text:</strong> {escape(one.text)} <strong>The code:</strong> "
            f"{escape(one.code)} <strong>Why it matters:</strong> {escape(one.matters)}</p>"
            f"<p><strong>Measured:</strong> {_measured(one, table)}</p></section>"
        )
    return HtmlTable("".join(out))


def _measured(one: Difference, table: pd.DataFrame) -> str:
    part = table[table.field == one.field]
    if not one.field or part.empty:
        return f"not run; it affects {escape(one.affects)}."
    moved = part[part.changed > 0]
    if moved.empty:
        return f"no case changes. It could affect {escape(one.affects)}."
    words, small = [], []
    for experiment, k in _panels(moved):
        here = moved[(moved.experiment == experiment) & (moved.k == k)]
        for row in here.sort_values("choice", ascending=False).itertuples():
            name = f"{_name(experiment, k)}{', oracle' if row.choice == 'oracle' else ''}"
            changes = np.array([row.delta, row.low, row.high], np.float64)
            if np.abs(changes).max() < _SMALL:
                small.append(name)
                continue
            delta, low, high = (f"{value:+.3f}".replace("-", "−") for value in changes)
            words.append(f"{name} {delta} ({low} to {high})")
    if small:
        words.append(f"less than {_SMALL:g} in {' and in '.join(small)}")
    return "; ".join(words) + ". All else stays as it is."


# Noise on clicks and boxes: IoU against its level.


_COLUMNS = ("k", "choice", "level", "variant", "delta", "low", "high")
_X = "noise: standard deviation as a fraction of the object's size"
_MARKERS = {1: "o", 2: "s", 3: "D", 4: "^", 5: "v"}


def _handles() -> list[Line2D]:
    return [
        Line2D([], [], color=MODES[k], marker=_MARKERS[k], ms=4, lw=1.3, label=f"{k}  {title}")
        for k, title in TITLES.items()
    ]


@styled
def noise_curves(table: pd.DataFrame, *, source: Source) -> Picture:
    """IoU of each mode against the level of noise, and what is lost, with intervals.

    Parameters
    ----------
    table : DataFrame
        Columns ``k`` (mode), ``choice, level, variant`` (IoU), ``delta, low, high`` (change from
        level 0 and its interval), as :func:`medsam.analysis.variants.curves` gives them.
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
    need(table, _COLUMNS)
    figure = Picture(figsize=(7.4, 3.5))
    left, right = figure.subplots(
        1, 2, gridspec_kw={"left": 0.07, "right": 0.99, "top": 0.86, "bottom": 0.27, "wspace": 0.2}
    )
    for (mode, choice), line in table.groupby(["k", "choice"]):
        k, line = int(str(mode)), line.sort_values("level")
        top = choice == "top"
        left.plot(
            line.level,
            line.variant,
            color=MODES[k],
            lw=1.4 if top else 1,
            ls="-" if top else (0, (3, 1.5)),
            marker=_MARKERS[k] if top else None,
            ms=3.4,
            alpha=1 if top else 0.65,
            label=f"{choice} {k}",
        )
        if top:
            right.fill_between(line.level, line.low, line.high, color=MODES[k], alpha=0.16, lw=0)
            right.plot(line.level, line.delta, color=MODES[k], lw=1.4, marker=_MARKERS[k], ms=3.4)
    right.axhline(0, color="#777777", lw=0.8, zorder=0)
    left.set(ylim=(0, None), ylabel="IoU, mean of tasks")
    right.set(ylabel="change from no noise")
    levels = sorted(table.level.unique())
    for axes in (left, right):
        axes.set_xticks(levels, [f"{level:g}" for level in levels])
        axes.grid(axis="x", visible=False)
    figure.text(0.53, 0.155, _X, ha="center", fontsize=7.5)
    handles = [*_handles(), Line2D([], [], color="#555555", ls=(0, (3, 1.5)), label="oracle")]
    figure.legend(
        handles=handles, loc="lower center", ncols=3, frameon=False, fontsize=7, columnspacing=1.4
    )
    badge(figure, source)
    return figure


@styled
def noise_by_task(table: pd.DataFrame, *, source: Source, columns: int = 4) -> Picture:
    """IoU of each mode against the level of noise, one small panel a task (top only).

    Parameters
    ----------
    table : DataFrame
        As for :func:`noise_curves`, with ``task, name`` and ``cases`` (their number).
    source : Source
        Written on the figure.
    columns : int
        Panels in a row.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    need(table, ("task", "name", "cases", *_COLUMNS))
    names = table.drop_duplicates("task").set_index("task")
    figure, grid = panels(
        len(names), columns, row=1.3, rest=1.15, top=0.6, bottom=0.82, left=0.065, hspace=0.32
    )
    height = figure.get_figheight()
    highest = float(table.level.max())
    for axes, (task, info) in zip(grid, names.iterrows(), strict=True):
        part = table[(table.task == task) & (table.choice == "top")]
        for mode, line in part.groupby("k"):
            k, line = int(str(mode)), line.sort_values("level")
            axes.plot(line.level, line.variant, color=MODES[k], lw=1.2, marker=_MARKERS[k], ms=2.4)
        axes.set_title(str(info["name"]), fontsize=7.2, loc="left", pad=2.5)
        axes.set_title(f"n = {info.cases}", fontsize=6.5, loc="right", pad=2.5, color="#777777")
        axes.set(ylim=(0, 1))
        axes.set_xticks((0, highest / 2, highest), [f"{x:g}" for x in (0, highest / 2, highest)])
        axes.set_yticks((0, 0.5, 1))
    figure.text(0.53, 0.47 / height, _X, ha="center", fontsize=7.5)
    figure.text(0.004, 0.5, "IoU", va="center", rotation=90, fontsize=7.5)
    figure.legend(
        handles=_handles(),
        loc="lower center",
        ncols=3,
        frameon=False,
        fontsize=7,
        columnspacing=1.4,
    )
    badge(figure, source)
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
    figure = Picture(figsize=(7.4, 1.65))
    figure.raster = True
    panels = figure.subplots(
        1,
        len(prompts),
        squeeze=False,
        gridspec_kw={"left": 0.005, "right": 0.995, "top": 0.84, "bottom": 0.01, "wspace": 0.04},
    )[0]
    view = window(mask, 0.5)
    for axes, (level, (point, box)) in zip(panels, sorted(prompts.items()), strict=True):
        picture(axes, image, view)
        outline(axes, mask, TRUTH)
        prompt_marks(axes, point)
        prompt_marks(axes, box)
        axes.set_title(f"level {level:g}" if level else "no noise", fontsize=7.5, pad=3)
    return figure
