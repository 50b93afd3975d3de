"""The size scatter in a real browser: used as a reader does, and on the built page."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from scatter_toys import PX, SHIFT, examples, found, square
from widget_page import inside, write_page

from medsam.metrics import iou
from medsam.widgets.kit.runs import decode_mask
from medsam.widgets.scatter import SizeScatter

pytestmark = pytest.mark.book

ROOT = Path(__file__).parents[2]
HTML = Path(os.environ.get("MEDSAM_HTML", ROOT / "_build" / "html"))
BUILT = "notebooks/07_object_size.html"


class Scatter:
    """The widget in an open page, through its controls."""

    def __init__(self, page):
        self.page, self.root = page, page.locator(".mss").first
        self.root.locator("[data-at]").first.wait_for()
        self.root.scroll_into_view_if_needed()
        self.field = self.root.locator(".mss-field")

    def text(self, name):
        return self.root.locator(f".mss-{name}").text_content()

    def spoken(self):
        """What a screen reader was told last."""
        return self.root.locator("[role='status']").text_content()

    def point(self, at):
        return self.root.locator(f"[data-at='{at}']")

    def middle(self, at):
        """Where a point is on the screen."""
        box = self.point(at).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def pick(self, group, words):
        self.root.locator(".mss-choices fieldset", has_text=group).get_by_text(words).click()

    def drawn(self, kind, size):
        """(H, W) bool: the mask that is drawn."""
        return inside(self.root.locator(f".mss-case .mkit-{kind} .mkit-line"), size)


@pytest.fixture
def open_scatter(watch, serve_folder, tmp_path):
    def make(areas=None, **how):
        both = {choice: found(choice) for choice in SHIFT}
        write_page(tmp_path, SizeScatter(both, examples(), "Toy rows.", areas))
        watched = watch(serve_folder(tmp_path), **how)
        return watched, Scatter(watched.open("index.html"))

    return make


def test_a_point_tells_and_shows_its_case(open_scatter):
    watched, scatter = open_scatter()
    assert scatter.root.locator("[data-at]").count() == len(PX)
    assert scatter.text("tip") == "Liver, b: 4 % of the image, 16 px; IoU 0.600."
    assert scatter.spoken() == ""  # a page does not begin to speak by itself
    # Under the mouse the numbers of a point are told, and nothing moves.
    before = scatter.root.bounding_box(), scatter.root.locator(".mss-case").bounding_box()
    scatter.page.mouse.move(*scatter.middle(3))
    assert scatter.text("tip") == "Spleen, d: 100 % of the image, 400 px; IoU 0.200."
    assert scatter.root.locator(".mss-case .mkit-id").text_content() == "b"
    scatter.page.mouse.move(*(v + 40 for v in scatter.middle(0)))
    assert scatter.text("tip").startswith("Liver, b:")
    # A click chooses the point near it, and its case is drawn.
    x, y = scatter.middle(2)
    scatter.page.mouse.click(x + 8, y - 8)
    assert scatter.page.evaluate("window.traits.selected") == 2
    assert scatter.spoken() == "Spleen, c: 25 % of the image, 100 px; IoU 0.400. With a picture."
    assert (scatter.drawn("truth", (20, 20)) == square("c")).all()
    assert (scatter.drawn("prediction", (20, 20)) == np.roll(square("c"), 2, 1)).all()
    scatter.pick("Mask", "oracle")
    assert (scatter.drawn("prediction", (20, 20)) == np.roll(square("c"), 1, 1)).all()
    assert scatter.text("tip").endswith("IoU 0.500.")
    # The last pixel of a box is inside it.
    box = scatter.root.locator(".mss-case .mkit-prompt .mkit-line")
    told = [box.get_attribute(name) for name in ("x", "y", "width", "height")]
    assert told == ["4", "4", "10", "10"]
    scatter.pick("Mode", "2")
    assert scatter.root.locator(".mss-case .mkit-prompt .mkit-positive").count() == 1
    assert box.count() == 0
    scatter.page.mouse.click(*scatter.middle(3))
    assert "carries no picture" in scatter.text("none")
    assert scatter.root.locator(".mss-case .mkit-svg").is_hidden()
    after = scatter.root.bounding_box(), scatter.root.locator(".mss-case").bounding_box()
    assert after == before
    assert watched.problems == []


def test_points_with_a_picture_have_a_shape_of_their_own(open_scatter):
    _, scatter = open_scatter()
    shapes = [scatter.point(at).evaluate("(e) => e.tagName") for at in range(4)]
    assert shapes == ["circle", "path", "path", "circle"]


def test_keys(open_scatter):
    watched, scatter = open_scatter()
    scatter.field.focus()
    press = scatter.page.keyboard.press
    for key, at in (
        ("ArrowRight", 2),
        ("ArrowRight", 3),
        ("ArrowRight", 3),
        ("Home", 0),
        ("ArrowLeft", 0),
        ("ArrowUp", 1),  # the next with a picture
        ("ArrowUp", 2),
        ("ArrowUp", 2),
        ("End", 3),
        ("ArrowDown", 2),
    ):
        press(key)
        assert scatter.page.evaluate("window.traits.selected") == at, key
        name, px = list(PX.items())[at]
        assert f", {name}: " in scatter.spoken()
        assert f", {px} px; " in scatter.text("tip")
    # The slider and its buttons go the same way, and tell the same.
    slider = scatter.root.locator("input[type='range']")
    slider.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext").startswith("Liver, b: 4 % of the image")
    scatter.root.get_by_label("Next larger object").click()
    assert scatter.page.evaluate("window.traits.selected") == 2
    assert watched.problems == []


def test_task_and_axis(open_scatter):
    # The large ones have small pixels: in mm2 the order is turned round.
    watched, scatter = open_scatter({"a": 1000.0, "b": 100.0, "c": 4.0, "d": 0.5})
    assert "pooled" not in scatter.text("rho")  # two objects a task are too few
    scatter.root.locator("select").select_option("spleen")
    assert scatter.root.locator("[data-at]").count() == 2
    assert scatter.root.locator(".mss-others circle").count() == 2  # the livers, faint
    assert ", c: " in scatter.text("tip")  # the spleen with a picture
    scatter.root.locator("select").select_option("")
    assert scatter.root.locator(".mss-plot .mss-floor").count() == 1
    xs = [scatter.middle(at)[0] for at in range(4)]
    assert xs == sorted(xs)
    scatter.pick("Size in", "mm²")
    xs = [scatter.middle(at)[0] for at in range(4)]
    assert xs == sorted(xs, reverse=True)
    assert scatter.root.locator(".mss-plot .mss-floor").count() == 0
    scatter.field.press("Home")
    assert "100 % of the image, 400 px, 200 mm²" in scatter.text("tip")
    assert watched.problems == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_it_fits_in_both_schemes(open_scatter, width, scheme):
    watched, scatter = open_scatter(width=width, scheme=scheme)
    assert scatter.page.locator(f".mss[data-scheme='{scheme}']").is_visible()
    assert watched.sideways() == 0
    assert scatter.root.evaluate("(e) => e.scrollWidth - e.clientWidth") <= 0
    scatter.page.evaluate((ROOT / "node_modules/axe-core/axe.min.js").read_text("utf-8"))
    found = scatter.page.evaluate("axe.run('.mss').then((result) => result.violations)")
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
    assert watched.problems == []


def test_a_finger(open_scatter):
    watched, scatter = open_scatter(width=400, has_touch=True)
    x, y = scatter.middle(2)
    scatter.page.touchscreen.tap(x - 15, y + 15)
    assert scatter.page.evaluate("window.traits.selected") == 2
    assert watched.problems == []


# -------------------------------------------------------------- the built page
@pytest.fixture(scope="module")
def state():
    """The state of the widget in the notebook that the page offers."""
    path = HTML / "_sources" / "notebooks" / "07_object_size.ipynb"
    models = json.loads(path.read_text("utf-8"))["metadata"]["widgets"]
    models = models["application/vnd.jupyter.widget-state+json"]["state"].values()
    return next(one["state"] for one in models if "rhos" in one["state"])


def test_masks_of_the_page_are_those_of_python(site, watch, state):
    watched = watch(site)
    scatter = Scatter(watched.open(BUILT))
    scatter.field.focus()
    scatter.page.keyboard.press("Home")
    seen = set()
    while True:
        scatter.page.keyboard.press("ArrowUp")
        image = scatter.root.locator(".mss-case .mkit-id").text_content()
        task = next(t for t in state["tasks"] if scatter.text("tip").startswith(f"{t[1]}, "))[0]
        if (task, image) in seen or len(seen) > 8:
            break
        seen.add((task, image))
        at = [row[:2] for row in state["objects"]].index([task, image])
        case = state["cases"][f"{state['choice']}/{state['mode']}/{at}"]
        size = tuple(case["size"])
        masks = {}
        for kind in ("truth", "prediction"):
            masks[kind] = decode_mask(map(int, state["masks"][case[kind]].split()), size)
            assert iou(scatter.drawn(kind, size), masks[kind]) > 0.99
        told = float(scatter.text("tip").split("IoU ")[1].rstrip("."))
        assert told == pytest.approx(iou(masks["prediction"], masks["truth"]), abs=2e-3)
        assert f" {masks['truth'].sum():,} px" in scatter.text("tip")
    assert len(seen) > 3
    assert watched.problems == []


def test_correlations_are_those_of_the_figure(site, watch, state):
    table = HTML / "data" / "07_object_size" / "correlations.csv"
    scatter = Scatter(watch(site).open(BUILT))
    keys = {title: key for key, title in state["tasks"] if key}
    told = 0
    for row in csv.DictReader(table.read_text("utf-8").splitlines()):
        if row["kind"] == "between":
            continue
        scatter.pick("Mode", row["k"])
        scatter.root.locator("select").select_option(keys.get(row["name"], ""))
        words = scatter.text("rho")
        assert f" {int(row['n']):,} objects" in words
        if row["value"]:
            assert f"{float(row['value']):+.2f}".replace("-", "−") in words
            told += 1
    assert told == len(keys) * len(state["modes"]) + len(state["modes"])
