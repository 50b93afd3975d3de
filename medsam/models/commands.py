"""The commands ``medsam models`` and ``medsam weights``: what can be run, and its weight files."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from medsam.datasets.commands import aligned

if TYPE_CHECKING:
    from medsam.models.registry import Entry


class _Names(TyperGroup):
    """``medsam models NAME`` stands for ``medsam models show NAME``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of that name, or ``show``."""
        if args and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=_Names, invoke_without_command=True, help="List the models.")
weights_app = typer.Typer(no_args_is_help=True, help="Weight files of the models.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Model; `medsam models`.")]


@app.callback()
def models(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, with the weight files.")] = False,
) -> None:
    """List the models: prompts they take, whether their weights are here, licence.

    `medsam models NAME` says what one of them is, and how to get its weights.
    """
    if ctx.invoked_subcommand:
        return
    from medsam.models.registry import models as known

    found = known()
    if as_json:
        rows = [_row(name, entry) for name, entry in found.items()]
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print(found)


def _row(name: str, entry: Entry) -> dict[str, Any]:
    from medsam.models.checkpoints import find

    paths = {one: find(one) for one in entry.weights}
    return {
        "name": name,
        "accepts": entry.accepts.split(),
        "side": entry.side,
        "note": entry.note,
        "present": None not in paths.values(),
        "weights": [
            asdict(one) | {"source": one.source, "path": path and str(path)}
            for one, path in paths.items()
        ],
    }


def _print(found: dict[str, Entry]) -> None:
    rows = [("model", "prompts", "weights", "licence")]
    for name, entry in found.items():
        if not entry.missing:
            state = "here"
        else:
            state = "to fetch" if all(one.url for one in entry.missing) else "by hand"
        licences = dict.fromkeys(one.licence.partition(" (")[0] for one in entry.weights)
        rows.append((name, entry.accepts, state, ", ".join(licences)))
    from medsam.models.device import Runtime

    typer.echo("\n".join(aligned(rows)))
    typer.echo(f"\nThis machine: {Runtime.here()}.")
    typer.echo("`medsam models NAME` says what a model is and how to get its weights.")


@app.command()
def show(name: Name) -> None:
    """Say what a model is, and where its weights are or how to get them."""
    from medsam.models.checkpoints import find
    from medsam.models.registry import entry as entry_of

    entry = entry_of(name)
    size = f"{entry.side} pixels on the longest side" if entry.side else "images of any size"
    lines = [f"{name}: {entry.note}", f"Takes {', '.join(entry.accepts.split())}; sees {size}."]
    if entry.weights and not entry.run:
        lines += ["Not run here with its own weights, which were not to be had."]
    for one in entry.weights:
        path = find(one)
        lines += [f"{one.file} ({one.licence})" + (f", from {one.source}" if path else "")]
        lines += [f"  {path or one.how}"]
    for line in lines:
        typer.echo(
            textwrap.fill(
                line, 80, break_long_words=False, break_on_hyphens=False, subsequent_indent="  "
            )
        )


@app.command("check")
def check_model(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Model, or path/to/file.py:Class of your own.")
    ],
) -> None:
    """Try a model on three small images, and say what in its answers breaks the contract."""
    from medsam.models.check import faults
    from medsam.models.registry import load

    found = faults(load(name))
    for fault in found:
        typer.echo(f"{name}: {fault}")
    if found:
        raise typer.Exit(1)
    typer.echo(f"{name}: keeps the contract.")


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
    from medsam.models.registry import entry

    for one in entry(name).weights:
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
    from medsam.models.registry import entry

    for one in entry(name).weights:
        found = verified(one, path)
        compared = "as published" if one.sha256 else "no published one to compare with"
        typer.echo(f"{one.key}: {found}, sha256 {digest(found)} ({compared})")
