"""The notebook that compares models, executed with papermill on two folders."""

import re
from pathlib import Path

import nbformat
import papermill
import pytest
from toys import blob, write_pair

from medsam import results
from medsam.others import OthersSettings

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "03_comparison.ipynb"


def cells():
    return nbformat.read(NOTEBOOK, as_version=4).cells


def test_default_parameters_are_the_documented_ones():
    (cell,) = [c for c in cells() if "parameters" in c.metadata.get("tags", [])]
    names = {}
    exec(cell.source, names)
    given = {k: v for k, v in names.items() if not k.startswith("__")}
    assert given == {key: field.default for key, field in OthersSettings.model_fields.items()}
    assert all(field.description for field in OthersSettings.model_fields.values())
    # Each is explained where it is set, in words.
    lines = cell.source.splitlines()
    assert len(lines) == len(given)
    assert all(re.fullmatch(r"\w+ = \S+  # [^=]+", line) for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("others", ["lite-medsam", ""])
def test_runs_on_two_folders(tmp_path, monkeypatch, others):
    monkeypatch.chdir(tmp_path)
    for i in (0, 1, 2):
        write_pair(tmp_path, f"case{i}", blob(i, (60, 70)))
    out = tmp_path / "out.ipynb"
    given = {"images": "images", "masks": "masks", "results": "r", "others": others}
    papermill.execute_notebook(NOTEBOOK, out, given, progress_bar=False)
    notebook = nbformat.read(out, as_version=4)
    outputs = [o for c in notebook.cells for o in c.get("outputs", [])]
    assert not any(o.output_type == "error" for o in outputs)
    rows = results.read(tmp_path / "r")
    assert set(rows.model) == {"minisam", others} - {""}
    glued = {
        o.metadata["scrapbook"]["name"]: o.data
        for o in outputs
        if "scrapbook" in o.get("metadata", {})
    }
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    quoted = re.findall(r"\{glue:(?:text|figure)?\}`?\s*([\w-]+)", text)
    assert {"fig4", "fig4-run", "fig4-origin", "said"} <= set(quoted)
    assert set(quoted) <= set(glued)
    said = "".join(glued["said"]["application/papermill.record/text/plain"])
    assert ("not zero-shot SAM" if others else "Name a model in the parameter others") in said
