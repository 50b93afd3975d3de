"""What a chapter on your own data is: a source, a model, and the notebooks that are run on it."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import yaml
from nbformat import NotebookNode
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medsam.errors import InputError, UnknownName
from medsam.files import write_if_new
from medsam.pages.page import FOLDER, KEY
from medsam.results.rows import shards
from medsam.study.plan import Jobs, Names, Page, Site, Source, digest, listing
from medsam.study.worker import job_of

if TYPE_CHECKING:
    from medsam.study.plan import Plan

__all__ = [
    "CONTENTS",
    "FILE",
    "FORMS",
    "NOTEBOOKS",
    "PREFIX",
    "ROOT",
    "RULES",
    "VARIABLE",
    "Book",
    "Chapter",
    "Notebook",
    "assemble",
    "build",
    "chapters",
    "contents",
    "dissolved",
    "execute",
    "jobs",
    "moved",
    "of_words",
    "pages",
    "read",
    "readers",
    "rules",
    "settle",
    "site",
    "write",
]


# An executed notebook as a page of another chapter: its links, labels and title.


_LABEL = re.compile(r"^\(([\w-]+)\)=$", re.M)
_LINK = re.compile(r"(\]\()(?:\./)?([\w-]+)(\.ipynb)?(#[\w-]+)?\)")
_TITLE_moved = re.compile(r"^# (.+)$", re.M)


def moved(
    notebook: NotebookNode,
    folder: str,
    title: str,
    beside: Collection[str],
    others: Collection[str],
) -> NotebookNode:
    """The notebook as it stands in a folder beside that of the sample's pages.

    Parameters
    ----------
    notebook : NotebookNode
        As papermill wrote it; it is left as it is.
    folder : str
        Name of the folder, such as ``data-us_breast``.
    title : str
        What the data is; the heading of the page says it.
    beside, others : collection of str
        Names of the notebooks in that folder, and in the sample's: a link to one that is not
        beside leads to the sample's.

    Returns
    -------
    NotebookNode
        Labels begin with the folder, as a label stands for one place of the book. Tables behind
        figures have a folder of their own.
    """
    page = deepcopy(notebook)
    labels = {
        name for cell in page.cells if cell.cell_type == "markdown"
        for name in _LABEL.findall(cell.source)
    }  # fmt: skip
    first = True
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = _labels(_links(cell.source, beside, others), labels, folder)
            if first and _TITLE_moved.search(cell.source):
                cell.source = _TITLE_moved.sub(rf"# \1: {_plain(title)}", cell.source, count=1)
                first = False
        for output in cell.get("outputs", []):
            _files(output, folder)
    return page


def _plain(title: str) -> str:
    from medsam.pages.gallery import plain

    return plain(title).replace("\\", "\\\\")


def _links(text: str, beside: Collection[str], others: Collection[str]) -> str:
    def lead(found: re.Match[str]) -> str:
        name = found[2]
        if name in beside or name not in others:
            return found[0]
        return f"{found[1]}../notebooks/{name}{found[3] or ''}{found[4] or ''})"

    return _LINK.sub(lead, text)


def _labels(text: str, labels: Collection[str], folder: str) -> str:
    text = _LABEL.sub(rf"({folder}-\1)=", text)
    for label in labels:
        text = text.replace(f"](#{label})", f"](#{folder}-{label})")
        text = re.sub(
            rf"(\{{(?:ref|numref)\}}`(?:[^`<]*<)?){label}(>?`)", rf"\1{folder}-{label}\2", text
        )
    return text


def _files(output: NotebookNode, folder: str) -> None:
    """Tables behind figures, and the links to them, below a folder of this chapter."""
    kept: Any = output.get("metadata", {}).get(KEY)
    if not kept:
        return
    kept["file"] = f"{folder}/{kept['file']}"
    for kind, content in output.data.items():
        if kind.endswith("text/html"):
            whole = "".join(content) if isinstance(content, list) else content
            output.data[kind] = whole.replace(f'"../{FOLDER}/', f'"../{FOLDER}/{folder}/')


# What the book is made of besides the embedded sample: your data, your models.


FILE = "medsam.toml"
"""Name of the file, in the folder from which the book is built."""

VARIABLE = "MEDSAM_BOOK_DATA"
"""Environment variable of sources, separated by spaces as in a shell."""

FORMS = (
    "KEY=PATH (a dataset of the paper and the folder of its unpacked archive)",
    "KEY (one that lies in the data folder)",
    "FILE.yaml (which describes your own data)",
    "IMAGES:MASKS (two folders of equal file names)",
    "DIR (that holds two such folders, 'images' and 'masks')",
    "sample (the embedded one, for another model)",
)
"""How a source may be written in a word."""

_IMAGES = ("images", "image", "imgs", "img", "imagesTr")
_MASKS = ("masks", "mask", "labels", "label", "labelsTr")
_YAML = (".yaml", ".yml")


class Book(BaseModel):
    """What is added to the book: every source with every model is a part of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Names = Field(default=("minisam",), min_length=1, description="Model or models.")
    protocol: str = Field(default="paper", description="`paper`, `released`, or one with changes.")
    pages: Names = Field(
        default=(), description="Notebooks to run; every one that reads data by default."
    )
    source: tuple[Source, ...] = Field(default=(), description="Sources, as tables or as words.")


