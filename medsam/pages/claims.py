"""The claims as a page shows them: a table that a script filters, and a list above it.

The table is whole without the script (``book/_static/claims.mjs``); with it, a form appears.
The styles are in ``book/_static/claims.css``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from medsam.analysis import claims
from medsam.analysis.claims import Tables, answer
from medsam.analysis.claims.claim import Answer, Claim, Finding, Verdict
from medsam.figures.html import Html, html_table, tag

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
    Verdict.ROUNDED: ("rounded", "✓"),
    Verdict.PARTLY: ("partly", "≈"),
    Verdict.FAILS: ("fails", "✕"),
    Verdict.OPEN: ("open", "–"),
}


def _badge(verdict: Verdict) -> Html:
    name, sign = _SIGNS[verdict]
    hidden = tag("span", sign, aria_hidden="true")
    return tag("span", hidden, f" {verdict}", class_=f"mc-verdict mc-{name}")


def _says(found: Finding) -> Html:
    """The numbers, each check with its own verdict where there are several."""
    parts = [tag("li", _badge(verdict), f" {says}") for verdict, says in found.parts]
    return tag("ul", *parts) if parts else tag("span", found.says, class_="mc-says")


def _quote(about: Claim) -> str:
    return f"“{about.quote}”"


def disagreements(answers: Iterable[Answer]) -> Html:
    """Where the published tables and the text disagree, in words; each leads to its row.

    What matters first, then in the order of the paper; of each only the checks that disagree.
    """
    right = (Verdict.HOLDS, Verdict.OPEN)
    items = []
    for one in sorted(answers, key=lambda one: one.claim.matters):
        told = one.published.parts or ((one.published.verdict, one.published.says),)
        wrong = [tag("li", _badge(v), f" {says}") for v, says in told if v not in right]
        if wrong:
            link = f"#claim-{one.claim.id}"
            name = tag("a", _quote(one.claim), class_="reference internal", href=link)
            place = f" ({one.claim.place})"
            items.append(tag("li", name, place, tag("ul", *wrong)))
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
            "The paper says": _claim(one.claim, pages),
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
            "data_sections": "|".join(one.claim.where),
        }
        for one in answers
    ]
    drawn = html_table(
        pd.DataFrame(cells),
        headers=headers,
        caption="Sentences of the paper",
        classes="mc-table",
        rows=rows,
        stacked=True,
    )
    none = tag(
        "p", "No sentence has all of this. Change or clear the filter.", class_="mc-none", hidden=""
    )
    whole = tag("div", _form(answers), drawn, none, class_="medsam-claims")
    return Html(whole + tag("script", defer="", src=script))


def _claim(about: Claim, pages: Mapping[int, str]) -> Html:
    rules = [tag("p", rule) for rule in about.rules]
    drawn: list[object] = [about.place]
    if about.figure is not None:
        figure, page = f"Fig.\u00a0{about.figure}", pages.get(about.figure)
        link = tag("a", figure, class_="reference internal", href=page) if page else figure
        drawn += [" · ", link]
    parts = [
        tag("span", _quote(about), class_="mc-claim"),
        tag("span", *drawn, class_="mc-place"),
        tag("span", f"Our reading: {about.reading}", class_="mc-place") if about.reading else "",
        tag("details", tag("summary", "Rule"), *rules),
    ]
    return Html("".join(parts))


def _cell(head: str, found: Finding) -> Html:
    name = tag("span", head, class_="mc-head", aria_hidden="true")
    return Html(name + _badge(found.verdict) + _says(found))


def checks(tables: Tables) -> Html:
    """What this project asks of the tables besides; the paper does not say it."""
    found = [(one, answer(one, tables)) for one in claims.checks()]
    items = [
        tag("li", _badge(says.verdict), f" {one.quote} {says.says}", id=f"claim-{one.id}")
        for one, says in found
    ]
    return tag("ul", *items, class_="medsam-claims-list")


# ------------------------------------------------------------------------------ form
def _form(answers: Sequence[Answer]) -> Html:
    sections = sorted(
        {s for one in answers for s in one.claim.where},
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
        aria_label="Filter the sentences",
        hidden="",
    )


def _verdicts(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    there = {one.verdict for one in findings}
    return [(_SIGNS[v][0], v.value) for v in Verdict if v in there]


def _select(name: str, label: str, choices: Iterable[tuple[str, str]]) -> Html:
    options = [tag("option", words, value=value) for value, words in [("", "any"), *choices]]
    return tag("label", label, tag("select", *options, name=name))
