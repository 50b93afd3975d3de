"""The notebooks: their cells, their parameters, and each of them executed on two small folders."""

import functools
import re
from pathlib import Path

import jupytext
import nbformat
import papermill
import pytest
from assets import live_states
from cells import tables
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.util import run_sync
from papermill.exceptions import PapermillExecutionError
from toys import blob, write_pair

from medsam.pages.everything import EverythingSettings
from medsam.pages.measured import MeasuredSettings
from medsam.pages.notebooks import notebooks
from medsam.pages.study import (
    EMBEDDINGS,
    ComparisonSettings,
    DatasetSettings,
    NoiseSettings,
    Settings,
    VariantSettings,
)
from medsam.pages.text import prose
from medsam.pages.your_data import OwnSettings

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
DOCS = sorted(f"docs/{path.stem}" for path in (ROOT / "docs").glob("*.ipynb"))
SETTINGS = {
    "00_datasets": DatasetSettings,
    "03_comparison": ComparisonSettings,
    "08_segment_everything": EverythingSettings,
    "11_paper_versus_code": VariantSettings,
    "12_robustness": NoiseSettings,
    "13_modalities": MeasuredSettings,
    "14_your_data": OwnSettings,
}
SHORT = {"00_datasets", "01_sample", "05_models", "17_colophon", "index"}
"""Pages that do not read data of the reader's: they take a part of the parameters."""


