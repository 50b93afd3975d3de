"""Answers as rows, for files and for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pandas as pd

from medsam.analysis.claims.claim import Answer, Finding

__all__ = ["as_csv", "as_json", "frame", "records"]


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "verdict": found.verdict.value,
        "says": found.says,
        "data": found.data,
        "values": dict(found.values),
    }


def records(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """One mapping for each claim: what it is, and ``published`` and ``run`` with their values."""
    return [
        {
            "id": one.claim.id,
            "claim": one.claim.claim,
            "source": one.claim.source,
            "where": list(one.claim.where),
            "figure": one.claim.figure,
            "rule": one.claim.rule,
            "stated": dict(one.claim.stated),
            "published": _finding(one.published),
            "run": _finding(one.ours),
        }
        for one in answers
    ]


def as_json(answers: Iterable[Answer]) -> str:
    """All there is, as JSON."""
    return json.dumps(records(answers), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def frame(answers: Iterable[Answer]) -> pd.DataFrame:
    """One row for each claim, without the separate values.

    Returns
    -------
    DataFrame
        Columns ``id, claim, source, where, figure, rule, stated, published_verdict,
        published_says, published_data, run_verdict, run_says, run_data``.
    """
    lines = []
    for one in records(answers):
        flat = {name: value for name, value in one.items() if name not in ("published", "run")}
        flat["where"] = "; ".join(one["where"])
        flat["stated"] = "; ".join(f"{name} {text}" for name, text in one["stated"].items())
        for source in ("published", "run"):
            flat |= {f"{source}_{name}": one[source][name] for name in ("verdict", "says", "data")}
        lines.append(flat)
    return pd.DataFrame(lines).astype({"figure": "Int64"})


def as_csv(answers: Iterable[Answer]) -> str:
    """The rows of :func:`frame` as text."""
    return str(frame(answers).to_csv(index=False))
