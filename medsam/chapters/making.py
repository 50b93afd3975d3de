"""How chapters on your own data are made: rules for make, parameters, the table of contents."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from medsam.chapters.chapter import NOTEBOOKS, Chapter
from medsam.config import Source
from medsam.errors import InputError
from medsam.widgets.static import write_if_new

__all__ = ["CONTENTS", "RULES", "contents", "listing", "rules", "write"]

RULES = "data.mk"
"""File of the rules, in the build folder."""

CONTENTS = "toc.yml"
"""File of the table of contents, in the build folder."""

_LAST = "About"  # part of the contents that stays the last one


def _places(source: Source) -> Iterator[Path]:
    """Files and folders that a source is made of."""
    if source.images:
        yield from (Path(source.images), Path(source.masks))
    elif source.data.lower().endswith((".yaml", ".yml")):
        from medsam.datasets.own import read_own

        file = Path(source.data)
        own = read_own(file)
        yield file
        masks = own.masks.values() if isinstance(own.masks, dict) else [own.masks]
        for pattern in (own.images, *masks):
            fixed = pattern.partition("{")[0].partition("*")[0]
            yield file.parent / (fixed if fixed == pattern else fixed.rpartition("/")[0])
    elif source.data != "sample":
        from medsam.datasets.home import place

        key, equals, path = source.data.partition("=")
        yield Path(path) if equals else place(key)


def listing(source: Source) -> str:
    """Name, size and time of every file of a source, as one digest: another one, other data.

    Where the files lie does not count.

    Examples
    --------
    >>> listing(Source(data="sample")) == listing(Source(data="sample"))
    True
    """
    whole = hashlib.sha256()
    for place in sorted({*_places(source)}):
        found = [place] if place.is_file() else [
            Path(folder) / name for folder, _, names in os.walk(place) for name in names
        ]  # fmt: skip
        for path in sorted(found):
            about = path.stat(follow_symlinks=True) if path.exists() else None
            told = (about.st_size, about.st_mtime_ns) if about else "broken link"
            whole.update(f"{path.relative_to(place)}\n{told}\n".encode())
    return whole.hexdigest()


def _recipe(words: Sequence[str]) -> str:
    """A command as make gives it to the shell."""
    return shlex.join(words).replace("$", "$$")


def rules(made: Sequence[Chapter], build: Path) -> str:
    """Rules for make: the study of each chapter, then its notebooks.

    They use what the Makefile defines: ``BIN``, ``STUDY``, ``SOURCES`` and ``EXECUTE``, which runs
    papermill on the first prerequisite. ``DATA_EXECUTED`` is every notebook.
    """
    lines = ["# Written by `python -m medsam.chapters --write`; not to be edited."]
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
