"""The command ``medsam claims``: sentences of the paper against the tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medsam.errors import InputError
from medsam.files import atomic

if TYPE_CHECKING:
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
    from medsam.analysis.claims import answers, frame, of_published

    ours = _run(results, model, protocol)
    found = answers(of_published(), ours)
    if verdict:
        words = {name.value.replace("-", " ") for name in verdict}
        found = [
            one
            for one in found
            if one.published.verdict in words or (ours and one.ours.verdict in words)
        ]
    ending = out.suffix.lstrip(".").lower() if out else ""
    form = form or (Form(ending) if ending in set(Form) else Form.TABLE)
    if form is Form.CSV:
        text = frame(found).to_csv(index=False)
    elif form is Form.JSON:
        text = frame(found).to_json(orient="records", indent=2, force_ascii=False) + "\n"
    else:
        text = "\n".join(_lines(found, ours is not None, whole)) + "\n"
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


def _lines(found: list[Answer], run: bool, whole: bool) -> Iterator[str]:
    """One line a claim; or, whole, its quote and a paragraph for each source."""
    from medsam.analysis.claims import count

    sources = {"published": "published tables"}
    if run:
        sources["ours"] = "this run"
    if not whole:
        yield f"{'claim':<31}" + "".join(f"{name:<23}" for name in sources.values()).rstrip()
    for one in found:
        findings = [getattr(one, source) for source in sources]
        if not whole:
            verdicts = "".join(f"{finding.verdict:<23}" for finding in findings)
            yield f"{one.claim.id:<31}{verdicts}".rstrip()
            continue
        yield one.claim.id
        yield textwrap.fill(f"“{one.claim.quote}” ({one.claim.place})", 80)
        if one.claim.reading:
            yield textwrap.fill(f"Our reading: {one.claim.reading}", 80)
        for name, finding in zip(sources.values(), findings, strict=True):
            yield f"{name}: {finding.verdict}"
            for verdict, words in finding.parts:
                yield textwrap.fill(f"  {verdict}: {words}", 80, subsequent_indent="    ")
        yield ""
    for source, name in sources.items():
        about = [getattr(one, source) for one in found]
        data = ", ".join({one.data for one in about}) or "none left"
        words = ", ".join(f"{n} {word}" for word, n in count(about).items() if n)
        yield textwrap.fill(f"{name} ({data}): {len(found)} claims: {words}.", 80)
    if not whole:
        yield "Quotes and numbers: --all. A run of your own beside them: --results DIR"
