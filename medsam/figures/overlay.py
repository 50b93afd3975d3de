"""An image with outlines and prompts on it, drawn on the edges of pixels."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, to_rgba
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from medsam.figures.style import PROMPT, TRUTH
from medsam.prompts import Prompt

__all__ = ["edges", "outline", "picture", "prompt_marks", "tint", "window"]


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


def tint(axes: Axes, mask: NDArray[np.bool_], colour: str, alpha: float = 0.22) -> None:
    """A light wash over a mask, so that one that fills the view is seen as well."""
    # One byte a pixel: a wash in colours would take 32, of an X-ray a few hundred MB.
    wash = ListedColormap([(0, 0, 0, 0), to_rgba(colour, alpha)])
    axes.imshow(mask.astype(np.uint8), wash, vmin=0, vmax=1, interpolation="nearest")


def prompt_marks(axes: Axes, prompt: Prompt, size: float = 60) -> None:
    """Points as stars (a cross where negative), boxes around their pixels."""
    for (x, y), label in zip(prompt.points, prompt.labels, strict=True):
        axes.scatter(
            x,
            y,
            marker="*" if label else "X",
            s=size,
            color=PROMPT,
            edgecolors="black",
            linewidths=0.5,
            zorder=5,
        )
    for x0, y0, x1, y1 in prompt.boxes:
        corner, width, height = (x0 - 0.5, y0 - 0.5), x1 - x0 + 1, y1 - y0 + 1
        axes.add_patch(
            Rectangle(corner, width, height, fill=False, edgecolor=PROMPT, linewidth=1.1, zorder=4)
        )


def window(mask: NDArray[np.bool_], margin: float = 0.35) -> tuple[float, float, float, float]:
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


def picture(
    axes: Axes,
    image: NDArray[np.uint8],
    view: tuple[float, float, float, float] | None = None,
) -> None:
    """The image on a black square without ticks; ``view`` is ``(x0, x1, y0, y1)``."""
    height, width = image.shape[:2]
    axes.imshow(image, interpolation="nearest" if view else "antialiased")
    if view is None:
        side = max(height, width)
        view = (
            (width - side) / 2 - 0.5,
            (width + side) / 2 - 0.5,
            (height - side) / 2 - 0.5,
            (height + side) / 2 - 0.5,
        )
    axes.set(xlim=view[:2], ylim=view[:1:-1], xticks=[], yticks=[], facecolor="black")
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
