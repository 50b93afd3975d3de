"""What the book is made of: file, environment, command line, and what cannot be used."""

import pytest

from medsam.errors import InputError, UnknownName
from medsam.pages.own_data import FILE, VARIABLE, Book, Source, of_words, read, settle

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


def write(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_text(text)
    return folder / FILE


def test_a_whole_file(here):
    book = read(write(here, WHOLE))
    assert book.model == ("minisam", "sam-vit-b")
    assert (book.protocol, book.pages) == ("released", ("02_prompt_modes",))
    liver, scans = book.source
    assert (liver.title, liver.data, liver.model) == ("Liver, our scanner", "own/liver.yaml", ())
    assert (scans.images, scans.masks) == ("scans/images", "scans/masks")
    assert scans.model == ("lite-medsam",)


def test_paths_are_relative_to_the_file(here):
    (here / "far" / "scans" / "images").mkdir(parents=True)
    (here / "far" / "scans" / "labels").mkdir()
    text = 'source = ["us_breast=busi", "own.yaml", "scans", "a:b", "us_breast=/data/busi"]'
    found = read(write(here / "far", text)).source
    assert found[0].data == "us_breast=far/busi"
    assert found[1].data == "far/own.yaml"
    assert (found[2].images, found[2].masks) == ("far/scans/images", "far/scans/labels")
    assert found[2].title == "scans"
    assert (found[3].images, found[3].masks) == ("far/a", "far/b")
    assert found[4].data == "us_breast=/data/busi"


def test_home_is_ones_own(here, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    (found,) = read(write(here, 'source = ["us_breast=~/busi"]')).source
    assert found.data == "us_breast=/home/someone/busi"


def test_nothing_said_is_nothing_added(here):
    assert settle(environment={}) == Book()
    assert Book().source == ()


def test_command_line_over_environment_over_file(here):
    file = write(here, WHOLE)
    told = {VARIABLE: "us_breast=/data/busi 'a b/images:a b/masks'"}
    assert len(settle(file=file, environment={}).source) == 2
    first, second = settle(file=file, environment=told).source
    assert first.data == "us_breast=/data/busi"
    assert (second.images, second.masks) == ("a b/images", "a b/masks")
    (only,) = settle(["sample"], file=file, environment=told).source
    assert only == Source(data="sample")
    # What else the file says still holds.
    assert settle(["sample"], file=file, environment=told).protocol == "released"


def test_a_model_of_the_command_line_holds_for_every_source(here):
    book = settle(model="minisam, sam-vit-h", file=write(here, WHOLE), environment={})
    assert book.model == ("minisam", "sam-vit-h")
    assert {one.model for one in book.source} == {()}
    assert settle(protocol="paper", file=here / FILE, environment={}).source[1].model


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("nowhere", r"Data 'nowhere': no such folder.*Allowed: KEY=PATH .*FILE.yaml.*Check"),
        ("bare", r"Folder 'bare' holds no 'images' and 'masks' \(folders there: x\). Allowed: KEY"),
    ],
)
def test_words_that_are_no_source(here, word, says):
    (here / "bare" / "x").mkdir(parents=True)
    with pytest.raises(InputError, match=says):
        of_words(word)


def test_a_key_of_the_catalog(here):
    assert of_words("ct_spleen") == Source(data="ct_spleen")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "modle = 'minisam'",
            "Unknown key of medsam.toml 'modle'. Did you mean 'model'? Allowed: ",
        ),
        ("[[source]]\nimage = 'a'", "Unknown key of [[source]] of medsam.toml 'image'. Did you"),
    ],
)
def test_unknown_keys(here, text, says):
    with pytest.raises(UnknownName) as error:
        read(write(here, text))
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model = ", r"medsam.toml cannot be read \(.*\). Allowed: TOML"),
        ("model = 3", r"medsam.toml: model: .*got 3. Allowed: keys model, protocol, pages"),
        ("model = []", r"medsam.toml: model: .*Allowed: keys"),
        ("source = 'us_breast'", r"source: 'us_breast'. Allowed: a list of words, or tables"),
        ("source = [3]", r"medsam.toml: source.0: .*got 3"),
        ("[[source]]\nkey = 'a b'", r"source.0.key: .*pattern.*got 'a b'"),
    ],
)
def test_what_a_file_may_not_say(here, text, says):
    with pytest.raises(InputError, match=says):
        read(write(here, text))


def test_every_key_is_explained():
    for kind in (Book, Source):
        assert all(field.description for field in kind.model_fields.values())
