"""The claims as a page shows them: a table that a script filters, and a list above it.

The table is whole without the script (``book/_static/claims.mjs``); with it, a form appears.
The styles are in ``book/_static/claims.css``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from medsam.analysis.claims.claim import Answer, Claim, Finding, Verdict
from medsam.figures.html import Html, html_table, tag

__all__ = ["PAGES", "SCRIPT", "disagreements", "table"]

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


def _badge(verdict: Verdict) -> Html:
    name, sign = _SIGNS[verdict]
    hidden = tag("span", sign, aria_hidden="true")
    return tag("span", hidden, f" {verdict}", class_=f"mc-verdict mc-{name}")


def disagreements(answers: Iterable[Answer]) -> Html:
    """Where the published tables and the text disagree, in words; each leads to its row.

    Wholly first, then those that hold in part.
    """
    order = (Verdict.FAILS, Verdict.PARTLY)
    found = [one for one in answers if one.published.verdict in order]
    items = [
        tag(
            "li",
            _badge(one.published.verdict),
            " ",
            tag("a", one.claim.claim, class_="reference internal", href=f"#claim-{one.claim.id}"),
            f" {one.published.says}",
        )
        for one in sorted(found, key=lambda one: order.index(one.published.verdict))
    ]
    return tag("ul", *items, class_="medsam-claims-list")


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
    sources = {"Published tables": "published", "This run": "ours"}
    cells = [
        {
            "The text says": _claim(one.claim, pages),
            **{head: _cell(head, getattr(one, name)) for head, name in sources.items()},
        }
        for one in answers
    ]
    headers = {}
    for head, name in sources.items():
        data = "; ".join(sorted({getattr(one, name).data for one in answers} - {""}))
        headers[head] = Html(f"{head}{tag('span', data, class_='mc-data') if data else ''}")
    rows = [
        {
            "id": f"claim-{one.claim.id}",
            "data_published": _SIGNS[one.published.verdict][0],
            "data_run": _SIGNS[one.ours.verdict][0],
            "data_sections": "|".join(one.claim.sections),
        }
        for one in answers
    ]
    drawn = html_table(
        pd.DataFrame(cells),
        headers=headers,
        caption="Claims",
        classes="mc-table",
        rows=rows,
        stacked=True,
    )
    none = tag(
        "p", "No claim has all of this. Change or clear the filter.", class_="mc-none", hidden=""
    )
    whole = tag("div", _form(answers), drawn, none, class_="medsam-claims")
    return Html(whole + tag("script", defer="", src=script))


def _claim(about: Claim, pages: Mapping[int, str]) -> Html:
    rule = tag("details", tag("summary", "Rule"), tag("p", about.rule))
    place = tag("span", *_place(about, pages), class_="mc-place")
    return Html(tag("span", about.claim, class_="mc-claim") + place + rule)


def _place(about: Claim, pages: Mapping[int, str]) -> list[object]:
    named = [place for place in about.where if not place[0].isdigit()]
    numbered = [place for place in about.where if place[0].isdigit()]
    if numbered:
        named.append(f"section{'s' * (len(numbered) > 1)} {', '.join(numbered)}")
    words = ", ".join(named)
    if about.figure is None:
        return [words]
    figure = f"Fig.\u00a0{about.figure}"
    if about.figure not in pages:
        return [f"{words} · {figure}"]
    return [f"{words} · ", tag("a", figure, class_="reference internal", href=pages[about.figure])]


def _cell(head: str, found: Finding) -> Html:
    name = tag("span", head, class_="mc-head", aria_hidden="true")
    return Html(name + _badge(found.verdict) + tag("span", found.says, class_="mc-says"))


# ------------------------------------------------------------------------------ form
def _form(answers: Sequence[Answer]) -> Html:
    sections = sorted(
        {s for one in answers for s in one.claim.sections},
        key=lambda s: (not s.startswith("Abstract"), not s[0].isdigit(), s),
    )
    named = [(s, f"section {s}" if s[0].isdigit() else s) for s in sections]
    words = tag("input", type="search", name="words", autocomplete="off", spellcheck="false")
    return tag(
        "form",
        _select("published", "Published tables", _verdicts(one.published for one in answers)),
        _select("run", "This run", _verdicts(one.ours for one in answers)),
        _select("section", "Where", named),
        tag("label", "Words", Html(words.removesuffix("</input>")), class_="mc-words"),
        tag("button", "Clear", type="reset"),
        tag("p", class_="mc-count", role="status"),
        class_="mc-filter",
        aria_label="Filter the claims",
        hidden="",
    )


def _verdicts(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    there = {one.verdict for one in findings}
    return [(_SIGNS[v][0], v.value) for v in Verdict if v in there]


def _select(name: str, label: str, choices: Iterable[tuple[str, str]]) -> Html:
    options = [tag("option", words, value=value) for value, words in [("", "any"), *choices]]
    return tag("label", label, tag("select", *options, name=name))
