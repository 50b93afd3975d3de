"""The page of what was measured, executed on two folders."""

import re
from pathlib import Path

import nbformat
import papermill
import pytest
from toys import blob, write_pair

from medsam.measured.page import MeasuredSettings

NAME = "13_modalities"
SOURCE = Path(__file__).parents[2] / "notebooks" / f"{NAME}.ipynb"


@pytest.fixture(scope="module")
def cells():
    return nbformat.read(SOURCE, as_version=4).cells


def test_default_parameters_are_those_of_the_settings(cells):
    (cell,) = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
    names = {}
    exec(cell.source, names)
    given = {k: v for k, v in names.items() if not k.startswith("__")}
    assert given == {key: field.default for key, field in MeasuredSettings.model_fields.items()}


def test_cells_are_short_and_without_outputs(cells):
    for cell in cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 25
            assert cell.outputs == []


@pytest.mark.slow
def test_runs_on_two_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i in (0, 1):
        write_pair(tmp_path, f"case{i}", blob(i, (60, 70)))
    out = tmp_path / f"{NAME}.ipynb"
    given = {"images": "images", "masks": "masks", "results": "r"}
    papermill.execute_notebook(SOURCE, out, given, progress_bar=False)
    notebook = nbformat.read(out, as_version=4)
    outputs = [o for c in notebook.cells for o in c.get("outputs", [])]
    assert not any(o.output_type == "error" for o in outputs)
    glued = {
        o.metadata["scrapbook"]["name"] for o in outputs if "scrapbook" in o.get("metadata", {})
    }
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    quoted = re.findall(r"\{glue:(?:text|figure)?\}`?\s*([\w-]+)", text)
    assert quoted
    assert set(quoted) <= glued
    # The run of the parameters stands beside what was measured, under its own name.
    html = "".join("".join(o.get("data", {}).get("text/html", "")) for o in outputs)
    assert "this run" in html
    assert "measured by this project" in html
