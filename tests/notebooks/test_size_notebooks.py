"""The notebooks on object size and the graphical abstract, executed on two folders."""

import pytest
from notebook_pages import run_on_two_folders


@pytest.mark.slow
@pytest.mark.parametrize("name", ["07_object_size", "15_graphical_abstract"])
def test_runs_on_two_folders(tmp_path, name, monkeypatch):
    run_on_two_folders(name, tmp_path, monkeypatch)
