"""Assembling the source tree, and the bar of zero warnings."""

import importlib.util
import os
from pathlib import Path

import pytest

from medsam.errors import InputError

ROOT = Path(__file__).parents[2]
needs_node = pytest.mark.skipif(
    not (ROOT / "node_modules" / "requirejs").is_dir(), reason="No node_modules; run `npm ci`"
)

NOTEBOOK = """{"cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# One"}],
"metadata": {"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}},
"nbformat": 4, "nbformat_minor": 5}"""


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("book_build", ROOT / "book" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def executed(tmp_path):
    folder = tmp_path / "executed"
    folder.mkdir()
    (folder / "one.ipynb").write_text(NOTEBOOK)
    return folder


def toc(folder: Path, *files: str) -> Path:
    path = folder / "_toc.yml"
    chapters = "".join(f"  - file: {name}\n" for name in files)
    path.write_text(f"format: jb-book\nroot: notebooks/one\nchapters:\n{chapters}")
    return path


def test_the_book_lists_what_there_is(build):
    names = build.listed()
    assert names[0] == "notebooks/index"
    assert {"method", "licences", "references"} <= set(names)


@needs_node
def test_tree(build, executed, tmp_path):
    source = tmp_path / "source"
    contents = toc(tmp_path, "method", "licences")
    build.assemble(source, executed, toc=contents)
    for name in ("method.md", "_static/medsam.css", "notebooks/one.ipynb", "_extra/mathjax"):
        assert (source / name).exists(), name
    assert not list(source.rglob("*.py"))

    # What is unchanged keeps its time, what is gone goes.
    os.utime(source / "method.md", (1, 1))
    (source / "notebooks" / "old.ipynb").write_text(NOTEBOOK)
    build.assemble(source, executed, toc=contents)
    assert (source / "method.md").stat().st_mtime == 1
    assert not (source / "notebooks" / "old.ipynb").exists()


def test_no_notebooks(build, tmp_path):
    with pytest.raises(InputError, match=r"No executed notebook.*make notebooks"):
        build.notebooks(tmp_path / "source", tmp_path)


def test_a_page_that_is_missing(build, executed, tmp_path):
    with pytest.raises(InputError, match=r"lists pages that are not there: notebooks/one, gone"):
        build.check(tmp_path / "source", toc(tmp_path, "gone"))


@needs_node
def test_command_line_says_what_is_missing(build, tmp_path, capsys):
    assert build.main(["--executed", str(tmp_path), "--output", str(tmp_path)]) == 2
    assert "Run `make notebooks`." in capsys.readouterr().err


@pytest.mark.slow
def test_a_warning_is_an_error_again_and_again(build, tmp_path, capsys):
    source = tmp_path / "_build" / "source"
    (source / "notebooks").mkdir(parents=True)
    (source / "references.bib").write_text("")
    (source / "_extra").mkdir()
    (source / "_static").mkdir()
    for name in ("logo.svg", "favicon.svg"):
        (source / "_static" / name).write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (source / "notebooks" / "one.ipynb").write_text(NOTEBOOK)
    page = source / "page.md"
    page.write_text("# Page\n\n[](nowhere.md)\n")
    contents = toc(tmp_path, "page")
    for _ in range(2):
        assert build.html(source, tmp_path, toc=contents) != 0
        assert "nowhere" in capsys.readouterr().err
    page.write_text("# Page\n\n$x$ and [](notebooks/one.ipynb)\n")
    assert build.html(source, tmp_path, toc=contents) == 0
    assert capsys.readouterr().err == ""
    assert (tmp_path / "_build" / "html" / "page.html").is_file()

    # Sphinx alone would see no page that has changed, and leave the old style in place.
    (source / "_static" / "style.css").write_text("p { color: red }")
    assert build.html(source, tmp_path, toc=contents) == 0
    assert (tmp_path / "_build" / "html" / "_static" / "style.css").is_file()
