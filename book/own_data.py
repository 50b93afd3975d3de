"""The book on one's own data: the notebooks of a study become parts of the book.

    python book/own_data.py --config plan.yaml
    python book/own_data.py us_breast=/data/BUSI scans --model sam-vit-b

It runs the study as `medsam study` does, and puts its pages where ``book/build.py`` looks.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import yaml
from cells import TITLE

from medsam.errors import InputError, MedsamError
from medsam.files import write_if_new
from medsam.pages.text import prose
from medsam.protocol import DEFAULT
from medsam.study.plan import Jobs, Plan, plan_of, read

_LAST = "Appendix"  # part of the contents that stays the last one


def short_plan(sources: Sequence[str], model: str, protocol: str, build: Path) -> Path:
    """Write the plan of ``make book DATA=... MODEL=... PROTOCOL=...``; returns its file.

    Raises
    ------
    UnknownName, InputError
        As :func:`medsam.study.plan.plan_of`.
    """
    said = {
        "models": [name.strip() for name in (model or "minisam").split(",")],
        "protocols": [name.strip() for name in (protocol or ",".join(DEFAULT)).split(",")],
        "sources": list(sources),
        "notebooks": "all",
        "out": build / "study",
    }
    plan = plan_of(said, Path.cwd(), "DATA, MODEL, PROTOCOL")
    content = plan.model_dump(mode="json", exclude_defaults=True)
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_if_new(build / "plan.yaml", text.encode())
    return build / "plan.yaml"


def run(file: Path, plan: Plan, cores: int) -> Jobs:
    """Run the study of a plan; returns what there was to do.

    Raises
    ------
    InputError
        If the study ended with an error, or the plan names no notebook.
    """
    if plan.notebooks in ((), ("none",)):
        raise InputError(
            f"{file} names no notebooks. Allowed: notebooks: all, or a list of them. Add it."
        )
    command = [sys.executable, "-m", "medsam.cli", "study", "--config", str(file)]
    if subprocess.run([*command, "--cores", str(cores)], check=False).returncode:
        raise InputError(f"The study of {file} failed. Allowed: no error. It is told above.")
    return Jobs.model_validate_json((plan.out / "study.json").read_bytes())


def take_pages(out: Path, jobs: Jobs, build: Path) -> list[dict[str, Any]]:
    """Put the pages of a study among the executed notebooks of the book.

    Parameters
    ----------
    out, build : Path
        Folders of the study and of the book.
    jobs : Jobs

    Returns
    -------
    list of dict
        A part of the table of contents for each folder of pages.

    Raises
    ------
    InputError
        If two pages have one place.
    """
    parts: dict[str, dict[str, Any]] = {}
    places = [name.rpartition("-")[0] for name in jobs.pages]
    for place, (name, page) in zip(places, jobs.pages.items(), strict=True):
        if places.count(place) > 1:
            folder = place.partition("/")[0]
            raise InputError(
                f"{places.count(place)} sources have pages in {folder!r}. Allowed: one each. Give "
                "them keys in the plan: {data: ..., key: NAME}."
            )
        executed = out / "executed" / f"{name}.ipynb"
        write_if_new(build / "executed" / f"{place}.ipynb", executed.read_bytes())
        cells = nbformat.read(page.notebook, as_version=4).cells  # type: ignore[no-untyped-call]
        title = TITLE.search("\n".join(cell.source for cell in cells if prose(cell)))
        new = {"caption": f"Your data: {page.title}", "chapters": []}
        part = parts.setdefault(place.partition("/")[0], new)
        part["chapters"].append({"file": place, "title": title[1] if title else page.notebook.stem})
    return list(parts.values())


def contents(toc: Path, own: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A table of contents with more parts, after the sample's."""
    raw: dict[str, Any] = yaml.safe_load(toc.read_text("utf-8"))
    last = [one for one in raw["parts"][-1:] if one.get("caption") == _LAST]
    return raw | {"parts": [*raw["parts"][: len(raw["parts"]) - len(last)], *own, *last]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; exit code 2 and a message where something cannot be used."""
    parser = argparse.ArgumentParser(
        prog="make book", description="Add pages on your own data to the book."
    )
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="DATA",
        help="KEY=PATH (a dataset of the paper and its folder), KEY (one in the data folder), "
        "FILE.yaml (which describes your data), IMAGES:MASKS, DIR (that holds both) or sample",
    )
    parser.add_argument("--model", default="", help="model or models, joined with commas")
    parser.add_argument("--protocol", default="", help="published, paper or released; or two")
    parser.add_argument("--config", type=Path, help="instead: a plan, as of `medsam study`")
    parser.add_argument("--build", type=Path, default=Path("_build"), help="build folder")
    parser.add_argument("--toc", type=Path, default=Path("_toc.yml"), help="table of contents")
    parser.add_argument("--cores", type=int, default=1, help="processes at a time")
    given = parser.parse_args(arguments)
    if given.config and (given.sources or given.model or given.protocol):
        parser.error("CONFIG with DATA, MODEL or PROTOCOL. Allowed: either. The plan says all.")
    if not given.config and not given.sources:
        parser.error("MODEL or PROTOCOL without data. Allowed: with DATA=... Name some.")
    try:
        file = given.config or short_plan(given.sources, given.model, given.protocol, given.build)
        plan = read(file)
        parts = take_pages(plan.out, run(file, plan, given.cores), given.build)
        text = yaml.safe_dump(contents(given.toc, parts), sort_keys=False, allow_unicode=True)
        write_if_new(given.build / "toc.yml", text.encode())
    except MedsamError as error:
        print(f"medsam: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
