"""The command ``medsam data``: what the datasets of the paper are and how to get them."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from medsam.errors import InputError

if TYPE_CHECKING:
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
        Literal["MRI", "X-ray", "US", "CT", "PET"] | None,
        typer.Option(case_sensitive=False, help="Those of this modality only."),
    ] = None,
) -> None:
    """List the datasets of the paper; with KEY, how to get one and what to know of it."""
    from medsam.datasets.catalog import catalog, entry

    entries = [entry(key) for key in dict.fromkeys(keys or catalog())]
    chosen = [one for one in entries if modality in (None, one.modality)]
    if not chosen:
        raise InputError(
            f"None of {', '.join(keys or [])} is of modality {modality}. "
            "Allowed: keys of that modality. Leave --modality out."
        )
    if keys:
        _show_cards(chosen)
    else:
        _show_list(chosen)


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
    typer.echo(f"{one.title}. Licence: {one.licence_words}. Access: {one.access}.")
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
    _show_found(found, dataset.title)
    if report or found.published is not None:
        typer.echo(f"Kept in {save(found, report)}")
    if found.problems:
        raise typer.Exit(1)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, their columns two blanks apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _show_list(entries: Sequence[CatalogEntry]) -> None:
    """Print two lines a dataset."""
    rows = [("key", "modality", "masks", "access", "licence")]
    for one in entries:
        modality = f"{one.modality} {one.dimensionality}"
        rows.append((one.key, modality, one.published_masks.words, one.access, one.licence))
    head, *lines = aligned(rows)
    typer.echo(head)
    for line, one in zip(lines, entries, strict=True):
        typer.echo(f"{line}\n  {one.objects}")
    typer.echo(
        "\nmasks: images with a non-zero mask in Tables 1 and 2 of the paper, all objects\n"
        "together. ?: recalled or from a later study; unverified.\n"
        "How to get a dataset, and what to know of it: medsam data list KEY"
    )


def _show_cards(entries: Sequence[CatalogEntry]) -> None:
    """Print all that is known of some datasets."""
    from medsam.datasets.layouts.layout import facts

    width = shutil.get_terminal_size().columns
    for one in entries:
        typer.secho(f"{one.key}: {one.title}", bold=True)
        for word, lines in facts(one).items():
            text = [textwrap.fill(line, width - 15, break_on_hyphens=False) for line in lines]
            first = word.ljust(15)
            typer.echo(first + textwrap.indent("\n".join(text), " " * 15).lstrip())


def _show_found(found: Check, title: str) -> None:
    """Print what a dataset holds."""
    from medsam.datasets.catalog import catalog

    known = catalog().get(found.key)
    objects = {task.key: task.object for task in known.tasks} if known else {}
    how = ", ".join(f"{name}: {value}" for name, value in found.settings.items())
    typer.secho(f"{title} ({how})", bold=True)
    rows = [(task, f"{n:,}", objects.get(task, "")) for task, n in found.masks.items()]
    lines = aligned([("task", "images with a mask", "object" if objects else ""), *rows])
    lines += [
        f"{found.cases:,} cases of {found.groups:,} patients or volumes; {found.empty:,} pictures "
        f"without any object; {len(found.problems):,} that cannot be used.",
        found.comparison,
        *found.assumptions,
    ]
    for words, cases in (("Cannot be used", found.problems), ("Left out", found.skipped)):
        if cases:
            lines.append(f"{words} ({len(cases):,}):")
            lines += [f"  {name}: {reason}" for name, reason in cases]
    typer.echo("\n".join(lines))