def cells(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells


def parameters(name):
    """Source of the parameters cell, and the values that it sets."""
    (cell,) = [c for c in cells(name) if "parameters" in c.metadata.get("tags", [])]
    names = {}
    exec(cell.source, names)
    return cell.source, {k: v for k, v in names.items() if not k.startswith("__")}


# ------------------------------------------------------------------------------ cells
@pytest.mark.parametrize("name", NAMES)
def test_default_parameters_are_those_of_the_settings(name):
    source, given = parameters(name)
    fields = SETTINGS.get(name, Settings).model_fields
    defaults = {key: field.default for key, field in fields.items()}
    if name in SHORT:
        assert given.items() <= defaults.items()
    else:
        assert given == defaults
    assert all(field.description for field in fields.values())
    # Each is explained where it is set, in words that papermill can read.
    lines = source.splitlines()
    assert len(lines) == len(given)
    assert all(re.fullmatch(r"\w+ = .+?  # [^=]+", line) for line in lines)


@pytest.mark.parametrize("page", ["README.md", "book/reference.md"])
def test_default_parameters_are_documented(page):
    text = (ROOT / page).read_text()
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (?:`(\S+)`)? ?\|", text, re.M)
    told = {key: value for keys, value in rows for key in re.findall(r"\w+", keys)}
    defaults = {key: str(field.default) for key, field in Settings.model_fields.items()}
    assert defaults.items() <= told.items()


@pytest.mark.parametrize("name", [*(f"notebooks/{name}" for name in NAMES), *DOCS])
def test_a_notebook_is_paired_with_its_script(name):
    path = ROOT / f"{name}.ipynb"
    notebook, script = jupytext.read(path), jupytext.read(path.with_suffix(".py"))
    assert [c.source for c in notebook.cells] == [c.source for c in script.cells]
    # papermill stops without it.
    assert notebook.metadata.kernelspec.language == "python"


# ------------------------------------------------------------------------------ executed
@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Three images with masks, one without, and a text file."""
    folder = tmp_path_factory.mktemp("small")
    for i in (0, 1, 2):
        write_pair(folder, f"case_{i}", blob(i, (60, 70)))
    write_pair(folder, "alone", blob(1, (60, 70)))
    (folder / "masks" / "alone.png").unlink()
    (folder / "images" / "notes.txt").write_text("x")
    return folder


MORE = {
    "08_segment_everything": {"sides": "2,3"},
    "11_paper_versus_code": {"every": 2},
    "12_robustness": {"every": 2},
}
"""Parameters beside the two folders."""


@pytest.fixture(scope="module")
def execute(small):
    """Execute a notebook with papermill, beside the two folders; gives its file.

    One kernel runs them all, emptied after each, as most of what a kernel does is to start.
    """
    kernel = AsyncKernelManager(kernel_name="python3")
    reset = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("%reset -f")])

    def run(name, **given):
        source, out = ROOT / "notebooks" / f"{name}.ipynb", small / f"{name}.ipynb"
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(small)
            patch.setenv(EMBEDDINGS, str(small / "embeddings"))
            try:
                papermill.execute_notebook(source, out, given, progress_bar=False, km=kernel)
            finally:
                NotebookClient(reset, km=kernel).execute()
        return out

    yield run
    run_sync(kernel.shutdown_kernel)(now=True)


@pytest.fixture(scope="module")
def executed(execute):
    """The file of a notebook by its name, and what it has glued: name to data."""

    @functools.cache
    def run(name):
        given = {"images": "images", "masks": "masks", "results": "r"} | MORE.get(name, {})
        out = execute(name, **given)
        notebook = nbformat.read(out, as_version=4)
        outputs = [o for c in notebook.cells for o in c.get("outputs", [])]
        assert not any(o.output_type == "error" for o in outputs)
        glued = {
            o.metadata.scrapbook.name: o.data
            for o in outputs
            if o.get("metadata", {}).get("scrapbook")
        }
        return out, glued

    return run


@pytest.mark.slow
def test_unknown_names_stop_papermill_before_any_compute(execute, small):
    with pytest.raises(PapermillExecutionError) as raised:
        execute("02_prompt_modes", tusks="all", results="none")
    says = "Unknown key in the parameters 'tusks'. Did you mean 'tasks'? Allowed: base,"
    assert says in str(raised.value)
    assert not (small / "none").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCS)
def test_notes_for_developers_run(name, tmp_path):
    out = tmp_path / "out.ipynb"
    papermill.execute_notebook(ROOT / f"{name}.ipynb", out, cwd=ROOT, progress_bar=False)
    assert "{glue" not in seen(out)[0]


def words(data):
    (text,) = [value for kind, value in data.items() if kind.endswith("text/markdown")]
    return "".join(text)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(notebooks()))
def test_every_value_that_the_text_quotes_is_glued(executed, name):
    path, glued = executed(name)
    shown = [words(data) for data in glued.values() if any("markdown" in kind for kind in data)]
    text = "\n".join([c.source for c in cells(name) if prose(c)] + shown)
    quoted = set(re.findall(r"\{glue:\w*\}`?\s*([\w-]+)", text))
    assert quoted
    assert quoted <= glued.keys()
    assert not re.search(r"\{(glue|cite)|:::|^\([\w-]+\)=$", seen(path)[0], re.M)
    if name in CHECKS:
        CHECKS[name](path, glued)


def seen(path):
    """What any viewer shows of an executed notebook: its Markdown, and kinds of other outputs."""
    cells = nbformat.read(path, 4).cells
    text = [c.source for c in cells if c.cell_type == "markdown"]
    kinds = []
    for output in (o for c in cells for o in c.get("outputs", []) if "data" in o):
        text += ["".join(output.data.get("text/markdown", ""))]
        kinds += [kind for kind in output.data if not kind.startswith("application/papermill")]
    return "\n".join(text), kinds


def check_modes(path, glued):
    # Figures, captions and numbers are there without the book.
    text, kinds = seen(path)
    assert kinds.count("image/png") == 6
    assert "Fig. 1: the five modes on an object of several parts" in text
    # The state of the widget is in the file, for pages without a kernel.
    assert "application/vnd.jupyter.widget-state+json" in nbformat.read(path, 4).metadata.widgets


def check_comparison(path, glued):
    said = "".join(glued["said"]["application/papermill.record/text/plain"])
    assert "not zero-shot SAM" in said


def check_examples(path, glued):
    # Both objects, each with its number of images; the case that could not be read is not one.
    assert "object-1 (n = 3), object-2 (n = 2)" in words(glued["examples"])
    assert any(kind.endswith("image/jpeg") for kind in glued["part-1"])
    notebook = nbformat.read(path, 4)
    assert dict(tables(notebook))["09_all_examples/part-1.csv"].count(b"\n") == 1 + 2 * 3 * 2
    # Two tasks of small images; a part of five real ones weighs at most 0.6 MB.
    assert len(nbformat.writes(notebook)) < 1_000_000


def check_your_data(path, glued):
    """What cannot be used is on the page with its reason."""
    html = {name: str(data) for name, data in glued.items()}
    assert "has no mask" in html["reasons"]
    assert "images/notes.txt" in html["reasons"]
    assert "4 cases of 3 patients" in html["counts"]
    assert "medsam run --images images --masks masks" in words(glued["command"])
    assert {"modes-by-task", "modes-means", "clicks-by-task"} <= glued.keys()


def check_modalities(path, glued):
    outputs = [o for c in nbformat.read(path, 4).cells for o in c.get("outputs", [])]
    # The run of the parameters stands beside what was measured, under its own name.
    html = "".join("".join(o.get("data", {}).get("text/html", "")) for o in outputs)
    assert "this run" in html
    assert "measured by this project" in html


def check_try_it(path, glued):
    explorer, clicks = sorted(live_states(path), key=lambda state: state["kind"])
    assert (explorer["kind"], clicks["kind"]) == ("ambiguity", "clicks")
    assert {case["id"] for case in clicks["cases"]} <= {"case_0", "case_1", "case_2"}
    for case in clicks["cases"]:
        assert case["size"] == [60, 70]
        assert all(len(o["clicks"]["points"]) == len(o["clicks"]["iou"]) for o in case["objects"])
    assert len(explorer["first"]["masks"]) == 3


CHECKS = {
    "02_prompt_modes": check_modes,
    "03_comparison": check_comparison,
    "09_all_examples": check_examples,
    "13_modalities": check_modalities,
    "14_your_data": check_your_data,
    "16_try_it": check_try_it,
}
"""What else holds of an executed notebook."""
