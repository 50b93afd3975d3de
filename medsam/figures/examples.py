"""Fig. 1, 3, 6 and 11-16: images with prompts, outlines and results."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.analysis.examples import Example, steps
from medsam.datasets.sample import Dataset, Sample
from medsam.datasets.select import EMBEDDED
from medsam.errors import InputError
from medsam.figures import layout
from medsam.figures.html import embedded
from medsam.figures.overlay import View, outline, overlay, picture, prompt_marks, window
from medsam.figures.style import (
    MINUS,
    MODES,
    NEGATIVE,
    PREDICTION,
    PROMPT,
    TRUTH,
    Looks,
    Picture,
    Source,
    styled,
)
from medsam.prompts import MODES as TITLES
from medsam.prompts import Prompt


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
    if set(prompts) != set(TITLES):
        raise InputError(f"Prompts of modes {sorted(prompts)}. Allowed: one for each of 1 to 5.")
    figure = Picture(7.4, 5.2, raster=True)
    first, *others = figure.subplots(2, 3).flat
    picture(first, image)
    first.set_title(f"Input image: {title}" if title else "Input image")
    view = window(mask, 0.3)
    for axes, (mode, words) in zip(others, TITLES.items(), strict=True):
        overlay(axes, image, view, mask=mask, prompt=prompts[mode], size=110, widths=(1.3, 0))
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
    modes = sorted({example.k for example in examples})
    images = {(one.task, one.percentile, one.image_id) for one in examples}
    whole = all(sorted(pair) == modes for pair in slots.values())
    if not slots or not whole or len(images) > len(slots):
        raise InputError(
            f"{len(slots)} slots with modes {modes} on {len(images)} images. Allowed: the same "
            "modes in every slot, on one image. Take slots(rows, (2, 4), rank_by=4)."
        )
    tasks = list(dict.fromkeys(task for task, _ in slots))
    percentiles = sorted({percentile for _, percentile in slots})
    figure = Picture(7.6, 0.6 + 1.31 * len(modes) * len(tasks), raster=True)
    grid = figure.subplots(len(tasks) * len(modes), 2 * len(percentiles), squeeze=False)
    for rows, task in zip(np.split(grid, len(tasks)), tasks, strict=True):
        parts = np.split(rows, len(percentiles), axis=1)
        for places, percentile in zip(parts, percentiles, strict=True):
            if (task, percentile) in slots:
                _slot(places, slots[task, percentile])
            else:
                for axes in places.flat:
                    axes.set_axis_off()
        name = textwrap.fill((titles or {}).get(task, task), 17)
        rows[0, 0].set_ylabel(name, fontsize=8.5, fontweight="bold")
    for axes, percentile in zip(grid[0, ::2], percentiles, strict=True):
        words = f"{percentile}th percentile\n{axes.get_title()}"
        axes.set_title(words, fontsize=7.3, color="black")
    return figure


def _slot(places: NDArray[Any], pair: Mapping[int, Example]) -> None:
    """The image and its area of interest to the left, the result of each mode to the right."""
    whole = pair[max(pair)]
    # A runaway mask does not zoom out: no more is seen than a view that is twice the object.
    x0, x1, y0, y1 = (max(round(end), 0) for end in window(whole.mask, 0.8))
    seen = whole.mask.copy()
    seen[y0 : y1 + 1, x0 : x1 + 1] |= whole.prediction[y0 : y1 + 1, x0 : x1 + 1]
    view = window(seen)
    outline(places[0, 0], whole.mask, width=0.7)
    for (left, right), (mode, example) in zip(places, sorted(pair.items()), strict=False):
        first = left is places[0, 0]
        picture(left, whole.image, None if first else view)
        left.set_title(_short(whole.image_id) if first else "zoom", fontsize=6.5, color="#555555")
        overlay(
            right, example.image, view, mask=example.mask, prediction=example.prediction,
            prompt=example.prompt, size=55, widths=(1.1, 1.1),
        )  # fmt: skip
        right.set_title(f"mode {mode}: IoU {example.iou:.2f}")


def _short(name: str, most: int = 24) -> str:
    """A name that stays above its image: beginning and end tell files of a folder apart."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-(most // 2) :]}"


