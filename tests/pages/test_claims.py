from html.parser import HTMLParser
from pathlib import Path

import pytest
from claims_by_hand import case, frame

from medsam.analysis.claims import answers, claims, of_published, of_rows
from medsam.analysis.claims.claim import Answer, Claim, Finding, Verdict
from medsam.pages import claims as page

ROOT = Path(__file__).parents[2]


class Read(HTMLParser):
    """Tags with their attributes, text by the id of the row that it stands in."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open, self._row = [], {}, [], None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("input", "br"):
            self.open.append(tag)
        if tag == "tr":
            self._row = dict(attrs).get("id")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text[self._row] = self.text.get(self._row, "") + data

    def all(self, tag, **having):
        return [a for t, a in self.tags if t == tag and having.items() <= a.items()]


@pytest.fixture(scope="module")
def found():
    return answers(of_published(), of_rows(frame(case(), case("b"))))


@pytest.fixture(scope="module")
def read(found):
    return Read(page.table(found)._repr_html_())


def test_every_claim_is_a_row_with_all_that_is_known(found, read):
    assert read.open == []
    rows = [a for a in read.all("tr") if "id" in a]
    assert [a["id"] for a in rows] == [f"claim-{one.id}" for one in claims()]
    for one, attributes in zip(found, rows, strict=True):
        text = read.text[attributes["id"]]
        for part in (one.claim.claim, one.claim.rule, one.published.says, one.ours.says):
            assert part in text
        for place in one.claim.where:
            assert place in text
        assert text.count(one.published.verdict) >= 1
        assert attributes["data-sections"].split("|") == list(one.claim.sections)
    assert "m on d, protocol paper: 1 image, 2 tasks" in read.text[None]


def test_the_form_offers_what_there_is_and_is_hidden_without_the_script(found, read):
    (form,) = read.all("form")
    assert "hidden" in form
    values = [a["value"] for a in read.all("option")]
    sections = {s for one in found for s in one.claim.sections}
    assert sections < set(values)
    assert values.count("") == 3
    (script,) = read.all("script")
    assert script["src"] == "../_static/claims.mjs"
    assert "defer" in script
    assert (ROOT / "book" / "_static" / "claims.mjs").is_file()
    # Nothing that a content security policy would have to allow.
    assert not any(name.startswith("on") or name == "style" for _, a in read.tags for name in a)


def test_figures_lead_to_their_pages(found, read):
    links = {a["href"] for a in read.all("a")}
    drawn = {one.claim.figure for one in found} - {None}
    assert drawn <= set(page.PAGES)
    assert links == {page.PAGES[figure] for figure in drawn}
    assert set(page.PAGES) == set(range(1, 18))
    for link in page.PAGES.values():
        assert (ROOT / "notebooks" / link.replace(".html", ".ipynb")).is_file()
    none = Read(page.table(found, pages={})._repr_html_())
    assert none.all("a") == []


def test_the_list_leads_to_the_rows(found, read):
    items = Read(page.disagreements(found)._repr_html_())
    differ = [one for one in found if one.published.verdict in (Verdict.FAILS, Verdict.PARTLY)]
    links = [a["href"] for a in items.all("a")]
    assert sorted(links) == sorted(f"#claim-{one.claim.id}" for one in differ)
    verdicts = [
        one.published.verdict for link in links for one in differ if link[7:] == one.claim.id
    ]
    assert verdicts == sorted(verdicts, key=[Verdict.FAILS, Verdict.PARTLY].index)


def test_text_is_escaped():
    about = Claim(
        id="x",
        claim="<b>",
        source="s",
        where=("3.1",),
        rule="a < b & c",
        check="moderate_and_varied",
        says="",
    )
    finding = Finding(Verdict.HOLDS, "<script>alert(1)</script>", data="<i>")
    html = page.table([Answer(about, finding, finding)])._repr_html_()
    assert "<b>" not in html
    assert "<i>" not in html
    assert "<script>a" not in html
    assert "a &lt; b &amp; c" in html
    assert "<script>a" not in page.disagreements([Answer(about, finding, finding)]).html
