"""Save a screenshot of every page: ``python tests/book/screenshots.py FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx_external_toc.parsing import parse_toc_yaml


def main(folder: Path) -> None:
    # Beside this script; not importable where pytest collects it.
    from browsing import chromium
    from conftest import HTML, ROOT, serve

    if not (HTML / "index.html").is_file():
        sys.exit(f"No built book in {HTML}. Run `make book`.")
    folder.mkdir(parents=True, exist_ok=True)
    with serve(HTML) as base, chromium() as browser:
        for scheme in ("light", "dark"):
            for width in (1280, 400):
                context = browser.new_context(
                    viewport={"width": width, "height": 900}, color_scheme=scheme
                )
                page = context.new_page()
                for name in parse_toc_yaml(ROOT / "_toc.yml"):
                    page.goto(f"{base}{name}.html", wait_until="networkidle")
                    target = folder / f"{name.replace('/', '-')}-{width}-{scheme}.png"
                    page.screenshot(path=target, full_page=True)
                    print(target)
                context.close()


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
