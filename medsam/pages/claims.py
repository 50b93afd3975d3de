"""The claims as a page shows them: a table that a script filters, and lists above it.

The table is whole without the script (``book/_static/claims.mjs``); with it, a form appears.
The styles are in ``book/_static/claims.css``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from medsam.analysis.claims.claim import Answer, Claim, Finding, Verdict

__all__ = [
    "PAGES",
    "SCRIPT",
    "Html",
    "as_csv",
    "as_json",
    "disagreement_table",
    "disagreements",
    "frame",
    "records",
    "table",
]


# Answers as rows, for files and for scripts.


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
    text: str = frame(answers).to_csv(index=False)
    return text


def disagreement_table(answers: Iterable[Answer]) -> list[Answer]:
    """Where the published tables and the text disagree, wholly or in part; wholly first."""
    order = (Verdict.FAILS, Verdict.PARTLY)
    found = [one for one in answers if one.published.verdict in order]
    return sorted(found, key=lambda one: order.index(one.published.verdict))


PAGES: Mapping[int, str] = {
    **dict.fromkeys((1, 2, 3), "02_prompt_modes.html"),
    4: "03_comparison.html",
    **dict.fromkeys((5, 6, 17), "04_iterative_clicks.html"),
    7: "06_ambiguity.html",
    8: "07_object_size.html",
    9: "08_segment_everything.html",
    10: "15_graphical_abstract.html",
    **dict.fromkeys(range(11, 17), "09_all_examples.html"),
}
"""Figure of the paper and the page of the book that draws it, seen from ``notebooks/``."""

SCRIPT = "../_static/claims.mjs"
"""Address of the script, seen from ``notebooks/``."""

_SIGNS = {
    Verdict.HOLDS: ("holds", "✓"),
    Verdict.PARTLY: ("partly", "≈"),
    Verdict.FAILS: ("fails", "✕"),
    Verdict.OPEN: ("open", "–"),
}


class Html:
    """HTML that a notebook shows."""

    def __init__(self, html: str):
        self.html = html

    def _repr_html_(self) -> str:
        return self.html


def _badge(verdict: Verdict) -> str:
    name, sign = _SIGNS[verdict]
    return (
        f'<span class="mc-verdict mc-{name}"><span aria-hidden="true">{sign}</span> '
        f"{escape(verdict)}</span>"
    )


# ------------------------------------------------------------------------------ lists
def disagreements(answers: Iterable[Answer]) -> Html:
    """Where the published tables and the text disagree, in words; each leads to its row."""
    items = "".join(
        f"<li>{_badge(one.published.verdict)} "
        f'<a class="reference internal" href="#claim-{one.claim.id}">{escape(one.claim.claim)}</a> '
        f"{escape(one.published.says)}</li>"
        for one in disagreement_table(answers)
    )
    return Html(f'<ul class="medsam-claims-list">{items}</ul>')


# ------------------------------------------------------------------------------ table
def table(
    answers: Sequence[Answer], *, pages: Mapping[int, str] = PAGES, script: str = SCRIPT
) -> Html:
    """Every claim with both verdicts; a form to filter it where scripts run.

    Parameters
    ----------
    answers : sequence of Answer
        Rows, in order.
    pages : mapping of int to str
        Address of the page that draws a figure of the paper.
    script : str
        Address of ``claims.mjs``; it is loaded by pages with this table alone.

    Returns
    -------
    Html
        All text is escaped; no inline script, style or handler.
    """
    heads = ["The text says", "Published tables", "This run"]
    notes = ["", *(_data(answers, ours) for ours in (False, True))]
    head = "".join(
        f'<th scope="col" role="columnheader">{word}{note}</th>'
        for word, note in zip(heads, notes, strict=True)
    )
    rows = "".join(_row(one, pages, heads[1:]) for one in answers)
    return Html(
        f'<div class="medsam-claims">{_form(answers)}'
        '<table class="table mc-table" role="table" aria-label="Claims">'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{rows}</tbody></table>'
        '<p class="mc-none" hidden>No claim has all of this. Change or clear the filter.</p></div>'
        f'<script defer src="{escape(script)}"></script>'
    )


def _data(answers: Sequence[Answer], ours: bool) -> str:
    found = {(one.ours if ours else one.published).data for one in answers} - {""}
    return f'<span class="mc-data">{escape("; ".join(sorted(found)))}</span>' if found else ""


def _row(one: Answer, pages: Mapping[int, str], heads: Sequence[str]) -> str:
    findings = zip(heads, (one.published, one.ours), strict=True)
    cells = "".join(_cell(head, found) for head, found in findings)
    about = one.claim
    return (
        f'<tr role="row" id="claim-{about.id}" data-published="{_SIGNS[one.published.verdict][0]}" '
        f'data-run="{_SIGNS[one.ours.verdict][0]}" '
        f'data-sections="{escape("|".join(about.sections))}">'
        f'<th scope="row" role="rowheader"><span class="mc-claim">{escape(about.claim)}</span>'
        f'<span class="mc-place">{_place(about, pages)}</span>'
        f"<details><summary>Rule</summary><p>{escape(about.rule)}</p></details></th>{cells}</tr>"
    )


def _place(about: Claim, pages: Mapping[int, str]) -> str:
    named = [place for place in about.where if not place[0].isdigit()]
    numbered = [place for place in about.where if place[0].isdigit()]
    if numbered:
        named.append(f"section{'s' * (len(numbered) > 1)} {', '.join(numbered)}")
    words = escape(", ".join(named))
    if about.figure is None:
        return words
    figure = f"Fig.&nbsp;{about.figure}"
    if about.figure in pages:
        link = escape(pages[about.figure])
        figure = f'<a class="reference internal" href="{link}">{figure}</a>'
    return f"{words} · {figure}"


def _section(place: str) -> str:
    return f"section {place}" if place[0].isdigit() else place


def _cell(head: str, found: Finding) -> str:
    return (
        f'<td role="cell"><span class="mc-head" aria-hidden="true">{head}</span>'
        f'{_badge(found.verdict)}<span class="mc-says">{escape(found.says)}</span></td>'
    )


# ------------------------------------------------------------------------------ form
def _form(answers: Sequence[Answer]) -> str:
    sections = sorted(
        {s for one in answers for s in one.claim.sections},
        key=lambda s: (not s.startswith("Abstract"), not s[0].isdigit(), s),
    )
    return (
        '<form class="mc-filter" aria-label="Filter the claims" hidden>'
        f"{_select('published', 'Published tables', _verdicts(answers, False))}"
        f"{_select('run', 'This run', _verdicts(answers, True))}"
        f"{_select('section', 'Where', [(s, _section(s)) for s in sections])}"
        '<label class="mc-words">Words<input type="search" name="words" autocomplete="off" '
        'spellcheck="false"></label>'
        '<button type="reset">Clear</button>'
        '<p class="mc-count" role="status"></p></form>'
    )


def _verdicts(answers: Sequence[Answer], ours: bool) -> list[tuple[str, str]]:
    there = {(one.ours if ours else one.published).verdict for one in answers}
    return [(_SIGNS[v][0], v.value) for v in Verdict if v in there]


def _select(name: str, label: str, choices: Iterable[tuple[str, str]]) -> str:
    options = "".join(
        f'<option value="{escape(value)}">{escape(words)}</option>' for value, words in choices
    )
    options = f'<option value="">any</option>{options}'
    return f'<label>{label}<select name="{name}">{options}</select></label>'
