"""Figures of how a run scales: its stages, one process against two, the full study on many."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, NullLocator

from benchmarks.report.faults import PHASES, STEPS
from medsam.analysis.statistics import check_columns
from medsam.figures import layout
from medsam.figures.style import Picture, Source, model_colour, styled

__all__ = ["hours_by_workers", "in_time", "kills", "speedups", "stage_bars"]


_CPU, _WALL = "#0072B2", "#D55E00"
_PARTS = ("#B2ABD2", "#8073AC", "#5E3C99", "#2D004B", "#000000")


def in_time(seconds: float) -> str:
    """Seconds in the unit that suits them.

    Examples
    --------
    >>> [in_time(s) for s in (0.00004, 0.0014, 0.0123, 1.234, 75, 700, 3600, 45000)]
    ['0.04 ms', '1.4 ms', '12 ms', '1.2 s', '75 s', '12 min', '1 h', '12.5 h']
    """
    if seconds < 0.001:
        return f"{seconds * 1000:.2f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.{'1' if seconds < 0.01 else '0'}f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{round(seconds / 3600, 1):g} h"


@styled
def stage_bars(table: pd.DataFrame, *, source: Source) -> Picture:
    """Seconds of each stage, a panel a model.

    Parameters
    ----------
    table : DataFrame
        ``name`` (of a panel), ``words`` (of the stage), ``per`` (``process`` or ``image``),
        ``seconds``; the stages of each name in the same order.
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        Bars of one scale, with their value in words; pale for what is done once a process.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, ("name", "words", "per", "seconds"))
    names = list(dict.fromkeys(table.name))
    words = "CPU seconds: a process (pale), an image"
    figure, grid = layout.panels(len(names), 3, row=2.0, rest=0.85, xlabel=words)
    most = float(table.seconds.max())
    for axes, name in zip(grid, names, strict=True):
        of_name = table[table.name == name].reset_index(drop=True)
        once = of_name.per == "process"
        colour = model_colour(str(name).partition(",")[0])
        bars = axes.barh(of_name.index, of_name.seconds, color=colour, height=0.68)
        for bar, pale in zip(bars, once, strict=True):
            bar.set_alpha(0.4 if pale else 1)
        for at, seconds in enumerate(of_name.seconds):
            axes.text(seconds + most * 0.02, at, in_time(seconds), va="center", fontsize=6.8)
        axes.axhline(once.sum() - 0.5, color="#999999", lw=0.6)
        axes.set_title(name, loc="left")
        layout.name_rows(axes, of_name.index, of_name.words)
        axes.set(xlim=(0, most * 1.28), ylim=(len(of_name) - 0.4, -0.6))
    return figure


@styled
def speedups(table: pd.DataFrame, *, source: Source) -> Picture:
    """How many times faster two processes are than one, beside the ideal.

    Parameters
    ----------
    table : DataFrame
        As :meth:`benchmarks.report.scaling.Measured.scaling` gives it: ``scaling, turn, wall,
        cpu``.
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        A panel each for strong and weak scaling. A mark a turn: filled by CPU seconds, open by the
        wall; the line goes to the median by CPU seconds, which other programs leave alone.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, ("scaling", "turn", "wall", "cpu"))
    kinds = list(dict.fromkeys(table.scaling))
    figure, grid = layout.panels(
        len(kinds), 2, row=1.9, rest=1.15, xlabel="processes", ylabel="times as fast"
    )
    words = {"strong": "strong: the same images", "weak": "weak: twice the images"}
    seen = table[["wall", "cpu"]].to_numpy(float)
    low, top = min(0.8, seen.min() * 0.7), max(2.15, seen.max() * 1.05)
    dot, hollow = {"ms": 4.5}, {"ms": 4.5, "mfc": "white", "mew": 1.2}
    for axes, kind in zip(grid, kinds, strict=True):
        of_kind = table[table.scaling == kind]
        axes.plot([1, 2], [1, 2], "--", color="#888888", lw=1)
        axes.plot([1, 2], [1, of_kind.cpu.median()], color=_CPU, lw=1.4)
        axes.plot([1], [1], "o", color=_CPU, **dot)
        axes.plot([1.985] * len(of_kind), of_kind.cpu, "o", color=_CPU, alpha=0.8, **dot)
        axes.plot([2.045] * len(of_kind), of_kind.wall, "o", color=_WALL, **hollow)
        axes.set_title(words.get(kind, kind), fontsize=8, loc="left")
        axes.set(xlim=(0.9, 2.15), ylim=(low, top), xticks=[1, 2])
        axes.set_yticks([1, 1.5, 2])
    handles = [
        layout.key("ideal", "#888888", ls="--"),
        layout.key("by CPU seconds, a turn each", _CPU, "o", ls="-", **dot),
        layout.key("by the wall", _WALL, "o", **hollow),
    ]
    figure.legend(handles=handles, ncols=3)
    return figure


@styled
def hours_by_workers(table: pd.DataFrame, *, sources: tuple[Source, ...]) -> Picture:
    """Hours of a study against the number of workers, a panel a kind of worker.

    Parameters
    ----------
    table : DataFrame
        ``worker`` (in words), ``parts`` (of each task), ``workers, hours, even`` as
        :meth:`benchmarks.report.full.Study.table` gives them.
    sources : tuple of Source
        Written on the figure, a line each.

    Returns
    -------
    Picture
        Both axes logarithmic. A line a number of parts, and, dashed, the work of the fewest parts
        shared evenly.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, ("worker", "parts", "workers", "hours", "even"))
    kinds = list(dict.fromkeys(table.worker))
    figure, grid = layout.panels(
        len(kinds), 3, row=2.1, rest=1.0 + 0.22 * len(sources), xlabel="workers"
    )
    parts = sorted(set(table.parts))
    colours = dict(zip(parts, _PARTS, strict=False))
    for axes, kind in zip(grid, kinds, strict=True):
        of_kind = table[table.worker == kind].sort_values("workers")
        fewest = of_kind[of_kind.parts == parts[0]]
        axes.plot(fewest.workers, fewest.even, "--", color="#888888", lw=1)
        for number, colour in colours.items():
            line = of_kind[of_kind.parts == number]
            axes.plot(line.workers, line.hours, ".-", ms=3.5, lw=1.2, color=colour)
        axes.set(xscale="log", yscale="log")
        axes.set_title(kind, loc="left")
        ticks = [n for n in (1, 8, 64, 512) if n <= table.workers.max()]
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_major_formatter(lambda value, _: in_time(value * 3600))
    handles = [layout.key("shared evenly", "#888888", ls="--")]
    handles += [
        layout.key(f"{n} part{'s' * (n > 1)} a task", colour, ".", ls="-")
        for n, colour in colours.items()
    ]
    figure.legend(handles=handles, ncols=len(handles), handlelength=1.5)
    return figure


