"""The command ``medsam``. Heavy modules load only in the command that needs them."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from medsam.analysis.commands import app as claims_app
from medsam.datasets.commands import app as data_app
from medsam.errors import MedsamError
from medsam.models.commands import app as models_app
from medsam.models.commands import weights_app
from medsam.pages.commands import page, report, study, worker
from medsam.results.commands import app as results_app
from medsam.results.commands import export, summary
from medsam.study.commands import everything, run

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Re-run the study 'Segment Anything Model for Medical Image Analysis' on any model "
    "and data, and read its results.",
)

app.add_typer(data_app, name="data")
app.add_typer(claims_app, name="claims")
app.add_typer(models_app, name="models")
app.add_typer(results_app, name="results")
app.add_typer(weights_app, name="weights")
app.command()(run)
app.command()(everything)
app.command()(study)
app.command()(page)
app.command("study-worker", hidden=True)(worker)
app.command()(summary)
app.command()(export)
app.command()(report)


def _version(asked: bool) -> None:
    if asked:
        from medsam import __version__

        typer.echo(f"medsam {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Re-run the study 'Segment Anything Model for Medical Image Analysis' on any model and data,
    and read its results.
    """  # noqa: D205


@app.command()
def tasks() -> None:
    """List the tasks whose images are at hand."""
    from medsam.datasets.catalog import at_hand, data_folder, entry
    from medsam.datasets.select import EMBEDDED

    for key, title in EMBEDDED.items():
        typer.echo(f"{key:24s} {title}")
    found = at_hand()
    for dataset, path in found.items():
        for one in entry(dataset).tasks:
            typer.echo(f"{one.key:24s} {entry(dataset).title}: {one.object} ({path})")
    if not found:
        typer.echo(f"No dataset of the paper in {data_folder()}; see `medsam data list`.")


_MANY = ("--tasks", "--protocol", "--experiments", "--sides", "--ids")


def _spread(arguments: list[str]) -> list[str]:
    """Let one option take several words: ``--tasks a b`` is ``--tasks a --tasks b``.

    Examples
    --------
    >>> _spread(["run", "--tasks", "a", "b", "--out", "r"])
    ['run', '--tasks', 'a', '--tasks', 'b', '--out', 'r']
    """
    out: list[str] = []
    taking = ""
    for argument in arguments:
        if argument.startswith("-"):
            taking = argument if argument in _MANY else ""
        elif taking and out[-1] != taking:
            out.append(taking)
        out.append(argument)
    return out


def main(arguments: list[str] | None = None) -> NoReturn:
    """Entry point: an error of ours is a message and exit code 2, never a traceback."""
    try:
        app(_spread(sys.argv[1:] if arguments is None else arguments))
    except MedsamError as error:
        typer.secho(f"medsam: {error}", err=True, fg="red")
        sys.exit(2)
    except KeyboardInterrupt:
        typer.secho("medsam: interrupted; run the same command again to go on.", err=True)
        sys.exit(130)
    sys.exit(0)


if __name__ == "__main__":
    main()
