"""Every page of the built book, in a real browser."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pdf import LOADED
from playwright.sync_api import expect
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).parents[2]
SOURCE = Path(os.environ.get("MEDSAM_HTML", ROOT / "_build" / "html")).parent / "source"
PAGES = list(parse_toc_yaml(ROOT / "_toc.yml"))
MODES_PAGE = "notebooks/02_prompt_modes.html"

pytestmark = pytest.mark.book

IMAGES = """() => [...document.querySelectorAll("img")].map((img) => ({
  src: img.getAttribute("src"), alt: img.getAttribute("alt"),
  loaded: img.complete && img.naturalWidth > 0, output: !!img.closest(".cell_output"),
  content: !!img.closest("article") }))"""


def figures(name: str) -> int:
    """Number of pictures among the outputs of the page's notebook that the page shows."""
    path = SOURCE / f"{name}.ipynb"
    if not path.is_file():
        return 0
    hidden = {"remove-cell", "remove-output"}
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return sum(
        any(kind.startswith("image/") for kind in output.get("data", {}))
        for cell in cells
        if not hidden & set(cell["metadata"].get("tags", ()))
        for output in cell.get("outputs", ())
    )


@pytest.mark.parametrize("name", PAGES)
def test_page(site, watch, name):
    watched = watch(site)
    page = watched.open(f"{name}.html")
    # Pictures below the fold may load late.
    page.evaluate("document.querySelectorAll('img').forEach((img) => { img.loading = 'eager' })")
    page.wait_for_load_state("networkidle")
    page.evaluate(LOADED)
    images = page.evaluate(IMAGES)
    assert [i["src"] for i in images if not i["loaded"]] == []
    # A figure without a text of its own gets its file's name; the logo, beside the title of
    # the book, is decoration and has an empty one.
    assert [i["src"] for i in images if i["alt"] is None or i["alt"] == i["src"]] == []
    assert [i["src"] for i in images if i["content"] and not i["alt"].strip()] == []
    assert sum(i["output"] for i in images) >= figures(name)
    assert page.locator("article h1").count() == 1
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert watched.sideways() <= 0, f"{name} scrolls sideways at {width} px"
    assert watched.problems == []


@pytest.mark.parametrize("name", PAGES)
def test_formulas_are_set(site, watch, name):
    watched = watch(site)
    page = watched.open(f"{name}.html")
    if not page.locator(".math").count():
        return
    expect(page.locator(".math:not(:has(mjx-container))")).to_have_count(0)
    assert page.locator("mjx-merror").count() == 0
    assert watched.problems == []


def test_start_leads_to_the_first_page(site, watch):
    page = watch(site).page
    page.goto(site)
    page.wait_for_url(f"**/{PAGES[0]}.html")


def test_search_finds(site, watch):
    watched = watch(site)
    page = watched.open("search.html?q=oracle")
    page.locator("#search-results li a").first.wait_for()
    assert watched.problems == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_percentile_browser(site, watch, drive, width, scheme):
    watched = watch(site, width, scheme)
    widget = drive(watched.open(MODES_PAGE))
    assert widget.root.get_attribute("data-scheme") == scheme
    tasks = [key for key, _ in widget.state["tasks"]]
    for task in (tasks[0], tasks[-1]):
        for mode, _ in widget.state["modes"]:
            for percentile in widget.state["percentiles"]:
                widget.choose(task, mode, percentile)
                assert widget.shown == (task, mode, percentile)
                widget.check()
    widget.choose(tasks[0])
    before = widget.view
    widget.root.get_by_label("Zoom in").click()
    assert widget.view[2] < before[2]
    widget.stage.focus()
    widget.page.keyboard.press("ArrowDown")
    assert widget.shown[0] == tasks[min(1, len(tasks) - 1)]
    widget.check()
    assert watched.sideways() <= 0
    assert watched.problems == []


def test_the_switch_of_the_book_turns_the_widget_dark(site, watch, drive):
    watched = watch(site)
    widget = drive(watched.open(MODES_PAGE))
    widget.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    widget.page.locator(".mpb[data-scheme='dark']").first.wait_for()
    background = widget.root.evaluate("(node) => getComputedStyle(node).backgroundColor")
    assert max(int(v) for v in background[4:-1].split(",")) < 80
