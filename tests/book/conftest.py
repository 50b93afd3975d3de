"""A real browser, a server on the loopback, and what is asked of every page and widget."""

from __future__ import annotations

import functools
import os
import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from browsing import must_or_skip
from serving import serve
from site_page import SHOW
from widget_page import write_page

ROOT = Path(__file__).parents[2]
HTML = Path(os.environ.get("MEDSAM_HTML", ROOT / "_build" / "html"))
SOURCE = ROOT / "_build" / "source"


class Watched:
    """A page that notes what goes wrong in it."""

    def __init__(self, context, base: str):
        self.base, self.problems = base, []
        # A request to another host is noted, and does not leave.
        context.route(lambda url: not self._own(url), self._foreign)
        context.set_default_timeout(10_000)
        self.page = context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("response", self._response)

    def _own(self, url: str) -> bool:
        return url.startswith((self.base, "data:", "blob:"))

    def _foreign(self, route):
        self.problems.append(f"request to another host: {route.request.url}")
        route.abort()

    def _console(self, message):
        if message.type == "error":
            self.problems.append(f"console: {message.text}")

    def _response(self, response):
        if response.status >= 400:
            self.problems.append(f"{response.status}: {response.url}")

    def open(self, path: str):
        """Go to a page and meet its widgets, which come when a reader is near."""
        self.page.goto(self.base + path, wait_until="load")
        self.page.evaluate(SHOW)
        return self.page

    def sideways(self) -> int:
        """Pixels by which the page is wider than the window."""
        return self.page.evaluate(
            "document.scrollingElement.scrollWidth - document.documentElement.clientWidth"
        )


@pytest.fixture
def watch(browser):
    """Open a watched page: ``watch(base, width=1280, scheme="light")``."""
    contexts = []

    def make(base: str, width: int = 1280, scheme: str = "light", **more) -> Watched:
        contexts.append(
            browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, **more
            )
        )
        return Watched(contexts[-1], base)

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def site():
    """Address of the built book."""
    if not (HTML / "index.html").is_file():
        must_or_skip("MEDSAM_REQUIRE_BOOK", "No built book in _build/html; run `make book`")
    with serve(HTML) as base:
        yield base


@pytest.fixture(scope="session")
def serve_folder():
    """Serve folders until the tests end: ``serve_folder(path)`` gives the address."""
    with ExitStack() as stack:
        yield functools.cache(lambda folder: stack.enter_context(serve(folder)))


# ---------------------------------------------------------------------- widget
@pytest.fixture
def open_widget(watch, serve_folder, tmp_path):
    """Open a widget in a page of its own: ``open_widget(widget)`` gives (watched, page).

    Its traits are ``window.traits``.
    """

    def make(widget, **how):
        write_page(tmp_path, widget)
        watched = watch(serve_folder(tmp_path), **how)
        page = watched.open("index.html")
        page.locator(".mkit-truth path").first.wait_for()
        return watched, page

    return make


def browser_state(page) -> dict:
    """The traits of the page's percentile browser, as its file holds them."""
    place = page.locator(".jupyter-widgets[data-widget='PercentileBrowser']:not([aria-busy])").first
    return place.evaluate(
        "(el) => document.querySelector(`script[src$='${el.dataset.traits}']`).holds"
    )


def path_area(d: str) -> int:
    """Signed area of a path of M, H, V and Z along whole numbers; holes count negative."""
    area = x = y = 0
    start = (0, 0)
    for command, first, second in re.findall(r"([MHVZ])(-?\d+)?(?: (-?\d+))?", d):
        if command == "M":
            start = x, y = int(first), int(second)
            continue
        ends = {"Z": start, "H": (int(first or 0), y), "V": (x, int(first or 0))}
        after = ends[command]
        area += x * after[1] - after[0] * y
        x, y = after
    assert area % 2 == 0
    return area // 2


class Driven:
    """The percentile browser in a page, through its controls only."""

    def __init__(self, page):
        self.page, self.state = page, browser_state(page)
        self.root = page.locator(".mpb").first
        self.root.locator(".mkit-svg path").first.wait_for()
        self.root.scroll_into_view_if_needed()
        self.stage = self.root.locator(".mpb-stage")

    def choose(self, task=None, mode=None, percentile=None):
        if task is not None:
            self.root.locator("select").select_option(task)
        for name, value in (("mode", mode), ("percentile", percentile)):
            if value is not None:
                self.group(name).locator(f"label:has(input[value='{value}'])").click()

    def group(self, name):
        """A group of radio buttons."""
        return self.root.get_by_role("group", name=name.capitalize(), exact=True)

    @property
    def shown(self) -> tuple[str, int, int]:
        """Task, mode and percentile, as the controls say."""
        return (
            self.root.locator("select").input_value(),
            int(self.group("mode").locator("input:checked").input_value()),
            int(self.group("percentile").locator("input:checked").input_value()),
        )

    def text(self, name: str) -> str:
        return self.root.locator(f".mpb-{name}").first.text_content()

    def path(self, layer: str) -> str:
        return self.root.locator(f".mkit-svg .mkit-{layer} .mkit-line").get_attribute("d")

    @property
    def view(self) -> list[float]:
        """The viewBox: x, y, width, height."""
        return [float(v) for v in self.root.locator(".mkit-svg").get_attribute("viewBox").split()]

    def check(self):
        """What is drawn and written is what the state says of the selection."""
        task, mode, percentile = self.shown
        case = self.state["cases"][task].get(str(mode), {}).get(str(percentile))
        if case is None:
            assert self.root.locator(".mpb-none").is_visible()
            assert self.text("iou") == "–"
            return
        assert self.root.locator(".mpb-none").is_hidden()
        for name in ("iou", "dice", "score"):
            if case[name] is None:
                assert self.text(name) == "–"
            else:
                assert float(self.text(name)) == pytest.approx(case[name], abs=5.01e-4)
        assert self.root.locator(".mkit-id").text_content() == case["id"]
        for layer in ("truth", "prediction"):
            runs = self.state["masks"][case[layer]].split()
            assert path_area(self.path(layer)) == sum(map(int, runs[1::2]))
        svg = self.root.locator(".mkit-svg")
        assert svg.locator(".mkit-mark").count() == len(case["points"])
        boxes = [
            tuple(float(node.get_attribute(a)) for a in ("x", "y", "width", "height"))
            for node in svg.locator(".mkit-prompt rect.mkit-line").all()
        ]
        assert boxes == [(a, b, c - a + 1, d - b + 1) for a, b, c, d in case["boxes"]]
        picture = svg.locator("image").get_attribute("href")
        assert picture == self.state["images"][case["image"]]


@pytest.fixture
def drive():
    """Take hold of the percentile browser of an open page."""
    return Driven
