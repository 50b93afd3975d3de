"""The command ``medsam weights``: download weight files, and check those that are there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from medsam.models.registry import Entry

app = typer.Typer(no_args_is_help=True, help="Weight files of the models.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Model; `medsam models`.")]


@app.callback()
def root() -> None:
    """Weight files of the models."""


@app.command()
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


@app.command()
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
        told = "as published" if one.sha256 else "no published one to compare with"
        typer.echo(f"{one.key}: {found}, sha256 {digest(found)} ({told})")


def _entry(name: str) -> Entry:
    from medsam.models.registry import check_name, models

    return models()[check_name(name)]
