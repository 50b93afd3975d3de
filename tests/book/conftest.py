"""A server on the loopback, and watched pages."""

from __future__ import annotations

import functools
from contextlib import ExitStack

import pytest
from browsing import HTML, Watched, must_or_skip
from serving import serve


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
