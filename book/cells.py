"""Cells of an executed notebook as the book has them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import nbformat
from nbformat import NotebookNode

from medsam.pages.text import FOLDER, KEY, MAGIC, plain, prose

TITLE = re.compile(r"^# (.+)$", re.M)
_LABEL = re.compile(r"^\(([\w-]+)\)=$", re.M)
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?:\.\.?/)*([\w-]+)(\.ipynb|\.md)?(#[\w-]+)?\)")

_v4: Any = nbformat.v4  # its functions carry no types


def as_pages(notebook: NotebookNode) -> NotebookNode:
    """The notebook with each cell ``%%markdown`` as the Markdown that it holds; changed in place.

    The figures that such a cell shows stay, in a cell before it that the book leaves out.
    """
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and prose(cell):
            named = [one for one in cell.outputs if one.get("metadata", {}).get("scrapbook")]
            if named:
                tags = {"tags": ["remove-cell"]}
                cells.append(_v4.new_code_cell(outputs=named, metadata=tags, id=f"{cell.id}-shown"))
            source = cell.source.removeprefix(MAGIC)
            cells.append(_v4.new_markdown_cell(source, id=cell.id))
        else:
            cells.append(cell)
    notebook.cells = cells
    return notebook


def tables(notebook: NotebookNode) -> Iterator[tuple[str, bytes]]:
    """What an executed notebook carries beside its figures: path below ``data/``, and content.

    Their tables, and drawings for a narrow screen.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if table := output.get("metadata", {}).get(KEY):
                yield table["file"], table["content"].encode()
                if "narrow" in table:
                    name = table["file"].removesuffix(".csv")
                    yield f"{name}-narrow.svg", table["narrow"].encode()


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
        As papermill wrote it; changed in place.
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
    markdown = [cell for cell in as_pages(notebook).cells if cell.cell_type == "markdown"]
    labels = {name for cell in markdown for name in _LABEL.findall(cell.source)}

    def lead(found: re.Match[str]) -> str:
        name = found[2]
        if name in beside or name not in others:
            return found[0]
        return f"[{found[1]}](../notebooks/{name}{found[3] or ''}{found[4] or ''})"

    for cell in markdown:
        text = _LABEL.sub(rf"({folder}-\1)=", _LINK.sub(lead, cell.source))
        for label in labels:
            text = text.replace(f"](#{label})", f"](#{folder}-{label})")
            text = re.sub(
                rf"(\{{(?:ref|numref)\}}`(?:[^`<]*<)?){label}(>?`)", rf"\1{folder}-{label}\2", text
            )
        cell.source = text
    for cell in markdown:
        if TITLE.search(cell.source):
            cell.source = TITLE.sub(lambda found: f"# {found[1]}: {plain(title)}", cell.source, 1)
            break
    for output in (one for cell in notebook.cells for one in cell.get("outputs", [])):
        if table := output.get("metadata", {}).get(KEY):
            table["file"] = f"{folder}/{table['file']}"
            for kind, content in output.data.items():
                if kind.endswith("text/html"):
                    old, new = f'"../{FOLDER}/', f'"../{FOLDER}/{folder}/'
                    output.data[kind] = "".join(content).replace(old, new)
    return notebook
