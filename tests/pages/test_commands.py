"""One page of the book on one's own data, by one command."""

import pytest
from toys import blob, write_pair
from typer.testing import CliRunner

from medsam.cli import app


@pytest.mark.slow
def test_one_page_on_ones_own_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in range(2):
        write_pair(tmp_path / "scans", f"case{seed}", blob(seed))
    done = CliRunner().invoke(app, ["page", "04_iterative_clicks", "--data", "scans"])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "page" / "04_iterative_clicks.html").read_text()
    assert "this run, single objects" in text
    assert text.count("<img") >= 6
    assert "glue:" not in text


def test_a_page_that_does_not_exist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(app, ["page", "04_iterative_click", "--data", "sample"]).exception
    assert "Did you mean '04_iterative_clicks'?" in str(error)
    assert list(tmp_path.iterdir()) == []
