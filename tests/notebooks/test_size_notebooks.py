"""The notebooks on object size and the graphical abstract, executed on two folders."""

import re
from pathlib import Path

import nbformat
import papermill
import pytest
from toys import blob, write_pair

from medsam.notebook import Settings

FOLDER = Path(__file__).parents[2] / "notebooks"
PAGES = ["07_object_size", "15_graphical_abstract"]


def cells(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells


@pytest.mark.parametrize("name", PAGES)
def test_default_parameters_are_those_of_the_settings(name):
    (cell,) = [c for c in cells(name) if "parameters" in c.metadata.get("tags", [])]
    names = {}
    exec(cell.source, names)
    given = {k: v for k, v in names.items() if not k.startswith("__")}
    assert given == {key: field.default for key, field in Settings.model_fields.items()}


@pytest.mark.parametrize("name", PAGES)
def test_cells_are_short_and_without_outputs(name):
    for cell in cells(name):
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 25
            assert cell.outputs == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_runs_on_two_folders(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i in (0, 1, 2):
        write_pair(tmp_path, f"case{i}", blob(i, (60, 70)))
    out = tmp_path / f"{name}.ipynb"
    given = {"images": "images", "masks": "masks", "results": "r"}
    papermill.execute_notebook(FOLDER / f"{name}.ipynb", out, given, progress_bar=False)
    notebook = nbformat.read(out, as_version=4)
    outputs = [o for c in notebook.cells for o in c.get("outputs", [])]
    assert not any(o.output_type == "error" for o in outputs)
    # Every value that the text quotes is there under its name.
    glued = {
        o.metadata["scrapbook"]["name"] for o in outputs if "scrapbook" in o.get("metadata", {})
    }
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    quoted = re.findall(r"\{glue:(?:text|figure|md)?\}`?\s*([\w-]+)", text)
    assert quoted
    assert set(quoted) <= glued
