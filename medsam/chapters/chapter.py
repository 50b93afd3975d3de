"""What a chapter on your own data is: a source, a model, and the notebooks that are run on it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medsam.config import FILE, FORMS, Book, Source
from medsam.errors import InputError, UnknownName

__all__ = ["NOTEBOOKS", "PREFIX", "Chapter", "Notebook", "chapters", "readers"]

NOTEBOOKS = Path("notebooks")
"""Folder of the notebooks, in the folder from which the book is built."""

PREFIX = "data-"
"""What the names of folders of such chapters begin with."""

FIRST = "14_your_data"
"""The page that opens a chapter: what the data is, and what of it cannot be used."""

_BUILD = "_build"  # in the defaults of the notebooks
_NEEDED = {"model", "protocol", "tasks", "images", "masks", "data", "results"}
_TITLE = re.compile(r"^# (.+)$", re.M)


@dataclass(frozen=True)
class Notebook:
    """What is known of a notebook without running it.

    Attributes
    ----------
    name, title : str
    folders : dict of str to str
        Parameters that are folders of what was computed, with their defaults; ``results`` is one.
    """

    name: str
    title: str
    folders: dict[str, str]


def readers(folder: Path = NOTEBOOKS) -> dict[str, Notebook]:
    """The notebooks that read data: their parameters name it. By name, in order."""
    import nbformat

    read_notebook: Any = nbformat.read  # its functions carry no types
    found = {}
    for file in sorted(folder.glob("*.ipynb")):
        cells = read_notebook(file, as_version=4).cells
        given = next((c for c in cells if "parameters" in c.metadata.get("tags", [])), None)
        if given is None:
            continue
        values: dict[str, Any] = {}
        for line in ast.parse(given.source).body:
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                values[line.targets[0].id] = ast.literal_eval(line.value)
        if values.keys() >= _NEEDED:
            told = "\n".join(c.source for c in cells if c.cell_type == "markdown")
            title = _TITLE.search(told)
            name = file.stem
            folders = {k: v for k, v in values.items() if str(v).startswith(f"{_BUILD}/")}
            found[name] = Notebook(name, title[1] if title else name, folders)
    return found


@dataclass(frozen=True)
class Chapter:
    """One source with one model.

    Attributes
    ----------
    key, title : str
    source : Source
    model, protocol : str
    pages : tuple of Notebook
    """

    key: str
    title: str
    source: Source
    model: str
    protocol: str
    pages: tuple[Notebook, ...]

    @property
    def folder(self) -> str:
        """Folder of its pages, among the executed notebooks and in the site."""
        return PREFIX + self.key

    def parameters(self, page: Notebook, build: Path) -> dict[str, str]:
        """What papermill gives to a notebook."""
        source, own = self.source, build / "data" / self.key
        given = {"model": self.model, "protocol": self.protocol}
        given |= {"images": source.images, "masks": source.masks}
        if source.data != "sample":
            given["data"] = source.data
        given["tasks"] = ",".join(source.tasks)
        for name, usual in page.folders.items():
            # Rows of variants of the protocol, or of part of the images, stay apart; of all of
            # them, the pages share one folder.
            rest = Path(usual).relative_to(_BUILD)
            given[name] = str(own / ("results" if rest.name == "results" else rest))
        return {name: value for name, value in given.items() if value}

    def study(self, out: Path) -> list[str]:
        """Words of the command that computes the rows, and continues them."""
        source = self.source
        words = ["medsam", "run", "--model", self.model, "--protocol", self.protocol]
        if source.images:
            words += ["--images", source.images, "--masks", source.masks]
        elif source.data != "sample":
            words += ["--data", source.data]
        tasks = source.tasks or (("all",) if source.data == "sample" else ())
        return [*words, *(w for task in tasks for w in ("--tasks", task)), "--out", str(out)]


def chapters(book: Book, folder: Path = NOTEBOOKS) -> list[Chapter]:
    """Every chapter of a book, each name and path of it checked.

    Raises
    ------
    UnknownName
        If there is no such model, protocol, dataset or page.
    InputError
        If a path is not there, or two chapters have one key.
    """
    if not book.source:
        return []
    from medsam.models import check_name
    from medsam.protocol import Protocol

    known = readers(folder)
    made: list[Chapter] = []
    usual = sorted(known, key=lambda name: (name != FIRST, name))
    for source in book.source:
        key, title = _name(source)
        models = source.model or book.model
        protocol = Protocol.get(source.protocol or book.protocol).name
        pages = source.pages or book.pages or usual
        for page in pages:
            if page not in known:
                raise UnknownName("page", page, known)
        for model in map(check_name, models):
            several = len(models) > 1
            made.append(
                Chapter(
                    f"{key}-{model}" if several else key,
                    f"{title} ({model})" if several else title,
                    source,
                    model,
                    protocol,
                    tuple(known[page] for page in pages),
                )
            )
    keys = [chapter.key for chapter in made]
    for key in keys:
        if keys.count(key) > 1:
            raise InputError(
                f"{keys.count(key)} sources are called {key!r}. Allowed: one name each. "
                f'Give them keys: key = "..." in [[source]] of {FILE}.'
            )
    return made


def _name(source: Source) -> tuple[str, str]:
    """Key and title of a source whose paths are there."""
    folders = [folder for folder in (source.images, source.masks) if folder]
    if len(folders) != (0 if source.data else 2):
        raise InputError(
            f"Source with data {source.data or 'nothing'!r}, images {source.images or 'none'!r}, "
            f"masks {source.masks or 'none'!r}. Allowed: data, or both images and masks. "
            "Give one of the two."
        )
    key, title = source.key, source.title
    if folders:
        for folder in folders:
            if not Path(folder).is_dir():
                raise _gone(folder, "a folder")
        whole = Path(source.images).resolve()
        plain = whole.parent.name if whole.name.lower().startswith(("im", "img")) else whole.name
        found = (re.sub(r"[^\w.+-]", "_", plain) or "folder", plain)
    elif source.data == "sample":
        found = ("mni_brain", "The embedded brain sample")
    elif source.data.lower().endswith((".yaml", ".yml")):
        from medsam.datasets.own import read_own

        if not Path(source.data).is_file():
            raise _gone(source.data, "a file")
        own = read_own(Path(source.data))
        found = (own.key, own.title or own.key)
    else:
        from medsam.datasets.catalog import entry

        name, equals, path = source.data.partition("=")
        found = (name, entry(name).title)
        if equals and not Path(path).is_dir():
            raise _gone(path, "a folder")
    return key or found[0], title or found[1]


def _gone(path: str, what: str) -> InputError:
    return InputError(
        f"Data {path!r} is not there. Allowed: {what} that exists. Check the path; sources are "
        f"{'; '.join(FORMS)}."
    )
