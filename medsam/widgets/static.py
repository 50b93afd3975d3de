"""The JavaScript that a static page needs to show widgets and formulas, served by the page's host.

``python -m medsam.widgets.static FOLDER`` writes::

    FOLDER/widgets/boot.js       shows widgets from files; see medsam.widgets.publish
    FOLDER/mathjax/              MathJax with its fonts

Sources: this package, and ``node_modules`` (``npm ci --ignore-scripts``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from medsam.errors import InputError
from medsam.files import write_if_new

__all__ = ["SCRIPTS", "assets"]

SCRIPTS = ("boot.js",)
"""What a page with widgets loads from ``widgets/``."""


def _files(node_modules: Path) -> Iterator[tuple[str, bytes]]:
    """Name below the folder, and content, of each file."""
    for script in SCRIPTS:
        yield f"widgets/{script}", Path(__file__).with_name(script).read_bytes()

    mathjax = node_modules / "mathjax"
    yield "mathjax/LICENSE", (mathjax / "LICENSE").read_bytes()
    yield "mathjax/tex-chtml.js", (mathjax / "es5" / "tex-chtml.js").read_bytes()
    # MathJax loads these when a formula asks for them, from beside itself.
    for below in ("input/tex/extensions", "output/chtml/fonts/woff-v2"):
        for file in sorted((mathjax / "es5" / below).iterdir()):
            yield f"mathjax/{below}/{file.name}", file.read_bytes()


def assets(folder: str | Path, node_modules: str | Path = "node_modules") -> list[Path]:
    """Assemble the files; those that are already there unchanged keep their time.

    Parameters
    ----------
    folder : path
        Where to. List it in Sphinx's ``html_extra_path``.
    node_modules : path
        Where ``npm ci`` has put the packages.

    Returns
    -------
    list of Path
        Every file, whether or not it had to be written.

    Raises
    ------
    InputError
        If a package is missing.
    """
    folder, found = Path(folder), []
    try:
        for name, content in _files(Path(node_modules)):
            write_if_new(folder / name, content)
            found.append(folder / name)
    except FileNotFoundError as error:
        raise InputError(
            f"{error.filename} is not there. Allowed: the packages of package-lock.json. "
            "Install them with `npm ci --ignore-scripts`."
        ) from None
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python -m medsam.widgets.static FOLDER")
    try:
        sizes = [path.stat().st_size for path in assets(sys.argv[1])]
    except InputError as error:
        sys.exit(str(error))
    print(f"{sys.argv[1]}: {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB")
