"""The list itself, and what the shipped tables say of it."""

import dataclasses

import pytest
from claims_by_hand import case, frame
from hypothesis import given
from hypothesis import strategies as st

from medsam.analysis.claims import answers, claims, of_published, of_rows, registry
from medsam.analysis.claims.claim import Undecidable, Verdict
from medsam.analysis.claims.rules import RULES, agrees, units_off
from medsam.errors import InputError, UnknownName

# What the text says in one breath, and that a table can check.


@pytest.fixture(scope="module")
def published():
    return of_published()


@pytest.fixture(scope="module")
def found(published):
    return {one.claim.id: one.published for one in answers(published)}


def test_what_is_written_down_is_what_the_text_prints():
    """No number in a claim that is not one of the text's; the words of a claim name them."""
    for one in claims():
        for text in one.stated.values():
            assert {"5": "five"}.get(text, text) in one.claim


@pytest.mark.parametrize(
    ("name", "verdict", "says"),
    [
        ("point-lowest", "holds in part", "0.1136"),
        ("point-highest", "does not hold", "CT-Spleen 0.8692"),
        ("better-on-24", "holds", "24 of 28"),
        ("oracle-better-on-26", "holds in part", "27 of 28"),
        ("box-better-on-all-but-one", "does not hold", "26 of 28"),
        ("mean-sam", "holds", "0.4595"),
        ("mean-sam-oracle", "does not hold", "0.5080"),
        ("best-mode-mean", "holds", "0.6542"),
        ("ritm-passes", "does not hold", "at 6 clicks"),
        ("simpleclick-passes", "does not hold", "at 6 clicks"),
        ("focalclick-does-not-pass", "does not hold", "at 9 clicks"),
        ("ritm-below-boxes", "does not hold", "0.6875"),
        ("names-agree", "does not hold", "'MRI-Spine: SP' and 'MRI-Spine: SC'"),
        ("names-agree", "does not hold", "'CT-Hepaticvessel' and 'CT-Hepatovessel'"),
        ("averages-agree", "holds", "45 averages"),
        ("tasks-and-datasets", "holds", "of 19 data sets"),
        ("confident-is-smaller", "not decidable here", "not areas"),
    ],
)
def test_known_answers_of_the_shipped_tables(found, name, verdict, says):
    assert found[name].verdict == verdict
    assert says in found[name].says


def test_nothing_is_typed(published, found):
    """Other values in the tables give other answers, for all claims that the tables decide."""
    other = dataclasses.replace(
        published,
        modes=published.modes.assign(iou=1 - published.modes.iou**2),
        clicks=published.clicks.assign(iou=1 - published.clicks.iou**2),
        spellings=published.spellings.assign(in_clicks=published.spellings.in_modes),
    )
    changed = {one.claim.id: one.published for one in answers(other)}
    decided = [name for name, one in found.items() if one.verdict is not Verdict.OPEN]
    same = [name for name in decided if changed[name].says == found[name].says]
    # The number of tasks is the same, however well they are done.
    assert same == ["tasks-and-datasets"]
    verdicts = [name for name in decided if changed[name].verdict != found[name].verdict]
    assert len(verdicts) > 0.6 * len(decided)


ENTRY = (
    "- {id: one, claim: c, source: s, where: ['3.1'], rule: r, check: moderate_and_varied, says: s}"
    "\n"
)


def test_a_list_that_is_wrong():
    with pytest.raises(InputError, match="Several claims are called one. Allowed: one id for each"):
        registry.parse(ENTRY + ENTRY)
    with pytest.raises(InputError, match="Claim 'one': rule: Field required; rul: Extra inputs"):
        registry.parse(ENTRY.replace("rule: r", "rul: r"))
    with pytest.raises(UnknownName, match="'moderate'. Did you mean 'oracle_moderate'"):
        registry.parse(ENTRY.replace("moderate_and_varied", "moderate"))


def test_every_rule_is_used_and_every_claim_has_its_id():
    assert len({one.id for one in claims()}) == len(claims())
    assert {one.check for one in claims()} == set(RULES)


@given(st.integers(0, 9999), st.integers(1, 4))
def test_a_rounded_number_agrees_and_its_neighbour_does_not(whole, digits):
    value = whole / 10**4
    printed = f"{value:.{digits}f}"
    assert agrees(printed, value)
    off = float(printed) + 1.5 * 10**-digits
    assert not agrees(printed, off)
    assert units_off(printed, off) == pytest.approx(1.5)


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
    assert about.mode(1).to_dict() == pytest.approx({"a": 0.3, "b": 0.5})
    assert about.mode(1, "oracle")["a"] == pytest.approx(0.4)
    assert about.click(9, about.oracle)["b"] == pytest.approx(0.6)
    assert about.label == "m on d, protocol paper: 2 images, 2 tasks"
    assert not about.quoted
    assert len(about.cases("x")) == 3


def test_the_other_methods_are_found_by_their_names():
    mine, theirs = case(), case(model="ritm_h32")
    for row in theirs:
        row["iou"] = 0.25
    about = of_rows(frame(mine, theirs))
    assert about.sam == "m"
    assert about.others() == ["RITM"]
    assert about.click(1, "RITM")["a"] == 0.25
    assert about.mode(1)["a"] == 0.5
    assert about.cases("x")[1].tolist() == [0.5]
    with pytest.raises(Undecidable, match="No rows of RITM or SimpleClick or FocalClick"):
        of_rows(frame(mine)).others()


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
