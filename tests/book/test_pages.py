"""Every page of the built book in a real browser: opened once, and looked at in many ways."""

from __future__ import annotations

import json

import pytest
from browsing import HTML, ROOT, SHOW
from pdf import LOADED
from playwright.sync_api import expect
from sphinx_external_toc.parsing import parse_toc_yaml
from widget_page import Card

from benchmarks.pages import BUDGET, weigh

SOURCE = HTML.parent / "source"
PAGES = list(parse_toc_yaml(ROOT / "_toc.yml"))
THEME = 150
"""Kilobytes of the theme at most."""

pytestmark = pytest.mark.book

IMAGES = """() => [...document.querySelectorAll("img")].map((img) => ({
  src: img.getAttribute("src"), alt: img.getAttribute("alt"),
  loaded: img.complete && img.naturalWidth > 0, output: !!img.closest(".cell_output"),
  content: !!img.closest("article") }))"""

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
    """Light, whole and still; nothing goes wrong and no reader is shut out, in both schemes."""
    watched = watch(site)
    page = watched.page
    weight = weigh(page, site, HTML, name)
    assert weight.bytes["ours"] <= 1000 * BUDGET, weight.files[:5]
    assert weight.bytes["theme"] <= 1000 * THEME, weight.files[:5]
    assert max(weight.first_shift, weight.shift) < 0.1
    # Only what a page uses: the search is of the page of results.
    assert not {"searchindex.js", "_static/scripts/fontawesome.js"} & {f for f, _ in weight.files}
    page.evaluate(SHOW)
    # Pictures below the fold may load late.
    page.evaluate("document.querySelectorAll('img').forEach((img) => { img.loading = 'eager' })")
    page.evaluate(LOADED)
    images = page.evaluate(IMAGES)
    assert [i["src"] for i in images if not i["loaded"]] == []
    # A figure without a text of its own gets its file's name; the logo, beside the title of
    # the book, is decoration and has an empty one.
    assert [i["src"] for i in images if i["alt"] is None or i["alt"] == i["src"]] == []
    assert [i["src"] for i in images if i["content"] and not i["alt"].strip()] == []
    assert sum(i["output"] for i in images) >= figures(name)
    assert page.locator("article h1").count() == 1
    if page.locator(".math").count():
        expect(page.locator(".math:not(:has(mjx-container))")).to_have_count(0)
        assert page.locator("mjx-merror").count() == 0
    policy_holds(page)
    assert watched.axe() == []
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert watched.axe("color-contrast") == []
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert watched.sideways() <= 0, f"{name} scrolls sideways at {width} px"
    assert watched.problems == []


def policy_holds(page):
    """One host, and no text is run as code."""
    policy = page.locator("meta[http-equiv='Content-Security-Policy']").get_attribute("content")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'self'"
    assert "http" not in policy
    assert "blob:" not in rules["script-src"]
    # WebAssembly may be compiled, text may not.
    assert "'wasm-unsafe-eval'" in rules["script-src"]
    assert "'unsafe-eval'" not in policy


@pytest.mark.parametrize("width", [1280, 400])
def test_the_place_of_a_widget_is_as_high_as_the_widget(site, watch, width):
    """So that nothing moves when it comes; a widget that grows has its line in medsam.css."""
    places = 'class="jupyter-widgets"'
    names = [n for n in PAGES if places in (HTML / f"{n}.html").read_text("utf-8")]
    assert names
    page, wrong = watch(site, width).page, []
    for name in names:
        page.goto(f"{site}{name}.html")
        for widget, kept, height in page.evaluate(HEIGHTS):
            if abs(kept - height) > 0.2 * height:
                wrong.append((name, widget, kept, height))
    assert wrong == []


def test_start_leads_to_the_first_page_and_search_finds(site, watch):
    watched = watch(site)
    watched.page.goto(site)
    watched.page.wait_for_url(f"**/{PAGES[0]}.html")
    for name in ("genindex", "search"):
        policy_holds(watched.open(f"{name}.html?q=oracle"))
    watched.page.locator("#search-results li a").first.wait_for()
    assert watched.problems == []


def test_without_scripts_pictures_stand_in_place_of_widgets(site, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    for name, count in (
        ("02_prompt_modes", 1),
        ("04_iterative_clicks", 1),
        ("07_object_size", 1),
        ("16_try_it", 2),
    ):
        page.goto(f"{site}notebooks/{name}.html")
        stills = page.locator("figure.medsam-still")
        assert stills.count() == count, name
        for still in stills.all():
            assert still.locator("img").get_attribute("alt")
            assert "With JavaScript enabled" in still.locator("figcaption").inner_text()
    context.close()


# ---------------------------------------------------- masks of the built widgets
def test_modes_and_percentiles_of_the_book(site, watch):
    watched = watch(site)
    watched.open("notebooks/02_prompt_modes.html")
    card = Card(watched, "ExampleExplorer")
    task = card.task.input_value()
    for percentile in card.state["percentiles"]:
        card.pick("Case: percentile of IoU", percentile)
        for k, _ in card.state["modes"]:
            card.pick("Mode and its IoU", k)
            card.shows(card.state["cases"][task][str(percentile)][str(k)]["top"])
    assert watched.problems == []
