"""The book on one's own data: what is asked for, as plans of studies whose pages join the book.

``python -m medsam.pages.own_data`` checks it; with ``--run`` it runs the studies as `medsam study`
does, and puts their pages where ``book/build.py`` takes them from.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from medsam.datasets.catalog import catalog
from medsam.errors import InputError, MedsamError, UnknownName
from medsam.files import validated, write_if_new
from medsam.models import check_name
from medsam.pages.book import chapters, name_of, notebooks, part
from medsam.protocol import DEFAULT, Protocol
from medsam.study.plan import Jobs, Names, Plan, Source

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

_PAIRS = (
    ("images", "image", "imgs", "img", "imagesTr"),
    ("masks", "mask", "labels", "label", "labelsTr"),
)
_LAST = "Appendix"  # part of the contents that stays the last one


class OwnSource(Source):
    """A source with what is asked of it alone."""

    tasks: Names = Field(default=(), description="Only these of its tasks; all by default.")
    model: Names = Field(default=(), description="Model or models, instead of the book's.")
    protocol: str = Field(default="", description="Protocol, instead of the book's.")
    pages: Names = Field(default=(), description="Pages, instead of the book's.")


class Book(BaseModel):
    """What is added to the book: every source with every model is a part of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Names = Field(default=("minisam",), min_length=1, description="Model or models.")
    protocol: str = Field(
        default=DEFAULT[0], description="`published`, `paper`, `released`, or one with changes."
    )
    pages: Names = Field(
        default=(), description="Notebooks to run; every one that reads data by default."
    )
    source: tuple[OwnSource, ...] = Field(default=(), description="Sources, as tables or words.")


