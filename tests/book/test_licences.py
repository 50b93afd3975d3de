"""The licences page's tables: what is installed, what the site serves, and the texts beside it."""

from __future__ import annotations

import csv
import json
from email.message import Message
from importlib.metadata import version
from pathlib import Path

import licences as page
import pytest
from licences import javascript, licence_of, licences, python

from medsam.errors import InputError
from medsam.widgets.site import LIVE_LIBRARIES

ROOT = Path(__file__).parents[2]
NODE_MODULES = ROOT / "node_modules"
needs_packages = pytest.mark.skipif(
    not (NODE_MODULES / "onnxruntime-web").is_dir(), reason="No node_modules; run `npm ci`"
)
OSI = "License :: OSI Approved :: "


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("License-Expression", "MIT OR Apache-2.0"), ("License", "see")], "MIT OR Apache-2.0"),
        ([("License", "BSD-3-Clause"), ("Classifier", f"{OSI}BSD License")], "BSD-3-Clause"),
        ([("License", "Copyright 2015 A"), ("Classifier", f"{OSI}BSD License")], "BSD License"),
        ([("License", "UNKNOWN"), ("Classifier", "License :: Public Domain")], "Public Domain"),
        ([("License", "a text\nof lines"), ("Classifier", f"{OSI}ISC")], "ISC"),
        ([("Classifier", "License :: OSI Approved")], "not stated"),
    ],
)
def test_what_a_package_says_of_its_licence(fields, expected):
    about = Message()
    for name, value in fields:
        about[name] = value
    assert licence_of(about) == expected


def test_packages_of_a_lock(tmp_path):
    """Those of another system are left out, hashes are none of the version."""
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "# made by uv\n"
        f"numpy=={version('numpy')} ; python_full_version >= '3.11' \\\n    --hash=sha256:ab\n"
        "pywin==1.0 ; sys_platform == 'no-such-system' \\\n    --hash=sha256:cd\n"
        "no-such-package==2.5 \\\n    --hash=sha256:ef\n"
    )
    numpy, none = python(lock)
    assert numpy[:2] == ("numpy", version("numpy"))
    assert "BSD-3-Clause" in numpy[2]
    assert none == ("no-such-package", "2.5", "not installed here")


def test_locks_that_cannot_be_read(tmp_path):
    (tmp_path / "bad.lock").write_text("= 1.0\n")
    for name, text in (
        ("none", "cannot be read .*make lock"),
        ("bad", "'= 1.0' is no requirement"),
    ):
        with pytest.raises(InputError, match=rf"{name}\.lock:? {text}"):
            list(python(tmp_path / f"{name}.lock"))


@needs_packages
def test_every_library_that_is_served_is_listed():
    found = {name: (number, licence) for name, number, licence, *_ in javascript(NODE_MODULES)}
    served = {source.split("/")[0] for source in LIVE_LIBRARIES.values()}
    assert served | {"mathjax"} == set(page.SERVED)
    for name in page.SERVED:
        about = json.loads((NODE_MODULES / name / "package.json").read_text())
        assert found[name] == (about["version"], about["license"])
    assert found["sphinx-book-theme"][0] == version("sphinx-book-theme")
    assert all(number and licence for number, licence in found.values())


@needs_packages
def test_tables_and_texts(tmp_path):
    source, extra = tmp_path / "source", tmp_path / "extra"
    made = licences(source, extra, NODE_MODULES, ROOT / "requirements.lock")
    assert all(path.is_file() for path in made)
    texts = {path.stem: path.read_text() for path in (extra / "licences").iterdir()}
    assert set(texts) == {*page.SERVED, *page.THEMES, *page.WITHIN}
    assert texts["onnxruntime-web"].startswith(
        "MIT License\n\nCopyright (c) Microsoft Corporation\n"
    )
    assert "Apache License" in texts["mathjax"]
    assert "MIT License\n\nCopyright 2011-20" in texts["bootstrap"]
    assert "The Bootstrap Authors\n\nPermission is hereby granted" in texts["bootstrap"]
    assert all("opyright" in text for text in texts.values())
    with open(source / "licences" / "javascript.csv", newline="") as file:
        links = {row[0]: row[2] for row in csv.reader(file)}
    assert links["fflate"] == '<a href="licences/fflate.txt">MIT</a>'
    with open(source / "licences" / "python.csv", newline="") as file:
        rows = {row[0]: row[1:] for row in csv.reader(file)}
    assert rows["pillow"][0] == version("pillow")
    assert len(rows) > 150
    times = [path.stat().st_mtime_ns for path in made]
    licences(source, extra, NODE_MODULES, ROOT / "requirements.lock")
    assert [path.stat().st_mtime_ns for path in made] == times


def test_a_package_without_a_text(tmp_path):
    """MIT is made whole with the notice of its program; anything else is not guessed."""
    folder = tmp_path / "onnxruntime-web"
    folder.mkdir()
    about = {"version": "1.0", "license": "MIT", "main": "main.js"}
    (folder / "package.json").write_text(json.dumps(about))
    (folder / "main.js").write_text("// Copyright (c) 2020 Somebody. All rights reserved.\n")
    name, number, licence, _, text = next(javascript(tmp_path))
    assert (name, number, licence) == ("onnxruntime-web", "1.0", "MIT")
    assert text.startswith("MIT License\n\nCopyright (c) 2020 Somebody\n\nPermission is hereby")
    (folder / "package.json").write_text(json.dumps(about | {"license": "GPL-3.0"}))
    with pytest.raises(InputError, match=r"onnxruntime-web has no LICENSE, and is 'GPL-3\.0'"):
        next(javascript(tmp_path))
    with pytest.raises(InputError, match=r"package\.json is not there.*make env"):
        next(javascript(tmp_path / "none"))
