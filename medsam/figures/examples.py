"""Fig. 1, 3 and 11-16: prompts and results on images."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.gridspec import SubplotSpec
from numpy.typing import NDArray

from medsam.errors import InputError
from medsam.figures.overlay import outline, picture, prompt_marks, tint, window
from medsam.figures.style import PREDICTION, Picture, Source, badge, styled
from medsam.prompts import MODES, Prompt

if TYPE_CHECKING:
    from medsam.analysis.examples import Example
    from medsam.datasets.sample import Dataset
import base64
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from medsam.datasets.sample import Sample
from medsam.figures.style import MODES as MODE_COLOURS
from medsam.figures.style import TRUTH

if TYPE_CHECKING:
    from medsam.analysis.examples import Example

__all__ = [
    "case",
    "click_steps",
    "contact_sheet",
    "data_uri",
    "percentile_examples",
    "prompt_modes",
]


@styled
def prompt_modes(
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    prompts: Mapping[int, Prompt],
    *,
    title: str = "",
) -> Picture:
    """Fig. 1: the image and the prompts of the five modes.

    Parameters
    ----------
    image : (H, W, 3) uint8
    mask : (H, W) bool
    prompts : mapping of int to Prompt
        For modes 1 to 5.
    title : str
        What the object is.

    Raises
    ------
    InputError
        If a mode is missing.
    """
    if set(prompts) != set(MODES):
        raise InputError(f"Prompts of modes {sorted(prompts)}. Allowed: one for each of 1 to 5.")
    figure = Picture(figsize=(7.4, 5.2))
    figure.raster = True
    grid = figure.subplots(
        2,
        3,
        gridspec_kw={
            "left": 0.005,
            "right": 0.995,
            "top": 0.93,
            "bottom": 0.005,
            "hspace": 0.14,
            "wspace": 0.03,
        },
    )
    view = window(mask, 0.3)
    axes = grid.flat[0]
    picture(axes, image)
    axes.set_title(f"Input image: {title}" if title else "Input image")
    for axes, (mode, words) in zip(grid.flat[1:], MODES.items(), strict=True):
        picture(axes, image, view)
        outline(axes, mask, width=1.3)
        prompt_marks(axes, prompts[mode], 110)
        axes.set_title(f"Mode {mode}: {words}")
    return figure


@styled
def percentile_examples(
    examples: Sequence[Example], *, source: Source, titles: Mapping[str, str] | None = None
) -> Picture:
    """Fig. 3 and 11-16: images at the 25th, 50th and 75th percentile, with results of two modes.

    Parameters
    ----------
    examples : sequence of Example
        For each task and percentile two, of modes 2 and 4, on the same image; or one, the same
        mode throughout, of a model that takes only points or only boxes.
    source : Source
        Written on the figure.
    titles : mapping of str to str, optional
        What a reader calls each task.

    Raises
    ------
    InputError
        If there is no example, or a slot does not hold the modes of the others on one image.
    """
    slots: dict[tuple[str, int], dict[int, Example]] = {}
    for example in examples:
        slots.setdefault((example.task, example.percentile), {})[example.k] = example
    if not slots:
        raise InputError("No examples. Allowed: modes 2 and 4 of at least one task.")
    modes = sorted({mode for pair in slots.values() for mode in pair})
    for (task, percentile), pair in slots.items():
        if (
            sorted(pair) != modes
            or not {2, 4}.issuperset(modes)
            or len({each.image_id for each in pair.values()}) > 1
        ):
            raise InputError(
                f"Slot {task!r} at percentile {percentile} holds "
                f"{ {k: e.image_id for k, e in pair.items()} }. "
                "Allowed: modes 2 and 4 on the same image, or only one of them in every slot. "
                "Take slots(rows, (2, 4), rank_by=4)."
            )
    tasks = list(dict.fromkeys(task for task, _ in slots))
    percentiles = sorted({percentile for _, percentile in slots})
    columns = 2 * len(percentiles)
    tall = 1.31 * len(modes)  # of a task, inches
    figure = Picture(figsize=(7.6, 0.85 + tall * len(tasks)))
    figure.raster = True
    height = figure.get_figheight()
    outer = figure.add_gridspec(
        len(tasks),
        len(percentiles),
        left=0.035,
        right=0.998,
        top=1 - 0.62 / height,
        bottom=0.01,
        hspace=0.09,
        wspace=0.05,
    )
    for row, task in enumerate(tasks):
        for column, percentile in enumerate(percentiles):
            if (task, percentile) not in slots:
                continue
            _slot(figure, outer[row, column], slots[task, percentile])
    for column, percentile in enumerate(percentiles):
        figure.text(
            0.035 + 0.963 * (2 * column + 1) / columns,
            1 - 0.46 / height,
            f"{percentile}th percentile",
            ha="center",
            fontsize=8.5,
            fontweight="bold",
        )
    for row, task in enumerate(tasks):
        box = outer[row, 0].get_position(figure)
        name = textwrap.fill((titles or {}).get(task, task), round(13 * tall))
        figure.text(
            0.006,
            (box.y0 + box.y1) / 2,
            name,
            rotation=90,
            va="center",
            multialignment="center",
            fontsize=9 if "\n" not in name else 7.5,
            fontweight="bold",
        )
    badge(figure, source)
    return figure


def _slot(figure: Picture, place: SubplotSpec, pair: Mapping[int, Example]) -> None:
    """The image and its area of interest to the left, the result of each mode to the right."""
    inner = place.subgridspec(len(pair), 2, hspace=0.16, wspace=0.04)
    whole = pair[max(pair)]
    view = window(whole.mask | whole.prediction & _near(whole.mask))
    for row, mode in enumerate(sorted(pair)):
        example, left, right = pair[mode], *(figure.add_subplot(inner[row, c]) for c in (0, 1))
        picture(left, whole.image, view if row else None)
        if not row:
            outline(left, whole.mask, width=0.7)
        name = "zoom" if row else _short(whole.image_id)
        left.set_title(name, fontsize=6.5, color="#555555", pad=2)
        picture(right, example.image, view)
        tint(right, example.prediction, PREDICTION)
        outline(right, example.prediction, PREDICTION, 1.1)
        outline(right, example.mask, width=1.1)
        prompt_marks(right, example.prompt, 55)
        right.set_title(f"mode {mode}: IoU {example.iou:.2f}", fontsize=7.2, pad=2)


def _short(name: str, most: int = 24) -> str:
    """A name that stays above its image: beginning and end tell files of a folder apart."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-(most // 2) :]}"


