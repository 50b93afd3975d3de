"""An executed notebook as a page of another chapter: its links, labels and title."""

from __future__ import annotations

import re
from collections.abc import Collection
from copy import deepcopy
from typing import Any

from nbformat import NotebookNode

from medsam.page import FOLDER, KEY

__all__ = ["moved"]

_LABEL = re.compile(r"^\(([\w-]+)\)=$", re.M)
_LINK = re.compile(r"(\]\()(?:\./)?([\w-]+)(\.ipynb)?(#[\w-]+)?\)")
_TITLE = re.compile(r"^# (.+)$", re.M)


def moved(
    notebook: NotebookNode,
    folder: str,
    title: str,
    beside: Collection[str],
    others: Collection[str],
) -> NotebookNode:
    """The notebook as it stands in a folder beside that of the sample's pages.

    Parameters
    ----------
    notebook : NotebookNode
        As papermill wrote it; it is left as it is.
    folder : str
        Name of the folder, such as ``data-us_breast``.
    title : str
        What the data is; the heading of the page says it.
    beside, others : collection of str
        Names of the notebooks in that folder, and in the sample's: a link to one that is not
        beside leads to the sample's.

    Returns
    -------
    NotebookNode
        Labels begin with the folder, as a label stands for one place of the book. Tables behind
        figures have a folder of their own.
    """
    page = deepcopy(notebook)
    labels = {
        name for cell in page.cells if cell.cell_type == "markdown"
        for name in _LABEL.findall(cell.source)
    }  # fmt: skip
    first = True
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = _labels(_links(cell.source, beside, others), labels, folder)
            if first and _TITLE.search(cell.source):
                cell.source = _TITLE.sub(rf"# \1: {_plain(title)}", cell.source, count=1)
                first = False
        for output in cell.get("outputs", []):
            _files(output, folder)
    return page


def _plain(title: str) -> str:
    from medsam.gallery import plain

    return plain(title).replace("\\", "\\\\")


def _links(text: str, beside: Collection[str], others: Collection[str]) -> str:
    def lead(found: re.Match[str]) -> str:
        name = found[2]
        if name in beside or name not in others:
            return found[0]
        return f"{found[1]}../notebooks/{name}{found[3] or ''}{found[4] or ''})"

    return _LINK.sub(lead, text)


def _labels(text: str, labels: Collection[str], folder: str) -> str:
    text = _LABEL.sub(rf"({folder}-\1)=", text)
    for label in labels:
        text = text.replace(f"](#{label})", f"](#{folder}-{label})")
        text = re.sub(
            rf"(\{{(?:ref|numref)\}}`(?:[^`<]*<)?){label}(>?`)", rf"\1{folder}-{label}\2", text
        )
    return text


def _files(output: NotebookNode, folder: str) -> None:
    """Tables behind figures, and the links to them, below a folder of this chapter."""
    kept: Any = output.get("metadata", {}).get(KEY)
    if not kept:
        return
    kept["file"] = f"{folder}/{kept['file']}"
    for kind, content in output.data.items():
        if kind.endswith("text/html"):
            whole = "".join(content) if isinstance(content, list) else content
            output.data[kind] = whole.replace(f'"../{FOLDER}/', f'"../{FOLDER}/{folder}/')
