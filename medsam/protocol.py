"""Every choice of the evaluation protocol, by name.

Where the paper's text and its released code differ, the difference is a field of
:class:`Protocol`. Two presets name the two sets of choices: ``paper`` (what the text
says) and ``released`` (what the published scripts do).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from medsam.errors import InputError, UnknownName

__all__ = ["PROTOCOLS", "Protocol"]


@dataclass(frozen=True)
class Protocol:
    """A frozen set of named choices. Every row of a result names its protocol.

    Attributes
    ----------
    name : str
        Name that stands in the ``protocol`` column of the results.
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
    intensity : {"modality", "max", "window", "percentile"}
        To 8 bit, of which the text says nothing (see :mod:`medsam.datasets.intensity`):
        as is usual for the modality (CT by a window in HU, PET by a range of SUV, all else by
        its maximum), divided by the maximum, a window, or percentiles.

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
    intensity: Literal["modality", "max", "window", "percentile"] = "modality"

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

    @classmethod
    def get(cls, name: str) -> Protocol:
        """The preset of that name.

        Raises
        ------
        UnknownName
            If there is no such preset; the message lists those that exist.

        Examples
        --------
        >>> Protocol.get("released").distance
        'chamfer5'
        """
        try:
            return PROTOCOLS[name]
        except KeyError:
            raise UnknownName("protocol", name, PROTOCOLS) from None

    def but(self, name: str, **changes: Any) -> Protocol:
        """A copy under another name with some choices changed.

        Examples
        --------
        >>> Protocol.get("paper").but("paper-first", top="first").top
        'first'
        """
        return replace(self, name=name, **changes)

    def as_dict(self) -> dict[str, str]:
        """All choices, for the provenance of a result."""
        return asdict(self)


PROTOCOLS: dict[str, Protocol] = {
    "paper": Protocol(),
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
