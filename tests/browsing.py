"""The system's Chromium, headless: one for all tests, as Playwright's is one a process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["browser", "chromium", "must_or_skip"]

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
