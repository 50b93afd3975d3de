"""The notebooks as the tests see them: their cells, and a run on two small folders."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import papermill
from toys import blob, write_pair

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def cells(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells


def parameters(name):
    """Source of the parameters cell, and the values that it sets."""
    (cell,) = [c for c in cells(name) if "parameters" in c.metadata.get("tags", [])]
    names = {}
    exec(cell.source, names)
    return cell.source, {k: v for k, v in names.items() if not k.startswith("__")}


def glued(notebook):
    """What a page has glued: name to data; nothing in it failed."""
    outputs = [o for c in notebook.cells for o in c.get("outputs", [])]
    assert not any(o.output_type == "error" for o in outputs)
    about = [(o.get("metadata", {}).get("scrapbook"), o) for o in outputs]
    return {told["name"]: output.data for told, output in about if told}


def run_on_two_folders(name, folder, monkeypatch, *, images=3, **given):
    """Execute a notebook on small images and masks: the notebook, and what it has glued.

    Every value that the text quotes is there under its name.
    """
    monkeypatch.chdir(folder)
    for i in range(images):
        write_pair(folder, f"case{i}", blob(i, (60, 70)))
    given = {"images": "images", "masks": "masks", "results": "r"} | given
    out = folder / f"{name}.ipynb"
    papermill.execute_notebook(FOLDER / f"{name}.ipynb", out, given, progress_bar=False)
    notebook = nbformat.read(out, as_version=4)
    there = glued(notebook)
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    quoted = set(re.findall(r"\{glue:\w*\}`?\s*([\w-]+)", text))
    assert quoted
    assert quoted <= there.keys()
    return notebook, there
