"""Widgets come when a reader is near, in print, and from a folder without a server."""

from __future__ import annotations

import pytest
from live_page import HEAD, POLICY
from playwright.sync_api import expect
from site_page import places, saved
from stepper_toys import case

from medsam.widgets.stepper import ClickStepper

pytestmark = pytest.mark.book


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page with a widget far below its first view."""
    folder = tmp_path_factory.mktemp("near")
    body = f'<p style="height: 4000px">Text.</p>{places(folder, saved(ClickStepper(case())))}'
    (folder / "index.html").write_text(HEAD.format(policy=POLICY, scripts="", body=body))
    return folder


@pytest.fixture
def open_near(folder, watch, serve_folder):
    def make(media="screen"):
        watched = watch(serve_folder(folder))
        asked = []
        watched.page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]))
        watched.page.emulate_media(media=media)
        watched.page.goto(f"{watched.base}index.html", wait_until="networkidle")
        return watched, asked, watched.page.locator(".jupyter-widgets")

    return make


def test_it_comes_when_a_reader_is_near(open_near):
    watched, asked, place = open_near()
    assert asked == ["index.html", "boot.js"]
    expect(place).to_have_attribute("aria-busy", "true")
    watched.page.mouse.wheel(0, 2000)  # to 1100 px before it
    watched.page.wait_for_timeout(300)
    assert len(asked) == 2
    watched.page.mouse.wheel(0, 500)
    expect(place.locator("svg").first).to_be_attached()
    expect(place).not_to_have_attribute("aria-busy", "true")
    assert len(asked) == len(set(asked))
    assert watched.problems == []


def test_in_print_all_are_there(open_near):
    watched, _, place = open_near("print")
    expect(place.locator("svg").first).to_be_attached()
    assert watched.problems == []


def test_a_reader_who_prints_asks_for_all(open_near):
    watched, asked, place = open_near()
    watched.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(place.locator("svg").first).to_be_attached()
    assert len(asked) == len(set(asked))
    assert watched.problems == []


def test_a_page_opened_from_a_folder(folder, browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    page.locator(".jupyter-widgets").scroll_into_view_if_needed()
    expect(page.locator(".jupyter-widgets svg").first).to_be_attached()
    context.close()
