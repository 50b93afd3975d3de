"""A book of chapters alone: notebooks executed on the rows of a study."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import yaml
from nbformat import NotebookNode

from medsam.chapters.chapter import Chapter, Notebook, chapters, readers
from medsam.config import Book, Source
from medsam.errors import InputError, UnknownName
from medsam.jobs import Page, Site, digest
from medsam.widgets.static import write_if_new

if TYPE_CHECKING:
    from medsam.plan import Plan

__all__ = ["ROOT", "assemble", "dissolved", "pages", "site"]

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

FIRST = "study"
"""Name of the first page."""

_v4: Any = nbformat.v4  # its functions carry no types
_read: Any = nbformat.read
_write: Any = nbformat.writes
_CODE = (".py", ".js", ".css", ".csv", ".parquet", ".yaml", ".json")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?:\.\.?/)*([\w-]+)(?:\.ipynb|\.md)?(?:#[\w-]+)?\)")
_ODD = re.compile(r"[^\w.-]")
_LABEL = re.compile(r"^\(([\w-]+)\)=$", re.M)
_TITLE = re.compile(r"^(?:# )?# (.+)$", re.M)


def _files(*folders: Path, endings: Collection[str] = ()) -> str:
    """The bytes of all files below some folders, as one digest."""
    whole = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                if endings and path.suffix not in endings:
                    continue
                whole.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return whole.hexdigest()


def _named(plan: Plan) -> list[str]:
    """The notebooks that a plan asks for."""
    known = readers(ROOT / "notebooks")
    if plan.notebooks in ((), ("none",)):
        return []
    if not known:
        raise InputError(
            f"No notebooks in {ROOT / 'notebooks'}. Allowed: a checkout of medsam. Leave notebooks "
            "away, or run the study in a clone."
        )
    if plan.notebooks == ("all",):
        return list(known)
    for name in plan.notebooks:
        if name not in known:
            raise UnknownName("notebook", name, [*known, "all", "none"])
    return list(plan.notebooks)


def _chapters(plan: Plan, names: list[str]) -> Iterator[tuple[Chapter, str]]:
    """Each source with each model under each protocol, and the source as the plan names it."""
    for source in plan.sources:
        data = Source(data=source, tasks=plan.tasks)
        for protocol in plan.protocols:
            book = Book(model=plan.models, protocol=protocol, pages=tuple(names), source=(data,))
            for one in chapters(book, ROOT / "notebooks"):
                if len(plan.protocols) > 1:
                    key = f"{one.key}-{_ODD.sub('_', protocol)}"
                    title = f"{one.title}, protocol {protocol}"
                    yield replace(one, key=key, title=title), source
                else:
                    yield one, source


def pages(plan: Plan) -> dict[str, dict[str, Page]]:
    """The notebooks of a study, by caption of their part and by name.

    A name begins with the page's place in the book, and changes with the notebook, its parameters,
    the shards of its source and protocol, and this package.

    Raises
    ------
    UnknownName
        If there is no such notebook.
    """
    names = _named(plan)
    if not names:
        return {}
    code = _files(ROOT / "medsam", endings=_CODE)
    made: dict[str, dict[str, Page]] = {}
    for chapter, source in _chapters(plan, names):
        # A page may show other models beside its own, but no other data and no other protocol.
        rows = [
            shard.folder
            for shard in plan.shards
            if (shard.images.source, shard.protocol) == (source, chapter.protocol)
        ]
        for notebook in chapter.pages:
            file = ROOT / "notebooks" / f"{notebook.name}.ipynb"
            given = _parameters(chapter, notebook) | {"seed": plan.seed}
            given |= {"every": plan.every} if plan.every > 1 else {}
            folder = f"pages/{chapter.key}/{notebook.name}-{digest([rows, given])}"
            changes = digest([rows, given, code, hashlib.sha256(file.read_bytes()).hexdigest()])
            page = Page(
                notebook=file,
                folder=folder,
                parameters=given,
                folders={key: str(Path(*Path(v).parts[1:])) for key, v in notebook.folders.items()},
            )
            made.setdefault(chapter.title, {})[f"{chapter.folder}/{notebook.name}-{changes}"] = page
    return made


def _parameters(chapter: Chapter, notebook: Notebook) -> dict[str, Any]:
    given = chapter.parameters(notebook, Path())
    return {name: value for name, value in given.items() if name not in notebook.folders}


def _place(name: str) -> str:
    """Where the page of a job stands in the book."""
    return name.rpartition("-")[0]


def site(plan: Plan, made: Mapping[str, Mapping[str, Page]]) -> Site:
    """The book of a study."""
    parts = {title: {_place(name): name for name in each} for title, each in made.items()}
    about = _about(plan)
    prose = _files(ROOT / "book"), (ROOT / "_config.yml").read_text("utf-8")
    return Site(name=digest([parts, about, prose]), parts=parts, about=about)


def _about(plan: Plan) -> str:
    told = plan.model_dump(mode="json", exclude={"out", "gpus", "parts", "batch", "embeddings"})
    images = sum(number for number, _ in plan.sizes.values())
    return (
        f"# A study\n\nThese pages are about the rows of one plan; images: {images:,}.\n\n"
        f"```yaml\n{yaml.safe_dump(told, sort_keys=False, allow_unicode=True)}```\n"
    )


def assemble(one: Site, out: Path) -> tuple[Path, Path]:
    """Put the pages of a book where ``book/build.py`` takes them from.

    Parameters
    ----------
    one : Site
    out : Path
        Folder of the study.

    Returns
    -------
    tuple of Path
        Folder of the executed pages, and table of contents.
    """
    folder, toc = out / "book" / "executed", out / "book" / "toc.yml"
    front = _v4.new_notebook(cells=[_v4.new_markdown_cell(one.about, id="about")])
    front.metadata.kernelspec = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    kept = {folder / f"{FIRST}.ipynb": front}
    parts = []
    for title, places in one.parts.items():
        # The part's own pages stay linked; all others are not in this book.
        absent = _absent({Path(place).name for place in places})
        for place, name in places.items():
            page = _read(out / "executed" / f"{name}.ipynb", as_version=4)
            kept[folder / f"{place}.ipynb"] = _mended(page, absent)
        parts.append({"caption": f"Rows: {title}", "chapters": [{"file": p} for p in places]})
    parts.append({"caption": "About", "chapters": [{"file": "references"}]})
    for old in set(folder.rglob("*.ipynb")) - kept.keys():
        old.unlink()
    for path, page in kept.items():
        write_if_new(path, _write(page).encode())
    contents = {"format": "jb-book", "root": f"notebooks/{FIRST}", "parts": parts}
    write_if_new(toc, yaml.safe_dump(contents, sort_keys=False, allow_unicode=True).encode())
    return folder, toc


def _absent(present: Collection[str]) -> dict[str, str]:
    """Names and labels of the pages that a book lacks, with the words that stand for them."""
    found: dict[str, str] = {}
    for file in [*(ROOT / "notebooks").glob("*.py"), *(ROOT / "book").glob("*.md")]:
        if file.stem not in present and file.stem != "references":
            text = file.read_text("utf-8")
            title = _TITLE.search(text)
            words = title[1] if title else file.stem
            labels = _LABEL.findall(text.replace("\n# (", "\n("))
            found |= dict.fromkeys([file.stem, *labels], words)
    return found


def dissolved(text: str, absent: Mapping[str, str]) -> str:
    """Markdown without links to absent pages: their words stay.

    Examples
    --------
    >>> dissolved("See [clicks](04_clicks) or [](../method.md).", {"04_clicks": "Clicks"})
    'See clicks or [](../method.md).'
    """
    return _LINK.sub(
        lambda found: found[1] or absent[found[2]] if found[2] in absent else found[0], text
    )


def _mended(page: NotebookNode, absent: Mapping[str, str]) -> NotebookNode:
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = dissolved(cell.source, absent)
        for output in cell.get("outputs", []):
            shown = output.get("data", {})
            if "text/markdown" in shown:
                shown["text/markdown"] = dissolved("".join(shown["text/markdown"]), absent)
    return page
