"""``python -m medsam.pages.own_data``: check what the book is made of, say it, write what builds it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from medsam.errors import MedsamError
from medsam.pages.own_data import FILE, FORMS, VARIABLE, Chapter, chapters, settle, write


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m medsam.pages.own_data",
        description="Check on which data the book is built besides the embedded sample, and say "
        f"which chapters that makes. Sources: {'; '.join(FORMS)}. Without any, those of the "
        f"environment ({VARIABLE}), else those of {FILE}.",
    )
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="data, in one of these forms")
    parser.add_argument("--model", default="", help="model or models, joined with commas")
    parser.add_argument("--protocol", default="", help="paper or released")
    parser.add_argument("--file", type=Path, default=Path(FILE), help=f"instead of {FILE}")
    parser.add_argument("--build", type=Path, default=Path("_build"), help="build folder")
    parser.add_argument("--toc", type=Path, default=Path("_toc.yml"), help="table of contents")
    parser.add_argument("--write", action="store_true", help="write what make needs to build them")
    return parser


def _told(chapter: Chapter) -> str:
    where = chapter.source.data or f"{chapter.source.images}, {chapter.source.masks}"
    pages = ", ".join(page.name for page in chapter.pages)
    return (
        f"Your data: {chapter.title} ({where}), model {chapter.model}, protocol "
        f"{chapter.protocol}\n  {pages}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; exit code 2 and a message where something cannot be used."""
    given = _parser().parse_args(arguments)
    try:
        if given.file != Path(FILE) and not given.file.is_file():
            _parser().error(f"--file {given.file}: no such file")
        book = settle(given.sources, model=given.model, protocol=given.protocol, file=given.file)
        made = chapters(book)
        for chapter in made:
            print(_told(chapter))
        if given.write:
            write(made, given.build, given.toc)
        elif not made:
            print(f"No data besides the embedded sample. Name some, or write {FILE}.")
    except MedsamError as error:
        print(f"medsam: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