def _pair(folder: Path) -> tuple[str, str] | None:
    """Names of the two folders of images and masks within a folder."""
    found = [
        next((name for name in names if (folder / name).is_dir()), "")
        for names in (_IMAGES, _MASKS)
    ]
    return (found[0], found[1]) if all(found) else None


def of_words(word: str, base: Path = Path()) -> Source:
    """A source from one of :data:`FORMS`.

    Parameters
    ----------
    word : str
    base : Path
        What its paths are relative to.

    Raises
    ------
    InputError
        If it is none of the forms, or a path is not there.
    UnknownName
        If there is no such dataset.

    Examples
    --------
    >>> of_words("sample").data
    'sample'
    """
    if word == "sample":
        return Source(data="sample")
    images, colon, masks = word.partition(":")
    if colon and "=" not in word:
        return Source(images=images, masks=masks)
    if word.lower().endswith(_YAML) or "=" in word:
        return Source(data=word)
    path = base / Path(word).expanduser()
    if path.is_dir():
        if pair := _pair(path):
            images, masks = (str(Path(word) / name) for name in pair)
            return Source(images=images, masks=masks, title=path.resolve().name)
        names = ", ".join(sorted(p.name for p in path.iterdir() if p.is_dir())[:5]) or "none"
        raise InputError(
            f"Folder {word!r} holds no 'images' and 'masks' (folders there: {names}). Allowed: "
            f"{'; '.join(FORMS)}. Say which it is."
        )
    from medsam.datasets.catalog import catalog

    if word in catalog():
        return Source(data=word)
    raise InputError(
        f"Data {word!r}: no such folder, and no dataset of that key. Allowed: {'; '.join(FORMS)}. "
        "Check the path."
    )


def read(file: Path) -> Book:
    """What a file says; paths come out relative to the current folder, or absolute.

    Raises
    ------
    InputError
        If it cannot be read, is not TOML, or says something that is not allowed.
    UnknownName
        If it has a key that does not exist.
    """
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f'{file} cannot be read ({error}). Allowed: TOML, such as model = "minisam". Mend it.'
        ) from error
    given = raw.get("source", [])
    if not isinstance(given, list):
        raise InputError(
            f"{file.name}, source: {given!r}. Allowed: a list of words, or tables [[source]]. "
            "Mend it."
        )
    sources = [
        of_words(each, file.parent).model_dump() if isinstance(each, str) else each
        for each in given
    ]
    book = _checked(raw | {"source": sources}, file.name)
    return book.model_copy(
        update={"source": tuple(placed(one, file.parent) for one in book.source)}
    )


def _checked(raw: Mapping[str, Any], where: str) -> Book:
    for table, content, known in [
        (where, raw, Book.model_fields),
        *((f"[[source]] of {where}", each, Source.model_fields) for each in raw["source"]),
    ]:
        for name in content if isinstance(content, Mapping) else ():
            if name not in known:
                raise UnknownName(f"key of {table}", str(name), known)
    try:
        return Book.model_validate(raw)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}"
            for e in error.errors()[:3]
        )
        raise InputError(
            f"{where}: {told}. Allowed: keys {', '.join(Book.model_fields)}; in [[source]]: "
            f"{', '.join(Source.model_fields)}. Mend it."
        ) from error


def placed(source: Source, base: Path) -> Source:
    """The same with paths that hold from the current folder."""

    def place(path: str) -> str:
        if not path:
            return ""
        whole = (base / Path(path).expanduser()).resolve()
        here = Path.cwd()
        return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)

    key, equals, path = source.data.partition("=")
    if equals:
        data = f"{key}={place(path)}"
    else:
        data = place(source.data) if source.data.lower().endswith(_YAML) else source.data
    return source.model_copy(
        update={"data": data, "images": place(source.images), "masks": place(source.masks)}
    )


