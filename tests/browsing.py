"""The system's Chromium, headless, one for all tests, and pages that are watched in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from serving import SHOW

ROOT = Path(__file__).parents[1]
HTML = Path(os.environ.get("MEDSAM_HTML", ROOT / "_build" / "html"))


# Nothing but the page itself may ask for anything.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def must_or_skip(variable: str, reason: str) -> None:
    """Skip with the reason, unless the variable says that it must not be skipped."""
    if os.environ.get(variable) == "1":
        pytest.fail(f"{reason} ({variable}=1)")
    pytest.skip(reason)


@contextmanager
def chromium() -> Iterator:
    """The system's Chromium, headless."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=QUIET, headless=True
        )
        yield made
        made.close()


@pytest.fixture(scope="session")
def browser():
    if not shutil.which("chromium"):
        must_or_skip("MEDSAM_REQUIRE_BROWSER", "No chromium on the PATH; install the package")
    with chromium() as made:
        yield made


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
