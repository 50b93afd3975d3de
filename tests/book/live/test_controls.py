"""The controls of the live widgets: pointer, keys, fingers, narrow and dark pages."""

from __future__ import annotations

import json

import numpy as np
import pytest
from live_page import expected, sample

from medsam.metrics import dice, iou
from medsam.prompts import Prompt

pytestmark = pytest.mark.book


def test_masks_and_objects_are_shown_and_hidden(open_page):
    _, explorer, _, _ = open_page()
    assert explorer.mask("mask-1") is not None
    explorer.root.locator(".mlv-masks input").nth(1).uncheck()
    assert explorer.mask("mask-1") is None
    explorer.surface.focus()
    explorer.page.keyboard.press("2")
    assert explorer.mask("mask-1") is not None
    assert explorer.root.locator(".mlv-masks input").nth(1).is_checked()
    assert explorer.mask("truth-0") is None
    explorer.root.get_by_label("Outline Left disc").check()
    assert (explorer.mask("truth-0") == sample("first", 0).masks["left"]).all()


def test_the_pointer_is_followed_until_a_click(open_page):
    _, explorer, _, _ = open_page()
    explorer.load()
    explorer.page.mouse.move(*explorer.at(84, 62))
    explorer.idle()
    assert explorer.text("told").startswith("x 84, y 62:")
    assert explorer.spoken() in ("", "The model is ready.")  # not read aloud
    explorer.click(38, 60)
    assert explorer.spoken().startswith("x 38, y 60:")
    explorer.page.mouse.move(*explorer.at(84, 62))
    explorer.idle()
    assert explorer.text("told").startswith("x 38, y 60:")


def test_clicks_a_box_undo_and_start_again(open_page, study):
    watched, _, clicks, _ = open_page()
    clicks.load()
    truth = study[1][0].masks["left"]
    said = []

    def agrees(prompt):
        (mask, *_), scores = expected(study, prompt)
        assert iou(clicks.mask("prediction"), mask) > 0.99
        found = clicks.mask("prediction")
        assert float(clicks.text("iou")) == pytest.approx(iou(found, truth), abs=5.1e-4)
        assert float(clicks.text("dice")) == pytest.approx(dice(found, truth), abs=5.1e-4)
        assert float(clicks.text("score")) == pytest.approx(scores[0], abs=2e-3)
        said.append(clicks.spoken())

    first = Prompt([[38, 60]], [1])
    clicks.click(38, 60)
    agrees(first)
    assert said[-1].startswith("1: positive click at x 38, y 60. Left disc: IoU 0.")
    clicks.click(60, 110, button="right")
    agrees(first.then(60, 110, 0))
    assert "2: negative click" in said[-1]
    assert clicks.root.locator(".mlv-prompts .mkit-negative").count() == 1
    clicks.drag(24, 46, 52, 74)
    agrees(Prompt([[38, 60], [60, 110]], [1, 0], [[24, 46, 52, 74]]))
    assert said[-1].startswith("3: box.")
    assert clicks.root.locator(".mlv-dot.mlv-track-iou").count() == 3
    clicks.root.get_by_role("button", name="Undo").click()
    agrees(first.then(60, 110, 0))
    clicks.root.get_by_role("button", name="Start again").click()
    assert clicks.mask("prediction") is None
    assert clicks.text("iou") == "–"
    assert clicks.root.get_by_role("button", name="Undo").is_disabled()
    clicks.root.get_by_label("Compare with").select_option("2")
    assert (clicks.mask("truth") == study[1][0].masks["low"]).all()
    assert watched.problems == []


def test_a_quick_hand_is_answered_click_by_click(open_page):
    _, _, clicks, _ = open_page()
    clicks.load()
    for x in (30, 38, 46, 42):
        clicks.page.mouse.click(*clicks.at(x, 60))
    clicks.idle()
    assert clicks.root.locator(".mlv-dot.mlv-track-iou").count() == 4
    assert clicks.text("told").startswith("4: positive click at x 42")


