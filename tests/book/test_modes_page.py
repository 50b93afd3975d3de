"""The mode switcher in a real browser: what it draws is what Python has."""

from __future__ import annotations

import pytest
from mode_toys import slot
from widget_page import inside

from medsam.metrics import iou
from medsam.widgets import ModeSwitcher
from medsam.widgets.kit.runs import decode_mask

pytestmark = pytest.mark.book

TITLES = {"liver": "Liver", "spleen": "Spleen"}


def group(page, name):
    return page.get_by_role("group", name=name)


def modes(page):
    return group(page, "Mode and its IoU")


def check(page, shown, k, choice):
    """Everything on the page is of this mode and choice of these examples."""
    e = next(e for e in shown if (e.k, e.choice) == (k, choice))
    assert page.evaluate("[traits.task, traits.percentile, traits.mode, traits.choice]") == [
        e.task,
        e.percentile,
        k,
        choice,
    ]
    assert page.locator("select").input_value() == e.task
    assert page.locator(".mkit-id").inner_text() == e.image_id
    assert modes(page).locator("input:checked").input_value() == str(k)
    assert group(page, "Mask").locator("input:checked").input_value() == choice
    assert float(page.locator(".mms-iou").inner_text()) == pytest.approx(e.iou, abs=5.1e-4)
    for kind, mask in (("truth", e.mask), ("prediction", e.prediction)):
        line = page.locator(f".mkit-svg .mkit-{kind} .mkit-line")
        assert (inside(line, mask.shape) == mask).all(), kind
    bars = [[one.k, one.iou] for one in shown if one.choice == choice]
    for mode, value in bars:
        bar = modes(page).locator(f"label:has(input[value='{mode}'])")
        assert float(bar.locator("b").inner_text()) == pytest.approx(value, abs=5.1e-3)
        part = bar.locator(".mkit-bar").evaluate(
            "(e) => e.firstChild.getBoundingClientRect().width / e.getBoundingClientRect().width"
        )
        assert part == pytest.approx(value, abs=0.01)
    boxes = page.locator(".mkit-svg .mkit-prompt rect.mkit-line").evaluate_all(
        "(all) => all.map((e) => ['x', 'y', 'width', 'height'].map((a) => +e.getAttribute(a)))"
    )
    assert boxes == [[a, b, c - a + 1, d - b + 1] for a, b, c, d in e.prompt.boxes.tolist()]
    points = page.locator(".mkit-svg .mkit-mark").evaluate_all(
        "(all) => all.map((e) => [e.dataset.x - 0.5, e.dataset.y - 0.5])"
    )
    assert points == e.prompt.points.tolist()


def test_every_mode_and_choice_by_hand(open_widget):
    liver, spleen = slot(), slot("spleen", 25)
    watched, page = open_widget(ModeSwitcher([*liver, *spleen], TITLES))
    status = page.locator("[role='status']")
    check(page, liver, 1, "top")
    assert status.text_content() == ""  # a page does not begin to speak by itself
    for k in (2, 3, 4, 5):
        modes(page).locator(f"label:has(input[value='{k}'])").click()
        check(page, liver, k, "top")
    assert status.text_content() == "Liver, mode 5: 1 box over all, most confident mask. IoU 0.333."
    group(page, "Mask").get_by_text("Oracle").click()
    check(page, liver, 5, "oracle")
    # A tick is where the other choice of mask ends.
    ticks = page.locator(".mkit-bar .mms-tick").evaluate_all(
        "(all) => all.map((e) => Math.round(parseFloat(e.style.insetInlineStart)))"
    )
    assert ticks == [32, 84, 63, 100, 33]
    page.locator("select").select_option("spleen")
    group(page, "Case").get_by_text("25th").click()
    check(page, spleen, 5, "oracle")
    assert watched.problems == []


