"""The notebooks, executed with papermill as the README says."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from toys import blob, write_pair

from medsam.pages.study import Settings

ROOT = Path(__file__).parents[2]
STUDIES = ["02_prompt_modes", "04_iterative_clicks", "10_claims"]


def source(name):
    return ROOT / "notebooks" / f"{name}.ipynb"


def parameters_cell(name):
    notebook = nbformat.read(source(name), as_version=4)
    (cell,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    names = {}
    exec(cell.source, names)
    return {k: v for k, v in names.items() if not k.startswith("__")}


@pytest.mark.parametrize("name", STUDIES)
def test_default_parameters_are_the_documented_ones(name):
    defaults = {key: field.default for key, field in Settings.model_fields.items()}
    assert parameters_cell(name) == defaults
    for page in ("README.md", "book/rerun.md"):
        rows = re.findall(
            r"^\| (`\w+`(?:, `\w+`)*) \| (?:`(\S+)`)? ?\|", (ROOT / page).read_text(), re.M
        )
        told = {key: value for keys, value in rows for key in re.findall(r"\w+", keys)}
        assert {key: str(value) for key, value in defaults.items()}.items() <= told.items()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    for i in (0, 1, 2):
        write_pair(folder, f"case{i}", blob(i, (60, 70)))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_runs_on_two_folders(small, name, monkeypatch):
    monkeypatch.chdir(small)
    out = small / f"{name}.ipynb"
    given = {"images": "images", "masks": "masks", "results": "r"}
    papermill.execute_notebook(source(name), out, given, progress_bar=False)
    notebook = nbformat.read(out, as_version=4)
    assert not any(o.output_type == "error" for c in notebook.cells for o in c.get("outputs", []))
    if name == "02_prompt_modes":
        # The state of the widget is in the file, for pages without a kernel.
        assert "application/vnd.jupyter.widget-state+json" in notebook.metadata.widgets


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            ["-p", "tusks", "all"],
            "Unknown parameter 'tusks'. Did you mean 'tasks'? Allowed: data, every, images",
        ),
        (["-p", "model", "minisan"], "Unknown model 'minisan'. Did you mean 'minisam'? Allowed: "),
        (["-p", "tasks", "brain_stam"], "Unknown task 'brain_stam'. Did you mean 'brain_stem'"),
    ],
)
def test_unknown_names_stop_papermill_before_any_compute(tmp_path, given, says):
    command = [sys.executable, "-m", "papermill", source(STUDIES[0]), tmp_path / "out.ipynb"]
    out = subprocess.run(
        [*map(str, command), *given, "-p", "results", str(tmp_path / "r")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert out.returncode != 0
    assert says in out.stderr
    assert not (tmp_path / "r").exists()
