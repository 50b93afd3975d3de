"""Options that several commands take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from medsam.errors import InputError

if TYPE_CHECKING:
    from medsam.datasets.select import Reading

__all__ = ["Choices", "Headers", "PlaneName", "Window", "pairs", "reading"]

Window = Annotated[
    tuple[float, float] | None,
    typer.Option(metavar="LEVEL WIDTH", help="Window of CT; 40 400 by default."),
]
PlaneName = Annotated[
    str, typer.Option(metavar="NAME", help="Cut volumes: axial, coronal, sagittal, stored.")
]
Choices = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="A dataset's own choice, such as rater=vote."),
]
Headers = Annotated[
    str,
    typer.Option(metavar="WHOSE", help="agree: image and labels tell one grid. image: its."),
]


def pairs(given: list[str]) -> dict[str, str]:
    """``NAME=VALUE`` words as a mapping.

    Raises
    ------
    InputError
        If a word is not of that form.

    Examples
    --------
    >>> pairs(["rater=vote"])
    {'rater': 'vote'}
    """
    for word in given:
        if "=" not in word:
            raise InputError(
                f"Option {word!r}. Allowed: NAME=VALUE, such as rater=vote. Write it so."
            )
    return {name: value for name, _, value in (word.partition("=") for word in given)}


def reading(
    intensity: str,
    window: tuple[float, float] | None,
    plane: str,
    option: list[str] | None,
    headers: str,
) -> Reading:
    """How files become pixels, from what the command line says."""
    from medsam.datasets.select import Reading

    return Reading(intensity, window, plane, pairs(option or []), headers)
