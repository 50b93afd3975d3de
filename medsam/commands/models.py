"""The command ``medsam models``: what can be run, and what of it is on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from medsam.models.registry import Entry
    from medsam.models.weight_file import Checkpoint

app = typer.Typer(invoke_without_command=True, help="List the models.")


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
        "weights": [_file(one) for one in entry.weights],
    }


def _file(one: Checkpoint) -> dict[str, Any]:
    from medsam.errors import WeightsError
    from medsam.models.checkpoints import locate

    try:
        path = str(locate(one))
    except WeightsError:
        path = None
    return {
        "key": one.key,
        "file": one.file,
        "size": one.size,
        "sha256": one.sha256,
        "licence": one.licence,
        "source": one.source,
        "path": path,
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
        weights = "\n".join(dict.fromkeys(f"{_source(w)} ({w.licence})" for w in entry.weights))
        state = "here" if not entry.missing else "not here"
        cells = (entry.accepts, str(entry.side or "any"), entry.note, f"{state}: {weights}")
        table.add_row(Text(name, style="bold"), *map(Text, cells))
    console = Console(highlight=False)
    console.print(table)
    for name, entry in found.items():
        for one in entry.missing:
            console.print(Text(f"{name}: {one.how}"))


def _source(one: Checkpoint) -> str:
    return one.npm or one.python or one.file
