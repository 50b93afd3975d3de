"""The page of what was measured, executed on two folders."""

import pytest
from notebook_pages import run_on_two_folders


@pytest.mark.slow
def test_runs_on_two_folders(tmp_path, monkeypatch):
    notebook, _ = run_on_two_folders("13_modalities", tmp_path, monkeypatch, images=2)
    outputs = [o for c in notebook.cells for o in c.get("outputs", [])]
    # The run of the parameters stands beside what was measured, under its own name.
    html = "".join("".join(o.get("data", {}).get("text/html", "")) for o in outputs)
    assert "this run" in html
    assert "measured by this project" in html