def test_the_clicks_of_the_run(open_page, study):
    _, _, clicks, _ = open_page()
    clicks.load()
    rows = study[2].query("choice == 'top'")
    prompts = list(dict.fromkeys(rows.prompt))
    clicks.root.get_by_text("Algorithm 1’s", exact=True).click()
    for k, text in enumerate(prompts[:4]):
        clicks.root.get_by_label("Next click").click()
        clicks.idle()
        assert clicks.text("count") == f"{k + 1} of {len(prompts)}"
        # What the browser draws now is what the run measured then.
        assert float(clicks.text("iou")) == pytest.approx(rows.iou.iloc[k], abs=0.01)
        stars = clicks.root.locator(".mlv-prompts .mkit-mark")
        places = [[float(s.get_attribute("data-x")), float(s.get_attribute("data-y"))]
                  for s in stars.all()]  # fmt: skip
        assert (np.array(places) - 0.5).tolist() == json.loads(text)["points"]
    # Other objects of this page were not run: nothing to replay.
    clicks.root.get_by_label("Compare with").select_option("1")
    assert clicks.text("count") == "no run"
    assert clicks.root.get_by_role("button", name="Play").is_disabled()


def test_keys(open_page, study):
    watched, _, clicks, _ = open_page()
    clicks.load()
    press = watched.page.keyboard.press
    clicks.surface.focus()
    press("ArrowLeft")
    for _ in range(2):
        press("Shift+ArrowUp")
    told = clicks.text("told")
    x, y = (int(part.split()[1]) for part in told.split(","))
    press("Enter")
    clicks.idle()
    assert clicks.text("told").startswith(f"1: positive click at x {x}, y {y}.")
    (mask, *_), _ = expected(study, Prompt([[x, y]], [1]))
    assert iou(clicks.mask("prediction"), mask) > 0.99
    press("Shift+ArrowRight")
    press("Shift+Enter")
    clicks.idle()
    assert f"negative click at x {x + 1}, y {y}" in clicks.text("told")
    press("u")
    press("b")
    assert clicks.root.locator("input[value='box']").is_checked()
    press("Enter")
    press("ArrowRight")
    press("ArrowDown")
    press("Enter")
    clicks.idle()
    assert clicks.text("told").startswith("2: box.")
    press("r")
    assert clicks.text("told") == "Nothing is asked yet."
    # A page of keys must not catch the reader: Tab leads on.
    press("Tab")
    assert not clicks.surface.evaluate("(node) => node === document.activeElement")
    assert watched.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_narrow_and_dark_and_nothing_jumps(open_page, width, scheme):
    watched, explorer, clicks, _ = open_page(width=width, scheme=scheme)
    before = explorer.root.bounding_box(), clicks.root.bounding_box()
    explorer.load()
    explorer.click(38, 60)
    explorer.root.locator("select").first.select_option("1")
    clicks.click(38, 60)
    clicks.root.get_by_text("Algorithm 1’s", exact=True).click()
    assert watched.sideways() <= 0
    assert explorer.root.get_attribute("data-scheme") == scheme
    watched.page.evaluate("scrollTo(0, 0)")
    assert (explorer.root.bounding_box(), clicks.root.bounding_box()) == before
    assert watched.problems == []


def test_touch(open_page):
    """A tap clicks; a finger draws a box with the box tool only."""
    watched, _, clicks, _ = open_page(width=400, has_touch=True, is_mobile=True)
    clicks.load()
    watched.page.touchscreen.tap(*clicks.at(38, 60))
    clicks.idle()
    assert clicks.text("told").startswith("1: positive click at x 38, y 60.")
    clicks.root.get_by_text("▭ Box").tap()
    (x0, y0), (x1, y1) = clicks.at(24, 46), clicks.at(52, 74)
    session = watched.page.context.new_cdp_session(watched.page)
    for kind, x, y in (("touchStart", x0, y0), ("touchMove", x1 - 9, y1), ("touchMove", x1, y1)):
        points = [{"x": x, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    clicks.idle()
    assert clicks.text("told").startswith("2: box.")