# Kills of a run: where in it each fell, and what had to be computed again.


# Told apart by colour and by shape; writing, where a file could be torn, stands out.
_LOOKS = dict(
    zip(
        PHASES,
        (("#7F7F7F", "o"), ("#56B4E9", "s"), ("#0072B2", "^"), ("#E69F00", "D"), ("#D55E00", "X")),
        strict=True,
    )
)
_SPREAD = np.array((0, 1, -1, 2, -2)) * 0.13
"""Heights of neighbours in a lane, so that they do not cover each other."""


def _lanes(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Rows of the figure from the top: a title, and the kills in it."""
    run, merge = (table[table.command == name] for name in ("run", "merge"))
    chance = run[run.aim == "moment"]
    lanes = [
        (f"{lost} image{'' if lost == 1 else 's'} again", chance[chance.lost == lost])
        for lost in sorted(chance.lost.unique())
    ]
    lanes += [(f"aimed: {step}", run[run.aim == step]) for step in STEPS]
    lanes.append(("merge", merge))
    return [(title, kills) for title, kills in lanes if len(kills)]


@styled
def kills(table: pd.DataFrame, *, source: Source) -> Picture:
    """Each kill at its moment, in a lane by what it cost or where it was aimed.

    Parameters
    ----------
    table : DataFrame
        As :func:`benchmarks.report.faults.kills` gives it: ``command, aim, seconds, whole, phase,
        lost``.
    source : Source
        Written on the figure.

    Returns
    -------
    Picture
        Across: CPU time of the command up to the kill, as a share of the undisturbed command's.
        Lanes from the top: kills of a run at random moments, by how many images had to be computed
        again; kills aimed at a step of the writing of a shard; kills of a merge. Colour and shape:
        what the process was at. At the right: kills in the lane, and the images again on average.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, ("command", "aim", "seconds", "whole", "phase", "lost"))
    lanes = _lanes(table)
    figure = Picture(7.4, 1.25 + 0.3 * len(lanes))
    axes = figure.subplots()
    beside = {"transform": axes.get_yaxis_transform(), "ha": "center"}
    for at, (_, of_lane) in enumerate(lanes):
        share = 100 * (of_lane.seconds / of_lane.whole).clip(upper=1)
        for place, which in enumerate(np.argsort(share.to_numpy(), kind="stable")):
            colour, marker = _LOOKS[of_lane.phase.iloc[which]]
            y = at + _SPREAD[place % len(_SPREAD)]
            axes.plot(share.iloc[which], y, marker, color=colour, ms=4, mec="white", mew=0.4)
        axes.text(1.07, at, f"{len(of_lane)}", va="center", **beside)
        axes.text(1.2, at, f"{of_lane.lost.mean():.1f}", va="center", **beside)
    for x, text in ((1.07, "kills"), (1.2, "images again")):
        axes.text(x, -0.75, text, va="bottom", fontsize=7, **beside)
    layout.name_rows(axes, range(len(lanes)), [title for title, _ in lanes])
    axes.set(xlim=(-2, 102), ylim=(len(lanes) - 0.5, -0.5))
    axes.set_xticks(range(0, 101, 25), [f"{x} %" for x in range(0, 101, 25)])
    axes.set_xlabel("CPU time up to the kill, of the undisturbed command")
    for at in range(len(lanes) - 1):
        axes.axhline(at + 0.5, color="#E4E4E4", lw=0.6)
    seen = set(table.phase)
    handles = [layout.key(name, *look, ms=5) for name, look in _LOOKS.items() if name in seen]
    figure.legend(handles=handles, ncols=5)
    return figure
