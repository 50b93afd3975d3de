"""Widgets in a page as the site has them, and what they show there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from assets import assets
from ipywidgets.embed import embed_data
from publish import STATE, VIEW, published
from widget_toys import decoded

NODE_MODULES = Path(__file__).parents[1] / "node_modules"

# As in book/_templates/layout.html.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; "
    "worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' blob: data:; object-src 'none'"
)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Widgets</title>
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>html[data-theme="dark"] body {{ background: #111; }}</style></head>
<body><main>{body}</main></body></html>
"""


def notebook_of(state: dict, *models: str) -> dict:
    """An executed notebook that shows models of the state, a cell each."""
    outputs = [{"data": {VIEW: {"model_id": model}, "text/plain": ""}} for model in models]
    cells = [{"cell_type": "code", "outputs": [output]} for output in outputs]
    return {"metadata": {"widgets": {STATE: {"state": state}}}, "cells": cells}


def saved(*widgets) -> dict:
    """A notebook with the widgets, as one that is executed saves them."""
    data = embed_data(views=list(widgets), drop_defaults=False)
    models = [view["model_id"] for view in data["view_specs"]]
    return notebook_of(data["manager_state"]["state"], *models)


def write_page(folder: Path, notebook: dict, name="index", above="", below="") -> None:
    """A page with the notebook's places, and all that they name."""
    if not (NODE_MODULES / "mathjax").is_dir():
        pytest.skip("No node_modules; run `npm ci`")
    assets(folder, NODE_MODULES)
    made, _ = published(notebook, folder / "widgets", "page.ipynb", "widgets/")
    places = "".join(cell["outputs"][0]["data"]["text/html"] for cell in made["cells"])
    page = PAGE.format(policy=POLICY, body=above + places + below)
    (folder / f"{name}.html").write_text(page, encoding="utf-8")


def state_of(place) -> dict:
    """The traits of a widget that is shown, as its file holds them."""
    return place.evaluate(
        "(el) => document.querySelector(`script[src$='${el.dataset.traits}']`).holds"
    )


def drawn(d: str, size) -> np.ndarray:
    """(H, W) bool: what the closed loops of a path enclose, along pixel edges."""
    edges = np.zeros((size[0], size[1] + 1), bool)
    x = y = 0
    start = (0, 0)
    for command, first, second in re.findall(r"([MHVZ])(\d+)?(?: (\d+))?", d):
        if command == "M":
            start = x, y = int(first), int(second)
        elif command == "H":
            x = int(first)
        else:
            to = int(first) if command == "V" else start[1]
            edges[min(y, to) : max(y, to), x] ^= True
            x, y = (start[0], to) if command == "Z" else (x, to)
    return np.logical_xor.accumulate(edges, axis=1)[:, :-1]


SHOWN = """(root) => {
  const svg = root.querySelector(".mkit-svg");
  const line = (kind) => svg.querySelector(`.mkit-${kind} .mkit-line`)?.getAttribute("d") ?? "";
  const numbers = (node, names) => names.map((name) => Number(node.getAttribute(name)));
  return {
    id: root.querySelector(".mkit-id").textContent,
    image: svg.querySelector("image").getAttribute("href"),
    truth: line("truth"),
    prediction: line("prediction"),
    marks: [...svg.querySelectorAll(".mkit-mark")].map((mark) =>
      [mark.dataset.x - 0.5, mark.dataset.y - 0.5, mark.querySelector(".mkit-positive") ? 1 : 0]),
    boxes: [...svg.querySelectorAll(".mkit-prompt rect.mkit-line")].map((box) =>
      numbers(box, ["x", "y", "width", "height"])),
  };
}"""


class Card:
    """A widget through its controls only."""

    def __init__(self, watched, kind: str):
        self.watched, self.page = watched, watched.page
        place = self.page.locator(f".jupyter-widgets[data-widget='{kind}']:not([aria-busy])").first
        self.state, self.root = state_of(place), place.locator(".mkit").first
        self.stage = self.root.locator("[tabindex='0']").first
        self.stage.scroll_into_view_if_needed()

    def text(self, selector: str) -> str:
        return self.root.locator(selector).first.text_content()

    def group(self, name: str):
        return self.root.get_by_role("group", name=name, exact=True)

    def pick(self, group: str, value) -> None:
        self.group(group).locator(f"label:has(input[value='{value}'])").click()

    def picked(self, group: str) -> str:
        return self.group(group).locator("input:checked").input_value()

    @property
    def task(self):
        return self.root.locator("select")

    @property
    def spoken(self) -> str:
        """What a screen reader was told last."""
        return self.text("[role='status']")

    @property
    def box(self) -> list[int]:
        """Where the widget lies in the page: left, top, width, height."""
        names = "[e.offsetLeft, e.offsetTop, e.offsetWidth, e.offsetHeight]"
        return self.root.evaluate(f"(e) => {names}")

    @property
    def view(self) -> list[float]:
        """The viewBox: x, y, width, height."""
        return [float(v) for v in self.root.locator(".mkit-svg").get_attribute("viewBox").split()]

    def shows(self, case: dict) -> None:
        """Everything that is drawn is what the state says of the case."""
        found = self.root.evaluate(SHOWN)
        assert found["id"] == case["id"]
        assert found["image"] == self.state["images"][case["image"]]
        for kind in ("truth", "prediction"):
            mask = decoded(self.state["masks"][case[kind]], case["size"])
            assert (drawn(found[kind], case["size"]) == mask).all(), kind
        # Clicks on one pixel are one mark.
        clicks = zip(case["points"], case["labels"], strict=True)
        assert {tuple(mark) for mark in found["marks"]} == {(*at, label) for at, label in clicks}
        assert found["boxes"] == [[a, b, c - a + 1, d - b + 1] for a, b, c, d in case["boxes"]]