def settle(
    words: Sequence[str] = (),
    *,
    model: str = "",
    protocol: str = "",
    file: Path = Path(FILE),
    environment: Mapping[str, str] | None = None,
) -> Book:
    """The book that is asked for: command line over environment over file.

    Parameters
    ----------
    words : sequence of str
        Sources of the command line; instead of all others.
    model, protocol : str
        Of the command line; models joined with commas. They hold for every source.
    file : Path
        Need not be there.
    environment : mapping, optional
        By default that of the process.

    Raises
    ------
    InputError, UnknownName
        As :func:`read` and :func:`of_words`.
    """
    book = read(file) if file.is_file() else Book()
    told = (os.environ if environment is None else environment).get(VARIABLE, "")
    words = list(words) or shlex.split(told)
    if words:
        sources = tuple(placed(of_words(word), Path()) for word in words)
        book = book.model_copy(update={"source": sources})
    changes: dict[str, Any] = {}
    if model:
        changes["model"] = tuple(name.strip() for name in model.split(","))
    if protocol:
        changes["protocol"] = protocol
    if changes:
        blank = {
            name: value for name, value in (("model", ()), ("protocol", "")) if name in changes
        }
        own = tuple(one.model_copy(update=blank) for one in book.source)
        book = book.model_copy(update=changes | {"source": own})
    return book


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


# How chapters on your own data are made: rules for make, parameters, the table of contents.


RULES = "data.mk"
"""File of the rules, in the build folder."""

CONTENTS = "toc.yml"
"""File of the table of contents, in the build folder."""

_LAST = "About"  # part of the contents that stays the last one


def _recipe(words: Sequence[str]) -> str:
    """A command as make gives it to the shell."""
    return shlex.join(words).replace("$", "$$")


def rules(made: Sequence[Chapter], build: Path) -> str:
    """Rules for make: the study of each chapter, then its notebooks.

    They use what the Makefile defines: ``BIN``, ``STUDY``, ``SOURCES`` and ``EXECUTE``, which runs
    papermill on the first prerequisite. ``DATA_EXECUTED`` is every notebook.
    """
    lines = ["# Written by `python -m medsam.pages.own_data --write`; not to be edited."]
    for chapter in made:
        own = build / "data" / chapter.key
        done = own / "results" / ".done"
        study = _recipe(chapter.study(own / "results"))
        lines += [
            "",
            f"{done}: $(STUDY) {own / 'files.sha256'}",
            f"\t$(BIN)/{study}",
            "\t@touch $@",
        ]
        for page in chapter.pages:
            target = build / "executed" / chapter.folder / f"{page.name}.ipynb"
            notebook, given = NOTEBOOKS / f"{page.name}.ipynb", own / f"{page.name}.yml"
            lines += [
                "",
                f"DATA_EXECUTED += {target}",
                f"{target}: {notebook} {done} {given} $(SOURCES)",
                f"\t$(EXECUTE) -f {given}",
            ]
    return "\n".join(lines) + "\n"


def contents(toc: Path, made: Sequence[Chapter]) -> dict[str, Any]:
    """A table of contents with a part for each chapter, after the sample's.

    Raises
    ------
    InputError
        If the table has no parts.
    """
    raw: dict[str, Any] = yaml.safe_load(toc.read_text("utf-8"))
    if not isinstance(raw, dict) or not isinstance(raw.get("parts"), list):
        raise InputError(
            f"{toc} has no parts. Allowed: a jb-book table of contents with parts. Mend it."
        )
    own = [
        {
            "caption": f"Your data: {chapter.title}",
            "chapters": [
                {"file": f"{chapter.folder}/{page.name}", "title": page.title}
                for page in chapter.pages
            ],
        }
        for chapter in made
    ]
    parts = raw["parts"]
    last = [part for part in parts[-1:] if part.get("caption") == _LAST]
    return raw | {"parts": [*parts[: len(parts) - len(last)], *own, *last]}


def write(made: Sequence[Chapter], build: Path, toc: Path) -> None:
    """Write rules, parameters and table of contents; what stays the same keeps its time."""
    for chapter in made:
        own = build / "data" / chapter.key
        write_if_new(own / "files.sha256", f"{listing(chapter.source)}\n".encode())
        for page in chapter.pages:
            given = yaml.safe_dump(chapter.parameters(page, build), allow_unicode=True)
            write_if_new(own / f"{page.name}.yml", given.encode())
    write_if_new(build / RULES, rules(made, build).encode())
    whole = yaml.safe_dump(contents(toc, made), sort_keys=False, allow_unicode=True)
    write_if_new(build / CONTENTS, whole.encode())


