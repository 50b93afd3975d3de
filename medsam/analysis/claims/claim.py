"""A statement of the paper's text, and what a table says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class Verdict(StrEnum):
    """What a table says of a statement."""

    HOLDS = "holds"
    PARTLY = "holds in part"
    FAILS = "does not hold"
    OPEN = "not decidable here"


class Undecidable(Exception):
    """A table lacks what a rule needs; the message says what. Becomes a verdict, not an error."""


class Found(NamedTuple):
    """What a rule finds.

    Attributes
    ----------
    verdict : Verdict
    values : mapping of str to float, int or str
        The numbers alone, for scripts.
    words : mapping of str to str
        What the claim's sentence ``says`` needs besides: lists of numbers, say.
    """

    verdict: Verdict
    values: Mapping[str, float | int | str]
    words: Mapping[str, str] = {}


@dataclass(frozen=True)
class Finding:
    """A verdict with the numbers behind it.

    Attributes
    ----------
    verdict : Verdict
    says : str
        In words, with the numbers and what they are counted over.
    values : mapping of str to float, int or str
        The numbers alone, for scripts.
    data : str
        Model and data that the numbers are of.
    """

    verdict: Verdict
    says: str
    values: Mapping[str, float | int | str] = field(default_factory=dict)
    data: str = ""


def grade(*conditions: bool) -> Verdict:
    """Holds where all conditions do, in part where some do.

    Examples
    --------
    >>> grade(True, True).value, grade(True, False).value, grade(False, False).value
    ('holds', 'holds in part', 'does not hold')
    """
    if all(conditions):
        return Verdict.HOLDS
    return Verdict.PARTLY if any(conditions) else Verdict.FAILS


class Claim(BaseModel):
    """One statement that a table can check.

    Of numbers, only those that the text prints are written down; every other one is computed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9-]+$", description="Name that does not change.")
    claim: str = Field(description="What the text says, in our words.")
    source: str = Field(description="The statement of the text that this is a part of.")
    where: tuple[str, ...] = Field(min_length=1, description="Sections: Abstract 1, 3.2, ...")
    figure: int | None = Field(None, description="Number of the figure in the paper.")
    rule: str = Field(description="What decides it, in words.")
    check: str = Field(description="Name of the rule, see medsam.analysis.claims.rules.")
    given: dict[str, Any] = Field(default_factory=dict, description="Arguments of the rule.")
    stated: dict[str, str] = Field(
        default_factory=dict, description="Numbers as the text prints them; digits count."
    )
    says: str = Field(description="What the tables say, with the names of the rule's numbers.")

    @property
    def sections(self) -> tuple[str, ...]:
        """Where it stands, without the number of the finding: ``Abstract 1`` is ``Abstract``."""
        return tuple(dict.fromkeys(place.split()[0] for place in self.where))


@dataclass(frozen=True)
class Answer:
    """A claim with what the published tables say, and what a run says."""

    claim: Claim
    published: Finding
    ours: Finding
