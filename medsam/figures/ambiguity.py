"""Fig. 7: the masks of one point by confidence, and what tells the ranks apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

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
    width = 0.22 + 1.8 * columns
    figure, grid = layout.subplots(
        (width, 0.42 + 1.98 * len(cases)), len(cases), columns, top=0.6, bottom=0.02,
        left=0.24 / width, right=0.998, raster=True, hspace=0.13, wspace=0.03,
    )  # fmt: skip
    for (first, *others), (task, case) in zip(grid, cases.items(), strict=True):
        one = case[0]
        overlay(first, one.image, mask=one.mask, prompt=one.prompt, size=55, widths=(0.9, 0))
        first.set_title(f"{one.image_id}, its point", fontsize=7.2, pad=2.5)
        name = (titles or {}).get(task, task)
        first.set_ylabel(name, fontsize=8.5, fontweight="bold", labelpad=4)
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
            axes.set_title(words, fontsize=7.2, pad=2.5, fontweight=weight)
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
    figure, grid = layout.subplots(
        (7.4, 4.6), 2, 4, top=0.72, bottom=0.78, left=0.05, right=0.99, hspace=0.5, wspace=0.28
    )
    colour = model_colour(model)
    ranks = sorted(int(rank) for rank in table["rank"].unique())
    for axes, (measure, title) in zip(grid.flat, _PANELS.items(), strict=True):
        axes.set_title(title, fontsize=7.4, loc="left", pad=4)
        axes.set_xticks(ranks, [ORDINALS[rank] for rank in ranks])
        axes.set_xlim(ranks[0] - 0.45, ranks[-1] + 0.45)
        axes.grid(axis="x", visible=False)
        _panel(axes, measure, table, by_task, colour)
    sure = ", 95 % interval" if table.low.notna().any() else ""
    mean = f"mean of {int(table.n.max())} cases{sure}"
    handles = [
        layout.key(mean, colour, "o", ls="-", ms=4.5, lw=1.4),
        layout.key("each task", _TASK, ls="-", lw=0.9),
    ]
    figure.legend(handles=handles, ncols=2, bbox_to_anchor=(0.5, -0.005))
    words = "mask, by the model's own confidence"
    figure.text(0.5, 0.4 / 4.6, words, ha="center", fontsize=7.5)
    return figure


def _panel(
    axes: Axes, measure: str, table: pd.DataFrame, by_task: pd.DataFrame, colour: str
) -> None:
    part = table[table.measure == measure].sort_values("rank")
    lines = [one for _, one in by_task[by_task.measure == measure].groupby("task", sort=False)]
    if measure in _OF_FIRST:
        # The first mask is what the others are compared with, and is not in the table.
        first = pd.DataFrame({"rank": [1], "mean": [_OF_FIRST[measure]]})
        lines = [pd.concat([first, one]) for one in lines]
        part = pd.concat([first, part])
    for line in lines:
        line = line.sort_values("rank")
        axes.plot(line["rank"], line["mean"], color=_TASK, lw=0.8, zorder=1)
    axes.plot(
        part["rank"], part["mean"], "o-", color=colour, lw=1.4, ms=4.5, zorder=3, label=measure
    )
    sure = part[part.low.notna()]
    axes.vlines(sure["rank"], sure.low, sure.high, color=colour, lw=2.6, alpha=0.55, zorder=2)
    if measure == "doublings":
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(_factor))
        axes.axhline(0, color="#999999", lw=0.7, zorder=0)
    else:
        axes.set_ylim(0, 1.03 if axes.get_ylim()[1] > 0.55 else None)


def _factor(doublings: float, _: object = None) -> str:
    """A number of doublings as a factor.

    Examples
    --------
    >>> _factor(3), _factor(0), _factor(-2)
    ('8', '1', '1/4')
    """
    return f"{2**doublings:g}" if doublings >= 0 else f"1/{2**-doublings:g}"
