"""The click stepper in a real browser: what it draws is what Python has."""

from __future__ import annotations

import json

import numpy as np
import pytest
from live_page import HEAD, POLICY
from stepper_toys import LABELS, case

from medsam.widgets.kit.runs import encode_mask
from medsam.widgets.stepper import ClickStepper

pytestmark = pytest.mark.book

PAGE = """<style>body { margin: 8px; } html[data-theme="dark"] body { background: #121212; }</style>
<link rel="stylesheet" href="widget.css"><script type="module">
import widget from "./widget.js";
const traits = await (await fetch("state.json")).json();
const heard = {};
window.traits = traits;
const model = {
  get: (name) => traits[name], off() {}, save_changes() {},
  on: (event, call) => { heard[event] = call; },
  set: (name, value) => { traits[name] = value; heard[`change:${name}`](); },
};
widget.render({ model, el: document.querySelector("main") });
</script><main></main>"""


@pytest.fixture
def open_stepper(watch, serve_folder, tmp_path):
    def make(stepper, **how):
        names = ("about", "tasks", "images", "masks", "cases", "task", "step")
        state = {name: stepper.get_state()[name] for name in names}
        (tmp_path / "state.json").write_text(json.dumps(state))
        (tmp_path / "widget.js").write_text(str(stepper._esm))
        (tmp_path / "widget.css").write_text(str(stepper._css))
        (tmp_path / "index.html").write_text(HEAD.format(policy=POLICY, scripts="", body=PAGE))
        watched = watch(serve_folder(tmp_path), **how)
        page = watched.open("index.html")
        page.locator(".mcs-truth path").first.wait_for()
        return watched, page

    return make


def drawn(page, selector):
    """The pixels whose middle lies in a drawn area, as the browser itself decides it."""
    runs = page.locator(selector).last.evaluate(
        """(path) => {
          const area = new Path2D(path.getAttribute("d"));
          const pen = document.createElement("canvas").getContext("2d");
          const [rows, columns] = window.traits.cases[window.traits.task].size;
          return Array.from({ length: rows * columns }, (_, i) =>
            pen.isPointInPath(area, (i % columns) + 0.5, Math.floor(i / columns) + 0.5, "evenodd"));
        }"""
    )
    return np.array(runs)


def check(page, shown, k):
    """Everything on the page is of this click of these examples."""
    e = shown[k - 1]
    assert page.evaluate("window.traits.step") == k
    assert page.locator(".mcs-at").inner_text() == f"Click {k} of {len(shown)}"
    assert float(page.locator(".mcs-iou").inner_text()) == pytest.approx(e.iou, abs=5.1e-4)
    assert page.locator(".mcs-steps input").input_value() == str(k)
    missed, surplus = e.mask & ~e.prediction, e.prediction & ~e.mask
    areas = {
        ".mcs-truth .mcs-line": e.mask,
        ".mcs-prediction .mcs-line": e.prediction,
        "[data-kind='missed']": missed,
        "[data-kind='surplus']": surplus,
    }
    for selector, mask in areas.items():
        assert encode_mask(drawn(page, selector)) == encode_mask(mask), selector
    assert page.locator(".mcs-count-missed").inner_text() == str(missed.sum())
    assert page.locator(".mcs-count-surplus").inner_text() == str(surplus.sum())
    numbers = page.locator(".mcs-click .mcs-number").all_text_contents()
    assert numbers == [str(i) for i in range(1, k + 1)]
    assert page.locator(".mcs-click .mcs-positive").count() == sum(LABELS[:k])
    assert page.locator(".mcs-chart text.mcs-here").text_content() == str(k)


def test_every_way_from_click_to_click(open_stepper):
    liver, spleen = case(), case("spleen", 2)
    watched, page = open_stepper(ClickStepper([*liver, *spleen]))
    status = page.locator("[role='status']")
    check(page, liver, 1)
    assert status.text_content() == ""  # a page does not begin to speak by itself
    page.locator(".mcs-previous").click(force=True)  # nothing before the first
    check(page, liver, 1)
    page.locator(".mcs-next").click()
    check(page, liver, 2)
    assert status.text_content() == "Click 2 of 3, negative: IoU 0.667."
    assert page.locator(".mcs-change").inner_text() == "(+0.212)"
    page.locator(".mcs-stage").press("ArrowRight")
    check(page, liver, 3)
    page.locator(".mcs-stage").press("ArrowRight")
    check(page, liver, 3)
    page.locator(".mcs-next").press("ArrowLeft")
    check(page, liver, 2)
    slider = page.locator(".mcs-steps input")
    slider.press("ArrowLeft")
    check(page, liver, 1)
    assert slider.get_attribute("aria-valuetext") == "Click 1 of 3, positive: IoU 0.455"
    slider.fill("3")
    check(page, liver, 3)
    page.locator("select").select_option("spleen")  # which has two clicks
    check(page, spleen, 2)
    assert status.text_content() == "spleen. Click 2 of 2, negative: IoU 0.667."
    page.locator("[data-step='1']").click()
    check(page, spleen, 1)
    assert watched.problems == []


def test_the_error_map_is_asked_for_and_told_apart_without_colour(open_stepper):
    watched, page = open_stepper(ClickStepper(case()))
    assert page.locator("[data-kind='missed']").is_hidden()
    page.get_by_label("Error map").check()
    fills = [page.locator(f"[data-kind='{kind}']") for kind in ("missed", "surplus")]
    marks = []
    for one in fills:
        assert one.is_visible()
        pattern = one.get_attribute("fill").removeprefix("url(").removesuffix(")")
        marks.append(page.locator(f"{pattern} > :last-child").evaluate("(e) => e.tagName"))
    assert marks == ["path", "circle"]
    page.get_by_label("Whole image").check()
    assert page.locator(".mcs-svg").get_attribute("viewBox") == "0 0 16 12"
    assert watched.problems == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_it_fits_in_both_schemes(open_stepper, width, scheme):
    watched, page = open_stepper(ClickStepper(case()), width=width, scheme=scheme)
    assert page.locator(f".mcs[data-scheme='{scheme}']").is_visible()
    assert watched.sideways() == 0
    assert page.locator(".mcs").evaluate("(e) => e.scrollWidth - e.clientWidth") <= 0
    assert watched.problems == []