@styled
def contact_sheet(dataset: Dataset) -> Picture:
    """Each task on the images where its object is largest: one of each kind.

    Parameters
    ----------
    dataset : Dataset
        Ids of its images begin with what tells the kinds apart: an orientation (``axial-072``),
        or a patient (``brain1/axial-0012``).
    """
    best: dict[str, dict[str, tuple[int, str, NDArray[np.uint8], NDArray[np.bool_]]]] = {}
    for case in dataset.cases():
        sample, kind = case.load(), case.id.rpartition("-")[0]
        for task, mask in sample.masks.items():
            of_task, area = best.setdefault(task, {}), int(mask.sum())
            if kind not in of_task or area > of_task[kind][0]:
                of_task[kind] = (area, case.id, sample.image, mask)
    across = max(map(len, best.values()))
    down = -(-len(dataset.tasks) // 2)
    figure = Picture(7.6, 4.35 / across * down, raster=True)
    grid = figure.subplots(down, 2 * across, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for places, task in zip(grid.reshape(-1, across), dataset.tasks, strict=False):
        places[0].set_title(EMBEDDED.get(task, task), loc="left")
        for axes, kind in zip(places, sorted(best.get(task, {})), strict=False):
            _, name, image, mask = best[task][kind]
            axes.set_axis_on()
            overlay(axes, image, mask=mask, widths=(0.9, 0))
            axes.text(0.03, 0.03, name, color="#CCCCCC", fontsize=6, transform=axes.transAxes)
    return figure


@styled
def case(sample: Sample, titles: Mapping[str, str]) -> Picture:
    """An image beside itself with the outline of each object.

    Parameters
    ----------
    sample : Sample
    titles : mapping of str to str
        Task and what a reader calls it, in the order of the legend.
    """
    shown = [task for task in titles if task in sample.masks and sample.masks[task].any()]
    figure = Picture(4.4, 2.6, raster=True)
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        picture(axes, sample.image)
    # One object is green, as ground truth is everywhere; several take the colours of the modes.
    colours = dict(zip(shown, (TRUTH, *(MODES[k] for k in (3, 1, 5, 4))), strict=False))
    for task, colour in colours.items():
        outline(right, sample.masks[task], colour, width=1.3)
    handles = [layout.key(titles[task], colour, ls="-", lw=2) for task, colour in colours.items()]
    figure.legend(handles=handles, ncols=min(3, len(shown)))
    return figure


def data_uri(figure: Picture) -> str:
    """A figure as a PNG inside an address, for HTML that stands alone."""
    return embedded(figure._repr_png_(), "image/png")


# Fig. 6: a case click by click.


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
        Green outline: ground truth; red: prediction; teal stars: positive clicks; magenta minus
        signs: negative ones; the newest is the largest. Above each the IoU, red where it fell by
        0.005 or more (a smaller fall would not be seen in two digits). The view holds the object
        and all clicks.

    Raises
    ------
    InputError
        If there is no example, or a task has several images or not every number of clicks.
    """
    cases = steps(examples)
    counts = sorted({len(case) for case in cases.values()})
    if len(counts) != 1:
        raise InputError(
            f"Cases with {', '.join(map(str, counts)) or 'no'} clicks. Allowed: at least one case, "
            "each with as many clicks as the others."
        )
    (last,) = counts
    figure = Picture(max(5.2, 0.5 + 1.01 * last), 0.75 + 1.22 * len(cases), raster=True)
    grid = figure.subplots(len(cases), last, squeeze=False)
    for row, (task, case) in zip(grid, cases.items(), strict=True):
        view = _reach(case[-1])
        before = -np.inf
        for k, (axes, example) in enumerate(zip(row, case, strict=True), 1):
            overlay(
                axes, example.image, view, mask=example.mask, prediction=example.prediction,
                widths=(1.0, 1.0), alpha=0.18,
            )  # fmt: skip
            prompt_marks(axes, example.prompt, 38, newest=95)
            look: Looks = {"color": "#222222"}
            if example.iou <= before - 0.005:
                look = {"color": "#B00020", "fontweight": "bold"}
            above = f"{k} click{'s' * (k > 1)}\n" if axes.get_subplotspec().is_first_row() else ""
            axes.set_title(f"{above}{example.iou:.2f}", fontsize=8, **look)
            before = example.iou
        name = textwrap.fill((titles or {}).get(task, task), 17)
        row[0].set_ylabel(name, fontweight="bold")
    mark: Looks = {"ms": 8, "mec": "black", "mew": 0.5}
    handles = [
        layout.key("ground truth", TRUTH, ls="-"),
        layout.key("prediction", PREDICTION, ls="-"),
        layout.key("positive click", PROMPT, "*", **mark),
        layout.key("negative click", NEGATIVE, MINUS, **mark),
    ]
    figure.legend(handles=handles, ncols=4, fontsize=8)
    return figure


def _reach(example: Example) -> View:
    """The object and every click, which may lie outside."""
    reach = example.mask.copy()
    x, y = example.prompt.points.T.astype(int)
    reach[y, x] = True
    return window(reach, 0.12)
