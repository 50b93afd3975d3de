"""The licences page's tables: what is installed, what the site serves, and the texts beside it."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import licences as page
import pytest
from assets import LIVE_LIBRARIES
from licences import javascript, licences

ROOT = Path(__file__).parents[2]
NODE_MODULES = ROOT / "node_modules"
needs_packages = pytest.mark.skipif(
    not (NODE_MODULES / "onnxruntime-web").is_dir(), reason="No node_modules; run `npm ci`"
)


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
    licences(source, extra, NODE_MODULES, ROOT / "requirements.lock")
    texts = {path.stem: path.read_text() for path in (extra / "licences").iterdir()}
    assert set(texts) == {*page.SERVED, *page.THEMES, *page.WITHIN}
    # The package has no text; it is made whole with the notice of its program.
    notice = "MIT License\n\nCopyright (c) Microsoft Corporation\n"
    assert texts["onnxruntime-web"].startswith(notice)
    assert all("opyright" in text for text in texts.values())
    for name, ours in (("javascript", "fflate"), ("python", "pillow")):
        assert f"\n{ours}," in (source / "licences" / f"{name}.csv").read_text()
