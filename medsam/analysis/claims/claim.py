"""A sentence of the paper, and what a table says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class Verdict(StrEnum):
    """What a table says of a sentence."""

    HOLDS = "holds"
    ROUNDED = "holds but for rounding"
    PARTLY = "holds in part"
    FAILS = "does not hold"
    OPEN = "not decidable here"


class Undecidable(Exception):
    """A table lacks what a rule needs; the message says what. Becomes a verdict, not an error."""


Told = dict[str, Any]
"""Numbers and words by their names, of which a sentence is made."""


class Found(NamedTuple):
    """What a rule finds: a verdict, and what the sentence ``says`` of its check needs."""

    verdict: Verdict
    told: Told


@dataclass(frozen=True)
class Finding:
    """A verdict with the numbers behind it.

    Attributes
    ----------
    verdict : Verdict
    parts : tuple of (Verdict, str)
        That of each check, and in words its numbers with what they are counted over.
    data : str
        Model and data that the numbers are of.
    """

    verdict: Verdict
    parts: tuple[tuple[Verdict, str], ...]
    data: str = ""

    @property
    def says(self) -> str:
        """The words of all checks."""
        return " ".join(words for _, words in self.parts)


def grade(*conditions: Any) -> Verdict:
    """Holds where all conditions do, in part where some do.

    Examples
    --------
    >>> grade(True, True).value, grade(True, False).value, grade(False, False).value
    ('holds', 'holds in part', 'does not hold')
    """
    if all(conditions):
        return Verdict.HOLDS
    return Verdict.PARTLY if any(conditions) else Verdict.FAILS


def joined(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on a sentence from those on its parts; a part that is open proves nothing.

    Examples
    --------
    >>> joined([Verdict.HOLDS, Verdict.ROUNDED]).value, joined([Verdict.HOLDS, Verdict.OPEN]).value
    ('holds but for rounding', 'holds in part')
    """
    there = set(verdicts)
    if len(there) == 1:
        return verdicts[0]
    if there == {Verdict.HOLDS, Verdict.ROUNDED}:
        return Verdict.ROUNDED
    return Verdict.FAILS if there == {Verdict.FAILS, Verdict.OPEN} else Verdict.PARTLY


class Part(BaseModel):
    """One check of a sentence.

    Of numbers, only those that the text prints are written down; every other one is computed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str = Field(description="What decides it, in words.")
    check: str = Field(description="Name of the rule, see medsam.analysis.claims.rules.")
    given: dict[str, Any] = Field(default_factory=dict, description="Arguments of the rule.")
    stated: dict[str, str] = Field(
        default_factory=dict, description="Numbers as the text prints them; digits count."
    )
    says: str = Field(description="What the tables say, with the names of the rule's numbers.")
    of_paper: bool = Field(False, description="True of the paper's data alone, without a number.")

    @property
    def of_paper_alone(self) -> bool:
        """Whether other data than the paper's can neither confirm nor refute it."""
        return self.of_paper or bool(self.stated.keys() - {"clicks"})


class Claim(BaseModel):
    """One sentence that tables can check."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9-]+$", description="Name that does not change.")
    quote: str = Field(description="The sentence, at most 25 words.")
    where: tuple[str, ...] = Field(
        min_length=1, description="Its section, and those that say it again: Abstract, 3.2, ..."
    )
    figure: int | None = Field(None, description="Number of the figure in the paper.")
    reading: str = Field("", description="How it is read here, where the text leaves that open.")
    matters: int = Field(99, description="Place among what is told first.")
    parts: tuple[Part, ...] = Field(min_length=1, description="What is checked.")

    @property
    def place(self) -> str:
        """Sections and figure, in words."""
        numbered = [place for place in self.where if place[0].isdigit()]
        words = [place for place in self.where if place not in numbered]
        if numbered:
            words.append(f"section{'s' * (len(numbered) > 1)} {', '.join(numbered)}")
        return ", ".join(words)

    @property
    def rules(self) -> tuple[str, ...]:
        """What decides it, in words, each once."""
        return tuple(dict.fromkeys(part.rule for part in self.parts))


@dataclass(frozen=True)
class Answer:
    """A claim with what the published tables say, and what a run says."""

    claim: Claim
    published: Finding
    ours: Finding
