"""The notebooks on text and code and on noise, executed on two folders."""

import pytest
from notebook_pages import run_on_two_folders


@pytest.mark.slow
@pytest.mark.parametrize("name", ["11_paper_versus_code", "12_robustness"])
def test_runs_on_two_folders(tmp_path, name, monkeypatch):
    run_on_two_folders(name, tmp_path, monkeypatch, every=2)