# A book of chapters alone: notebooks executed on the rows of a study.


ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

FIRST_alone = "study"
"""Name of the first page."""

_v4: Any = nbformat.v4  # its functions carry no types
_read: Any = nbformat.read
_write: Any = nbformat.writes
_CODE = (".py", ".js", ".css", ".csv", ".parquet", ".yaml", ".json")
_LINK_alone = re.compile(r"(?<!!)\[([^\]]*)\]\((?:\.\.?/)*([\w-]+)(?:\.ipynb|\.md)?(?:#[\w-]+)?\)")
_ODD = re.compile(r"[^\w.-]")
_LABEL_alone = re.compile(r"^\(([\w-]+)\)=$", re.M)
_TITLE_alone = re.compile(r"^(?:# )?# (.+)$", re.M)


def _files_alone(*folders: Path, endings: Collection[str] = ()) -> str:
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
    code = _files_alone(ROOT / "medsam", endings=_CODE)
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
    prose = _files_alone(ROOT / "book"), (ROOT / "_config.yml").read_text("utf-8")
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
    kept = {folder / f"{FIRST_alone}.ipynb": front}
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
    contents = {"format": "jb-book", "root": f"notebooks/{FIRST_alone}", "parts": parts}
    write_if_new(toc, yaml.safe_dump(contents, sort_keys=False, allow_unicode=True).encode())
    return folder, toc


def _absent(present: Collection[str]) -> dict[str, str]:
    """Names and labels of the pages that a book lacks, with the words that stand for them."""
    found: dict[str, str] = {}
    for file in [*(ROOT / "notebooks").glob("*.py"), *(ROOT / "book").glob("*.md")]:
        if file.stem not in present and file.stem != "references":
            text = file.read_text("utf-8")
            title = _TITLE_alone.search(text)
            words = title[1] if title else file.stem
            labels = _LABEL_alone.findall(text.replace("\n# (", "\n("))
            found |= dict.fromkeys([file.stem, *labels], words)
    return found


def dissolved(text: str, absent: Mapping[str, str]) -> str:
    """Markdown without links to absent pages: their words stay.

    Examples
    --------
    >>> dissolved("See [clicks](04_clicks) or [](../method.md).", {"04_clicks": "Clicks"})
    'See clicks or [](../method.md).'
    """
    return _LINK_alone.sub(
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


# What the processes of a study do for its notebooks and its book.


def jobs(plan: Plan) -> Jobs:
    """Every process of a study, with its notebooks and its book.

    Raises
    ------
    UnknownName
        If there is no such notebook.
    """
    made = pages(plan)
    return plan.jobs(made, site(plan, made) if plan.book else None)


def execute(jobs: Jobs, name: str) -> None:
    """Execute a notebook of a study on rows of its own, to which it may add.

    The process stands in the folder of the study, as for :func:`medsam.study.worker.work`.
    """
    import papermill

    page, here = job_of(jobs.pages, name), Path.cwd()
    executed = here / "executed" / f"{name}.ipynb"
    own, merged = here / page.folder / "results", here / "results"
    if not own.is_dir():
        partial = own.with_name(".results.tmp")
        shutil.rmtree(partial, ignore_errors=True)
        for shard in shards(merged):
            path = partial / shard.relative_to(merged)
            path.parent.mkdir(parents=True, exist_ok=True)
            _link(shard, path)
        partial.rename(own)
    given = page.parameters | {key: str(here / page.folder / v) for key, v in page.folders.items()}
    executed.parent.mkdir(parents=True, exist_ok=True)
    papermill.execute_notebook(
        page.notebook, executed, given, cwd=ROOT, progress_bar=False, log_output=True
    )


def _link(file: Path, path: Path) -> None:
    """The same file under another name, or a copy where the file system has no links."""
    try:
        path.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, path)


def build(jobs: Jobs, _name: str = "") -> None:
    """Build the book of a study from its executed notebooks."""
    if jobs.site is None:
        raise UnknownName("job", "book", ())
    here = Path.cwd()
    executed, toc = assemble(jobs.site, here)
    command = [sys.executable, str(ROOT / "book" / "build.py"), "--executed", str(executed)]
    command += ["--toc", str(toc), "--output", str(here / "book")]
    if subprocess.run(command, check=False).returncode:
        raise InputError("The book could not be built. Allowed: no warning. They are above.")
    html = Path("html")
    if not html.is_symlink():
        html.symlink_to(Path("book") / "_build" / "html", target_is_directory=True)
