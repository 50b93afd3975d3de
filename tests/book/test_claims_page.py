"""The table of claims in a real browser, in a page of its own."""

from __future__ import annotations

import shutil

import pytest
from browsing import ROOT

from medsam.analysis.claims import answers, of_published
from medsam.pages import claims

# With the policy that a strict host would send: scripts and styles from the site alone.
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Claims</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'self'; img-src data:">
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<link rel="stylesheet" href="../_static/claims.css"></head>
<body><h1>Claims</h1>{list}{table}</body></html>
"""
SHOWN = """() => [...document.querySelectorAll(".mc-table tbody tr")]
  .filter((row) => row.checkVisibility()).map((row) => row.id.replace("claim-", ""))"""

pytestmark = pytest.mark.book


@pytest.fixture(scope="module")
def found():
    return answers(of_published())


@pytest.fixture(scope="module")
def folder(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("claims")
    for name in ("notebooks", "_static"):
        (folder / name).mkdir()
    for name in ("claims.mjs", "claims.css"):
        shutil.copy(ROOT / "book" / "_static" / name, folder / "_static")
    parts = {"list": claims.disagreements(found).html, "table": claims.table(found).html}
    (folder / "notebooks" / "a.html").write_text(PAGE.format(**parts), encoding="utf-8")
    return folder


@pytest.fixture
def open_page(folder, watch, serve_folder):
    def make(**how):
        watched = watch(serve_folder(folder), **how)
        return watched, watched.open("notebooks/a.html")

    return make


def wait_for(page, count):
    page.wait_for_function(f"(count) => ({SHOWN})().length === count", arg=count)


def test_the_filter(open_page, found):
    watched, page = open_page()
    every = [one.claim.id for one in found]
    fails = [one for one in found if one.published.verdict == "does not hold"]
    assert page.evaluate(SHOWN) == every
    page.get_by_label("Published tables").select_option(label="does not hold")
    assert page.evaluate(SHOWN) == [one.claim.id for one in fails]
    told = f"{len(fails)} of {len(every)} sentences"
    assert page.get_by_role("status").text_content() == told
    page.get_by_label("Where").select_option(label="section 3.3")
    both = [one.claim.id for one in fails if "3.3" in one.claim.where]
    assert page.evaluate(SHOWN) == both
    page.get_by_label("Words").fill("ritm 0.5962")
    assert page.evaluate(SHOWN) == ["surpassed-at-five"]
    page.get_by_label("Words").fill("no such words")
    assert page.get_by_text("No sentence has all of this").is_visible()
    assert page.locator(".mc-table").is_hidden()
    page.get_by_role("button", name="Clear").click()
    wait_for(page, len(every))
    assert watched.problems == []


def test_with_the_keyboard_alone_and_a_link_to_a_row_that_is_put_away(open_page, found):
    watched, page = open_page()
    page.get_by_label("Published tables").focus()
    page.keyboard.type("holds in")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.type("spleen")
    page.keyboard.press("Enter")  # does not leave the page
    assert page.evaluate(SHOWN) == ["single-prompts-range"]
    page.locator("a[href='#claim-surpassed-at-five']").click()
    wait_for(page, len(found))
    assert page.locator("#claim-surpassed-at-five").evaluate(
        "(row) => Math.abs(row.getBoundingClientRect().top) < innerHeight"
    )
    assert watched.problems == []


def test_without_scripts_all_is_there_and_a_narrow_row_keeps_its_meaning(open_page, found):
    _, page = open_page(java_script_enabled=False, width=400)
    rows = page.locator(".mc-table tbody tr")
    assert rows.count() == len(found)
    assert rows.last.is_visible()
    assert page.locator(".mc-filter").is_hidden()
    row = page.get_by_role("row").filter(has_text="The text prints 0.1135")
    assert row.get_by_role("rowheader").is_visible()
    assert row.get_by_role("cell").first.bounding_box()["x"] < 100  # below one another
    assert page.locator("td .mc-head").first.is_visible()
