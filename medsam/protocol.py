"""Every choice of the evaluation protocol, by name.

Where the paper's text and its released code differ, the difference is a field of
:class:`Protocol`. Two presets name the two sets of choices: ``paper`` (what the text
says) and ``released`` (what the published scripts do). A third, ``published``, is ``paper`` with
the one choice of the scripts that decides most: of SAM's three masks they score the first, and the
published numbers are of that. It is what is run by default. A name such as
``paper+boxes=joint`` is a preset with the changes that it names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from medsam.errors import InputError, UnknownName

EXPERIMENTS = ("mode", "clicks", "ambiguity")
"""What is computed for a case: the five modes, one to nine clicks, and each mask of one point."""

LEVELS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Noise on prompts: standard deviations as fractions of the size of what is prompted."""

MAX_CLICKS = 9
"""Clicks of Algorithm 1 (section 3.3, Fig. 5)."""

Choice = Literal["top", "oracle"]
"""Which of a model's masks is scored: the most confident, or the one of best IoU."""

CHOICES: tuple[Choice, ...] = get_args(Choice)

DEFAULT = ("published", "paper")
"""What is run where nothing else is said: the mask that the published numbers are of, and the most
confident one beside it."""

MaskPolicy = Literal["chosen", "all", "none"]
"""Which masks are kept with the rows: those that they score, every mask of a prompt, or none."""

SEED = 1
"""The released scripts' seed."""


@dataclass(frozen=True)
class Protocol:
    """A frozen set of named choices. Every row of a result names its protocol.

    Attributes
    ----------
    name : str
        Name that stands in the ``protocol`` column of the results: a preset, with the fields
        that differ from it (``paper+top=first``); or any other name without ``=``.
    distance : {"exact", "chamfer5"}
        Distance to the boundary: exact Euclidean, or OpenCV's 5x5 approximation.
    region_ties : {"first", "last"}
        Among regions of equal area, the one whose first pixel (row by row) comes first,
        or last, is the larger one.
    random : {"derived", "stream"}
        Ties among equally central pixels: a generator derived from what is drawn for (so
        that no result depends on the order or number of the images), or one global
        stream over the images in sorted order (NumPy's legacy generator).
    top : {"confident", "first"}
        Which of SAM's three masks is scored: the one with the highest predicted IoU, or
        index 0.
    boxes : {"each", "joint"}
        Several boxes: the mask is chosen for each box alone and the choices are joined,
        or one index is taken for all boxes. With ``each`` the oracle compares every mask
        with the box's own region.
    oracle_none : {"first", "last"}
        The oracle's index when no mask overlaps the object.
    click_label : {"task", "any"}
        A click is positive where the task's own object is, or where any object of the
        dataset is.
    no_error : {"stop", "anywhere"}
        Where prediction and object agree everywhere: the clicks end, or the next one falls
        anywhere on the image (every distance is 0, so every pixel is a tie).
    empty_union : {"nan", "minus_one"}
        IoU and Dice where both masks are empty.
    intensity : {"modality", "max", "window", "percentile", "slice"}
        To 8 bit, of which the text says nothing (see :mod:`medsam.datasets.intensity`):
        as is usual for the modality (CT by a window in HU, PET by a range of SUV, all else by
        its maximum), divided by the maximum, a window, percentiles, or each slice from its
        lowest to its highest value. The study's file names suggest the last, on slices along the
        stored third axis: inferred, ``released+intensity=slice`` with ``--plane stored``. The
        plane is an option of the dataset and no field here, since it decides which images there
        are and what they are called, where a protocol says what is done with each: rows of two
        protocols are compared image by image. It stands in the settings of the results.
    click_jitter : float
        Standard deviation of a click around the pixel it is meant for, in each direction, as a
        fraction of the equivalent diameter of what is clicked on. 0: none, as in the paper.
    box_jitter : float
        Standard deviation of each edge of a box, as a fraction of the box's side. 0: none. Both
        are explained in :mod:`medsam.prompts`.

    Raises
    ------
    InputError
        If a field has a value that is not allowed.

    Notes
    -----
    Source: paper sections 2.2.1 and 2.2.3; the repository
    ``mazurowski-lab/segment-anything-medical-evaluation``.
    """

    name: str = "paper"
    distance: Literal["exact", "chamfer5"] = "exact"
    region_ties: Literal["first", "last"] = "first"
    random: Literal["derived", "stream"] = "derived"
    top: Literal["confident", "first"] = "confident"
    boxes: Literal["each", "joint"] = "each"
    oracle_none: Literal["first", "last"] = "first"
    click_label: Literal["task", "any"] = "task"
    no_error: Literal["stop", "anywhere"] = "stop"
    empty_union: Literal["nan", "minus_one"] = "nan"
    intensity: Literal["modality", "max", "window", "percentile", "slice"] = "modality"
    click_jitter: float = 0.0
    box_jitter: float = 0.0

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for field in fields(self):
            allowed = get_args(hints[field.name])
            value = getattr(self, field.name)
            if allowed and value not in allowed:
                raise InputError(
                    f"Protocol field {field.name!r} is {value!r}. "
                    f"Allowed: {', '.join(allowed)}. Take one of these."
                )
            if hints[field.name] is float:
                object.__setattr__(self, field.name, _level(field.name, value))

    @classmethod
    def get(cls, name: str) -> Protocol:
        """The preset of that name, or a preset with changes, such as ``paper+top=first``.

        Raises
        ------
        UnknownName
            If there is no such preset or field; the message lists those that exist.
        InputError
            If a change is not of the form ``field=value``, or its value is not allowed.

        Examples
        --------
        >>> Protocol.get("released").distance
        'chamfer5'
        >>> Protocol.get("paper+box_jitter=.10").name
        'paper+box_jitter=0.1'
        """
        preset, *changes = name.split("+")
        if preset not in PROTOCOLS:
            raise UnknownName("protocol", name, PROTOCOLS)
        named: dict[str, Any] = {}
        for change in changes:
            field, equals, value = change.partition("=")
            if not equals:
                raise InputError(
                    f"Protocol {name!r}: {change!r} changes nothing. "
                    f"Allowed: preset+field=value, such as paper+top=first."
                )
            if field not in CHOICES_BY_FIELD:
                raise UnknownName("protocol field", field, CHOICES_BY_FIELD)
            named[field] = value
        return PROTOCOLS[preset].but(**named)

    def but(self, name: str | None = None, **changes: Any) -> Protocol:
        """A copy with some choices changed.

        Parameters
        ----------
        name : str, optional
            Its name. By default the preset's, with each field that differs from it, in the
            order of the fields; so what is equal has one name, in whatever way it was made.
        **changes
            Fields and their values.

        Raises
        ------
        UnknownName
            If there is no such field; lists those there are.
        InputError
            If a value is not allowed.

        Examples
        --------
        >>> Protocol.get("paper").but(top="first").name
        'paper+top=first'
        >>> Protocol.get("paper").but(top="first").but(top="confident").name
        'paper'
        >>> Protocol.get("paper").but("mine", top="first").name
        'mine'
        """
        for field in changes:
            if field not in CHOICES_BY_FIELD:
                raise UnknownName("protocol field", field, CHOICES_BY_FIELD)
        changed = replace(self, **changes)
        return replace(changed, name=changed._told(self) if name is None else name)

    def _told(self, before: Protocol) -> str:
        """Name by what differs from the preset; for one of no preset, from before."""
        root = self.name.partition("+")[0]
        base = PROTOCOLS.get(root)
        if base is None:
            root, base = self.name, before
        return "+".join(
            (
                root,
                *(
                    f"{field}={getattr(self, field)}"
                    for field in CHOICES_BY_FIELD
                    if getattr(self, field) != getattr(base, field)
                ),
            )
        )

    def as_dict(self) -> dict[str, Any]:
        """All choices, for the provenance of a result."""
        return asdict(self)


