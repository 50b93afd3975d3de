"""Small multiples: a panel a task, with axes in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.figures.style import Picture

__all__ = ["panels"]


def panels(
    count: int,
    columns: int,
    *,
    row: float,
    rest: float,
    top: float,
    bottom: float,
    left: float = 0.06,
    hspace: float = 0.42,
) -> tuple[Picture, NDArray[Any]]:
    """A figure of full width with that many panels; the rest of its last row stays empty.

    Parameters
    ----------
    count, columns : int
        Panels, and at most so many in a row.
    row, rest : float
        Height of the figure, inches: so much a row, and so much besides.
    top, bottom : float
        From the edges of the figure to the panels, inches.
    left, hspace : float
        Margin as a part of the width, and the gap between rows as a part of a panel.

    Returns
    -------
    Picture, (count,) array of Axes
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Picture(figsize=(7.4, rest + row * rows))
    height = figure.get_figheight()
    grid = figure.subplots(
        rows,
        columns,
        sharex=True,
        sharey=True,
        squeeze=False,
        gridspec_kw={
            "left": left,
            "right": 0.99,
            "top": 1 - top / height,
            "bottom": bottom / height,
            "hspace": hspace,
            "wspace": 0.1,
        },
    )
    for axes in grid.flat[count:]:
        axes.set_axis_off()
    return figure, np.asarray(grid).ravel()[:count]
