"""``medsam results``, ``summary``, ``export``: merge, check, sum up, export and deposit results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medsam.datasets import commands as data_options

app = typer.Typer(no_args_is_help=True, help="Merge, check, export and deposit results.")

Results = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `medsam run` wrote.")]


def summary(folder: Results) -> None:
    """Mean IoU per task, mode and number of clicks."""
    from medsam.results.summary import tables

    for table in tables(folder):
        typer.echo(table)


@app.command("merge")
def merge_command(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to merge into.")],
    sources: Annotated[
        list[Path] | None, typer.Argument(metavar="SRC...", help="Results folders.")
    ] = None,
    listed: Annotated[
        typer.FileText | None,
        typer.Option("--list", metavar="FILE", help="More of them, one a line.", errors="replace"),
    ] = None,
) -> None:
    """Add the rows of results folders to one that is partitioned by model and task.

    Each (image, task) counts once. Run it again after an interruption: only what is missing is
    added. The sources stay as they are.
    """
    from medsam.results.merge import merge

    more = [Path(line.strip()) for line in listed or [] if line.strip()]
    done = merge([*(sources or []), *more], out)
    typer.echo(
        f"{out}: {done.units} units ({done.rows} rows, {done.files} files) added, "
        f"{done.known} there already."
    )


@app.command("mask")
def mask_command(
    folder: Results,
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="Ends in .png; or in .nii.gz, with the images' own affine."
        ),
    ],
    image: Annotated[
        str,
        typer.Option(
            metavar="ID", help="Image; for NIfTI also a patient or volume: all its slices."
        ),
    ],
    task: Annotated[str, typer.Option(metavar="KEY", help="Task.")],
    experiment: Annotated[str, typer.Option(metavar="NAME", help="mode, clicks, ...")] = "mode",
    k: Annotated[int, typer.Option(metavar="N", help="Mode, or number of clicks.")] = 1,
    choice: Annotated[str, typer.Option(metavar="WHICH", help="top or oracle.")] = "top",
    model: Annotated[str, typer.Option(metavar="NAME", help="Of several.")] = "",
    protocol: Annotated[str, typer.Option(metavar="NAME", help="Of several.")] = "",
    tasks: data_options.Tasks = None,
    data: data_options.Data = "",
    images: data_options.Images = None,
    masks: data_options.Masks = None,
    window: data_options.Window = None,
    plane: data_options.PlaneName = "",
    option: data_options.Choices = None,
    headers: data_options.Headers = "agree",
) -> None:
    """Write the mask that a row scores as a picture, or the slices of a volume as NIfTI.

    NIfTI needs the data that the rows are of: the options of `medsam run` that name it.
    """
    from medsam.results.masks import rows_of_prompt, write_nifti, write_png

    chosen = rows_of_prompt(folder, image, task, experiment, k, choice, model, protocol)
    if out.name.endswith((".nii", ".nii.gz")):
        from medsam.datasets.select import select

        how = data_options.reading("modality", window, plane, option, headers)
        dataset = select(tasks or [], images, masks, data=data, reading=how, progress=False)
        write_nifti(chosen, dataset, out)
    else:
        write_png(chosen, out)
    typer.echo(f"{len(chosen)} {'mask' if len(chosen) == 1 else 'masks'} in {out}")


@app.command("validate")
def validate_command(folder: Results) -> None:
    """Read every file and say what is wrong; exit status 1 if anything is."""
    from medsam.results.check import check

    found = check(folder)
    for line in found.wrong:
        typer.echo(line)
    typer.echo(
        f"{folder}: {found.files} files, {found.rows} rows, {found.units} units, "
        f"{len(found.wrong) or 'nothing'} wrong."
    )
    if found.wrong:
        raise typer.Exit(1)


@app.command()
def export(
    folder: Results,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .csv or .parquet.")],
    task: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Only this task; may be repeated.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this model; may be repeated.")
    ] = None,
    protocol: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this protocol; may be repeated.")
    ] = None,
) -> None:
    """Write rows into one file; FILE.datapackage.json says what they and the columns are.

    The rows are never all in memory, so that it works for results of any size.
    """
    from medsam.results.export import export as write

    only = {"task": task or [], "model": model or [], "protocol": protocol or []}
    typer.echo(f"{write(folder, file, only)} rows in {file}")


@app.command("deposit")
def deposit_command(
    folder: Results,
    to: Annotated[Path, typer.Argument(metavar="TO", help="A new folder.")],
    licence: Annotated[
        str, typer.Option(metavar="SPDX", help="Of the tables: CC-BY-4.0 or CC0-1.0.")
    ] = "CC-BY-4.0",
) -> None:
    """Copy the files with means, a README and a data package with their sha256, for a DOI."""
    from medsam.results.export import deposit

    typer.echo(f"{to}: {deposit(folder, to, licence)} files, means.csv and datapackage.json.")
