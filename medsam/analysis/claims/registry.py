"""The list of claims, and what the tables say of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib import resources

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
from medsam.analysis.statistics import FEWEST, MOST

NO_RUN = "No results folder was given."
TOO_FEW = (
    f"Too few patients or volumes for a verdict: it takes {FEWEST}, none with more than "
    f"{MOST:.0%} of the cases."
)
COLUMNS = ["id", "quote", "where", "figure", "reading", "rules", "stated"]
COLUMNS += ["published_verdict", "published_says", "published_data"]
COLUMNS += ["run_verdict", "run_says", "run_data"]
"""Of the table of claims."""
OTHER_DATA = "The sentence is of SAM ViT-H on the 28 tasks of the paper. Here: "


@cache
def claims() -> tuple[Claim, ...]:
    """Every sentence of the paper that a table can check, in the order of the list.

    Examples
    --------
    >>> claims()[0].id
    'single-prompts-range'
    """
    text = (resources.files(__package__) / "claims.yaml").read_text(encoding="utf-8")
    return tuple(Claim(**entry) for entry in yaml.safe_load(text))


def answer(claim: Claim, tables: Tables) -> Finding:
    """What the tables of one source say of a claim; never fails for what they lack.

    From a few patients or volumes, whose slices resemble each other, nothing follows.
    """
    if not tables.enough:
        return Finding(Verdict.OPEN, ((Verdict.OPEN, TOO_FEW),), tables.label)
    found = [_part(part, tables) for part in claim.parts]
    verdict = joined([verdict for verdict, _ in found])
    # What several checks say alike is said once.
    return Finding(verdict, tuple(dict.fromkeys(found)), tables.label)


def _part(part: Part, tables: Tables) -> tuple[Verdict, str]:
    """Verdict and words of one check."""
    stated = {"stated": part.stated} if part.stated else {}
    try:
        verdict, told = RULES[part.check](tables, **part.given, **stated)
    except Undecidable as error:
        return Verdict.OPEN, str(error)
    known = {"sam": tables.sam, "lead": "", "remark": "", **part.given, **told}
    if part.of_paper_alone and not tables.quoted:
        verdict = Verdict.OPEN
        known |= {"lead": OTHER_DATA, "remark": ""}
    return verdict, part.says.format_map(known)


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
    none = Finding(Verdict.OPEN, ((Verdict.OPEN, NO_RUN),))
    return [
        Answer(one, answer(one, published), answer(one, ours) if ours else none)
        for one in (claims() if chosen is None else chosen)
    ]


def count(found: Iterable[Finding]) -> dict[str, int]:
    """Number of findings by verdict, every verdict named."""
    counted = Counter(one.verdict for one in found)
    return {verdict.value: counted[verdict] for verdict in Verdict}


def frame(found: Iterable[Answer]) -> pd.DataFrame:
    """One row for each claim.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`; what a claim has several of is joined by semicolons.
    """
    lines = []
    for one in found:
        line = one.claim.model_dump(include={"id", "quote", "figure", "reading"})
        stated = [number for part in one.claim.parts for number in part.stated.values()]
        for name, words in (
            ("where", one.claim.where),
            ("rules", one.claim.rules),
            ("stated", stated),
        ):
            line[name] = "; ".join(words)
        for source, finding in (("published", one.published), ("run", one.ours)):
            line[f"{source}_verdict"] = finding.verdict.value
            line[f"{source}_says"], line[f"{source}_data"] = finding.says, finding.data
        lines.append(line)
    return pd.DataFrame(lines, columns=COLUMNS).astype({"figure": "Int64"})
