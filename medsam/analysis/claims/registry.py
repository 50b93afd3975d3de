"""The list of claims, and what the tables say of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib import resources

import yaml
from pydantic import ValidationError

from medsam.analysis.claims.claim import Answer, Claim, Finding, Undecidable, Verdict
from medsam.analysis.claims.rules import RULES
from medsam.analysis.claims.tables import Tables
from medsam.errors import InputError, UnknownName

__all__ = ["NO_RUN", "answer", "answers", "claims", "count", "parse"]

NO_RUN = "No results folder was given."


def parse(text: str) -> tuple[Claim, ...]:
    """The claims of a YAML text.

    Raises
    ------
    InputError
        If an entry is malformed, or two have one id.
    UnknownName
        If an entry names a rule that does not exist; lists those that do.
    """
    found = []
    for entry in yaml.safe_load(text):
        try:
            found.append(Claim(**entry))
        except ValidationError as error:
            told = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
            raise InputError(
                f"Claim {entry.get('id')!r}: {told}. "
                f"Allowed: {', '.join(Claim.model_fields)}. Mend the entry."
            ) from None
    for one in found:
        if one.check not in RULES:
            raise UnknownName("rule of a claim", one.check, RULES)
    twice = [name for name, n in Counter(one.id for one in found).items() if n > 1]
    if twice:
        raise InputError(
            f"Several claims are called {', '.join(twice)}. Allowed: one id for each. Rename one."
        )
    return tuple(found)


@cache
def claims() -> tuple[Claim, ...]:
    """Every claim, in the order of the list.

    Examples
    --------
    >>> claims()[0].id
    'point-lowest'
    """
    return parse((resources.files(__package__) / "claims.yaml").read_text(encoding="utf-8"))


def answer(claim: Claim, tables: Tables) -> Finding:
    """What the tables of one source say of a claim; never fails for what they lack."""
    stated = {"stated": claim.stated} if claim.stated else {}
    try:
        found = RULES[claim.check](tables, **claim.given, **stated)
    except Undecidable as error:
        found = Finding(Verdict.OPEN, str(error))
    return replace(found, data=tables.label)


def answers(
    published: Tables, ours: Tables | None = None, chosen: Iterable[Claim] | None = None
) -> list[Answer]:
    """Every claim with what both sources say of it.

    Parameters
    ----------
    published : Tables
        :func:`medsam.analysis.claims.tables.of_published`.
    ours : Tables, optional
        A run, from :func:`medsam.analysis.claims.tables.of_rows`; without it every claim is open there.
    chosen : iterable of Claim, optional
        All of :func:`claims` where left out.
    """
    none = Finding(Verdict.OPEN, NO_RUN)
    return [
        Answer(one, answer(one, published), answer(one, ours) if ours else none)
        for one in (claims() if chosen is None else chosen)
    ]


def count(found: Iterable[Finding]) -> dict[str, int]:
    """Number of findings by verdict, all four named."""
    counted = Counter(one.verdict for one in found)
    return {verdict.value: counted[verdict] for verdict in Verdict}
