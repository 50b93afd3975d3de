"""The widgets of cases in a real browser, in a page as the site has it, used as a reader does."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect
from widget_page import Card, drawn, saved, write_page
from widget_toys import PX, all_sized, example, in_clicks, in_modes

from medsam.prompts import Prompt, mode_prompt
from medsam.widgets.explorer import ExampleExplorer
from medsam.widgets.scatter import SizeScatter
from medsam.widgets.stepper import ClickStepper

pytestmark = pytest.mark.book

KINDS = ("ExampleExplorer", "ClickStepper", "SizeScatter")


def ring(k: int, percentile: int, choice: str):
    """A ring, a second region, and one pixel that touches it at a corner only."""
    y, x = np.mgrid[:60, :80]
    far = np.hypot(x - 30 - percentile // 5, y - 25)
    mask = (far < 12) & (far > 4)
    mask[48:54, 60:70] = mask[54, 70] = True
    prompt = mode_prompt(mask, k)
    if k == 2:
        prompt = Prompt(prompt.points, [1] + [0] * (len(prompt.points) - 1))
    shifted = np.roll(mask, k, axis=0) & (x % 7 != k)
    more = {"percentile": percentile, "choice": choice}
    more |= {"score": float("nan")} if k == 5 else {}
    return example("ring", f"ring-{percentile}", k, mask, shifted, prompt, **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page with one widget of each kind; of some cases something is missing."""
    folder = tmp_path_factory.mktemp("widgets")
    spleen = [e for e in in_modes("spleen", 25) if (e.k, e.choice) != (3, "top")]
    rings = [ring(k, p, c) for k in range(1, 6) for p in (25, 75) for c in ("top", "oracle")]
    # The large objects have small pixels: in mm² the order is turned round.
    areas = {"a": 1000.0, "b": 100.0, "c": 4.0, "d": 0.5}
    widgets = (
        ExampleExplorer(
            [*in_modes(), *in_modes(percentile=25), *spleen, *rings],
            {"liver": "Liver", "spleen": "Spleen", "ring": "Ring <b>"},
        ),
        ClickStepper([*in_clicks(), *in_clicks("spleen", 2)]),
        SizeScatter(*all_sized(), "Toy rows.", areas),
    )
    write_page(folder, saved(*widgets), below='<p style="height: 120vh">To scroll to.</p>')
    return folder


@pytest.fixture
def open_page(folder, watch, serve_folder):
    def make(**how):
        watched = watch(serve_folder(folder), **how)
        watched.open("index.html")
        return watched, {kind: Card(watched, kind) for kind in KINDS}

    return make


@pytest.fixture
def open_card(open_page):
    """Open the page and take hold of one widget; nothing may go wrong in the page."""
    opened = []

    def make(kind, **how):
        watched, cards = open_page(**how)
        opened.append(watched)
        cards[kind].stage.scroll_into_view_if_needed()
        assert cards[kind].spoken == ""  # a page does not begin to speak by itself
        return cards[kind]

    yield make
    for watched in opened:
        assert watched.problems == []


# ------------------------------------------------------------------ all of them
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_they_fit_in_both_schemes_and_axe_finds_nothing(open_page, width, scheme):
    watched, cards = open_page(width=width, scheme=scheme)
    assert watched.sideways() <= 0
    for kind, card in cards.items():
        assert card.root.get_attribute("data-scheme") == scheme, kind
        assert card.root.evaluate("(e) => e.scrollWidth - e.clientWidth") <= 0, kind
    watched.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    for card in cards.values():
        background = card.root.evaluate("(node) => getComputedStyle(node).backgroundColor")
        assert max(int(v) for v in background[4:-1].split(",")) < 80
    watched.page.evaluate("delete document.documentElement.dataset.theme")
    assert watched.axe() == []
    assert watched.problems == []


def test_focus_is_visible(open_page):
    watched, _ = open_page()
    seen = set()
    for _ in range(60):
        watched.page.keyboard.press("Tab")
        kind, tag, width = watched.page.evaluate(
            """() => { const at = document.activeElement;
              const shown = at.type === "radio" ? at.closest("label") : at;
              const { outlineStyle, outlineWidth } = getComputedStyle(shown);
              return [at.closest("[data-widget]")?.dataset.widget, at.tagName,
                outlineStyle === "none" ? 0 : parseFloat(outlineWidth)]; }"""
        )
        if kind is None:  # the end of the page, from where it goes on at its top
            continue
        seen.add((kind, tag))
        assert width > 0, (kind, tag)
    assert {(kind, tag) for kind in KINDS for tag in ("SELECT", "DIV", "INPUT")} <= seen


