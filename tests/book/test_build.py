"""Assembling the source tree, and the bar of zero warnings."""

import importlib.util
import json
import os
import re
from pathlib import Path

import pytest

from medsam.errors import InputError
from medsam.widgets.publish import STATE, VIEW

ROOT = Path(__file__).parents[2]
needs_node = pytest.mark.skipif(
    not (ROOT / "node_modules" / "mathjax").is_dir(), reason="No node_modules; run `npm ci`"
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


def with_widget(path, kind="medsam.toys.Toy"):
    """Put a notebook there that shows a widget."""
    state = {"_anywidget_id": kind, "_esm": "export default {};", "n": 7}
    model = {"model_module": "anywidget", "model_name": "AnyModel", "state": state}
    output = {"output_type": "display_data", "metadata": {}, "data": {VIEW: {"model_id": "a"}}}
    cell = {"cell_type": "code", "id": "b", "metadata": {}, "source": "", "execution_count": 1}
    notebook = json.loads(NOTEBOOK)
    notebook["cells"].append(cell | {"outputs": [output]})
    notebook["metadata"]["widgets"] = {STATE: {"state": {"a": model}}}
    path.write_text(json.dumps(notebook))


@needs_node
def test_widgets_are_files_of_the_site_and_stay_in_what_is_downloaded(build, executed, tmp_path):
    with_widget(executed / "one.ipynb")
    whole = (executed / "one.ipynb").read_text()
    source, site = tmp_path / "source", tmp_path / "html"
    build.assemble(source, executed, toc=toc(tmp_path, "method"))
    page = (source / "notebooks" / "one.ipynb").read_text()
    assert STATE not in page
    (name,) = re.findall(r'data-traits=\\"(\w+\.js)\\"', page)
    assert '"n":7' in (source / "_extra" / "widgets" / "parts" / name).read_text()
    assert (executed / "one.ipynb").read_text() == whole
    build.offered(source, executed, site)
    assert (site / "_sources" / "notebooks" / "one.ipynb").read_text() == whole


def test_a_foreign_widget_is_told_with_its_notebook(build, executed, tmp_path):
    with_widget(executed / "one.ipynb", "others.Map")
    with pytest.raises(InputError, match=r"notebooks/one\.ipynb shows .* class others\.Map"):
        build.notebooks(tmp_path / "source", executed)


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

    # Another page in the contents is in the side bar of pages that stay as they are.
    (source / "other.md").write_text("# The other page\n")
    contents = toc(tmp_path, "page", "other")
    assert build.html(source, tmp_path, toc=contents) == 0
    assert "The other page" in (tmp_path / "_build" / "html" / "page.html").read_text()


def test_chapters_on_own_data_stand_beside_the_samples(build, executed, tmp_path):
    own = executed / "data-busi"
    own.mkdir()
    text = NOTEBOOK.replace('"# One"', '"# One\\n\\n[other](two.ipynb), [same](one.ipynb)"')
    (own / "one.ipynb").write_text(text)
    (executed / "two.ipynb").write_text(NOTEBOOK)
    (executed / "data-old").mkdir()
    (executed / "data-old" / "one.ipynb").write_text(NOTEBOOK)
    contents = tmp_path / "_toc.yml"
    contents.write_text(
        "format: jb-book\nroot: notebooks/one\nparts:\n"
        "  - caption: 'Your data: Breast: US'\n"
        "    chapters:\n      - {file: data-busi/one, title: One}\n"
    )
    source = tmp_path / "source"
    made = build.own_data(source, executed, contents)
    assert made == [source / "data-busi" / "one.ipynb"]
    page = made[0].read_text()
    assert "# One: Breast: US" in page
    assert "[other](../notebooks/two.ipynb), [same](one.ipynb)" in page
    # Data that is no longer named is not in the book.
    assert not (source / "data-old").exists()


def test_a_chapter_that_was_not_executed(build, executed, tmp_path):
    contents = toc(tmp_path, "data-busi/one")
    text = contents.read_text().replace("chapters:", "parts:\n- caption: A\n  chapters:")
    contents.write_text(text)
    build.notebooks(tmp_path / "source", executed)
    assert build.own_data(tmp_path / "source", executed, contents) == []
    with pytest.raises(InputError, match="pages that are not there: data-busi/one"):
        build.check(tmp_path / "source", contents)


def test_downloads_of_chapters_are_apart(build, executed, tmp_path):
    clean = tmp_path / "clean"
    clean.mkdir()
    (clean / "one.ipynb").write_text(NOTEBOOK)
    both = [tmp_path / folder / "one.ipynb" for folder in ("notebooks", "data-busi")]
    for page in both:
        page.parent.mkdir()
        page.write_text(NOTEBOOK)
    made = build.downloads(tmp_path / "extra", both, clean)
    where = [path.relative_to(tmp_path / "extra" / "data").as_posix() for path in made]
    assert where == ["one/one.ipynb", "data-busi/one/one.ipynb"]
