"""The command ``medsam data``: what the datasets of the paper are and how to get them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medsam.errors import InputError, UnknownName

if TYPE_CHECKING:
    from rich.console import RenderableType

    from medsam.datasets.catalog import CatalogEntry
    from medsam.datasets.check import Check
    from medsam.datasets.source import Reading

# Options that several commands take.


Tasks = Annotated[
    list[str] | None, typer.Option(metavar="KEY", help="One or more tasks, or `all`.")
]
Data = Annotated[
    str,
    typer.Option(
        metavar="KEY=PATH",
        help="A dataset of the paper and the folder of its unpacked archive; or FILE.yaml, which "
        "describes your own.",
    ),
]
Images = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of images, with --masks.")]
Masks = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of masks with the images' file stems; each value 1..n is an object.",
    ),
]
Window = Annotated[
    tuple[float, float] | None,
    typer.Option(metavar="LEVEL WIDTH", help="Window of CT; 40 400 by default."),
]
PlaneName = Annotated[
    str, typer.Option(metavar="NAME", help="Cut volumes: axial, coronal, sagittal, stored.")
]
Choices = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="A choice of the data, such as rater=vote."),
]
Headers = Annotated[
    str,
    typer.Option(
        metavar="WHOSE",
        help="agree: image and labels tell one grid. image: its counts. affine or pixdim: where "
        "these of a NIfTI differ, which tells the size of a pixel. Joined with +.",
    ),
]


def reading(
    intensity: str,
    window: tuple[float, float] | None,
    plane: str,
    option: list[str] | None,
    headers: str,
) -> Reading:
    """How files become pixels, from what the command line says.

    Raises
    ------
    InputError
        If an option is not of the form ``NAME=VALUE``.
    """
    from medsam.datasets.source import Reading

    options = {}
    for word in option or []:
        name, equals, value = word.partition("=")
        if not equals:
            raise InputError(
                f"Option {word!r}. Allowed: NAME=VALUE, such as rater=vote. Write it so."
            )
        options[name] = value
    return Reading(intensity, window, plane, options, headers)


app = typer.Typer(no_args_is_help=True, help="The 19 datasets of the paper.")


@app.callback()
def root() -> None:
    """The 19 datasets of the paper."""


@app.command("list")
def list_(
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY", help="Datasets to show in full.", show_default=False),
    ] = None,
    modality: Annotated[
        str | None, typer.Option(metavar="NAME", help="MRI, X-ray, US, CT or PET only.")
    ] = None,
) -> None:
    """List the datasets of the paper; with KEY, how to get one and what to know of it."""
    from medsam.datasets.catalog import MODALITIES, catalog, entry

    chosen = [entry(key) for key in dict.fromkeys(keys)] if keys else list(catalog().values())
    if modality is not None:
        wanted = {one.lower(): one for one in MODALITIES}.get(modality.lower())
        if wanted is None:
            raise UnknownName("modality", modality, MODALITIES)
        chosen = [one for one in chosen if one.modality == wanted]
        if not chosen:
            raise InputError(
                f"None of {', '.join(keys or [])} is of modality {wanted}. "
                "Allowed: keys of that modality. Leave --modality out."
            )
    _print(_cards(chosen) if keys else _overview(chosen))


@app.command()
def fetch(
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="Dataset; `medsam data list`; or: patients.")
    ],
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Its folder; by default KEY in the data folder."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> None:
    """Download and unpack a dataset; where that needs a person, say the steps.

    A cut download goes on where it stopped when the command is run again. For data behind a form
    or an account, put the archives where it says and run it again: they are unpacked. The data
    folder is named by MEDSAM_DATA. `patients`: the five of the embedded sample, into the Python
    environment.
    """
    if key == "patients" and to is None:
        from medsam.datasets import patients

        typer.echo(f"Five patients: {patients.fetch(progress=not quiet)}. Licence: BSD-3-Clause.")
        return
    from medsam.datasets.catalog import entry
    from medsam.datasets.fetch import fetch as get

    one = entry(key)
    typer.echo(f"{one.title}. Licence: {one.licence_words}. Access: {one.access_words}.")
    found = get(key, to, progress=not quiet)
    for path in found.unpacked:
        typer.echo(f"Unpacked: {path}")
    for number, step in enumerate(found.steps, 1):
        typer.echo(f"{number}. {step}")
    if not found.steps:
        typer.echo(f"Now: medsam data check {key} {found.folder}")


@app.command()
def check(
    key: Annotated[
        str,
        typer.Argument(metavar="KEY", help="Dataset (`medsam data list`), or FILE.yaml of yours."),
    ] = "",
    path: Annotated[
        Path | None,
        typer.Argument(metavar="PATH", help="Its folder; by default KEY in the data folder."),
    ] = None,
    images: Images = None,
    masks: Masks = None,
    intensity: Annotated[
        str, typer.Option(metavar="NAME", help="modality, max, window, percentile or slice.")
    ] = "modality",
    window: Window = None,
    plane: PlaneName = "",
    option: Choices = None,
    headers: Headers = "agree",
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="Read no images of scans: faster, less sure.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where the findings go as JSON; the book reads those of the paper's datasets.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Count cases and masks of data on disk, and list every case that would be skipped.

    Of a dataset of the paper, of a FILE.yaml, or of two folders. Exit code 1 where a case cannot
    be used. The paper's counts are unverified: they inform, and fail nothing.
    """
    from medsam.datasets.check import check as look
    from medsam.datasets.check import save
    from medsam.datasets.select import select

    how = reading(intensity, window, plane, option, headers)
    given = key if path is None else f"{key}={path}"
    dataset = select((), images, masks, data=given, reading=how, progress=not quiet)
    found = look(dataset, pixels=not labels_only, progress=not quiet)
    _print(_found(found, dataset.title))
    if report or found.published is not None:
        typer.echo(f"Kept in {save(found, report)}")
    if found.problems:
        raise typer.Exit(1)


