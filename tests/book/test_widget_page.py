"""The percentile browser in a real browser, in a page of its own, without a kernel."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from live_page import POLICY
from playwright.sync_api import expect
from site_page import notebook_of, places, saved

from medsam.analysis.examples import Example
from medsam.metrics import dice, iou
from medsam.prompts import Prompt, mode_prompt
from medsam.widgets import PercentileBrowser

NODE_MODULES = Path(__file__).parents[2] / "node_modules"

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Widget</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"></head>
<body>{widget}<p style="height: 120vh">Something to scroll to.</p></body></html>
"""


def example(task: str, k: int, percentile: int) -> Example:
    y, x = np.mgrid[:60, :80]
    centre = 30 + percentile // 5
    # A ring, a second region, and one pixel that touches it at a corner only.
    mask = (np.hypot(x - centre, y - 25) < 12) & (np.hypot(x - centre, y - 25) > 4)
    mask[48:54, 60:70] = True
    mask[54, 70] = True
    prediction = np.roll(mask, k, axis=0) & (x % 7 != k)
    prompt = mode_prompt(mask, k)
    if k == 2:
        prompt = Prompt(prompt.points, [1] + [0] * (len(prompt.points) - 1))
    return Example(
        task=task,
        image_id=f"{task}-{percentile}",
        model="square",
        protocol="paper",
        choice="top",
        k=k,
        percentile=percentile,
        image=np.repeat(np.uint8(40 + x + 2 * (y % 8))[..., None], 3, axis=2),
        mask=mask,
        prediction=prediction,
        prompt=prompt,
        iou=iou(mask, prediction),
        dice=dice(mask, prediction),
        score=float("nan") if k == 5 else 0.8125,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page with one browser of two tasks, in which one slot is missing."""
    if not (NODE_MODULES / "mathjax").is_dir():
        pytest.skip("No node_modules; run `npm ci`")
    folder = tmp_path_factory.mktemp("page")
    examples = [example(t, k, p) for t in ("a", "b") for k in range(1, 6) for p in (25, 50, 75)]
    missing = [e for e in examples if (e.task, e.k, e.percentile) == ("b", 3, 25)]
    kept = [e for e in examples if e not in missing]
    browser = PercentileBrowser(kept, {"a": "First <b>", "b": "Second"})
    page = PAGE.format(widget=places(folder, saved(browser)))
    (folder / "index.html").write_text(page, encoding="utf-8")
    return folder


@pytest.fixture
def open_page(folder, watch, drive, serve_folder):
    """Open the page and take hold of its widget; gives (watched, widget)."""

    def make(**how):
        watched = watch(serve_folder(folder), **how)
        return watched, drive(watched.open("index.html"))

    return make


def test_every_slot_is_drawn_as_the_state_says(open_page):
    watched, widget = open_page()
    for task in ("a", "b"):
        for mode in range(1, 6):
            for percentile in (25, 50, 75):
                widget.choose(task, mode, percentile)
                assert widget.shown == (task, mode, percentile)
                widget.check()
    assert watched.problems == []


def test_keys(open_page):
    watched, widget = open_page()
    press = watched.page.keyboard.press
    widget.stage.focus()
    for key, shown in [
        ("4", ("a", 4, 50)),
        ("ArrowRight", ("a", 4, 75)),
        ("ArrowRight", ("a", 4, 75)),
        ("ArrowDown", ("b", 4, 75)),
        ("ArrowLeft", ("b", 4, 50)),
        ("ArrowUp", ("a", 4, 50)),
        ("9", ("a", 4, 50)),
    ]:
        press(key)
        assert widget.shown == shown, key
        widget.check()
    for key, layer, name in (
        ("g", "truth", "Ground truth"),
        ("r", "prediction", "Prediction"),
        ("p", "prompt", "Prompts"),
    ):
        lines = widget.root.locator(f".mkit-svg .mkit-{layer}")
        press(key)
        assert lines.evaluate("(node) => getComputedStyle(node).display") == "none"
        assert not widget.root.get_by_role("checkbox", name=name).is_checked()
        press(key)
        assert lines.evaluate("(node) => getComputedStyle(node).display") != "none"
    press("?")
    assert widget.root.locator(".mpb-help").is_visible()
    press("Escape")
    assert widget.root.locator(".mpb-help").is_hidden()
    # In a menu and in a group of radio buttons arrows do what they do everywhere.
    widget.group("mode").locator("input:checked").focus()
    press("ArrowDown")
    assert widget.shown == ("a", 5, 50)
    assert watched.problems == []


def test_focus_is_visible(open_page):
    watched, _ = open_page()
    seen = set()
    for _ in range(12):
        watched.page.keyboard.press("Tab")
        width = watched.page.evaluate(
            """() => { const at = document.activeElement;
              const shown = at.type === 'radio' ? at.closest('label') : at;
              return getComputedStyle(shown).outlineStyle === 'none' ? 0
                : parseFloat(getComputedStyle(shown).outlineWidth); }"""
        )
        if watched.page.evaluate("document.activeElement === document.body"):
            break
        seen.add(watched.page.evaluate("document.activeElement.tagName"))
        assert width > 0
    assert {"SELECT", "DIV", "BUTTON", "INPUT"} <= seen


def test_zoom_and_pan(open_page):
    watched, widget = open_page()
    page, first = watched.page, widget.view
    box = widget.stage.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    # The page scrolls under a wheel, until the image has focus.
    page.mouse.move(*middle)
    page.mouse.wheel(0, 200)
    page.wait_for_function("scrollY > 0")
    assert widget.view == first
    page.evaluate("scrollTo(0, 0)")
    page.mouse.click(*middle)
    assert widget.view == first
    page.mouse.wheel(0, -300)
    page.wait_for_function(
        "(w) => +document.querySelector('.mkit-svg').getAttribute('viewBox').split(' ')[2] < w",
        arg=first[2],
    )
    assert page.evaluate("scrollY") == 0
    zoomed = widget.view
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1] + 20, steps=4)
    page.mouse.up()
    assert widget.view[0] < zoomed[0]
    assert widget.view[2:] == zoomed[2:]
    page.mouse.dblclick(*middle)
    assert widget.view[2] == pytest.approx(zoomed[2] / 2, rel=1e-3)
    page.keyboard.press("z")  # back to the object
    assert widget.view == first
    page.keyboard.press("z")  # the whole image
    whole = widget.view
    assert whole[2] >= 80
    assert whole[3] >= 60
    page.keyboard.press("-")  # not smaller than that
    assert widget.view == whole
    # Stars and lines keep their width on the screen.
    for _ in range(6):
        page.keyboard.press("+")
    star = widget.root.locator(".mkit-svg .mkit-positive").bounding_box()
    assert 12 < star["width"] < 26
    assert widget.root.locator("image.mkit-pixels").count() == 1
    assert watched.problems == []


def test_another_image_begins_at_its_object(open_page):
    watched, widget = open_page()
    widget.stage.focus()
    watched.page.keyboard.press("+")
    zoomed = widget.view
    widget.choose(mode=3)  # the same image and object: the view stays
    assert widget.view == zoomed
    assert widget.shown == ("a", 3, 50)


def test_nothing_jumps(open_page):
    _, widget = open_page()
    before = widget.root.bounding_box()
    for choice in ({"task": "b"}, {"mode": 3}, {"percentile": 25}):
        widget.choose(**choice)
        assert widget.root.bounding_box() == before
    assert widget.text("none") == "No case here"


def test_it_says_what_changed(open_page):
    _, widget = open_page()
    status = widget.root.locator("[role=status]")
    assert status.text_content() == ""
    widget.choose(mode=4)
    case = widget.state["cases"]["a"]["4"]["50"]
    assert status.text_content() == (
        f"First <b>, mode 4, 50th percentile: IoU {widget.text('iou')}, Dice {widget.text('dice')}."
    )
    assert float(widget.text("iou")) == pytest.approx(case["iou"], abs=5.01e-4)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_narrow_and_dark(open_page, width, scheme):
    watched, widget = open_page(width=width, scheme=scheme)
    assert watched.sideways() <= 0
    assert widget.root.get_attribute("data-scheme") == scheme
    assert widget.stage.bounding_box()["width"] >= 300
    widget.choose("b", 4, 75)
    widget.check()
    assert watched.problems == []


def test_touch(open_page):
    """A tap chooses; two fingers zoom."""
    watched, widget = open_page(width=400, has_touch=True, is_mobile=True)
    widget.group("percentile").locator("label").nth(2).tap()
    assert widget.shown[2] == 75
    before = widget.view
    box = widget.stage.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = watched.page.context.new_cdp_session(watched.page)
    for kind, apart in (("touchStart", 30), ("touchMove", 50), ("touchMove", 80)):
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert widget.view[2] < 0.6 * before[2]


def test_two_views_share_a_model_and_what_fails_says_so(tmp_path, watch, serve_folder):
    counter = """function render({ model, el }) {
      const button = document.createElement("button");
      const show = () => { button.textContent = model.get("n"); };
      button.onclick = () => { model.set("n", model.get("n") + 1); model.save_changes(); };
      model.on("change:n", show); show(); el.append(button);
    }\nexport default { render };"""
    broken = "export default { render() { throw new Error('nothing to draw'); } };"

    def of(code, n):
        return {
            "model_module": "anywidget",
            "model_name": "AnyModel",
            "state": {"_anywidget_id": "medsam.Toy", "_esm": code, "n": n},
        }

    states = {"a": of(counter, 1), "b": of(broken, 1), "c": of(counter, 5)}
    html = places(tmp_path, notebook_of(states, *"aabc"))
    gone = re.findall('data-traits="(.*?)"', html)[-1]
    (tmp_path / "widgets" / "parts" / gone).unlink()
    page = f"""<!doctype html><link rel="icon" href="data:,">
      <meta http-equiv="Content-Security-Policy" content="{POLICY}"><body>{html}"""
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    shown = watch(serve_folder(tmp_path)).open("index.html").locator(".jupyter-widgets")
    shown.nth(0).locator("button").click()
    assert [shown.nth(i).inner_text() for i in (0, 1)] == ["2", "2"]
    for i, why in ((2, "nothing to draw"), (3, f"the page lacks its file {gone}")):
        expect(shown.nth(i)).to_contain_text("could not be shown")
        expect(shown.nth(i)).to_contain_text(why)
