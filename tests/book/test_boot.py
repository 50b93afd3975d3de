"""Widgets come when a reader is near, in print, and from a folder without a server."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from widget_page import notebook_of, saved, write_page
from widget_toys import in_clicks

from medsam.widgets.stepper import ClickStepper

pytestmark = pytest.mark.book


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page with a widget far below its first view."""
    folder = tmp_path_factory.mktemp("boot")
    text = '<p style="height: 4000px">Text.</p>'
    write_page(folder, saved(ClickStepper(in_clicks())), above=text)
    return folder


@pytest.fixture
def place(folder, watch, serve_folder):
    """The place of the widget in a page that was opened and not scrolled."""
    watched = watch(serve_folder(folder))
    watched.page.goto(f"{watched.base}index.html", wait_until="networkidle")
    yield watched, watched.page.locator(".jupyter-widgets")
    assert len(watched.asked) == len(set(watched.asked))
    assert watched.problems == []


def test_it_comes_when_a_reader_is_near(place):
    watched, place = place
    assert watched.names == ["index.html", "boot.js"]
    watched.page.mouse.wheel(0, 2000)  # to 1100 px before it
    watched.page.wait_for_function("scrollY === 2000")
    watched.page.wait_for_load_state("networkidle")
    assert len(watched.asked) == 2
    expect(place).to_have_attribute("aria-busy", "true")
    watched.page.mouse.wheel(0, 500)
    expect(place.locator("svg").first).to_be_attached()
    expect(place).not_to_have_attribute("aria-busy", "true")


@pytest.mark.parametrize("way", ["media", "event"])
def test_in_print_all_are_there(place, way):
    watched, place = place
    if way == "media":
        watched.page.emulate_media(media="print")
        watched.asked.clear()
        watched.page.reload()
    else:
        watched.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(place.locator("svg").first).to_be_attached()


def test_a_page_opened_from_a_folder(folder, browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    page.locator(".jupyter-widgets").scroll_into_view_if_needed()
    expect(page.locator(".jupyter-widgets svg").first).to_be_attached()
    context.close()


COUNTER = """function render({ model, el }) {
  const button = document.createElement("button");
  const show = () => { button.textContent = model.get("n"); };
  button.onclick = () => { model.set("n", model.get("n") + 1); model.save_changes(); };
  model.on("change:n", show); show(); el.append(button);
}\nexport default { render };"""
BROKEN = "export default { render() { throw new Error('nothing to draw'); } };"


def test_two_views_share_a_model_and_what_fails_says_so(tmp_path, watch, serve_folder):
    states = {
        name: {
            "model_module": "anywidget",
            "model_name": "AnyModel",
            "state": {"_anywidget_id": "medsam.Toy", "_esm": code, "n": n},
        }
        for name, code, n in (("a", COUNTER, 1), ("b", BROKEN, 1), ("c", COUNTER, 5))
    }
    write_page(tmp_path, notebook_of(states, *"aabc"))
    gone = re.findall('data-traits="(.*?)"', (tmp_path / "index.html").read_text())[-1]
    (tmp_path / "widgets" / "parts" / gone).unlink()
    shown = watch(serve_folder(tmp_path)).open("index.html").locator(".jupyter-widgets")
    shown.nth(0).locator("button").click()
    assert [shown.nth(i).inner_text() for i in (0, 1)] == ["2", "2"]
    for i, why in ((2, "nothing to draw"), (3, f"the page lacks its file {gone}")):
        expect(shown.nth(i)).to_contain_text("could not be shown")
        expect(shown.nth(i)).to_contain_text(why)
