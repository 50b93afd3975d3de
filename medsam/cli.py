"""The command ``medsam``. Heavy modules load only in the command that needs them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from medsam.commands.claims import app as claims_app
from medsam.commands.data import app as data_app
from medsam.commands.everything import app as everything_app
from medsam.commands.models import app as models_app
from medsam.commands.options import Choices, Headers, PlaneName, Window, reading
from medsam.commands.results import app as results_app
from medsam.commands.results import export as export_command
from medsam.commands.results import summary as summary_command
from medsam.commands.study import study as study_command
from medsam.commands.study import worker as study_worker
from medsam.commands.weights import app as weights_app
from medsam.errors import InputError, MedsamError
from medsam.protocol import Protocol

if TYPE_CHECKING:
    from medsam.datasets.sample import Dataset
    from medsam.models.contract import PromptableModel
    from medsam.study import Report

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
app.add_typer(everything_app, name="everything")
app.add_typer(models_app, name="models")
app.add_typer(results_app, name="results")
app.add_typer(weights_app, name="weights")
app.command("study")(study_command)
app.command("study-worker", hidden=True)(study_worker)


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
def run(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Results folder; a run continues it.")],
    model: Annotated[str, typer.Option(metavar="NAME", help="Model.")] = "minisam",
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="paper: what the text says (the default). released: what its code does. "
            "A preset with changes: paper+top=first. Several share embeddings and predictions.",
        ),
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="One or more tasks, or `all`."),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            metavar="KEY=PATH",
            help="A dataset of the paper and the folder of its unpacked archive; or FILE.yaml, "
            "which describes your own.",
        ),
    ] = "",
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of images, with --masks.")
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of masks with the images' file stems; each value 1..n is an object.",
        ),
    ] = None,
    window: Window = None,
    plane: PlaneName = "",
    option: Choices = None,
    headers: Headers = "agree",
    experiments: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="mode, clicks; both by default."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draws among ties.")] = 1,
    every: Annotated[
        int, typer.Option(min=1, metavar="N", help="Only each N-th image, in the order of names.")
    ] = 1,
    part: Annotated[
        str,
        typer.Option(
            metavar="I/N",
            help="Only the I-th of N parts of the images; `medsam results merge` joins them.",
        ),
    ] = "1/1",
    shard: Annotated[int, typer.Option(min=1, help="Images a shard: what a kill can cost.")] = 8,
    embeddings: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep the encoded images there, for other runs of the same model on them "
            "(SAM: 4 MB an image; at most 4 GB, the oldest go first).",
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the model's weight files.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Evaluate a model: five modes and nine clicks, top-confidence and oracle.

    Writes one row per (image, task, prompt, choice of mask). Run the same command again after
    an interruption: only what is missing is computed.
    """
    from medsam.datasets.every import Every
    from medsam.models import check_name

    check_name(model)
    protocols = [Protocol.get(name) for name in protocol or ["paper"]]
    of = _part(part, protocols)
    from medsam.datasets.part import Part
    from medsam.datasets.select import select

    def look(way: str) -> Dataset:
        how = reading(way, window, plane, option, headers)
        return select(tasks or [], images, masks, data=data, reading=how, progress=not quiet)

    dataset = look(protocols[0].intensity)
    for way in {one.intensity for one in protocols[1:]} - {protocols[0].intensity}:
        _same_images(dataset, look(way), [one.name for one in protocols])
    from medsam import study

    _warn([f"left out: {name} ({reason})" for name, reason in getattr(dataset, "skipped", [])])
    report = study.run_all(
        Part(dataset if every == 1 else Every(dataset, every), *of),
        _loaded(model, weights, embeddings),
        protocols,
        out,
        experiments=experiments or study.EXPERIMENTS,
        seed=seed,
        shard=shard,
        progress=not quiet,
    )
    _warn([f"no object on any slice: {name}" for name in getattr(dataset, "empty", ())])
    _tell(report, out)


def _part(text: str, protocols: list[Protocol]) -> tuple[int, int]:
    """Which part of how many; one draw after the other cannot be shared out."""
    from medsam.datasets.part import parsed

    i, n = parsed(text)
    for protocol in protocols:
        if n > 1 and protocol.random == "stream":
            raise InputError(
                f"Part {text} under protocol {protocol.name!r}, which draws from one stream over "
                "the images in order. Allowed: --part 1/1 for it, the whole in one go. Leave out "
                "--part, or choose a protocol with derived draws, such as paper."
            )
    return i, n


def _loaded(name: str, weights: Path | None, embeddings: Path | None) -> PromptableModel:
    """The model with its weights from that folder, its embeddings kept in the other."""
    from medsam.models import load
    from medsam.models.cache import CachedModel

    model = load(name, **({} if weights is None else {"folder": weights}))
    return model if embeddings is None else CachedModel(model, embeddings)


def _same_images(one: Dataset, other: Dataset, names: list[str]) -> None:
    ways = [getattr(each, "settings", {}).get("intensity", "") for each in (one, other)]
    if ways[0] != ways[1]:
        raise InputError(
            f"Protocols {', '.join(names)} make different images of {one.title} (intensity: "
            f"{ways[0]}; {ways[1]}). Allowed: one way a run. Run the command once for each "
            "protocol; --out may be the same."
        )


def _warn(lines: list[str], most: int = 20) -> None:
    for line in lines[:most]:
        typer.secho(f"  {line}", err=True, fg="yellow")
    if len(lines) > most:
        typer.secho(f"  … and {len(lines) - most} more", err=True, fg="yellow")


def _tell(report: Report, out: Path) -> None:
    status = ", ".join(f"{count} {name}" for name, count in report.status.items())
    typer.echo(
        f"{report.computed} cases computed ({status}), {report.resumed} found complete. "
        f"Results: {out}"
    )
    if report.left_out:
        _warn([f"the model takes no prompt for: {', '.join(report.left_out)}"])
    _warn([f"{image}: {reason}" for image, reason in report.reasons.items()])
    if report.status["error"] and not report.status["ok"]:
        typer.secho("medsam: no case could be used; the reasons are above.", err=True, fg="red")
        raise typer.Exit(1)


@app.command()
def tasks() -> None:
    """List the tasks whose images are at hand."""
    from medsam.datasets.brain import TASKS
    from medsam.datasets.catalog import entry
    from medsam.datasets.home import at_hand, home

    for task in TASKS.values():
        typer.echo(f"{task.key:24s} {task.title}")
    found = at_hand()
    for key, path in found.items():
        for one in entry(key).tasks:
            typer.echo(f"{one.key:24s} {entry(key).title}: {one.object} ({path})")
    if not found:
        typer.echo(f"No dataset of the paper in {home()}; see `medsam data list`.")


app.command("summary")(summary_command)
app.command("export")(export_command)

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


def main() -> NoReturn:
    """Entry point: an error of ours is a message and exit code 2, never a traceback."""
    try:
        app(_spread(sys.argv[1:]))
    except MedsamError as error:
        typer.secho(f"medsam: {error}", err=True, fg="red")
        sys.exit(2)
    except KeyboardInterrupt:
        typer.secho("medsam: interrupted; run the same command again to go on.", err=True)
        sys.exit(130)
    sys.exit(0)


if __name__ == "__main__":
    main()