def _found(found: Check, title: str) -> Iterator[RenderableType]:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from medsam.datasets.catalog import catalog

    known = catalog().get(found.key)
    objects = {task.key: task.object for task in known.tasks} if known else {}
    how = ", ".join(f"{name}: {value}" for name, value in found.settings.items())
    yield Text(f"{title} ({how})", style="bold")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("task")
    if objects:
        table.add_column("object", ratio=1)
    table.add_column("images with a mask", justify="right")
    for task, count in found.masks.items():
        table.add_row(task, *([objects.get(task, "")] if objects else []), f"{count:,}")
    yield table
    yield Text(
        f"{found.cases:,} cases of {found.groups:,} patients or volumes; {found.empty:,} pictures "
        f"without any object; {len(found.problems):,} that cannot be used.\n{found.comparison}"
    )
    for words in found.assumptions:
        yield Text(words)
    for title, rows in (("Cannot be used", found.problems), ("Left out", found.skipped)):
        if rows:
            yield Text(f"{title} ({len(rows):,}):", style="bold")
            yield from (Text(f"  {name}: {reason}") for name, reason in rows)


def _print(parts: Iterator[RenderableType]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for part in parts:
        console.print(part)


def _overview(entries: list[CatalogEntry]) -> Iterator[RenderableType]:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("key, title", no_wrap=True)
    table.add_column("modality", no_wrap=True)
    table.add_column("objects", ratio=1)
    table.add_column("masks", justify="right", no_wrap=True)
    table.add_column("access, licence", max_width=16)
    for one in entries:
        cells = (
            f"{one.modality} {one.dimensionality}",
            one.objects,
            one.published_masks.words,
            f"{one.access}\n{one.licence}",
        )
        name = Text(f"{one.key}\n{one.title}")
        name.stylize("bold", 0, len(one.key))
        table.add_row(name, *map(Text, cells))
    yield table
    yield Text(
        "masks: images with a non-zero mask in the paper's Tables 1 and 2, all objects together. "
        "?: recalled or from a later study; unverified.\n"
        "How to get a dataset, and what to know of it: medsam data list KEY"
    )


def _cards(entries: list[CatalogEntry]) -> Iterator[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    from medsam.datasets.layouts.layout import facts

    for number, one in enumerate(entries):
        if number:
            yield ""
        yield Text(f"{one.key}: {one.title}", style="bold")
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for word, lines in facts(one).items():
            for at, line in enumerate(lines):
                table.add_row(Text("" if at else word), Text(line))
        yield table
