"""The book as one PDF."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pdf import main
from pypdf import PdfReader

ROOT = Path(__file__).parents[2]
PAGE = "<html><title>{0}</title><article><h1>{0}</h1><p>{0} in words.</p></article></html>"


@pytest.fixture
def site(tmp_path):
    (tmp_path / "notebooks").mkdir()
    for name in ("notebooks/first", "second"):
        (tmp_path / f"{name}.html").write_text(PAGE.format(name.split("/")[-1].title()))
    toc = tmp_path / "_toc.yml"
    toc.write_text("format: jb-book\nroot: notebooks/first\nchapters:\n  - file: second\n")
    return tmp_path, toc


@pytest.mark.slow
@pytest.mark.book
@pytest.mark.usefixtures("browser")
def test_pages_are_joined_in_order(site):
    folder, toc = site
    out = folder / "book.pdf"
    # A process of its own: playwright runs once in each.
    given = ["--site", folder, "--out", out, "--toc", toc]
    command = [sys.executable, ROOT / "book" / "pdf.py", *given]
    assert "2 sheets in" in subprocess.check_output(list(map(str, command)), text=True)
    made = PdfReader(out)
    assert [item.title for item in made.outline] == ["First", "Second"]
    assert "Second in words." in made.pages[1].extract_text()


def test_a_page_that_is_not_built_is_told(site, capsys):
    folder, toc = site
    (folder / "second.html").unlink()
    assert main(["--site", str(folder), "--toc", str(toc)]) == 2
    assert "No page second" in capsys.readouterr().err