def _near(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a view that is twice the object would reach: a runaway mask does not zoom out."""
    x0, x1, y0, y1 = (round(v) for v in window(mask, 0.8))
    near = np.zeros_like(mask)
    near[max(y0, 0) : y1 + 1, max(x0, 0) : x1 + 1] = True
    return near


@styled
def contact_sheet(dataset: Dataset) -> Picture:
    """Each task on the image of each orientation where its object is largest.

    Parameters
    ----------
    dataset : Dataset
        Ids of its images begin with what tells the columns apart (``axial-072``).
    """
    best: dict[tuple[str, str], tuple[int, str, NDArray[np.uint8], NDArray[np.bool_]]] = {}
    for case in dataset.cases():
        sample = case.load()
        for task, mask in sample.masks.items():
            slot, area = (task, case.id.rpartition("-")[0]), int(mask.sum())
            if slot not in best or area > best[slot][0]:
                best[slot] = (area, case.id, sample.image, mask)
    from medsam.datasets.brain import TASKS

    kinds = sorted({kind for _, kind in best})
    across = 2 * len(kinds)
    down = -(-len(dataset.tasks) // 2)
    figure = Picture(figsize=(7.6, 1.45 * down))
    figure.raster = True
    grid = figure.subplots(
        down,
        across,
        squeeze=False,
        gridspec_kw={
            "left": 0.03,
            "right": 0.995,
            "top": 0.97,
            "bottom": 0.005,
            "hspace": 0.16,
            "wspace": 0.04,
        },
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for n, task in enumerate(dataset.tasks):
        row, side = divmod(n, 2)
        for column, kind in enumerate(kinds):
            axes = grid[row, side * len(kinds) + column]
            if (task, kind) in best:
                _, name, image, mask = best[task, kind]
                axes.set_axis_on()
                picture(axes, image)
                outline(axes, mask, width=0.9)
                axes.text(0.03, 0.03, name, color="#CCCCCC", fontsize=6, transform=axes.transAxes)
                if column == 0:
                    title = TASKS[task].title if task in TASKS else task
                    axes.set_title(title, fontsize=8, loc="left", pad=3)
    return figure


# One image of a dataset with the outlines of its objects.


# One object is green, as ground truth is everywhere; several take the colours of the modes.
_COLOURS = (TRUTH, *(MODE_COLOURS[k] for k in (3, 1, 5, 4)))


@styled
def case(sample: Sample, titles: Mapping[str, str]) -> Picture:
    """An image beside itself with the outline of each object.

    Parameters
    ----------
    sample : Sample
    titles : mapping of str to str
        Task and what a reader calls it, in the order of the legend.
    """
    figure = Picture(figsize=(4.4, 2.5))
    figure.raster = True
    plain, outlined = figure.subplots(1, 2)
    for axes in (plain, outlined):
        picture(axes, sample.image)
    shown = [task for task in titles if task in sample.masks and sample.masks[task].any()]
    for task, colour in zip(shown, _COLOURS, strict=False):
        outline(outlined, sample.masks[task], colour, width=1.3)
    figure.legend(
        [Line2D([], [], color=colour, linewidth=2) for colour in _COLOURS[: len(shown)]],
        [titles[task] for task in shown],
        loc="lower center",
        ncols=min(3, len(shown)),
        frameon=False,
    )
    figure.subplots_adjust(0.005, 0.14 if len(shown) <= 3 else 0.2, 0.995, 0.995, wspace=0.02)
    return figure


def data_uri(figure: Picture) -> str:
    """A raster figure as a PNG inside an address, for HTML that stands alone."""
    png = figure._repr_png_()
    assert png is not None, "only raster figures are put into HTML"
    return "data:image/png;base64," + base64.b64encode(png).decode()


# Fig. 6: a case click by click.


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
            "No examples. Allowed: the clicks of at least one case. Take medsam.analysis.examples.step_slots."
        )
    last = max(max(case) for case in cases.values())
    for task, case in cases.items():
        images = {example.image_id for example in case.values()}
        if sorted(case) != list(range(1, last + 1)) or len(images) != 1:
            raise InputError(
                f"Task {task!r} has clicks {sorted(case)} on images {sorted(images)}. "
                f"Allowed: 1 to {last} clicks, each once, on one image. Take medsam.analysis.examples.step_slots."
            )
    if count != last * len(cases):
        raise InputError(
            f"{count} examples of {len(cases)} tasks with {last} clicks. Allowed: each number of "
            "clicks once a task. Take medsam.analysis.examples.step_slots."
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
