"""The pages of examples and of one's own data, executed with papermill."""

import re
from pathlib import Path

import nbformat
import papermill
import pytest
from notebook_pages import FOLDER, glued
from toys import blob, write_pair

from medsam.pages.own_data import Book, Source, chapters, readers
from medsam.pages.page import files

PAGES = ("09_all_examples", "14_your_data")


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


@pytest.fixture(scope="module")
def executed(small):
    """Each page as a chapter of its own runs it, on two folders."""

    def run(name):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(small)
            source = Source(images="images", masks="masks")
            (one,) = chapters(Book(source=(source,), pages=(name,)), FOLDER)
            out = small / f"{name}.ipynb"
            if not out.is_file():
                given = one.parameters(one.pages[0], Path("b"))
                papermill.execute_notebook(FOLDER / f"{name}.ipynb", out, given, progress_bar=False)
        return nbformat.read(out, as_version=4)

    return run


def words(data):
    (text,) = [value for kind, value in data.items() if kind.endswith("text/markdown")]
    return "".join(text)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_runs_on_two_folders(executed, name):
    notebook = executed(name)
    there = glued(notebook)
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    shown = [words(data) for data in there.values() if any("markdown" in k for k in data)]
    quoted = re.findall(r"\{glue:\w*\}`?\s*([\w-]+)", "\n".join([text, *shown]))
    assert quoted
    assert set(quoted) <= there.keys()
    # Both objects, each with its number of images; the case that could not be read is not one.
    assert "object-1 (n = 3), object-2 (n = 2)" in words(there["examples"])
    assert any(kind.endswith("image/jpeg") for kind in there["part-1"])
    tables = dict(files(notebook))
    assert tables[f"{name}/part-1.csv"].count(b"\n") == 1 + 2 * 3 * 2


@pytest.mark.slow
def test_what_cannot_be_used_is_on_the_page_with_its_reason(executed):
    there = glued(executed("14_your_data"))
    html = {name: str(data) for name, data in there.items()}
    assert "has no mask in" in html["reasons"]
    assert "images/notes.txt" in html["reasons"]
    assert "4 cases of 3 patients" in html["counts"]
    assert "spoilt" not in words(there["folder"])
    assert "medsam run --images images --masks masks" in words(there["command"])


@pytest.mark.slow
def test_both_pages_share_one_study(executed, small):
    for name in PAGES:
        executed(name)
    assert len(list((small / "b" / "data").rglob("rows-*.parquet"))) == 1


@pytest.mark.slow
def test_a_page_of_examples_stays_light(executed):
    """Two tasks of small images; a part of five real ones weighs at most 0.6 MB."""
    notebook = executed("09_all_examples")
    assert len(nbformat.writes(notebook)) < 1_000_000


def test_every_page_that_reads_data_can_be_a_chapter():
    assert set(PAGES) <= readers(FOLDER).keys()
