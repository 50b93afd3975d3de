"""The table of claims in a real browser, in a page of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from medsam.analysis.claims import answers, of_published
from medsam.pages import claims

STATIC = Path(__file__).parents[2] / "book" / "_static"

# With the policy that a strict host would send: scripts and styles from the site alone.
PAGE = """<!doctype html>
<html lang="en" data-theme="{theme}"><head><meta charset="utf-8"><title>Claims</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'self'; img-src data:">
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<link rel="stylesheet" href="../_static/claims.css"></head>
<body><h1>Claims</h1>{list}{table}</body></html>
"""


@pytest.fixture(scope="module")
def found():
    return answers(of_published())


@pytest.fixture(scope="module")
def folder(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("claims")
    (folder / "notebooks").mkdir()
    (folder / "_static").mkdir()
    for name in ("claims.mjs", "claims.css"):
        shutil.copy(STATIC / name, folder / "_static")
    parts = {"list": claims.disagreements(found).html, "table": claims.table(found).html}
    for theme in ("light", "dark"):
        text = PAGE.format(theme=theme, **parts)
        (folder / "notebooks" / f"{theme}.html").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def open_page(folder, watch, serve_folder):
    def make(name="light", **how):
        watched = watch(serve_folder(folder), **how)
        return watched, watched.open(f"notebooks/{name}.html")

    return make


SHOWN = """() => [...document.querySelectorAll(".mc-table tbody tr")]
  .filter((row) => row.checkVisibility()).map((row) => row.id.replace("claim-", ""))"""


def shown(page):
    return claims.evaluate(SHOWN)


def wait_for_all(page, number):
    claims.wait_for_function(f"(number) => ({SHOWN})().length === number", arg=number)


def test_the_filter(open_page, found):
    watched, claims = open_page()
    every = [one.claim.id for one in found]
    assert shown(claims) == every
    count = claims.get_by_role("status")
    assert count.text_content() == f"{len(every)} of {len(every)} claims"

    fails = [one for one in found if one.published.verdict == "does not hold"]
    claims.get_by_label("Published tables").select_option(label="does not hold")
    assert shown(claims) == [one.claim.id for one in fails]
    assert count.text_content() == f"{len(fails)} of {len(every)} claims"

    both = [one.claim.id for one in fails if "3.3" in one.claim.sections]
    claims.get_by_label("Where").select_option(label="section 3.3")
    assert shown(claims) == both

    claims.get_by_label("Words").fill("ritm 0.5962")
    assert shown(claims) == ["ritm-passes"]
    claims.get_by_label("Words").fill("no such words")
    assert shown(claims) == []
    assert claims.get_by_text("No claim has all of this").is_visible()
    assert claims.locator(".mc-table").is_hidden()

    claims.get_by_role("button", name="Clear").click()
    wait_for_all(claims, len(every))
    assert watched.problems == []


def test_with_the_keyboard_alone_and_a_link_to_a_row_that_is_put_away(open_page, found):
    watched, claims = open_page()
    claims.get_by_label("Published tables").focus()
    claims.keyboard.type("does")
    assert len(shown(claims)) < len(found)
    for _ in range(3):
        claims.keyboard.press("Tab")
    claims.keyboard.type("spleen")
    claims.keyboard.press("Enter")  # does not leave the page
    assert shown(claims) == ["point-highest"]
    claims.locator("a[href='#claim-ritm-passes']").click()
    wait_for_all(claims, len(found))
    assert claims.locator("#claim-ritm-passes").evaluate(
        "(row) => Math.abs(row.getBoundingClientRect().top) < innerHeight"
    )
    claims.locator("#claim-point-lowest summary").press("Enter")
    assert claims.locator("#claim-point-lowest details p").is_visible()
    assert watched.problems == []


def test_all_is_there_without_scripts(open_page, found):
    _, claims = open_page(java_script_enabled=False)
    rows = claims.locator(".mc-table tbody tr")
    assert rows.count() == len(found)
    assert rows.last.is_visible()
    assert claims.locator(".mc-filter").is_hidden()


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 400)])
def test_narrow_and_dark(open_page, theme, width):
    watched, claims = open_page(theme, width=width, scheme=theme)
    assert watched.sideways() <= 0
    # A row keeps its meaning where its cells stand below one another.
    row = claims.get_by_role("row").filter(has_text="CT-Spleen 0.8692")
    assert row.get_by_role("rowheader").is_visible()
    assert row.get_by_role("cell").count() == 2
    stacked = row.get_by_role("cell").first.bounding_box()["x"] < 100
    assert stacked == (width == 400)
    assert claims.locator("td .mc-head").first.is_visible() == (width == 400)
    assert watched.problems == []
