"""The page with the live widgets, executed with papermill."""

from __future__ import annotations

from pathlib import Path

import papermill
import pytest
from toys import blob, write_pair

from medsam.widgets.live.site import states

SOURCE = Path(__file__).parents[2] / "notebooks" / "16_try_it.ipynb"


@pytest.mark.slow
def test_runs_on_two_folders(tmp_path, monkeypatch):
    for i in range(3):
        write_pair(tmp_path, f"case{i}", blob(i, (60, 70)))
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "16_try_it.ipynb"
    given = {"images": "images", "masks": "masks", "results": "r"}
    papermill.execute_notebook(SOURCE, out, given, progress_bar=False)
    explorer, clicks = sorted(states(out), key=lambda state: state["kind"])
    assert (explorer["kind"], clicks["kind"]) == ("ambiguity", "clicks")
    assert {case["id"] for case in clicks["cases"]} <= {"case0", "case1", "case2"}
    for case in clicks["cases"]:
        assert case["size"] == [60, 70]
        assert all(len(o["clicks"]["points"]) == len(o["clicks"]["iou"]) for o in case["objects"])
    assert len(explorer["first"]["masks"]) == 3
