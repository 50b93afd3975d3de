"""The commands ``medsam models`` and ``medsam weights``: what can be run, and its weight files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from medsam.models.checkpoints import Checkpoint
    from medsam.models.registry import Entry

app = typer.Typer(invoke_without_command=True, help="List the models.")
weights_app = typer.Typer(no_args_is_help=True, help="Weight files of the models.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Model; `medsam models`.")]


@app.callback()
def models(
    as_json: Annotated[bool, typer.Option("--json", help="JSON, with the weight files.")] = False,
) -> None:
    """List the models: prompts they take, where their weights come from, whether they are here."""
    from medsam.models.registry import models as known

    found = known()
    if as_json:
        rows = [_row(name, entry) for name, entry in found.items()]
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print(found)


def _row(name: str, entry: Entry) -> dict[str, Any]:
    return {
        "name": name,
        "accepts": entry.accepts.split(),
        "side": entry.side,
        "note": entry.note,
        "present": not entry.missing,
        "weights": [_file(one, one not in entry.missing) for one in entry.weights],
    }


def _file(one: Checkpoint, present: bool) -> dict[str, Any]:
    from medsam.models.checkpoints import locate

    names = ("key", "file", "size", "sha256", "licence", "source")
    return {name: getattr(one, name) for name in names} | {
        "path": str(locate(one)) if present else None
    }


def _print(found: dict[str, Entry]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("model", "prompts", "side"):
        table.add_column(title, no_wrap=title == "model")
    table.add_column("what it is", ratio=1)
    table.add_column("weights", overflow="fold", max_width=30)
    for name, entry in found.items():
        files = (f"{one.npm or one.python or one.file} ({one.licence})" for one in entry.weights)
        weights = "\n".join(dict.fromkeys(files))
        state = "here" if not entry.missing else "not here"
        cells = (entry.accepts, str(entry.side or "any"), entry.note, f"{state}: {weights}")
        table.add_row(Text(name, style="bold"), *map(Text, cells))
    console = Console(highlight=False)
    console.print(table)
    for name, entry in found.items():
        for one in entry.missing:
            console.print(Text(f"{name}: {one.how}"))


@weights_app.callback()
def weights() -> None:
    """Weight files of the models."""


@weights_app.command()
def fetch(
    name: Name,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder; by default MEDSAM_WEIGHTS or your data folder."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Download the weights of a model, check their sha256, and say where they are.

    A cut download goes on where it stopped when the command is run again. For weights that come
    with a package, or that a person must get, say how.
    """
    from medsam.models.checkpoints import fetch as get
    from medsam.models.checkpoints import verified

    for one in _entry(name).weights:
        path = get(one, to, progress=not quiet) if one.url else verified(one, to)
        typer.echo(f"{one.key}: {path} ({one.licence})")


@weights_app.command()
def check(
    name: Name,
    path: Annotated[
        Path | None,
        typer.Argument(metavar="PATH", help="Folder or file; by default where it is looked for."),
    ] = None,
) -> None:
    """Check size and sha256 of the weights of a model."""
    from medsam.models.checkpoints import digest, verified

    for one in _entry(name).weights:
        found = verified(one, path)
        compared = "as published" if one.sha256 else "no published one to compare with"
        typer.echo(f"{one.key}: {found}, sha256 {digest(found)} ({compared})")


def _entry(name: str) -> Entry:
    from medsam.models.registry import check_name, models

    return models()[check_name(name)]
