"""Widgets of a notebook as files; what a browser makes of them is in tests/book."""

import base64
import copy
import json
import re

import pytest
from widget_page import notebook_of

from medsam.errors import InputError
from medsam.widgets.publish import VIEW, published

DOT = b"RIFF....WEBP"
URI = f"data:image/webp;base64,{base64.b64encode(DOT).decode()}"
MODULE = "const one = 1;\nexport default { render() { return one; } };\n"


def model(**traits):
    state = {"_anywidget_id": "medsam.toys.Toy", "_esm": MODULE, "_css": "p { color: red }"}
    return {"model_module": "anywidget", "model_name": "AnyModel", "state": state | traits}


def data_of(html):
    return dict(re.findall(r'data-(\w+)="([^"]*)"', html))


def holds(text):
    """What a file of traits holds, where the site stands at its root."""
    body = text.removeprefix("document.currentScript.holds=").removesuffix(";\n")
    return json.loads(re.sub(r'window\.medsamWidgets\+"', '"/widgets/', body))


def test_state_becomes_files_and_the_page_names_them(tmp_path):
    a = model(images={"i0": URI}, cases=[{"image": URI, "n": 1}], layout="IPY_MODEL_x", about="é")
    layout = {"model_module": "@jupyter-widgets/base", "model_name": "LayoutModel", "state": {}}
    given = notebook_of({"a": a, "x": layout}, "a", "a")
    before = copy.deepcopy(given)
    made, files = published(given, tmp_path, "page.ipynb")
    assert given == before
    assert made["metadata"] == {}
    first, again = (cell["outputs"][0]["data"] for cell in made["cells"])
    assert VIEW not in first
    assert first["text/html"].startswith('<script src="../widgets/boot.js" defer></script><div')
    assert "script" not in again["text/html"]
    data = data_of(again["text/html"])
    assert (data["widget"], data["model"]) == ("Toy", "a")
    parts = tmp_path / "parts"
    assert (parts / data["style"]).read_text() == "p { color: red }"
    assert "const exported = { render() { return one; } };" in (parts / data["code"]).read_text()
    (tile,) = (tmp_path / "tiles").iterdir()
    assert tile.read_bytes() == DOT
    address = f"/widgets/tiles/{tile.name}"
    traits = holds((parts / data["traits"]).read_text())
    assert traits == {
        "images": {"i0": address},
        "cases": [{"image": address, "n": 1}],
        "about": "é",
    }
    assert sorted(files) == sorted([tile, *parts.iterdir()])


def test_files_inside_html_become_files(tmp_path):
    pdf, text = (base64.b64encode(content).decode() for content in (b"%PDF", b"hi"))
    html = f'<a href="data:application/pdf;base64,{pdf}" download="a.pdf">A</a><img src="{URI}">'
    other = f'<a href="data:text/plain;base64,{text}">B</a>'
    data = {"text/html": html, "application/papermill.record/text/html": html + other}
    given = {"metadata": {}, "cells": [{"cell_type": "code", "outputs": [{"data": data}]}]}
    made, files = published(given, tmp_path, "page.ipynb")
    names = sorted(file.name for file in files)
    assert [file.read_bytes() for file in sorted(files, key=lambda f: f.suffix)] == [b"%PDF", DOT]
    document, picture = sorted(names, key=lambda name: name.rpartition(".")[2])
    folder = "../widgets/files"
    there = f'<a href="{folder}/{document}" download="a.pdf">A</a><img src="{folder}/{picture}">'
    shown = made["cells"][0]["outputs"][0]["data"]
    assert shown == {"text/html": there, "application/papermill.record/text/html": there + other}


def test_what_is_the_same_is_there_once(tmp_path):
    for name in ("one", "two"):
        state = {name: model(image=URI), f"{name}-other": model(image=URI, n=2)}
        published(notebook_of(state, *state), tmp_path, name)
    assert len(list((tmp_path / "tiles").iterdir())) == 1
    assert len(list((tmp_path / "parts").iterdir())) == 4  # code, style, two models' traits
    times = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    published(notebook_of(state, *state), tmp_path, "two")
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == times


@pytest.mark.parametrize(
    ("foreign", "told"),
    [
        (model() | {"model_module": "@jupyter-widgets/controls"}, "medsam.toys.Toy"),
        (model(_anywidget_id="others.Map"), "others.Map"),
    ],
)
def test_a_foreign_widget_or_one_without_state_stops_the_build(tmp_path, foreign, told):
    with pytest.raises(InputError, match=rf"a\.ipynb shows .* class {told}.* Take it out"):
        published(notebook_of({"a": foreign}, "a"), tmp_path, "a.ipynb")
    with pytest.raises(InputError, match=r"a\.ipynb shows a widget whose state.* papermill"):
        published(notebook_of({"a": model()}, "b"), tmp_path, "a.ipynb")


@pytest.mark.parametrize(
    "code", ["let a;", f"{MODULE}export const b = 1;", f"import 'x';\n{MODULE}"]
)
def test_code_that_is_not_one_module(tmp_path, code):
    with pytest.raises(InputError, match="Allowed: one `export default`"):
        published(notebook_of({"a": model(_esm=code)}, "a"), tmp_path, "a.ipynb")
