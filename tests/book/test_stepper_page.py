"""The click stepper in a real browser: what it draws is what Python has."""

from __future__ import annotations

import dataclasses

import pytest
from stepper_toys import LABELS, case
from widget_page import inside

from medsam.prompts import Prompt
from medsam.widgets.stepper import ClickStepper

pytestmark = pytest.mark.book


def check(page, shown, k):
    """Everything on the page is of this click of these examples."""
    e = shown[k - 1]
    assert page.evaluate("window.traits.step") == k
    assert page.locator(".mcs-at").inner_text() == f"Click {k} of {len(shown)}"
    assert float(page.locator(".mcs-iou").inner_text()) == pytest.approx(e.iou, abs=5.1e-4)
    assert page.locator(".mcs-steps input").input_value() == str(k)
    missed, surplus = e.mask & ~e.prediction, e.prediction & ~e.mask
    areas = {
        ".mkit-svg .mkit-truth .mkit-line": e.mask,
        ".mkit-svg .mkit-prediction .mkit-line": e.prediction,
        "[data-kind='missed']": missed,
        "[data-kind='surplus']": surplus,
    }
    for selector, mask in areas.items():
        assert (inside(page.locator(selector), mask.shape) == mask).all(), selector
    assert page.locator(".mcs-count-missed").inner_text() == str(missed.sum())
    assert page.locator(".mcs-count-surplus").inner_text() == str(surplus.sum())
    numbers = page.locator(".mkit-mark .mcs-number").all_text_contents()
    assert numbers == [str(i) for i in range(1, k + 1)]
    assert page.locator(".mkit-mark .mkit-positive").count() == sum(LABELS[:k])
    assert page.locator(".mcs-chart text.mcs-here").text_content() == str(k)


def test_every_way_from_click_to_click(open_widget):
    liver, spleen = case(), case("spleen", 2)
    watched, page = open_widget(ClickStepper([*liver, *spleen]))
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


def test_the_error_map_is_asked_for_and_told_apart_without_colour(open_widget):
    watched, page = open_widget(ClickStepper(case()))
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
    assert page.locator(".mkit-svg").get_attribute("viewBox") == "0 0 16 12"
    assert watched.problems == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_it_fits_in_both_schemes(open_widget, width, scheme):
    watched, page = open_widget(ClickStepper(case()), width=width, scheme=scheme)
    assert page.locator(f".mcs[data-scheme='{scheme}']").is_visible()
    assert watched.sideways() == 0
    assert page.locator(".mcs").evaluate("(e) => e.scrollWidth - e.clientWidth") <= 0
    assert watched.problems == []


def test_clicks_on_one_pixel_and_side_by_side_keep_their_numbers(open_widget):
    again = [[5, 4], [5, 4], [6, 4]]  # all three positive
    steps = [dataclasses.replace(e, prompt=Prompt(again[: e.k], [1] * e.k)) for e in case()]
    _, page = open_widget(ClickStepper(steps))
    for _ in range(2):
        page.locator(".mcs-next").click()
    numbers = page.locator(".mcs-number")
    assert numbers.all_text_contents() == ["1, 2", "3"]
    assert hidden(*(number.bounding_box() for number in numbers.all())) < 0.1


def hidden(one, other):
    """Part of a box that lies in another one."""
    shared = [
        max(0, min(one[at] + one[side], other[at] + other[side]) - max(one[at], other[at]))
        for at, side in (("x", "width"), ("y", "height"))
    ]
    return shared[0] * shared[1] / (one["width"] * one["height"])


def test_stripes_lie_in_the_legend_as_in_the_image(open_widget):
    _, page = open_widget(ClickStepper(case()))
    page.get_by_label("Error map").check()
    turns = page.locator("pattern[id*='-missed']").evaluate_all(
        "(all) => all.map((e) => e.patternTransform.baseVal.consolidate().matrix)"
        ".map((m) => Math.round((Math.atan2(m.b, m.a) * 180) / Math.PI))"
    )
    assert turns == [45, 45]
