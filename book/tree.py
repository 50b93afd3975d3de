"""The executed notebooks of the book: in its source tree, and offered by its pages.

In the tree the widgets of a notebook are files; see ``publish.py``. What a reader
downloads is the notebook as it was executed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
import yaml
from cells import as_pages, moved
from publish import published
from sphinx_external_toc.parsing import parse_toc_yaml

from medsam.errors import InputError
from medsam.files import write_if_new
from medsam.pages.notebooks import PREFIX

__all__ = ["ROOT", "listed", "notebooks", "offered", "originals", "own_data", "read"]

read: Any = nbformat.read  # its functions carry no types
writes: Any = nbformat.writes
from_dict: Any = nbformat.from_dict

ROOT = Path(__file__).resolve().parents[1]


def listed(toc: Path = ROOT / "_toc.yml") -> list[str]:
    """Names, without ending, of the files that the table of contents lists, in its order."""
    return list(parse_toc_yaml(toc))


def notebooks(source: Path, executed: Path) -> list[Path]:
    """Put the executed notebooks into ``notebooks/`` of the tree, their widgets beside them."""
    found = sorted(executed.glob("*.ipynb"))
    if not found:
        raise InputError(
            f"No executed notebook (*.ipynb) in {executed}. "
            "Allowed: a folder that papermill has written to. Run `make notebooks`."
        )
    made = []
    for file in found:
        content = read(file, as_version=4)
        made += page(source / "notebooks" / file.name, content, source / "_extra")
    return made


def page(path: Path, notebook: Any, extra: Path) -> list[Path]:
    """Write a notebook of the tree; its widgets go into files that the site serves."""
    content, files = published(
        as_pages(notebook), extra / "widgets", f"{path.parent.name}/{path.name}"
    )
    write_if_new(path, writes(from_dict(content)).encode())
    return [path, *files]


def own_data(source: Path, executed: Path, toc: Path = ROOT / "_toc.yml") -> list[Path]:
    """Put the notebooks of chapters on one's own data into folders beside ``notebooks/``.

    Only those that the table of contents lists: what an earlier build ran on other data stays
    where it was executed, and out of the book.
    """
    names = [Path(f"{name}.ipynb") for name in listed(toc) if name.startswith(PREFIX)]
    others = {file.stem for file in executed.glob("*.ipynb")}
    captions = {
        str(page.get("file", "")).partition("/")[0]: str(part["caption"])
        for part in yaml.safe_load(toc.read_text("utf-8")).get("parts", [])
        for page in part["chapters"]
    }
    made = []
    for name in names:
        if not (executed / name).is_file():
            continue  # check() says what is missing
        folder = str(name.parent)
        beside = {other.stem for other in names if other.parent == name.parent}
        title = captions.get(folder, "").partition(": ")[2] or folder
        content = moved(read(executed / name, as_version=4), folder, title, beside, others)
        made += page(source / name, content, source / "_extra")
    return made


def originals(shown: Iterable[Path], source: Path, executed: Path) -> list[Path]:
    """Notebooks of the tree as they were executed, with the state of their widgets."""
    return [
        executed / file.relative_to(source).as_posix().removeprefix("notebooks/") for file in shown
    ]


def offered(source: Path, executed: Path, site: Path) -> None:
    """Offer each page's notebook as it was executed, with all that JupyterLab shows of it."""
    shown = sorted(f for f in source.glob("*/*.ipynb") if not f.parent.name.startswith("_"))
    for file, original in zip(shown, originals(shown, source, executed), strict=True):
        write_if_new(site / "_sources" / file.relative_to(source), original.read_bytes())
