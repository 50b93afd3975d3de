"""Fig. 7: the masks of one point by confidence, and what tells the ranks apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.ticker import MaxNLocator

from medsam.analysis.ambiguity import ORDINALS
from medsam.analysis.examples import Example
from medsam.analysis.statistics import check_columns
from medsam.errors import InputError
from medsam.figures import layout
from medsam.figures.overlay import overlay
from medsam.figures.style import Picture, Source, model_colour, styled

_TASK = "#BBBBBB"

_PANELS = {
    "best": "best IoU of the three\n(share of cases)",
    "iou": "IoU with the object",
    "doublings": "area, times that of the 1st\n(geometric mean)",
    "contains": "part of the 1st that it holds",
    "spread": "intensity: standard deviation\n(of the image's range)",
    "contrast": "intensity: step at the border\n(of the image's range)",
    "connected": "part in one connected region",
    "grown": "IoU with the closest region\ngrown from the point",
}

_OF_FIRST = {"doublings": 0.0, "contains": 1.0}
"""What the first mask has, where it is compared with itself."""


@styled
def ambiguity_examples(
    examples: Sequence[Example], *, source: Source, titles: Mapping[str, str] | None = None
) -> Picture:
    """Fig. 7: an image with its point, then the masks of first, second and third confidence.

    Parameters
    ----------
    examples : sequence of Example
        Of each task, which is a row, the masks of one case from the most confident on.
    source : Source
        Written on the figure.
    titles : mapping of str to str, optional
        What a reader calls each task.

    Raises
    ------
    InputError
        If there is no example.
    """
    if not examples:
        raise InputError(
            "No examples. Allowed: at least one case. Take medsam.analysis.ambiguity.examples."
        )
    cases: dict[str, list[Example]] = {}
    for example in examples:
        cases.setdefault(example.task, []).append(example)
    columns = 1 + max(map(len, cases.values()))
    figure = Picture(0.22 + 1.8 * columns, 0.42 + 1.98 * len(cases), raster=True)
    grid = figure.subplots(len(cases), columns, squeeze=False)
    for (first, *others), (task, case) in zip(grid, cases.items(), strict=True):
        one = case[0]
        overlay(first, one.image, mask=one.mask, prompt=one.prompt, size=55, widths=(0.9, 0))
        first.set_title(f"{one.image_id}, its point")
        first.set_ylabel((titles or {}).get(task, task), fontsize=8.5, fontweight="bold")
        for axes in others[len(case) :]:
            axes.set_axis_off()
        highest = max(e.iou for e in case)
        for place, (axes, e) in enumerate(zip(others, case, strict=False), 1):
            overlay(
                axes, e.image, mask=e.mask, prediction=e.prediction, prompt=e.prompt,
                size=45, widths=(0.8, 1.1), alpha=0.3,
            )  # fmt: skip
            words = f"{ORDINALS[place]}: score {e.score:.2f}, IoU {e.iou:.2f}"
            weight = "bold" if 0 < e.iou == highest else "normal"
            axes.set_title(words, fontweight=weight)
    return figure


@styled
def ambiguity_ranks(
    table: pd.DataFrame, by_task: pd.DataFrame, *, source: Source, model: str = ""
) -> Picture:
    """What tells the masks of first, second and third confidence apart, one panel a measure.

    Parameters
    ----------
    table : DataFrame
        Columns ``measure, rank, mean, low, high, n``, as
        :func:`medsam.analysis.ambiguity.summary` gives them.
    by_task : DataFrame
        ``task, measure, rank, mean``; thin lines.
    source : Source
        Written on the figure.
    model : str
        Its colour is taken.

    Returns
    -------
    Picture
        Dots: mean of cases, with its interval where there is one.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, ("measure", "rank", "mean", "low", "high", "n"))
    check_columns(by_task, ("task", "measure", "rank", "mean"))
    # The first mask is what the others are compared with, and is not in the tables.
    first = pd.DataFrame({"measure": _OF_FIRST.keys(), "rank": 1, "mean": _OF_FIRST.values()})
    table = pd.concat([first, table]).sort_values("rank")
    tasks = pd.concat([first.merge(by_task[["task"]].drop_duplicates(), how="cross"), by_task])
    lines = tasks.pivot(index="rank", columns=["measure", "task"], values="mean")
    figure, colour = Picture(7.4, 4.6), model_colour(model)
    grid = figure.subplots(2, 4, sharex=True)
    for axes, (measure, title) in zip(grid.flat, _PANELS.items(), strict=True):
        part = table[table.measure == measure]
        axes.plot(lines[measure], color=_TASK, lw=0.8, zorder=1)
        axes.plot(part["rank"], part["mean"], "o-", color=colour, lw=1.4, ms=4.5, label=measure)
        axes.vlines(part["rank"], part.low, part.high, color=colour, lw=2.6, alpha=0.55)
        axes.set_title(title, loc="left")
        axes.grid(axis="x", visible=False)
        if measure == "doublings":
            axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.yaxis.set_major_formatter(lambda doublings, _: f"{2**doublings:g}")
        else:
            axes.set_ylim(0, 1.03 if axes.get_ylim()[1] > 0.55 else None)
    ranks = lines.index
    axes.set_xticks(ranks, [ORDINALS[rank] for rank in ranks])
    axes.set_xlim(ranks[0] - 0.45, ranks[-1] + 0.45)
    figure.supxlabel("mask, by the model's own confidence")
    sure = ", 95 % interval" if table.low.notna().any() else ""
    mean = f"mean of {table.n.max():.0f} cases{sure}"
    handles = [
        layout.key(mean, colour, "o", ls="-", ms=4.5, lw=1.4),
        layout.key("each task", _TASK, ls="-", lw=0.9),
    ]
    figure.legend(handles=handles, ncols=2)
    return figure
