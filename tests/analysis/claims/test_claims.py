"""The list itself, and what the shipped tables say of it."""

import dataclasses

import pytest
from claims_by_hand import case, frame
from hypothesis import given
from hypothesis import strategies as st

from medsam.analysis.claims import (
    answer,
    answers,
    claims,
    of_published,
    of_rows,
)
from medsam.analysis.claims.claim import Undecidable, Verdict
from medsam.analysis.claims.rules import RULES, printed, units_off
from medsam.errors import InputError, UnknownName


@pytest.fixture(scope="module")
def published():
    return of_published()


@pytest.fixture(scope="module")
def found(published):
    return {one.claim.id: one.published for one in answers(published)}


def test_a_quote_is_short_and_holds_what_is_written_down():
    """No number in a check that is not in the quote, or said of it in our reading."""
    for one in claims():
        assert len(one.quote.replace("[…]", "").split()) <= 25
        for text in (text for part in one.parts for text in part.stated.values()):
            there = {"5": "five", "27": "all but one"}.get(text, text)
            assert there in f"{one.quote} {one.reading}"


@pytest.mark.parametrize(
    ("name", "verdict", "says"),
    [
        ("single-prompts-range", "holds in part", "CT-Spleen 0.8692"),
        ("modes-range", "holds", "0.1136"),
        ("better-on-24", "holds", "24 of 28"),
        ("oracle-better-on-26", "holds in part", "27 of 28"),
        ("box-better-on-all-but-one", "does not hold", "26 of 28"),
        ("means-with-one-point", "holds in part", "0.5080"),
        ("mode-4-best", "holds", "0.6542"),
        ("surpassed-at-five", "does not hold", "at 6 clicks"),
        ("points-below-boxes", "holds in part", "0.6875"),
        ("nineteen-datasets", "holds", "of 19 datasets"),
        ("confident-like-region-growing", "not decidable here", "neither areas"),
    ],
)
def test_known_answers_of_the_shipped_tables(found, name, verdict, says):
    assert found[name].verdict == verdict
    assert says in found[name].says


def test_nothing_is_typed(published, found):
    """Other values in the tables give other answers, for all claims that the tables decide."""
    other = dataclasses.replace(published, values=1 - published.values**2)
    changed = {one.claim.id: one.published for one in answers(other)}
    decided = [name for name, one in found.items() if one.verdict is not Verdict.OPEN]
    same = [name for name in decided if changed[name].says == found[name].says]
    # The number of tasks is the same, however well they are done.
    assert same == ["nineteen-datasets"]
    verdicts = [name for name in decided if changed[name].verdict != found[name].verdict]
    assert len(verdicts) > 0.6 * len(decided)


def test_every_rule_is_used_and_every_claim_has_its_id():
    assert len({one.id for one in claims()}) == len(claims()) == 33
    assert {part.check for one in claims() for part in one.parts} == set(RULES)


@given(st.integers(0, 9999), st.integers(1, 4))
def test_a_rounded_number_agrees_its_neighbour_nearly_and_the_next_does_not(whole, digits):
    value = whole / 10**4
    number = f"{value:.{digits}f}"
    assert printed(number, value) is Verdict.HOLDS
    for units, verdict in ((1.2, Verdict.ROUNDED), (1.8, Verdict.FAILS)):
        off = float(number) + units * 10**-digits
        assert printed(number, off) is verdict
        assert units_off(number, off) == pytest.approx(units)


def test_nothing_follows_from_few_volumes_or_where_one_outweighs_the_others():
    six = [case(image=group, group=group) for group in "uvwxyz"]
    more = [case(image=f"u{i}", group="u") for i in range(5)]
    for few in (six[:5], six + more):
        for claim in claims():
            found = answer(claim, of_rows(frame(*few)))
            assert found.verdict is Verdict.OPEN
            assert "Too few patients or volumes" in found.says
    assert {answer(claim, of_rows(frame(*six))).verdict for claim in claims()} > {Verdict.OPEN}


# ----------------------------------------------------------------- tables that rules read


def test_one_model_and_one_protocol_are_looked_at():
    two = frame(case(), case(model="n"), case(protocol="released"))
    assert of_rows(two, "n").sam == "n"
    with pytest.raises(UnknownName, match=r"model in these results 'o'.* Allowed: m, n"):
        of_rows(two, "o")
    with pytest.raises(InputError, match=r"2 protocols: paper, released. .* --protocol"):
        of_rows(two, "m")


def test_rows_become_means_by_task():
    about = of_rows(frame(case(top=(0.2,) * 5), case(image="j", top=(0.4,) * 5), case("b")))
    assert about.by_task("mode 1").to_dict() == pytest.approx({"a": 0.3, "b": 0.5})
    assert about.by_task("mode 1 oracle")["a"] == pytest.approx(0.4)
    assert about.by_task("9 clicks oracle minus 1 click")["b"] == pytest.approx(0.1)
    assert not about.quoted
    assert len(about.cases("x")) == 3


def test_the_other_methods_are_found_by_their_names():
    mine, theirs = case(), case(model="ritm_h32")
    for row in theirs:
        row["iou"] = 0.25
    about = of_rows(frame(mine, theirs))
    assert about.sam == "m"
    assert about.by_task("1 click of RITM")["a"] == 0.25
    assert about.by_task("mode 1")["a"] == 0.5
    assert about.cases("x")[1].tolist() == [0.5]
    with pytest.raises(Undecidable, match="No rows of 1 click of RITM"):
        of_rows(frame(mine)).line("RITM")


def test_cases_without_a_result_do_not_count():
    bad = [row | {"status": "empty", "iou": None} for row in case(image="j")]
    about = of_rows(frame(case(), bad))
    assert len(about.cases("x")) == 1
    with pytest.raises(InputError, match="No case of m under protocol paper has a result"):
        of_rows(frame(bad))


def test_numbers_are_the_texts_only_for_its_model_on_its_tasks():
    tasks = of_published().names
    full = frame(*(case(task, model="sam_vit_h") for task in tasks))
    assert of_rows(full).quoted
    assert not of_rows(full.assign(model="sam_vit_b")).quoted
    assert not of_rows(full[full.task != "ct_liver"]).quoted
    assert of_rows(full).called("us_ovary") == "US-Ovarian-Tumor"
