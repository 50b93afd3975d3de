"""The command ``medsam claims``: sentences of the paper against the tables."""

from __future__ import annotations

import io
import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medsam.errors import InputError
from medsam.files import atomic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from medsam.analysis.claims import Answer, Tables

app = typer.Typer(invoke_without_command=True)


class Form(StrEnum):
    """How it is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class VerdictName(StrEnum):
    """A verdict, as one word of the command line."""

    HOLDS = "holds"
    ROUNDED = "holds-but-for-rounding"
    PARTLY = "holds-in-part"
    FAILS = "does-not-hold"
    OPEN = "not-decidable-here"


@app.callback()
def claims(
    results: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Check a run, too: a folder that `medsam run` wrote."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which model of the folder stands for SAM.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which protocol of the folder.")
    ] = None,
    verdict: Annotated[
        list[VerdictName] | None,
        typer.Option(help="Only claims with this verdict in either source; may be repeated."),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--all", help="With the quotes and the numbers behind each verdict.")
    ] = False,
    form: Annotated[
        Form | None,
        typer.Option("--format", help="Without it, the ending of --out decides, or a table."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write into a file, not on the screen.")
    ] = None,
) -> None:
    """Check each sentence of the paper that a table can check.

    Two sources: the tables that the authors released (SAM ViT-H), and, with --results, a run of
    your own. With --all every verdict comes with its numbers; the rules are in the csv and json.
    """
    from medsam.analysis.claims import answers, frame, of_published, records

    found = answers(of_published(), _run(results, model, protocol))
    if verdict:
        words = {name.value.replace("-", " ") for name in verdict}
        both = results is not None
        found = [
            one
            for one in found
            if one.published.verdict in words or (both and one.ours.verdict in words)
        ]
    form = form or _form_of(out)
    if form is Form.CSV:
        _write(frame(found).to_csv(index=False), out)
    elif form is Form.JSON:
        text = json.dumps(records(found), indent=2, ensure_ascii=False, allow_nan=False)
        _write(text + "\n", out)
    else:
        sources = ["published"] + ["ours"] * (results is not None)
        _show(_table(found, sources, whole), out)


def _run(results: Path | None, model: str | None, protocol: str | None) -> Tables | None:
    if results is None:
        if model or protocol:
            raise InputError(
                "--model and --protocol without --results. Allowed: both with a results folder. "
                "Add --results DIR."
            )
        return None
    from medsam.analysis.claims import of_rows
    from medsam.results.rows import read

    return of_rows(read(results), model, protocol)


def _form_of(out: Path | None) -> Form:
    ending = out.suffix.lstrip(".").lower() if out else ""
    return Form(ending) if ending in set(Form) else Form.TABLE


def _write(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        with atomic(out) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"Cannot write {out} ({error}). Allowed: a file in a folder that can be written. "
            "Name another one."
        ) from error
    typer.echo(f"Written: {out}", err=True)


def _show(parts: Iterator[RenderableType], out: Path | None) -> None:
    from rich.console import Console

    text = io.StringIO()
    to_file: dict[str, Any] = {"file": text, "width": 100, "no_color": True} if out else {}
    console = Console(highlight=False, **to_file)
    for part in parts:
        console.print(part)
    if out:
        _write("\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n", out)


_COLOURS = {
    "holds": "green",
    "holds but for rounding": "green",
    "holds in part": "yellow",
    "does not hold": "red",
}


def _table(found: list[Answer], sources: list[str], whole: bool) -> Iterator[RenderableType]:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from medsam.analysis.claims import count

    called = {"published": "published tables", "ours": "this run"}
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("claim", *(called[source] for source in sources)):
        table.add_column(name, no_wrap=True)
    for one in found:
        findings = {called[source]: getattr(one, source) for source in sources}
        verdicts = [
            Text(f.verdict.value, _COLOURS.get(f.verdict, "dim")) for f in findings.values()
        ]
        if not whole:
            table.add_row(one.claim.id, *verdicts)
            continue
        yield Text(one.claim.id, "bold")
        yield Text(f"“{one.claim.quote}” ({one.claim.place})")
        if one.claim.reading:
            yield Text(f"Our reading: {one.claim.reading}")
        for (name, finding), verdict in zip(findings.items(), verdicts, strict=True):
            yield Text.assemble(f"{name}: ", verdict, f". {finding.says}")
        yield Text()
    if not whole:
        yield table
    for source in sources:
        about = [getattr(one, source) for one in found]
        data = ", ".join({one.data for one in about}) or "none left"
        words = ", ".join(f"{n} {word}" for word, n in count(about).items() if n)
        yield Text(f"{called[source]} ({data}): {len(found)} claims: {words}.")
    if not whole:
        yield Text("Quotes and numbers: --all. A run of your own beside them: --results DIR")
