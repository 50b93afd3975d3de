"""What each page of the built book weighs in its first view, and how far it shifts.

Every page is opened in headless Chromium at 1280 x 900 and left to come to rest: nothing is clicked
or scrolled. What it asked for is told in kilobytes as a server sends them: text compressed (gzip),
pictures and fonts as they are. Then the page is scrolled to its end, and what moved without being
asked to is told as the browser's own measure of layout shift, all shifts added up.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("ours", "theme", "mathjax", "widgets")
BUDGET = 300
"""Kilobytes (1000 bytes) of ours in the first view, before any widget."""

OWN = {path.name for path in (ROOT / "book" / "_static").iterdir()}
PACKED = {".avif", ".jpg", ".webp", ".png", ".jpeg", ".gif", ".woff", ".woff2"}

# Before anything else runs in the page.
WATCH = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifts.push(one.value);
}).observe({ type: "layout-shift", buffered: true });
"""
# As a reader does, half a window at a time.
SCROLL = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 2) {
    scrollTo({ top: y, behavior: "instant" });
    await frame().then(frame);
  }
}"""
SHIFT = "window.shifts.reduce((sum, one) => sum + one, 0)"


@dataclass(frozen=True)
class Weight:
    """Bytes of a page's first view by part, its files by weight, and its layout shift."""

    name: str
    bytes: dict[str, int]
    files: list[tuple[str, int]]
    first_shift: float
    shift: float

    @property
    def total(self) -> int:
        """Bytes of all parts."""
        return sum(self.bytes.values())


def part(path: str) -> str:
    """Of what a file of the site is a part.

    Examples
    --------
    >>> [part(p) for p in ("notebooks/a.html", "_static/scripts/bootstrap.js", "widgets/boot.js")]
    ['ours', 'theme', 'ours']
    >>> [part(p) for p in ("widgets/tiles/a.webp", "sam/ort.js", "mathjax/tex-chtml.js")]
    ['widgets', 'widgets', 'mathjax']
    """
    top, _, rest = path.partition("/")
    if top in ("widgets", "sam") and rest != "boot.js" and not rest.startswith("files/"):
        return "widgets"
    if top == "_static" and rest not in OWN:
        return "theme"
    return top if top == "mathjax" else "ours"


def sent(file: Path) -> int:
    """Bytes of a file as a server sends it."""
    content = file.read_bytes()
    return len(content) if file.suffix in PACKED else len(gzip.compress(content, 6))


def weigh(page: Any, base: str, site: Path, name: str) -> Weight:
    """Open a page of the site and look at what it asks for; it is left scrolled to its end.

    Parameters
    ----------
    page : playwright's Page
        New, of 1280 x 900.
    base : str
        Address of the served site.
    site : Path
        Its folder.
    name : str
        Of the page, without ending.
    """
    asked: dict[str, None] = {}
    page.on("request", lambda request: asked.setdefault(request.url))
    page.add_init_script(WATCH)
    page.goto(f"{base}{name}.html", wait_until="networkidle")
    paths = [unquote(urlsplit(url).path[1:]) for url in asked if url.startswith(base)]
    first_shift = page.evaluate(SHIFT)
    page.evaluate(SCROLL)
    page.wait_for_load_state("networkidle")
    shift = page.evaluate(SHIFT)
    files = [(path, sent(site / path)) for path in dict.fromkeys(paths) if (site / path).is_file()]
    sums = Counter(dict.fromkeys(PARTS, 0))
    for path, size in files:
        sums[part(path)] += size
    return Weight(name, dict(sums), sorted(files, key=lambda f: -f[1]), first_shift, shift)


def table(weights: list[Weight]) -> str:
    """A line a page, and what is worst."""
    lines = [f"{'page':32}" + "".join(f"{p:>9}" for p in (*PARTS, "all")) + "   shift (scrolled)"]
    for one in weights:
        sizes = "".join(f"{one.bytes[p] / 1e3:9.1f}" for p in PARTS)
        lines.append(
            f"{one.name:32}{sizes}{one.total / 1e3:9.1f}   {one.first_shift:.3f} ({one.shift:.3f})"
        )
    heavy = max(weights, key=lambda w: w.bytes["ours"])
    moved = max(weights, key=lambda w: w.shift)
    lines.append(
        f"Heaviest: {heavy.name}, {heavy.bytes['ours'] / 1e3:.1f} kB of ours (at most {BUDGET}). "
        f"Shifts most: {moved.name}, {moved.shift:.3f}."
    )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    from playwright.sync_api import sync_playwright

    sys.path.append(str(ROOT / "book"))
    from serving import serve

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html", help="built book")
    parser.add_argument("--toc", type=Path, default=ROOT / "_toc.yml", help="table of contents")
    parser.add_argument("--page", action="append", help="only this one, with its files; repeatable")
    given = parser.parse_args()
    names = given.page or list(parse_toc_yaml(given.toc))
    missing = [name for name in names if not (given.site / f"{name}.html").is_file()]
    if missing:
        sys.exit(f"No page {', '.join(missing)} in {given.site}. Run `make book`.")
    with serve(given.site) as base, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        window = {"width": 1280, "height": 900}
        weights = [
            weigh(chromium.new_page(viewport=window), base, given.site, name) for name in names
        ]
        chromium.close()
    if given.page:
        for one in weights:
            print(
                *(f"{size / 1e3:9.1f} {part(path):8} {path}" for path, size in one.files), sep="\n"
            )
    print(table(weights))


if __name__ == "__main__":
    main()
