"""Kills of a run: where in it each fell, and what had to be computed again."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from medsam.faults import PHASES, STEPS
from medsam.figures.style import Picture, Source, badge, need, styled

__all__ = ["kills"]

_NEED = ("command", "aim", "seconds", "whole", "phase", "lost")
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
        As :func:`medsam.faults.kills` gives it: ``command, aim, seconds, whole, phase, lost``.
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
    need(table, _NEED)
    lanes = _lanes(table)
    figure = Picture(figsize=(7.4, 1.25 + 0.3 * len(lanes)))
    height = figure.get_figheight()
    axes = figure.subplots(
        gridspec_kw={
            "left": 0.235, "right": 0.79, "top": 1 - 0.62 / height, "bottom": 0.5 / height,
        }
    )  # fmt: skip
    for at, (_, of_lane) in enumerate(lanes):
        share = 100 * (of_lane.seconds / of_lane.whole).clip(upper=1)
        order = np.argsort(share.to_numpy(), kind="stable")
        for place, which in enumerate(order):
            colour, marker = _LOOKS[of_lane.phase.iloc[which]]
            axes.plot(
                share.iloc[which], at + _SPREAD[place % len(_SPREAD)], marker, color=colour, ms=4,
                mec="white", mew=0.4,
            )  # fmt: skip
        words = (f"{len(of_lane)}", f"{of_lane.lost.mean():.1f}")
        for x, text in zip((1.07, 1.2), words, strict=True):
            axes.text(x, at, text, transform=axes.get_yaxis_transform(), va="center", ha="center")
    for x, text in ((1.07, "kills"), (1.2, "images again")):
        axes.text(
            x, -0.75, text, transform=axes.get_yaxis_transform(), va="bottom", ha="center",
            fontsize=7,
        )  # fmt: skip
    axes.set_yticks(range(len(lanes)), [title for title, _ in lanes])
    axes.set(xlim=(-2, 102), ylim=(len(lanes) - 0.5, -0.5))
    axes.set_xticks(range(0, 101, 25), [f"{x} %" for x in range(0, 101, 25)])
    axes.set_xlabel("CPU time up to the kill, of the undisturbed command")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    for at in range(len(lanes) - 1):
        axes.axhline(at + 0.5, color="#E4E4E4", lw=0.6)
    seen = [phase for phase in PHASES if (table.phase == phase).any()]
    handles = [
        Line2D([], [], ls="", marker=_LOOKS[name][1], color=_LOOKS[name][0], label=name, ms=5)
        for name in seen
    ]
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.225, 1 - 0.62 / height), ncols=5,
        frameon=False, handletextpad=0.2, columnspacing=1.2, borderaxespad=0.1, numpoints=1,
    )  # fmt: skip
    badge(figure, source)
    return figure
