"""The book as one PDF: every page of the built site, printed by Chromium and joined in order."""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from pathlib import Path

from playwright.sync_api import PdfMargins, sync_playwright
from pypdf import PdfReader, PdfWriter
from serving import serve
from sphinx_external_toc.parsing import parse_toc_yaml
from tqdm import tqdm

from medsam.errors import InputError, MedsamError
from medsam.files import atomic

ROOT = Path(__file__).resolve().parents[1]
MARGIN: PdfMargins = {"top": "15mm", "bottom": "15mm", "left": "13mm", "right": "13mm"}
FOOT = (
    '<div style="width:100%;font-size:7px;text-align:center;color:#666">'
    '<span class="title"></span> · <span class="pageNumber"></span></div>'
)
SCALE = 0.85
WIDTH = round((210 - 2 * 13) / 25.4 * 96 / SCALE)
"""Pixels of a line: of A4 between the margins."""
# What serves only a reader at a screen is left out; a line of code that scrolls there is broken.
SCREEN = """
#jb-print-toc, .medsam-origin, .tag_hide-input, .headerlink { display: none !important }
pre { white-space: pre-wrap !important; overflow-wrap: anywhere }
"""
# Pictures below the fold load late, and what is folded would be missing on paper.
OPEN = """() => {
  for (const image of document.images) image.loading = "eager";
  for (const one of document.querySelectorAll("article details")) one.open = true;
  for (const one of document.querySelectorAll("[popover]")) one.remove();
  for (const one of document.querySelectorAll(".medsam-full")) one.removeAttribute("href");
}"""

# Not by wait_for_function, which compiles text in the page: the policy of the pages forbids it.
LOADED = """() => Promise.all([...document.images].map((image) => image.complete ||
  new Promise((done) => { image.onload = image.onerror = done; })))"""

# Paper does not scroll: what is wider than its place is made smaller.
FIT = """() => {
  for (const table of document.querySelectorAll("article table")) {
    const room = table.parentElement.clientWidth;
    if (table.offsetWidth > room) table.style.zoom = room / table.offsetWidth;
  }
}"""


def pages(site: Path, toc: Path) -> list[str]:
    """Names of the pages, in the order of the table of contents.

    Raises
    ------
    InputError
        If the site lacks one.
    """
    names = list(parse_toc_yaml(toc))
    missing = [name for name in names if not (site / f"{name}.html").is_file()]
    if missing:
        raise InputError(
            f"No page {', '.join(missing)} in {site}. Allowed: a built book. Run `make book`."
        )
    return names


def browser() -> str:
    """Path of Chromium.

    Raises
    ------
    InputError
        If there is none.
    """
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise InputError(
        "No Chromium on the PATH. Allowed: chromium, chromium-browser or google-chrome. "
        "Install one."
    )


def write(site: Path, out: Path, toc: Path, *, progress: bool = True) -> int:
    """Print every page into one PDF; returns its number of sheets."""
    names, joined = pages(site, toc), PdfWriter()
    with serve(site) as base, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        page = chromium.new_page(color_scheme="light", viewport={"width": WIDTH, "height": 1000})
        page.emulate_media(media="print")
        for name in tqdm(names, desc="PDF", unit="page", disable=not progress):
            page.goto(f"{base}{name}.html", wait_until="networkidle")
            page.add_style_tag(content=SCREEN)
            page.evaluate(OPEN)
            page.evaluate(LOADED)
            page.evaluate(FIT)
            sheet = page.pdf(
                format="A4",
                margin=MARGIN,
                scale=SCALE,
                print_background=True,
                tagged=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=FOOT,
            )
            title = page.locator("article h1").first.inner_text().rstrip("#").strip()
            joined.append(PdfReader(io.BytesIO(sheet)), outline_item=title)
        chromium.close()
    joined.add_metadata(
        {"/Title": "SAM for Medical Image Analysis", "/Author": "The medsam authors"}
    )
    with atomic(out) as unfinished:
        joined.write(unfinished)
    return len(joined.pages)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html", help="built book")
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "medsam.pdf", help="the PDF")
    parser.add_argument("--toc", type=Path, default=ROOT / "_toc.yml", help="table of contents")
    options = parser.parse_args(arguments)
    try:
        print(f"{write(options.site, options.out, options.toc)} sheets in {options.out}")
    except MedsamError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
