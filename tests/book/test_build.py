"""Assembling the source tree, and the bar of zero warnings."""

import json
import os
from pathlib import Path

import build
import pytest
from publish import STATE, VIEW
from widget_page import NODE_MODULES

from medsam.errors import InputError

needs_node = pytest.mark.skipif(
    not (NODE_MODULES / "mathjax").is_dir(), reason="No node_modules; run `npm ci`"
)

NOTEBOOK = """{"cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# One"}],
"metadata": {"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}},
"nbformat": 4, "nbformat_minor": 5}"""


def toc(folder: Path, *files: str, parts: str = "") -> Path:
    path = folder / "_toc.yml"
    chapters = "".join(f"  - file: {name}\n" for name in files)
    path.write_text(f"format: jb-book\nroot: notebooks/one\n{parts or 'chapters:'}\n{chapters}")
    return path


@pytest.fixture
def executed(tmp_path):
    """A folder with one executed notebook, which shows a widget."""
    state = {"_anywidget_id": "medsam.toys.Toy", "_esm": "export default {};", "n": 7}
    model = {"model_module": "anywidget", "model_name": "AnyModel", "state": state}
    output = {"output_type": "display_data", "metadata": {}, "data": {VIEW: {"model_id": "a"}}}
    cell = {"cell_type": "code", "id": "b", "metadata": {}, "source": "", "execution_count": 1}
    notebook = json.loads(NOTEBOOK)
    notebook["cells"].append(cell | {"outputs": [output]})
    notebook["metadata"]["widgets"] = {STATE: {"state": {"a": model}}}
    folder = tmp_path / "executed"
    folder.mkdir()
    (folder / "one.ipynb").write_text(json.dumps(notebook))
    return folder


@needs_node
def test_the_tree_is_whole_and_nothing_else_stays(executed, tmp_path):
    source, contents = tmp_path / "source", toc(tmp_path, "method", "licences")
    build.assemble(source, executed, toc=contents)
    for name in ("method.md", "_static/medsam.css", "notebooks/one.ipynb", "_extra/mathjax"):
        assert (source / name).exists(), name
    # Widgets are files of the site, and stay in what is downloaded.
    assert STATE not in (source / "notebooks" / "one.ipynb").read_text()
    build.offered(source, executed, tmp_path / "html")
    offered = tmp_path / "html" / "_sources" / "notebooks" / "one.ipynb"
    assert offered.read_text() == (executed / "one.ipynb").read_text()
    # What is unchanged keeps its time, what is gone goes.
    os.utime(source / "method.md", (1, 1))
    (source / "notebooks" / "old.ipynb").write_text(NOTEBOOK)
    build.assemble(source, executed, toc=contents)
    assert (source / "method.md").stat().st_mtime == 1
    assert not (source / "notebooks" / "old.ipynb").exists()


@pytest.mark.book
def test_a_warning_is_an_error_again_and_again(tmp_path, capsys):
    source, site = tmp_path / "_build" / "source", tmp_path / "_build" / "html"
    for folder in ("notebooks", "_extra", "_static"):
        (source / folder).mkdir(parents=True)
    (source / "references.bib").write_text("")
    for name in ("logo.svg", "favicon.svg"):
        (source / "_static" / name).write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (source / "notebooks" / "one.ipynb").write_text(NOTEBOOK)
    page, contents = source / "page.md", toc(tmp_path, "page")
    page.write_text("# Page\n\n[](nowhere.md)\n")
    for _ in range(2):
        assert build.html(source, tmp_path, toc=contents) != 0
        assert "nowhere" in capsys.readouterr().err
    page.write_text("# Page\n\n$x$ and [](notebooks/one.ipynb)\n")
    assert build.html(source, tmp_path, toc=contents) == 0
    assert capsys.readouterr().err == ""
    # Sphinx alone would see no page that has changed, and leave the old style in place; another
    # page in the contents is in the side bar of pages that stay as they are.
    (source / "_static" / "style.css").write_text("p { color: red }")
    (source / "other.md").write_text("# The other page\n")
    assert build.html(source, tmp_path, toc=toc(tmp_path, "page", "other")) == 0
    assert (site / "_static" / "style.css").is_file()
    assert "The other page" in (site / "page.html").read_text()


def test_chapters_on_own_data_stand_beside_the_samples(executed, tmp_path):
    for name in ("data-busi/one", "two", "data-old/one"):
        (executed / name).parent.mkdir(exist_ok=True)
        (executed / f"{name}.ipynb").write_text(NOTEBOOK)
    parts = "parts:\n- caption: 'Your data: Breast: US'\n  chapters:"
    contents = toc(tmp_path, "data-busi/one", "data-gone/one", parts=parts)
    source = tmp_path / "source"
    # Data that is no longer named is not in the book; what was not executed is told.
    (made,) = build.own_data(source, executed, contents)
    assert made == source / "data-busi" / "one.ipynb"
    assert "# One: Breast: US" in made.read_text()
    build.notebooks(source, executed)
    with pytest.raises(InputError, match="pages that are not there: data-gone/one"):
        build.check(source, contents)
