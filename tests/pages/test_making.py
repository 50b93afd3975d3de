"""What is written for make and the book, and what a change of the data changes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from toys import blob, write_pair

from medsam.errors import InputError
from medsam.pages.__main__ import main
from medsam.pages.own_data import Book, Source, chapters, contents, listing, rules, write

ROOT = Path(__file__).parents[2]
TOC = """format: jb-book
root: notebooks/index
parts:
  - caption: Results
    chapters:
      - file: notebooks/02_prompt_modes
  - caption: About
    chapters:
      - file: licences
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEDSAM_BOOK_DATA", raising=False)
    write_pair(tmp_path / "it's $5", "a", blob(1))
    (tmp_path / "_toc.yml").write_text(TOC)
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    return tmp_path


@pytest.fixture
def source(here):
    return Source(images="it's $5/images", masks="it's $5/masks")


def made(*sources, pages=("02_prompt_modes",)):
    return chapters(Book(source=sources, pages=pages))


def test_parts_stand_before_the_last(here, source):
    found = contents(Path("_toc.yml"), made(source))
    captions = [part["caption"] for part in found["parts"]]
    assert captions == ["Results", "Your data: it's $5", "About"]
    (page,) = found["parts"][1]["chapters"]
    title = "Five ways of prompting"
    assert page == {"file": "data-it_s__5/02_prompt_modes", "title": title}
    assert contents(Path("_toc.yml"), []) == yaml.safe_load(TOC)


def test_contents_without_parts(here):
    Path("_toc.yml").write_text("root: index\n")
    with pytest.raises(InputError, match=r"_toc.yml has no parts. Allowed: a jb-book table"):
        contents(Path("_toc.yml"), [])


@pytest.mark.skipif(not shutil.which("make"), reason="No make")
def test_make_reads_the_rules(here, source):
    """A shell that prints its words stands for the programs: quotes and dollars arrive whole."""
    made_here = made(source, pages=("02_prompt_modes", "12_robustness"))
    write(made_here, Path("b"), Path("_toc.yml"))
    Path("Makefile").write_text(
        "BIN := bin\nSTUDY :=\nSOURCES :=\n"
        "EXECUTE = @mkdir -p $(@D); printf '%s\\n' papermill $< $@ >> log; touch $@; : \n"
        "include b/data.mk\nall: $(DATA_EXECUTED)\n.DEFAULT_GOAL := all\n"
    )
    Path("bin").mkdir()
    Path("bin/medsam").write_text('#!/bin/sh\nmkdir -p b/data/it_s__5/results\n'
                                  'printf "%s\\n" "$@" >> log\n')  # fmt: skip
    Path("bin/medsam").chmod(0o755)

    def run():
        Path("log").write_text("")
        subprocess.run(["make", "-s"], check=True, env=os.environ | {"MAKEFLAGS": ""})
        return Path("log").read_text().splitlines()

    words = run()
    assert (
        words[: words.index("papermill")] == made_here[0].study(Path("b/data/it_s__5/results"))[1:]
    )
    assert words.count("papermill") == 2
    assert run() == []
    # Another image, another study; a notebook's own parameters alone, that notebook.
    write_pair(here / "it's $5", "b", blob(2))
    write(made_here, Path("b"), Path("_toc.yml"))
    assert run()[0] == "run"


def test_what_is_the_same_keeps_its_time(here, source):
    for _ in range(2):
        write(made(source), Path("b"), Path("_toc.yml"))
        for file in Path("b").rglob("*.*"):
            if file.is_file():
                assert not (_ and file.stat().st_mtime != 1), file
                os.utime(file, (1, 1))
    given = yaml.safe_load(Path("b/data/it_s__5/02_prompt_modes.yml").read_text())
    assert given["images"] == "it's $5/images"


def test_the_listing_notices_another_file(here, source):
    before = listing(source)
    assert listing(source) == before
    write_pair(here / "it's $5", "b", blob(2))
    after = listing(source)
    assert after != before
    os.utime("it's $5/masks/b.png", (1, 1))
    assert listing(source) != after


def test_the_listing_of_a_yaml_file_is_of_its_folders(here):
    text = (
        "key: k\nimages: it's $5/images/{id}.png\nmasks: it's $5/masks/{id}.png\nlabels: {a: 1}\n"
    )
    Path("own.yaml").write_text(text)
    source = Source(data="own.yaml")
    before = listing(source)
    Path("other.txt").write_text("no part of it")
    assert listing(source) == before
    write_pair(here / "it's $5", "b", blob(2))
    assert listing(source) != before


def test_rules_of_nothing():
    assert "DATA_EXECUTED" not in rules([], Path("_build"))


def test_command_line(here, capsys):
    assert main([]) == 0
    assert "No data besides the embedded sample" in capsys.readouterr().out
    assert main(["it's $5", "--write", "--build", "b"]) == 0
    out = capsys.readouterr().out
    assert "Your data: it's $5 (it's $5/images, it's $5/masks), model minisam" in out
    assert Path("b/data.mk").is_file()
    assert main(["it's $5", "--model", "minisan"]) == 2
    assert "medsam: Unknown model 'minisan'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--file", "gone.toml"])
    assert "--file gone.toml: no such file" in capsys.readouterr().err