def test_keys(open_widget):
    liver, first = slot(), slot(percentile=25)
    watched, page = open_widget(ModeSwitcher([*liver, *first], TITLES))
    stage = page.locator(".mms-stage")
    stage.focus()
    for key, shown, k, choice in [
        ("4", liver, 4, "top"),
        ("ArrowDown", liver, 5, "top"),
        ("ArrowDown", liver, 5, "top"),
        ("ArrowUp", liver, 4, "top"),
        ("o", liver, 4, "oracle"),
        ("ArrowLeft", first, 4, "oracle"),
        ("o", first, 4, "top"),
        ("7", first, 4, "top"),
        ("2", first, 2, "top"),
    ]:
        stage.press(key)
        check(page, shown, k, choice)
    # In a group of radio buttons arrows do what they do everywhere.
    modes(page).locator("input:checked").press("ArrowDown")
    check(page, first, 3, "top")
    for at in ("select", ".mms-stage", ".mkit-bars input:checked"):
        page.locator(at).focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        width = page.evaluate(
            """() => { const at = document.activeElement;
              const shown = at.type === 'radio' ? at.closest('label') : at;
              return parseFloat(getComputedStyle(shown).outlineWidth); }"""
        )
        assert width >= 2, at
    assert watched.problems == []


def test_what_is_missing_is_said_and_nothing_jumps(open_widget):
    some = [e for e in slot() if (e.k, e.choice) != (3, "top")]
    watched, page = open_widget(ModeSwitcher(some, TITLES))
    before = page.locator(".mms").bounding_box()
    stage = page.locator(".mms-stage")
    for key in ("2", "o", "3", "o"):
        stage.press(key)
        assert page.locator(".mms").bounding_box() == before, key
    assert page.get_by_text("No result here").is_visible()
    assert page.locator(".mms-iou").inner_text() == "–"
    assert page.locator(".mkit-prediction path[d]").count() == 1  # that of the legend
    assert watched.problems == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_it_fits_in_both_schemes_and_under_a_finger(open_widget, width, scheme):
    watched, page = open_widget(
        ModeSwitcher(slot(), TITLES), width=width, scheme=scheme, has_touch=True
    )
    assert page.locator(f".mms[data-scheme='{scheme}']").is_visible()
    modes(page).locator("label").nth(3).tap()
    check(page, slot(), 4, "top")
    page.get_by_text("Whole image").tap()
    assert page.locator(".mkit-svg").get_attribute("viewBox") == "0 0 16 12"
    star = "(e) => e.getBoundingClientRect().width"
    modes(page).locator("label").nth(0).tap()
    wide = page.locator(".mkit-svg .mkit-positive").evaluate(star)
    page.set_viewport_size({"width": 500, "height": 900})  # the star keeps its size
    assert page.locator(".mkit-svg .mkit-positive").evaluate(star) == pytest.approx(wide, rel=0.1)
    assert watched.sideways() == 0
    assert page.locator(".mms").evaluate("(e) => e.scrollWidth - e.clientWidth") <= 0
    assert watched.problems == []


# --------------------------------------------------------------------- the book
PAGE = "notebooks/02_prompt_modes.html"


def test_the_masks_of_the_book_are_those_of_the_run(site, watch):
    watched = watch(site)
    page = watched.open(PAGE)
    root = page.locator(".mms").first
    root.locator(".mkit-truth path").first.wait_for()
    place = page.locator(".jupyter-widgets[data-widget='ModeSwitcher']").first
    state = place.evaluate(
        "(el) => document.querySelector(`script[src$='${el.dataset.traits}']`).holds"
    )
    task = root.locator("select").input_value()
    found = state["cases"][task]["50"]
    for k, _ in state["modes"]:
        root.locator(f".mkit-bars label:has(input[value='{k}'])").click()
        line = root.locator(".mkit-svg .mkit-prediction .mkit-line")
        drawn = inside(line, found["size"])
        truth = inside(root.locator(".mkit-svg .mkit-truth .mkit-line"), found["size"])
        runs = state["masks"][found["modes"][str(k)]["top"]["prediction"]].split()
        assert iou(drawn, decode_mask(map(int, runs), tuple(found["size"]))) > 0.99
        told = float(root.locator(".mms-iou").inner_text())
        assert told == pytest.approx(iou(drawn, truth), abs=1e-3)  # the IoU of the run
    assert watched.problems == []


def test_the_book_without_scripts(site, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site + PAGE)
    stills = page.locator("figure.medsam-still")
    assert stills.count() == 2  # of the switcher and of the browser
    for still in stills.all():
        assert still.locator("img").get_attribute("alt")
        assert "With scripts the reader goes" in still.locator("figcaption").inner_text()
    context.close()
