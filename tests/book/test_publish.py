"""Widgets of a notebook as files; what a browser makes of them is in tests/book."""

import base64
import json
import re

import pytest
from publish import VIEW, published
from widget_page import notebook_of

from medsam.errors import InputError

DOT = b"RIFF....WEBP"
URI = f"data:image/webp;base64,{base64.b64encode(DOT).decode()}"
MODULE = "const one = 1;\nexport default { render() { return one; } };\n"


def model(**traits):
    state = {"_anywidget_id": "medsam.toys.Toy", "_esm": MODULE, "_css": "p { color: red }"}
    return {"model_module": "anywidget", "model_name": "AnyModel", "state": state | traits}


def holds(text):
    """What a file of traits holds, where the site stands at its root."""
    body = text.removeprefix("document.currentScript.holds=").removesuffix(";\n")
    return json.loads(re.sub(r'window\.medsamWidgets\+"', '"/widgets/', body))


def test_state_becomes_files_and_the_page_names_them(tmp_path):
    a = model(images={"i0": URI}, cases=[{"image": URI, "n": 1}], layout="IPY_MODEL_x", about="é")
    layout = {"model_module": "@jupyter-widgets/base", "model_name": "LayoutModel", "state": {}}
    given = notebook_of({"a": a, "x": layout}, "a", "a")
    made, files = published(given, tmp_path, "page.ipynb")
    assert made["metadata"] == {}
    first, again = (cell["outputs"][0]["data"] for cell in made["cells"])
    assert VIEW not in first
    assert first["text/html"].startswith('<script src="../widgets/boot.js" defer></script><div')
    assert "script" not in again["text/html"]
    data = dict(re.findall(r'data-(\w+)="([^"]*)"', again["text/html"]))
    assert (data["widget"], data["model"]) == ("Toy", "a")
    parts = tmp_path / "parts"
    assert (parts / data["style"]).read_text() == "p { color: red }"
    assert "const exported = { render() { return one; } };" in (parts / data["code"]).read_text()
    (tile,) = (tmp_path / "tiles").iterdir()
    assert tile.read_bytes() == DOT
    address = f"/widgets/tiles/{tile.name}"
    traits = {"images": {"i0": address}, "cases": [{"image": address, "n": 1}], "about": "é"}
    assert holds((parts / data["traits"]).read_text()) == traits
    assert sorted(files) == sorted([tile, *parts.iterdir()])
    # What is the same is there once, and keeps its time.
    times = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    published(given, tmp_path, "other.ipynb")
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == times


def test_files_inside_html_become_files(tmp_path):
    pdf = base64.b64encode(b"%PDF").decode()
    html = f'<a href="data:application/pdf;base64,{pdf}" download="a.pdf">A</a><img src="{URI}">'
    output = {"data": {"text/html": html}}
    given = {"metadata": {}, "cells": [{"cell_type": "code", "outputs": [output]}]}
    made, files = published(given, tmp_path, "page.ipynb")
    document, picture = sorted(files, key=lambda file: file.suffix)
    assert (document.read_bytes(), picture.read_bytes()) == (b"%PDF", DOT)
    shown = made["cells"][0]["outputs"][0]["data"]["text/html"]
    there = f'href="../widgets/files/{document.name}" download="a.pdf">A</a>'
    assert shown == f'<a {there}<img src="../widgets/files/{picture.name}">'


def test_what_stops_the_build(tmp_path):
    foreign, torn = model(_anywidget_id="others.Map"), model(_esm="let a;")
    for states, told in (
        ({"a": foreign}, r"a\.ipynb shows .* class others\.Map.* Take it out"),
        ({"b": model()}, r"a\.ipynb shows a widget whose state.* papermill"),
        ({"a": torn}, "Allowed: one `export default`"),
    ):
        with pytest.raises(InputError, match=told):
            published(notebook_of(states, "a"), tmp_path, "a.ipynb")
