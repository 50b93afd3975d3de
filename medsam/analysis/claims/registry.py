"""The list of claims, and what the tables say of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd
import yaml
from pydantic import ValidationError

from medsam.analysis.claims.claim import Answer, Claim, Finding, Undecidable, Verdict
from medsam.analysis.claims.rules import RULES
from medsam.analysis.claims.tables import Tables
from medsam.errors import InputError, UnknownName

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
        if found[-1].check not in RULES:
            raise UnknownName("rule of a claim", found[-1].check, RULES)
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
        verdict, values, words = RULES[claim.check](tables, **claim.given, **stated)
    except Undecidable as error:
        return Finding(Verdict.OPEN, str(error), data=tables.label)
    known = {"sam": tables.sam, "lead": "", "remark": "", **values, **words, **claim.given}
    return Finding(verdict, claim.says.format_map(known), values, tables.label)


def answers(
    published: Tables, ours: Tables | None = None, chosen: Iterable[Claim] | None = None
) -> list[Answer]:
    """Every claim with what both sources say of it.

    Parameters
    ----------
    published : Tables
        :func:`medsam.analysis.claims.tables.of_published`.
    ours : Tables, optional
        A run, from :func:`medsam.analysis.claims.tables.of_rows`; without it every claim is open.
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


def records(found: Iterable[Answer]) -> list[dict[str, Any]]:
    """One mapping for each claim: what it is, and ``published`` and ``run`` with their values."""
    return [
        one.claim.model_dump(exclude={"check", "given", "says"})
        | {"published": asdict(one.published), "run": asdict(one.ours)}
        for one in found
    ]


def frame(found: Iterable[Answer]) -> pd.DataFrame:
    """One row for each claim, without the separate values.

    Returns
    -------
    DataFrame
        Columns ``id, claim, source, where, figure, rule, stated, published_verdict,
        published_says, published_data, run_verdict, run_says, run_data``.
    """
    lines = []
    for one in records(found):
        both = {source: one.pop(source) for source in ("published", "run")}
        one["where"] = "; ".join(one["where"])
        one["stated"] = "; ".join(f"{name} {text}" for name, text in one["stated"].items())
        for source, finding in both.items():
            one |= {f"{source}_{name}": finding[name] for name in ("verdict", "says", "data")}
        lines.append(one)
    return pd.DataFrame(lines).astype({"figure": "Int64"})