# --------------------------------------------------------------------- explorer
def test_every_task_case_mode_and_choice(open_card):
    card = open_card("ExampleExplorer")

    def shows(task, percentile, k, choice):
        now = card.task.input_value(), card.picked("Case: percentile of IoU")
        assert now == (task, str(percentile))
        assert (card.picked("Mode and its IoU"), card.picked("Mask")) == (str(k), choice)
        found = card.state["cases"][task][str(percentile)]
        case = found[str(k)][choice]
        card.shows(case)
        for name in ("iou", "dice", "score"):
            known = case[name] is not None
            assert card.text(f".mex-{name}") == (f"{case[name]:.3f}" if known else "–")
        bar = card.group("Mode and its IoU").locator(f"label:has(input[value='{k}']) b")
        assert float(bar.text_content()) == pytest.approx(case["iou"], abs=6e-3)

    card.task.select_option("liver")
    card.pick("Case: percentile of IoU", 50)
    shows("liver", 50, 1, "top")
    for k in (2, 3, 4, 5):
        card.pick("Mode and its IoU", k)
        shows("liver", 50, k, "top")
    assert card.spoken == "Liver, mode 5: 1 box over all, scored mask. IoU 0.333."
    card.pick("Mask", "oracle")
    shows("liver", 50, 5, "oracle")
    for key, shown in [
        ("4", (50, 4, "oracle")),
        ("ArrowDown", (50, 5, "oracle")),
        ("ArrowUp", (50, 4, "oracle")),
        ("o", (50, 4, "top")),
        ("ArrowLeft", (25, 4, "top")),
        ("2", (25, 2, "top")),
    ]:
        card.stage.press(key)
        shows("liver", *shown)
    card.pick("Mode and its IoU", 3)
    # What is missing is said, and nothing jumps.
    before = card.box
    card.task.select_option("spleen")
    assert card.root.get_by_text("No result here").is_visible()
    assert card.text(".mex-iou") == "–"
    card.stage.press("o")
    shows("spleen", 25, 3, "oracle")
    card.task.select_option("ring")
    card.pick("Mode and its IoU", 5)
    shows("ring", 25, 5, "oracle")
    assert card.box == before


def test_layers_by_key(open_card):
    card = open_card("ExampleExplorer")
    for key, layer, name in (
        ("g", "truth", "Ground truth"),
        ("r", "prediction", "Prediction"),
        ("p", "prompt", "Prompts"),
    ):
        for visible in (False, True):
            card.stage.press(key)
            lines = card.root.locator(f".mkit-svg .mkit-{layer}")
            assert lines.evaluate("(e) => getComputedStyle(e).display !== 'none'") == visible
            assert card.root.get_by_role("checkbox", name=name).is_checked() == visible


def test_zoom_and_pan(open_card):
    card = open_card("ExampleExplorer")
    card.task.select_option("ring")
    card.pick("Case: percentile of IoU", 25)
    page, first = card.page, card.view
    box = card.stage.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    # The page scrolls under a wheel, until the image has focus.
    page.mouse.move(*middle)
    top = page.evaluate("scrollY")
    page.mouse.wheel(0, 50)
    page.wait_for_function("(top) => scrollY > top", arg=top)
    assert card.view == first
    page.evaluate("(top) => scrollTo(0, top)", top)
    page.mouse.click(*middle)
    assert card.view == first
    page.mouse.wheel(0, -300)
    page.wait_for_function(
        "(width) => document.querySelector('.mex .mkit-svg').viewBox.baseVal.width < width",
        arg=first[2],
    )
    assert page.evaluate("scrollY") == top
    zoomed = card.view
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1] + 20, steps=4)
    page.mouse.up()
    assert card.view[0] < zoomed[0]
    assert card.view[2:] == zoomed[2:]
    page.mouse.dblclick(*middle)
    assert card.view[2] == pytest.approx(zoomed[2] / 2, rel=1e-3)
    card.stage.press("z")  # back to the object
    assert card.view == first
    card.stage.press("z")  # the whole image
    whole = card.view
    assert whole[2] >= 80
    assert whole[3] >= 60
    card.root.get_by_label("Zoom in").click()
    assert card.view[2] < whole[2]


# ----------------------------------------------------------------- click stepper
def test_every_way_from_click_to_click(open_card):
    card = open_card("ClickStepper")
    slider = card.root.locator(".mcs-steps input")

    def shows(task, k):
        steps = card.state["cases"][task]
        now = steps[k - 1]
        card.shows(now)
        assert card.text(".mcs-at") == f"Click {k} of {len(steps)}"
        assert float(card.text(".mcs-iou")) == pytest.approx(now["iou"], abs=5.1e-4)
        assert slider.input_value() == str(k)
        assert card.text(".mcs-chart text.mcs-here") == str(k)
        truth, prediction = (
            drawn(
                card.root.locator(f".mkit-svg .mkit-{kind} .mkit-line").get_attribute("d"),
                now["size"],
            )
            for kind in ("truth", "prediction")
        )
        for kind, wrong in (("missed", truth & ~prediction), ("surplus", prediction & ~truth)):
            found = card.root.locator(f"[data-kind='{kind}']").get_attribute("d")
            assert (drawn(found, now["size"]) == wrong).all(), kind
            assert card.text(f".mcs-count-{kind}") == str(wrong.sum())

    shows("liver", 1)
    card.root.locator(".mcs-next").click()
    shows("liver", 2)
    assert card.spoken == "Click 2 of 3, negative: IoU 0.667."
    assert card.text(".mcs-change") == "(+0.212)"
    for _ in range(2):
        card.stage.press("ArrowRight")
        shows("liver", 3)
    card.root.locator(".mcs-next").press("ArrowLeft")
    shows("liver", 2)
    slider.press("ArrowLeft")
    shows("liver", 1)
    assert slider.get_attribute("aria-valuetext") == "Click 1 of 3, positive: IoU 0.455"
    slider.fill("3")
    shows("liver", 3)
    card.task.select_option("spleen")  # which has two clicks
    shows("spleen", 2)
    card.root.locator("[data-step='1']").click()
    shows("spleen", 1)


