"""An image with outlines and prompts on it, drawn on the edges of pixels."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, to_rgba
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from medsam.figures.style import MINUS, NEGATIVE, PREDICTION, PROMPT, TRUTH
from medsam.prompts import Prompt

View = tuple[float, float, float, float]
"""Ends of what is seen of an image: ``x0, x1, y0, y1``."""


def edges(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Segments between pixels of the mask and others.

    Parameters
    ----------
    mask : (H, W) bool

    Returns
    -------
    (N, 2, 2) float
        Ends ``(x, y)`` of each segment; pixel (x, y) covers x - 0.5 to x + 0.5.

    Examples
    --------
    >>> edges(np.array([[True]])).shape
    (4, 2, 2)
    """
    padded = np.pad(mask, 1)
    y, x = np.nonzero(padded[1:] != padded[:-1])
    flat = np.stack([np.stack([x - 1.5, y - 0.5], 1), np.stack([x - 0.5, y - 0.5], 1)], 1)
    y, x = np.nonzero(padded[:, 1:] != padded[:, :-1])
    upright = np.stack([np.stack([x - 0.5, y - 1.5], 1), np.stack([x - 0.5, y - 0.5], 1)], 1)
    return np.concatenate([flat, upright]).astype(float)


def outline(axes: Axes, mask: NDArray[np.bool_], colour: str = TRUTH, width: float = 1.0) -> None:
    """Outline of a mask, exactly on the edges of its pixels."""
    axes.add_collection(
        LineCollection(edges(mask).tolist(), colors=colour, linewidths=width, capstyle="round")
    )


def prompt_marks(
    axes: Axes, prompt: Prompt, size: float = 60, *, newest: float = 0, numbered: bool = False
) -> None:
    """Points as stars (a minus where negative), boxes around their pixels.

    Parameters
    ----------
    axes : Axes
    prompt : Prompt
    size, newest : float
        Of the marks; of the last one, where it is another.
    numbered : bool
        Number the points from 1, those of one place together.
    """
    sizes = [size] * (len(prompt.points) - 1) + [newest or size]
    points = zip(prompt.points, prompt.labels, sizes, strict=False)
    for n, ((x, y), label, area) in enumerate(points):
        axes.scatter(
            x, y, marker="*" if label else MINUS, s=area, color=PROMPT if label else NEGATIVE,
            edgecolors="black", linewidths=0.5, zorder=5 + n / 10,
        )  # fmt: skip
    for x, y in np.unique(prompt.points, axis=0) if numbered else ():
        here = np.flatnonzero((prompt.points == (x, y)).all(axis=1)) + 1
        axes.annotate(
            ", ".join(map(str, here)), (x, y), (4, 3), textcoords="offset points", fontsize=7,
            fontweight="bold", color="white", zorder=6, annotation_clip=True,
            path_effects=[withStroke(linewidth=1.6, foreground="black")],
        )  # fmt: skip
    for x0, y0, x1, y1 in prompt.boxes:
        corner, width, height = (x0 - 0.5, y0 - 0.5), x1 - x0 + 1, y1 - y0 + 1
        axes.add_patch(
            Rectangle(corner, width, height, fill=False, edgecolor=PROMPT, linewidth=1.1, zorder=4)
        )


def window(mask: NDArray[np.bool_], margin: float = 0.35) -> View:
    """Square view ``(x0, x1, y0, y1)`` around a mask, no larger than the image.

    A side of the image that is shorter than the view stands in its middle.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    extent = max(int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1, 12)
    side = min((1 + 2 * margin) * extent, max(mask.shape))
    out: list[float] = []
    for span, length in ((columns, mask.shape[1]), (rows, mask.shape[0])):
        start = (span[0] + span[-1] - side) / 2
        if side >= length:
            start = (length - side) / 2 - 0.5
        else:
            start = min(max(start, -0.5), length - 0.5 - side)
        out += [start, start + side]
    return out[0], out[1], out[2], out[3]


def picture(axes: Axes, image: NDArray[np.uint8], view: View | None = None) -> None:
    """The image on a black square without ticks."""
    height, width = image.shape[:2]
    axes.imshow(image, interpolation="nearest" if view else "antialiased")
    if view is None:
        x, y, half = width / 2 - 0.5, height / 2 - 0.5, max(height, width) / 2
        view = (x - half, x + half, y - half, y + half)
    axes.set(xlim=view[:2], ylim=view[:1:-1], xticks=[], yticks=[], facecolor="black")
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def overlay(
    axes: Axes,
    image: NDArray[np.uint8],
    view: View | None = None,
    *,
    mask: NDArray[np.bool_] | None = None,
    prediction: NDArray[np.bool_] | None = None,
    prompt: Prompt | None = None,
    size: float = 60,
    widths: tuple[float, float] = (1.0, 1.1),
    alpha: float = 0.22,
    numbered: bool = False,
) -> None:
    """An image with a prediction, the ground truth and a prompt on it, each where it is given.

    Parameters
    ----------
    axes : Axes
    image : (H, W, 3) uint8
    view : View, optional
        The whole image where left out.
    mask, prediction : (H, W) bool, optional
        Outlined in green, and in red over a light wash, so that one that fills the view is seen.
    prompt : Prompt, optional
    size : float
        Of the marks of its points.
    widths : (float, float)
        Of the outlines of the mask and of the prediction.
    alpha : float
        Of the wash.
    numbered : bool
        Number the points of the prompt.
    """
    picture(axes, image, view)
    if prediction is not None:
        # One byte a pixel: a wash in colours would take 32, of an X-ray a few hundred MB.
        wash = ListedColormap([(0, 0, 0, 0), to_rgba(PREDICTION, alpha)])
        axes.imshow(prediction.astype(np.uint8), wash, vmin=0, vmax=1, interpolation="nearest")
        outline(axes, prediction, PREDICTION, widths[1])
    if mask is not None:
        outline(axes, mask, width=widths[0])
    if prompt is not None:
        prompt_marks(axes, prompt, size, numbered=numbered)
