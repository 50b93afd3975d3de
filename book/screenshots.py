"""Pictures of the built book, to be looked at: every page, and each widget in three states.

``python book/screenshots.py FOLDER [--pages NAME ...]`` saves them at three widths, light and
dark: ``NAME-WIDTH-SCHEME.png``, and ``NAME-WIDGET-STATE-WIDTH-SCHEME.png`` of widgets as they
open (1), after their first control was moved on (2), and with all their switches turned (3).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pdf import ROOT, browser, pages
from playwright.sync_api import sync_playwright
from serving import SHOW, serve

from medsam.errors import InputError

HTML = ROOT / "_build" / "html"

WIDTHS = (1280, 768, 400)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

# What moves a widget on by a key, in the order in which it is looked for.
MOVED = ("input[type=radio]:checked", "select", "input[type=range]", "[tabindex='0']")
SWITCHES = "input[type=checkbox], button[aria-pressed], summary"

# A picture is fetched when a reader comes near it: here, at once.
ALL = """() => Promise.all([...document.images].map((one) => {
  one.loading = "eager";
  return one.decode().catch(() => {});
}))"""

# What stays on the window would lie on a widget that is taller.
COVERS = ".bd-header-article, #pst-skip-link, #pst-back-to-top { display: none !important }"


def states(widget: Any) -> Iterator[int]:
    """The widget in three states, one after the other."""
    yield 1
    for moved in MOVED:
        control = widget.locator(moved)
        if control.count() and control.first.is_visible() and control.first.is_enabled():
            control.first.press("ArrowRight")
            break
    yield 2
    for switch in widget.locator(SWITCHES).all():
        if switch.is_visible() and switch.is_enabled():
            switch.click()
    yield 3


def shoot(page: Any, folder: Path, name: str, ending: str) -> None:
    """Save the page as it is shown here, and its widgets."""
    page.screenshot(path=folder / f"{name}-{ending}", full_page=True)
    page.add_style_tag(content=COVERS)
    for widget in page.locator(".jupyter-widgets[data-widget]").all():
        if not widget.is_visible():
            continue  # folded away
        kind = widget.get_attribute("data-widget")
        for state in states(widget):
            widget.screenshot(path=folder / f"{name}-{kind}-{state}-{ending}")


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", nargs="+", help="as in _toc.yml; all by default")
    options = parser.parse_args(arguments)
    try:
        names = options.pages or pages(HTML, ROOT / "_toc.yml")
    except InputError as error:
        sys.exit(str(error))
    options.folder.mkdir(parents=True, exist_ok=True)
    with serve(HTML) as base, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        for scheme in SCHEMES:
            for width in WIDTHS:
                context = chromium.new_context(
                    viewport={"width": width, "height": 900},
                    color_scheme=scheme,
                    reduced_motion="reduce",
                )
                page = context.new_page()
                for name in names:
                    page.goto(f"{base}{name}.html", wait_until="networkidle")
                    page.evaluate(SHOW)
                    page.evaluate(ALL)
                    ending = f"{width}-{scheme}.png"
                    shoot(page, options.folder, name.replace("/", "-"), ending)
                    print(name, ending, flush=True)
                context.close()


if __name__ == "__main__":
    main()