def source_of(word: str, base: Path = Path()) -> OwnSource:
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

    Examples
    --------
    >>> source_of("sample").data
    'sample'
    """
    images, colon, masks = word.partition(":")
    if colon and "=" not in word:
        return OwnSource(images=images, masks=masks).placed(base)
    folder = base / Path(word).expanduser()
    named = "=" in word or word.lower().endswith((".yaml", ".yml")) or word == "sample"
    if not named and folder.is_dir():
        pair = [next((n for n in names if (folder / n).is_dir()), "") for names in _PAIRS]
        if all(pair):
            found = OwnSource(images=f"{word}/{pair[0]}", masks=f"{word}/{pair[1]}")
            return found.placed(base).model_copy(update={"title": folder.resolve().name})
        names = ", ".join(sorted(p.name for p in folder.iterdir() if p.is_dir())[:5]) or "none"
        raise InputError(
            f"Folder {word!r} holds no 'images' and 'masks' (folders there: {names}). Allowed: "
            f"{'; '.join(FORMS)}. Say which it is."
        )
    if not named and word not in catalog():
        raise InputError(
            f"Data {word!r}: no such folder, and no dataset of that key. Allowed: "
            f"{'; '.join(FORMS)}. Check the path."
        )
    return OwnSource(data=word).placed(base)


def read(file: Path) -> Book:
    """What a file says; paths come out absolute.

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
        source_of(each, file.parent)
        if isinstance(each, str)
        else validated(OwnSource, each, f"[[source]] of {file.name}").placed(file.parent)
        for each in given
    ]
    return validated(Book, raw | {"source": sources}, file.name)


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
        As :func:`read` and :func:`source_of`.
    """
    book = read(file) if file.is_file() else Book()
    environment = os.environ if environment is None else environment
    sources = book.source
    if words := list(words) or shlex.split(environment.get(VARIABLE, "")):
        sources = tuple(map(source_of, words))
    changes: dict[str, Any] = {"model": tuple(name.strip() for name in model.split(","))}
    changes = (changes if model else {}) | ({"protocol": protocol} if protocol else {})
    # What the command line says holds for every source.
    blank = {name: type(value)() for name, value in changes.items()}
    own = tuple(one.model_copy(update=blank) for one in sources)
    return book.model_copy(update=changes | {"source": own})


def plans(book: Book, build: Path) -> list[Plan]:
    """A study for each source, each name and path of it checked.

    Parameters
    ----------
    book : Book
    build : Path
        Each study has a folder in ``studies`` of this one.

    Raises
    ------
    UnknownName
        If there is no such model, protocol, dataset or page.
    InputError
        If a path is not there, or two chapters have one key.
    """
    known, made = notebooks(), []
    for source in book.source:
        names = source.pages or book.pages or tuple(known)
        for name in names:
            if name not in known:
                raise UnknownName("page", name, known)
        plan = Plan(
            models=tuple(map(check_name, source.model or book.model)),
            protocols=(Protocol.get(source.protocol or book.protocol).name,),
            sources=(Source(**source.model_dump(include=set(Source.model_fields))),),
            tasks=source.tasks or ("all",),
            notebooks=names,
        )
        out = build.resolve() / "studies" / name_of(plan.sources[0])[0]
        made.append(plan.model_copy(update={"out": out}))
    keys = [chapter.key for plan in made for chapter in chapters(plan)]
    for key in keys:
        if keys.count(key) > 1:
            raise InputError(
                f"{keys.count(key)} sources are called {key!r}. Allowed: one name each. "
                f'Give them keys: key = "..." in [[source]] of {FILE}.'
            )
    return made


def run(plan: Plan, build: Path, cores: int) -> None:
    """Run the study of a plan, and put its pages among the executed notebooks.

    Raises
    ------
    InputError
        If the study ended with an error.
    """
    file = plan.out / "plan.yaml"
    content = plan.model_dump(mode="json", exclude_defaults=True)
    write_if_new(file, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())
    command = [sys.executable, "-m", "medsam.cli", "study", "--config", str(file)]
    if subprocess.run([*command, "--cores", str(cores)], check=False).returncode:
        raise InputError(f"The study of {file} failed. Allowed: no error. It is told above.")
    todo = Jobs.model_validate_json((plan.out / "study.json").read_bytes())
    for name in todo.pages:
        executed = plan.out / "executed" / f"{name}.ipynb"
        place = build / "executed" / f"{name.rpartition('-')[0]}.ipynb"
        write_if_new(place, executed.read_bytes())


def contents(toc: Path, made: Sequence[Plan]) -> dict[str, Any]:
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
        part(f"Your data: {one.title}", [f"{one.folder}/{name}" for name in plan.notebooks])
        for plan in made
        for one in chapters(plan)
    ]
    parts = raw["parts"]
    last = [one for one in parts[-1:] if one.get("caption") == _LAST]
    return raw | {"parts": [*parts[: len(parts) - len(last)], *own, *last]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; exit code 2 and a message where something cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m medsam.pages.own_data",
        description="Check on which data the book is built besides the embedded sample, and say "
        f"which chapters that makes. Sources: {'; '.join(FORMS)}. Without any, those of the "
        f"environment ({VARIABLE}), else those of {FILE}.",
    )
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="data, in one of these forms")
    parser.add_argument("--model", default="", help="model or models, joined with commas")
    parser.add_argument("--protocol", default="", help="published, paper or released")
    parser.add_argument("--file", type=Path, default=Path(FILE), help=f"instead of {FILE}")
    parser.add_argument("--build", type=Path, default=Path("_build"), help="build folder")
    parser.add_argument("--toc", type=Path, default=Path("_toc.yml"), help="table of contents")
    parser.add_argument("--cores", type=int, default=1, help="processes at a time")
    parser.add_argument(
        "--run", action="store_true", help="run the studies, and write what the book needs"
    )
    given = parser.parse_args(arguments)
    try:
        if given.file != Path(FILE) and not given.file.is_file():
            parser.error(f"--file {given.file}: no such file")
        book = settle(given.sources, model=given.model, protocol=given.protocol, file=given.file)
        made = plans(book, given.build)
        for plan in made:
            for one in chapters(plan):
                where = one.source.data or f"{one.source.images}, {one.source.masks}"
                print(
                    f"Your data: {one.title} ({where}), model {one.model}, protocol "
                    f"{one.protocol}\n  {', '.join(plan.notebooks)}",
                    flush=True,
                )
        if given.run:
            for plan in made:
                run(plan, given.build, given.cores)
            text = yaml.safe_dump(contents(given.toc, made), sort_keys=False, allow_unicode=True)
            write_if_new(given.build / "toc.yml", text.encode())
        elif not made:
            print(f"No data besides the embedded sample. Name some, or write {FILE}.")
    except MedsamError as error:
        print(f"medsam: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
