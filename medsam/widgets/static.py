"""The JavaScript that a static page needs to show widgets and formulas, served by the page's host.

``python -m medsam.widgets.static FOLDER`` writes::

    FOLDER/widgets/require.js    AMD loader
    FOLDER/widgets/boot.js       tells the loader where the files lie
    FOLDER/widgets/embed-amd.js  ipywidgets' manager for pages without a kernel
    FOLDER/widgets/anywidget.js  from the Python package that the widgets were made with
    FOLDER/widgets/@jupyter-widgets/  its icons, where it looks for them
    FOLDER/mathjax/              MathJax with its fonts

Sources: ``node_modules`` (``npm ci --ignore-scripts``) and the installed anywidget.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

from medsam.errors import InputError

__all__ = ["SCRIPTS", "assets", "write_if_new"]

SCRIPTS = ("require.js", "boot.js", "embed-amd.js")
"""What a page with widgets loads from ``widgets/``, in this order."""

# With the loader's base here, the manager also finds its fonts. It asks a public host for
# modules that it cannot find; this host becomes the base, too.
_BOOT = """\
// Where these files lie, whatever page they are loaded from.
window.medsamWidgets = document.currentScript.src.replace(/[^/]*$/, "");
requirejs.config({ baseUrl: window.medsamWidgets });
"""
# Beside its modules, which are called @jupyter-widgets/controls and @jupyter-widgets/
# html-manager/dist/libembed-amd: each looks beside its own name.
_FONTS = ("@jupyter-widgets", "@jupyter-widgets/html-manager/dist")
_HOST, _BASE = '"https://cdn.jsdelivr.net/npm/"', "window.medsamWidgets"


def write_if_new(path: Path, content: bytes) -> bool:
    """Write a file unless it already holds this content, so that its time stays.

    Returns
    -------
    bool
        Whether it was written.
    """
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return True


def _manager(source: Path) -> bytes:
    text = source.read_text(encoding="utf-8")
    if _HOST not in text:
        raise InputError(
            f"{source} does not name {_HOST}. Allowed: @jupyter-widgets/html-manager 1.0.x. "
            "Install the locked version with `npm ci --ignore-scripts`."
        )
    return text.replace(_HOST, _BASE).encode()


def _anywidget() -> Path:
    spec = importlib.util.find_spec("anywidget")
    if spec is None or spec.origin is None:
        raise InputError("anywidget is not installed. Install medsam with its dependencies.")
    return Path(spec.origin).parent / "nbextension" / "index.js"


def _files(node_modules: Path) -> Iterator[tuple[str, bytes]]:
    """Name below the folder, and content, of each file."""
    manager = node_modules / "@jupyter-widgets" / "html-manager" / "dist"
    yield "widgets/require.js", (node_modules / "requirejs" / "require.js").read_bytes()
    yield "widgets/boot.js", _BOOT.encode()
    yield "widgets/embed-amd.js", _manager(manager / "embed-amd.js")
    yield "widgets/embed-amd.js.LICENSE.txt", (manager / "embed.js.LICENSE.txt").read_bytes()
    yield "widgets/anywidget.js", _anywidget().read_bytes()
    for font in sorted(manager.glob("*.woff2")):
        for folder in _FONTS:
            yield f"widgets/{folder}/{font.name}", font.read_bytes()

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
        If a package is missing, or is of a version that is not known.
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
