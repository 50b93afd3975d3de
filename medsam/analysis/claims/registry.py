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

from medsam.analysis.claims.claim import (
    Answer,
    Claim,
    Finding,
    Part,
    Undecidable,
    Verdict,
    joined,
)
from medsam.analysis.claims.rules import RULES
from medsam.analysis.claims.tables import Tables

NO_RUN = "No results folder was given."
ONE_VOLUME = "The results are of one patient or volume, from which nothing follows for others."
OTHER_DATA = "The text's number is of SAM ViT-H on the 28 tasks of the paper. Here: "


@cache
def _lists() -> dict[str, tuple[Claim, ...]]:
    text = (resources.files(__package__) / "claims.yaml").read_text(encoding="utf-8")
    lists = yaml.safe_load(text).items()
    return {name: tuple(Claim(**entry) for entry in entries) for name, entries in lists}


def claims() -> tuple[Claim, ...]:
    """Every sentence of the paper that a table can check, in the order of the list.

    Examples
    --------
    >>> claims()[0].id
    'single-prompts-range'
    """
    return _lists()["sentences"]


def checks() -> tuple[Claim, ...]:
    """What this project asks of the tables besides, which the paper does not say."""
    return _lists()["checks"]


def answer(claim: Claim, tables: Tables) -> Finding:
    """What the tables of one source say of a claim; never fails for what they lack.

    From one volume, whose slices resemble each other, nothing follows.
    """
    if tables.groups == 1:
        return Finding(Verdict.OPEN, ONE_VOLUME, data=tables.label)
    found = [_part(part, tables) for part in claim.parts]
    values = {
        f"{n} {name}" if len(found) > 1 else name: value
        for n, (_, _, numbers) in enumerate(found, 1)
        for name, value in numbers.items()
    }
    told = tuple(dict.fromkeys((verdict, words) for verdict, words, _ in found))
    verdict = joined([verdict for verdict, *_ in found])
    says = " ".join(words for _, words in told)
    return Finding(verdict, says, values, tables.label, told if len(told) > 1 else ())


def _part(part: Part, tables: Tables) -> tuple[Verdict, str, dict[str, float]]:
    """Verdict, words and numbers of one check."""
    stated = {"stated": part.stated} if part.stated else {}
    try:
        verdict, told = RULES[part.check](tables, **part.given, **stated)
    except Undecidable as error:
        return Verdict.OPEN, str(error), {}
    known = {"sam": tables.sam, "lead": "", "remark": "", **told, **part.given}
    if part.printed and not tables.quoted:
        verdict = Verdict.OPEN
        known |= {"lead": OTHER_DATA, "remark": ""}
    numbers = {name: value for name, value in told.items() if not isinstance(value, str)}
    return verdict, part.says.format_map(known), numbers


def answers(
    published: Tables, ours: Tables | None = None, chosen: Iterable[Claim] | None = None
) -> list[Answer]:
    """Every claim with what both sources say of it.

    Parameters
    ----------
    published : Tables
        :func:`medsam.analysis.claims.tables.of_published`.
    ours : Tables, optional
        A run, from :func:`medsam.analysis.claims.tables.of_rows`; without it, every claim is open.
    chosen : iterable of Claim, optional
        All of :func:`claims` where left out.
    """
    none = Finding(Verdict.OPEN, NO_RUN)
    return [
        Answer(one, answer(one, published), answer(one, ours) if ours else none)
        for one in (claims() if chosen is None else chosen)
    ]


def count(found: Iterable[Finding]) -> dict[str, int]:
    """Number of findings by verdict, every verdict named."""
    counted = Counter(one.verdict for one in found)
    return {verdict.value: counted[verdict] for verdict in Verdict}


def records(found: Iterable[Answer]) -> list[dict[str, Any]]:
    """One mapping for each claim: what it is, and ``published`` and ``run`` with their values."""
    return [
        one.claim.model_dump(include={"id", "quote", "where", "figure", "reading"})
        | {
            "rules": one.claim.rules,
            "stated": [text for part in one.claim.parts for text in part.stated.values()],
        }
        | {"published": asdict(one.published), "run": asdict(one.ours)}
        for one in found
    ]


def frame(found: Iterable[Answer]) -> pd.DataFrame:
    """One row for each claim, without the separate values.

    Returns
    -------
    DataFrame
        Columns ``id, quote, where, figure, reading, rules, stated, published_verdict,
        published_says, published_data, run_verdict, run_says, run_data``.
    """
    lines = []
    for one in records(found):
        both = {source: one.pop(source) for source in ("published", "run")}
        one |= {name: "; ".join(one[name]) for name in ("where", "rules", "stated")}
        for source, finding in both.items():
            one |= {f"{source}_{name}": finding[name] for name in ("verdict", "says", "data")}
        lines.append(one)
    return pd.DataFrame(lines).astype({"figure": "Int64"})
