"""One image of a dataset with the outlines of its objects."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from matplotlib.lines import Line2D

from medsam.datasets.sample import Sample
from medsam.figures.overlay import outline, picture
from medsam.figures.style import MODES, TRUTH, Picture, styled

__all__ = ["case", "data_uri"]

# One object is green, as ground truth is everywhere; several take the colours of the modes.
_COLOURS = (TRUTH, *(MODES[k] for k in (3, 1, 5, 4)))


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