def _level(field: str, value: Any) -> float:
    try:
        level = float(value)
    except (TypeError, ValueError):
        level = math.nan
    if not 0 <= level <= 1:
        raise InputError(
            f"Protocol field {field!r} is {value!r}. Allowed: a number from 0 (none) to 1. "
            "Take a fraction of the object's size."
        )
    # Minus zero is none as well, under the same name.
    return level + 0.0


CHOICES_BY_FIELD: dict[str, tuple[str, ...]] = {
    name: get_args(hint) for name, hint in get_type_hints(Protocol).items() if name != "name"
}
"""Each field of a protocol and its allowed values (none are listed for a number)."""

PROTOCOLS: dict[str, Protocol] = {
    "paper": Protocol(),
    "published": Protocol(name="published", top="first"),
    "released": Protocol(
        name="released",
        distance="chamfer5",
        region_ties="last",
        random="stream",
        top="first",
        boxes="joint",
        oracle_none="last",
        click_label="any",
        no_error="anywhere",
        empty_union="minus_one",
        intensity="max",
    ),
}


def other(base: str) -> str:
    """The preset that a base is compared with: the code's, or of that the text's."""
    if base not in PROTOCOLS:
        raise InputError(
            f"Protocol {base!r} as the base of a comparison. Allowed: {', '.join(PROTOCOLS)}. "
            "Name a preset."
        )
    return "paper" if base == "released" else "released"


def ablated(base: str = "paper") -> dict[str, Protocol]:
    """Field to protocol: the base preset with that field as in the other one.

    The field ``intensity`` is left out, as it changes the image.

    Raises
    ------
    InputError
        If the base is no preset.

    Examples
    --------
    >>> ablated()["top"].name
    'paper+top=first'
    """
    end, start = PROTOCOLS[other(base)], PROTOCOLS[base]
    differ = (name for name in CHOICES_BY_FIELD if getattr(start, name) != getattr(end, name))
    return {name: start.but(**{name: getattr(end, name)}) for name in differ if name != "intensity"}


def variants(base: str = "paper") -> list[Protocol]:
    """The base, the other preset, and the base with one field of it at a time."""
    return [PROTOCOLS[base], PROTOCOLS[other(base)], *ablated(base).values()]


def noise(base: Protocol = PROTOCOLS["paper"], levels: Sequence[float] = LEVELS) -> list[Protocol]:
    """One protocol a level, with the same level for clicks and boxes: no mode has both.

    Raises
    ------
    InputError
        If there are fewer than two levels, one twice, or none is 0, with which all are compared.

    Examples
    --------
    >>> [p.name for p in noise(levels=(0, 0.1))]
    ['paper', 'paper+click_jitter=0.1+box_jitter=0.1']
    """
    if len(set(levels)) < max(2, len(levels)) or 0 not in levels:
        raise InputError(
            f"Levels of noise {', '.join(map(str, levels)) or 'none'}. Allowed: two or more, each "
            "once, with 0, with which the others are compared."
        )
    return [base.but(click_jitter=level, box_jitter=level) for level in sorted(levels)]
