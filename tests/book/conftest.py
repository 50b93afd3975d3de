"""A server on the loopback, watched pages, and the widgets in them."""

from __future__ import annotations

import functools
import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from browsing import must_or_skip
from serving import serve
from widget_page import SHOW

ROOT = Path(__file__).parents[2]
HTML = Path(os.environ.get("MEDSAM_HTML", ROOT / "_build" / "html"))


class Watched:
    """A page that notes what goes wrong in it, and what it asks for."""

    def __init__(self, context, base: str):
        self.base, self.problems, self.asked = base, [], []
        # A request to another host is noted, and does not leave.
        context.route(lambda url: not self._own(url), self._foreign)
        context.set_default_timeout(20_000)
        self.page = context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
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

    @property
    def names(self) -> list[str]:
        """Names of the files that were asked for."""
        return [url.rsplit("/", 1)[-1] for url in self.asked]

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

    def axe(self, *rules: str) -> list[tuple[str, str, list[str]]]:
        """Serious violations that axe finds: by all its rules, or by some of them."""
        # Colours are those of a page that has come to rest.
        self.page.add_style_tag(
            content="* { transition: none !important; animation: none !important }"
        )
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate((ROOT / "node_modules/axe-core/axe.min.js").read_text("utf-8"))
        found = self.page.evaluate(
            """(rules) => axe.run({ resultTypes: ["violations"],
              ...(rules.length ? { runOnly: { type: "rule", values: rules } } : {}) })
              .then(({ violations }) => violations)""",
            list(rules),
        )
        return [
            (one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]][:3])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]


@pytest.fixture
def watch(browser):
    """Open a watched page: ``watch(base, width=1280, scheme="light")``."""
    with ExitStack() as stack:

        def make(base: str, width: int = 1280, scheme: str = "light", **more) -> Watched:
            size = {"width": width, "height": 900}
            context = browser.new_context(viewport=size, color_scheme=scheme, **more)
            stack.callback(context.close)
            return Watched(context, base)

        yield make


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