def test_the_error_map_is_asked_for_and_told_apart_without_colour(open_card):
    card = open_card("ClickStepper")
    kinds = [card.root.locator(f"[data-kind='{kind}']") for kind in ("missed", "surplus")]
    assert not any(one.is_visible() for one in kinds)
    card.root.get_by_label("Error map").check()
    marks = []
    for one in kinds:
        assert one.is_visible()
        pattern = one.get_attribute("fill").removeprefix("url(").removesuffix(")")
        marks.append(card.root.locator(f"{pattern} > :last-child").evaluate("(e) => e.tagName"))
    assert marks == ["path", "circle"]


# ------------------------------------------------------------------ size scatter
def middle(card, at):
    """Where a point is on the screen."""
    box = card.root.locator(f"[data-at='{at}']").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_point_tells_and_shows_its_case(open_card):
    card = open_card("SizeScatter")
    assert card.text(".mss-tip") == "Liver, b: 4 % of the image, 16 px, 1,600 mm²; IoU 0.600."
    # Under the mouse the numbers of a point are told, and nothing moves.
    before = card.box
    card.page.mouse.move(*middle(card, 3))
    assert card.text(".mss-tip").startswith(
        "Spleen, d: 100 % of the image, 400 px, 200 mm²; IoU 0.2"
    )
    card.shows(card.state["cases"]["top/4/1"])
    # A click chooses the point near it, and its case is drawn.
    x, y = middle(card, 2)
    card.page.mouse.click(x + 8, y - 8)
    assert card.spoken.startswith("Spleen, c: 25 % of the image, 100 px, 400 mm²; IoU 0.400. With")
    card.shows(card.state["cases"]["top/4/2"])
    card.pick("Mask", "oracle")
    card.shows(card.state["cases"]["oracle/4/2"])
    card.pick("Mode", 2)
    card.shows(card.state["cases"]["oracle/2/2"])
    card.page.mouse.click(*middle(card, 3))
    assert "carries no picture" in card.text(".mss-none")
    assert card.root.locator(".mss-case .mkit-svg").is_hidden()
    assert card.box == before


def test_keys_tasks_and_axes_of_the_scatter(open_card):
    card = open_card("SizeScatter")
    for key, at in (
        ("ArrowRight", 2),
        ("ArrowRight", 3),
        ("Home", 0),
        ("ArrowUp", 1),  # the next with a picture
        ("ArrowUp", 2),
        ("End", 3),
        ("ArrowDown", 2),
    ):
        card.stage.press(key)
        name, px = list(PX.items())[at]
        assert f", {name}: " in card.spoken, key
        assert f", {px} px, " in card.text(".mss-tip")
    # The slider and its buttons go the same way, and tell the same.
    slider = card.root.locator("input[type='range']")
    slider.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext").startswith("Liver, b: 4 % of the image")
    card.root.get_by_label("Next larger object").click()
    assert ", c: " in card.text(".mss-tip")
    assert "pooled" not in card.text(".mss-rho")  # two objects a task are too few
    card.task.select_option("spleen")
    assert card.root.locator("[data-at]").count() == 2
    assert card.root.locator(".mss-others circle").count() == 2  # the livers, faint
    card.task.select_option("")
    for axis, turned in (("share", False), ("mm2", True)):
        card.pick("Size in", axis)
        xs = [middle(card, at)[0] for at in range(4)]
        assert xs == sorted(xs, reverse=turned)
        assert card.root.locator(".mss-plot .mss-floor").count() == (not turned)


# ------------------------------------------------------------------------ touch
def test_fingers(open_page):
    """A tap chooses, two fingers zoom, and a finger is wide."""
    watched, cards = open_page(width=400, has_touch=True, is_mobile=True)
    explorer, scatter = cards["ExampleExplorer"], cards["SizeScatter"]
    explorer.group("Mode and its IoU").locator("label").nth(3).tap()
    assert explorer.picked("Mode and its IoU") == "4"
    before = explorer.view
    explorer.stage.scroll_into_view_if_needed()
    box = explorer.stage.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = watched.page.context.new_cdp_session(watched.page)
    for kind, apart in (("touchStart", 30), ("touchMove", 50), ("touchMove", 80)):
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert explorer.view[2] < 0.6 * before[2]
    scatter.stage.scroll_into_view_if_needed()
    # A browser takes a tap soon after others for the second of two, and drops it.
    watched.page.wait_for_timeout(500)
    x, y = middle(scatter, 2)
    watched.page.touchscreen.tap(x - 15, y + 15)
    expect(scatter.root.locator(".mss-tip")).to_contain_text(", c: ")
    assert watched.problems == []
