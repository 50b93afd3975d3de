"""Models by name, those of other packages too, and the commands that list and fetch them."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from medsam.errors import InputError, UnknownName
from medsam.models import commands, registry
from medsam.models.checkpoints import CHECKPOINTS
from medsam.models.registry import MODELS, PluginNote, check_name, load, models

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


def test_every_entry_matches_its_class():
    for name, entry in MODELS.items():
        assert entry.note.endswith("."), name
        assert entry.weights, name
        assert entry.model_class.accepts == set(entry.accepts.split())
        assert entry.arguments.get("name", name) == name


def test_listing_loads_nothing_heavy():
    code = """
import sys
from medsam.models.registry import models
[entry.missing for entry in models().values()]
print(sorted({'torch', 'onnxruntime', 'segment_anything', 'timm'} & set(sys.modules)))
"""
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
        ({"minisam": "other_squares:ENTRY"}, "'minisam' of .* left out: .*the name is taken"),
        ({"torn": "not_there:ENTRY"}, "left out: ModuleNotFoundError"),
        ({"word": "other_squares:OTHER"}, "left out: .*it is a str, not a medsam.models.registry"),
    ],
)
def test_a_model_of_another_package_that_cannot_be_used(other_package, points, message):
    other_package(points)
    with pytest.warns(PluginNote, match=message):
        assert list(models()) == list(MODELS)


def call(app, *arguments):
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_list_as_json(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDSAM_WEIGHTS", str(tmp_path))
    path = tmp_path / "sam_vit_h_4b8939.pth"
    path.write_bytes(b"")
    rows = {row["name"]: row for row in json.loads(call(commands.app, "--json").output)}
    assert rows["sam-vit-h"]["accepts"] == ["points", "box", "mask"]
    assert (rows["sam-vit-h"]["present"], rows["sam-vit-b"]["present"]) == (True, False)
    assert rows["sam-vit-h"]["weights"][0]["path"] == str(path)
    assert rows["sam-vit-b"]["weights"][0]["sha256"] == CHECKPOINTS["sam-vit-b"].sha256


def test_weights_that_come_with_a_package():
    assert "encoder.onnx (MIT)" in call(commands.weights_app, "fetch", "minisam").output
    checked = call(commands.weights_app, "check", "minisam").output
    assert f"sha256 {CHECKPOINTS['minisam-encoder'].sha256} (as published)" in checked
    with pytest.raises(UnknownName, match="Did you mean 'minisam'"):
        call(commands.weights_app, "fetch", "minisan")


def test_an_option_that_a_model_does_not_take_is_refused():
    for option in ("precision", "checkpoint"):
        with pytest.raises(InputError, match=f"takes no {option}. Allowed: folder, threads"):
            load("minisam", **{option: "bfloat16"})
