"""Every page of the built book is light in its first view, and does not move under its reader."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).parents[2]
HTML = Path(os.environ.get("MEDSAM_HTML", ROOT / "_build" / "html"))
PAGES = list(parse_toc_yaml(ROOT / "_toc.yml"))
THEME = 150
"""Kilobytes of the theme at most."""

pytestmark = pytest.mark.book

HEIGHTS = """async () => {
  const heights = [];
  for (const place of document.querySelectorAll(".jupyter-widgets")) {
    const kept = place.offsetHeight;
    place.scrollIntoView({ behavior: "instant" });
    while (place.ariaBusy) await new Promise((done) => setTimeout(done, 20));
    heights.push([place.dataset.widget, kept, place.offsetHeight]);
  }
  return heights;
}"""


@pytest.fixture(scope="module")
def pages():
    """benchmarks/pages.py as a module."""
    spec = importlib.util.spec_from_file_location("pages", ROOT / "benchmarks" / "pages.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["pages"] = module  # where its dataclass looks for itself
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", PAGES)
def test_first_view(site, browser, pages, name):
    weight = pages.weigh(browser, site, HTML, name)
    assert weight.bytes["ours"] <= 1000 * pages.BUDGET, weight.files[:5]
    assert weight.bytes["theme"] <= 1000 * THEME, weight.files[:5]
    assert weight.first_shift < 0.1
    assert weight.shift < 0.1
    # Only what a page uses: the search is of the page of results.
    assert not {"searchindex.js", "_static/scripts/fontawesome.js"} & {f for f, _ in weight.files}


def test_a_part_is_told_by_the_address(pages):
    for path, part in {
        "notebooks/02_prompt_modes.html": "ours",
        "_images/a.avif": "ours",
        "_static/medsam.css": "ours",
        "_static/scripts/bootstrap.js": "theme",
        "widgets/boot.js": "ours",
        "widgets/parts/a.js": "widgets",
        "sam/ort.js": "widgets",
        "mathjax/tex-chtml.js": "mathjax",
    }.items():
        assert pages.part(path) == part


@pytest.mark.parametrize("width", [1280, 400])
def test_the_place_of_a_widget_is_as_high_as_the_widget(site, watch, width):
    """So that nothing moves when it comes; a widget that grows has its line in medsam.css."""
    places = 'class="jupyter-widgets"'
    names = [n for n in PAGES if places in (HTML / f"{n}.html").read_text("utf-8")]
    assert names
    wrong = []
    for name in names:
        page = watch(site, width).page
        page.goto(f"{site}{name}.html")
        for widget, kept, height in page.evaluate(HEIGHTS):
            if abs(kept - height) > 0.2 * height:
                wrong.append((name, widget, kept, height))
    assert wrong == []
