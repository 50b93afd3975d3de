"""The notebooks on ambiguity and on segment-everything, executed on two folders."""

import pytest
from notebook_pages import run_on_two_folders

PAGES = {
    "06_ambiguity": ({}, "r/ambiguity/*.parquet"),
    "08_segment_everything": ({"everything": "e", "sides": "2,3"}, "e/masks/*.parquet"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_runs_on_two_folders(tmp_path, name, monkeypatch):
    given, kept = PAGES[name]
    run_on_two_folders(name, tmp_path, monkeypatch, **given)
    assert list(tmp_path.glob(kept))
