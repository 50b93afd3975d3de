"""Fig. 6: a case click by click."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from medsam.errors import InputError
from medsam.figures.overlay import outline, picture, tint, window
from medsam.figures.style import PREDICTION, TRUTH, Picture, Source, badge, styled
from medsam.prompts import Prompt

if TYPE_CHECKING:
    from medsam.examples import Example

__all__ = ["click_steps"]

_STARS = {1: TRUTH, 0: PREDICTION}
"""Label and colour of a click: green where the object is, red where it is not."""

_FALL = 0.005
"""A smaller fall of the IoU would not be seen in its two digits."""


@styled
def click_steps(
    examples: Sequence[Example], *, source: Source, titles: Mapping[str, str] | None = None
) -> Picture:
    """Fig. 6: one row a case, one column a number of clicks.

    Parameters
    ----------
    examples : sequence of Example
        For each task one image, with one to as many clicks as the others have.
    source : Source
        Written on the figure.
    titles : mapping of str to str, optional
        What a reader calls each task.

    Returns
    -------
    Picture
        Green outline: ground truth; red: prediction; green stars: positive clicks; red: negative
        ones; the newest is the largest. Above each the IoU, red where it fell by 0.005 or more.
        The view holds the object and all clicks.

    Raises
    ------
    InputError
        If there is no example, or a task has several images or not every number of clicks.
    """
    cases: dict[str, dict[int, Example]] = {}
    for example in examples:
        cases.setdefault(example.task, {})[example.k] = example
    _check(cases, len(examples))
    last = max(max(case) for case in cases.values())
    figure = Picture(figsize=(max(5.2, 0.5 + 1.01 * last), 0.75 + 1.22 * len(cases)))
    figure.raster = True
    height = figure.get_figheight()
    grid = figure.subplots(
        len(cases),
        last,
        squeeze=False,
        gridspec_kw={
            "left": 0.43 / figure.get_figwidth(),
            "right": 0.998,
            "top": 1 - 0.66 / height,
            "bottom": 0.28 / height,
            "wspace": 0.05,
            "hspace": 0.17,
        },
    )
    for row, (task, case) in zip(grid, cases.items(), strict=True):
        view = window(_reach(case), 0.12)
        before = -np.inf
        for k, axes in enumerate(row, 1):
            example = case[k]
            _step(axes, example, view)
            fell = example.iou <= before - _FALL
            axes.set_title(
                f"{example.iou:.2f}",
                fontsize=8,
                pad=2,
                color="#B00020" if fell else "#222222",
                fontweight="bold" if fell else "normal",
            )
            before = example.iou
        name = textwrap.fill((titles or {}).get(task, task), 17)
        row[0].set_ylabel(name, fontsize=8 if "\n" in name else 8.5, fontweight="bold")
    for k, axes in enumerate(grid[0], 1):
        box = axes.get_position()
        words = f"{k} click" if k == 1 else f"{k} clicks"
        figure.text((box.x0 + box.x1) / 2, 1 - 0.47 / height, words, ha="center", fontsize=8)
    _legend(figure)
    badge(figure, source)
    return figure


def _check(cases: Mapping[str, Mapping[int, Example]], count: int) -> None:
    if not cases:
        raise InputError(
            "No examples. Allowed: the clicks of at least one case. Take medsam.steps.slots."
        )
    last = max(max(case) for case in cases.values())
    for task, case in cases.items():
        images = {example.image_id for example in case.values()}
        if sorted(case) != list(range(1, last + 1)) or len(images) != 1:
            raise InputError(
                f"Task {task!r} has clicks {sorted(case)} on images {sorted(images)}. "
                f"Allowed: 1 to {last} clicks, each once, on one image. Take medsam.steps.slots."
            )
    if count != last * len(cases):
        raise InputError(
            f"{count} examples of {len(cases)} tasks with {last} clicks. Allowed: each number of "
            "clicks once a task. Take medsam.steps.slots."
        )


def _reach(case: Mapping[int, Example]) -> NDArray[np.bool_]:
    """The object and every click, which may lie outside."""
    final = case[max(case)]
    reach = final.mask.copy()
    x, y = final.prompt.points.T.astype(int)
    reach[y, x] = True
    return reach


def _step(axes: Axes, example: Example, view: tuple[float, float, float, float]) -> None:
    picture(axes, example.image, view)
    tint(axes, example.prediction, PREDICTION, 0.18)
    outline(axes, example.prediction, PREDICTION, 1.0)
    outline(axes, example.mask, TRUTH, 1.0)
    _stars(axes, example.prompt)


def _stars(axes: Axes, prompt: Prompt) -> None:
    newest = len(prompt.points) - 1
    for n, ((x, y), label) in enumerate(zip(prompt.points, prompt.labels, strict=True)):
        axes.scatter(
            x,
            y,
            marker="*",
            s=95 if n == newest else 38,
            color=_STARS[int(label)],
            edgecolors="black",
            linewidths=0.5,
            zorder=5 + n,
        )


def _legend(figure: Picture) -> None:
    star: dict[str, Any] = {"ls": "", "marker": "*", "ms": 8, "mec": "black", "mew": 0.5}
    figure.legend(
        handles=[
            Line2D([], [], color=TRUTH, label="ground truth"),
            Line2D([], [], color=PREDICTION, label="prediction"),
            Line2D([], [], color=TRUTH, label="positive click", **star),
            Line2D([], [], color=PREDICTION, label="negative click", **star),
        ],
        loc="lower center",
        ncols=4,
        frameon=False,
        borderpad=0.1,
        fontsize=8,
    )
