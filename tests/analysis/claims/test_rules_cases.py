"""Each rule on rows of single cases, with both verdicts."""

import pytest
from claims_by_hand import case, frame, row, tables

from medsam.analysis.claims import of_rows
from medsam.analysis.claims.claim import Undecidable, Verdict
from medsam.analysis.claims.rules import RULES
from medsam.analysis.claims.rules_objects import _box_px

HOLDS, PARTLY, FAILS, OPEN = Verdict
SIX = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def plus(values, add):
    return [v + a for v, a in zip(values, add, strict=True)]


def verdict(name, about, **given):
    return RULES[name](about, **given).verdict


def rows(*cases):
    return of_rows(frame(*cases))


def test_rules_on_cases_need_rows():
    for name, given in (
        ("objects.compact", {}),
        ("objects.confident", {}),
        ("objects.everything", {}),
        ("objects.size_range", {}),
        ("objects.size_within", {"prefix": "us_", "broad": True}),
        ("objects.size_correlation", {"aspect": "weak"}),
        ("objects.spread_within", {}),
        ("parts.gain", {"better": 4, "than": 3}),
        ("parts.one_prompt", {}),
    ):
        with pytest.raises(Undecidable, match="published tables hold a mean IoU for each task"):
            RULES[name](tables(), **given)


def test_one_region():
    one = case(top=(0.5, 0.5, 0.8, 0.8, 0.8), n_regions=1)
    two = case(image="j", top=(0.5, 0.6, 0.7, 0.8, 0.9), n_regions=2)
    found = RULES["parts.one_region"](rows(one, two))
    assert found.verdict is HOLDS
    assert found.says.startswith("1 of 2 cases")
    point = case(top=(0.5, 0.51, 0.8, 0.8, 0.8))
    assert verdict("parts.one_region", rows(point, two)) is PARTLY
    both = case(top=(0.5, 0.51, 0.8, 0.81, 0.8))
    assert verdict("parts.one_region", rows(both)) is FAILS
    with pytest.raises(Undecidable, match="No case of one region"):
        RULES["parts.one_region"](rows(two))


def test_one_region_of_the_published_table():
    about = tables({1: [0.5, 0.5], 2: [0.5, 0.6], 3: [0.8, 0.8], 4: [0.8, 0.9]})
    found = RULES["parts.one_region"](about)
    assert found.verdict is HOLDS
    assert "agree on 1 of 2 tasks (a)" in found.says
    about = tables({1: [0.5, 0.5], 2: [0.501, 0.6], 3: [0.8, 0.8], 4: [0.8, 0.9]})
    assert verdict("parts.one_region", about) is PARTLY


def test_parts_gain():
    """Tasks with 0, 1/4, ... of their cases of several parts, where only those gain."""

    def study(sign):
        cases = []
        for number, task in enumerate("abcde"):
            for i in range(4):
                several = i < number
                four = 0.6 + sign * 0.1 * several
                cases.append(case(task, f"{i}", (0.5, 0.5, 0.6, four, 0.6), n_regions=1 + several))
        return rows(*cases)

    assert verdict("parts.gain", study(1), better=4, than=3) is HOLDS
    found = RULES["parts.gain"](study(-1), better=4, than=3)
    assert found.values["rho"] == pytest.approx(-1)
    assert found.verdict is PARTLY  # it is significant, but the other way round
    with pytest.raises(Undecidable, match="needs 4 tasks"):
        RULES["parts.gain"](rows(case(), case(image="j", n_regions=2)), better=4, than=3)


def several(one, many, what="top", tasks="abcdef"):
    """Six tasks with a case of one part and a case of several, a little apart."""
    cases = []
    for number, task in enumerate(tasks):
        for n_regions, value in ((1, one), (3, many)):
            line = tuple(v + 0.001 * number * (n_regions == 1) for v in value)
            cases.append(case(task, f"{n_regions}", n_regions=n_regions, **{what: line}))
    return rows(*cases)


def test_parts_with_one_prompt_and_with_clicks():
    good, bad = (0.6,) * 5, (0.3,) * 5
    assert verdict("parts.one_prompt", several(good, bad)) is HOLDS
    assert verdict("parts.one_prompt", several(bad, good)) is FAILS
    level, rising = (0.3,) * 9, (0.3, 0.5, 0.7, *(0.7,) * 6)
    assert verdict("parts.clicks", several(level, rising, "clicks")) is HOLDS
    assert verdict("parts.clicks", several(rising, level, "clicks")) is FAILS
    for name in ("parts.clicks", "parts.one_prompt"):
        with pytest.raises(Undecidable, match="No task with objects of one part and of several"):
            RULES[name](rows(case()))


def test_parts_of_the_published_table():
    three = [0.3] * 6
    rising = tables({1: SIX, 3: three, 4: plus(three, SIX)}, SAM={1: [0.1] * 6, 3: SIX})
    falling = tables({1: SIX, 3: three, 4: plus(three, SIX)}, SAM={1: [0.7] * 6, 3: SIX[::-1]})
    assert verdict("parts.clicks", rising) is HOLDS
    assert RULES["parts.clicks"](falling).values["rho"] == pytest.approx(-1)


def shapes(sign):
    """Objects that fill 10, 20, ... of the 100 pixels of their box."""
    return rows(
        *(
            case(
                task,
                f"{i}",
                tuple(0.5 + sign * 0.01 * i for _ in range(5)),
                object_px=10 * i,
                box=(10, 10, 19, 19),
            )
            for task in "abcdef"
            for i in range(1, 7)
        )
    )


def test_compact():
    assert _box_px('{"boxes":[[10,10,19,19]]}') == 100  # both ends are inside
    found = RULES["objects.compact"](shapes(1))
    assert found.verdict is HOLDS
    assert found.values["mode 1: rho"] == pytest.approx(1)
    assert verdict("objects.compact", shapes(-1)) is FAILS
    with pytest.raises(Undecidable, match="4 cases that differ in shape"):
        RULES["objects.compact"](rows(case()))


def test_sizes():
    small, large = case(object_px=10), case("b", object_px=1001)
    found = RULES["objects.size_range"](rows(small, large))
    assert found.verdict is HOLDS
    assert found.values["ratio"] == pytest.approx(100.1)
    assert "0.10% of the image (a) to 10.01% (b)" in found.says
    assert verdict("objects.size_range", rows(small, case("b", object_px=999))) is FAILS
    # A share of the image, not a number of pixels.
    wide = case("b", object_px=1001, width=200)
    assert verdict("objects.size_range", rows(small, wide)) is FAILS


def test_size_within():
    steady = [case("xray_hip_femur", f"{i}", object_px=px) for i, px in enumerate((100, 101))]
    broad = [case("us_kidney", f"{i}", object_px=px) for i, px in enumerate((100, 900))]
    middle = [case("c", f"{i}", object_px=px) for i, px in enumerate((100, 200))]
    about = rows(*steady, *broad, *middle)
    name = "objects.size_within"
    # Relative to its mean: 10 to 30 pixels vary more than 1000 to 1100.
    small = [case("us_kidney", f"{i}", object_px=px) for i, px in enumerate((10, 30))]
    large = [case("c", f"{i}", object_px=px) for i, px in enumerate((1000, 1100))]
    assert verdict(name, rows(*small, *large), prefix="us_kidney", broad=True) is HOLDS
    assert verdict(name, about, prefix="us_kidney", broad=True) is HOLDS
    assert verdict(name, about, prefix="us_kidney", broad=False) is FAILS
    assert verdict(name, about, prefix="xray_hip", broad=False) is HOLDS
    with pytest.raises(Undecidable, match=r"No task called ct_\*"):
        RULES[name](about, prefix="ct_", broad=True)
    with pytest.raises(Undecidable, match="No task with 2 cases or more"):
        RULES[name](rows(case()), prefix="us_", broad=True)


@pytest.mark.parametrize(
    ("ious", "weak", "rising"),
    [
        ((0.1, 0.2, 0.3, 0.4, 0.5), FAILS, HOLDS),
        ((0.5, 0.4, 0.3, 0.2, 0.1), FAILS, FAILS),
        ((0.3, 0.1, 0.5, 0.2, 0.4), HOLDS, HOLDS),
    ],
)
def test_size_correlation(ious, weak, rising):
    about = rows(
        *(
            case(t, top=(i,) * 5, object_px=100 * n)
            for n, (t, i) in enumerate(zip("abcde", ious, strict=True), 1)
        )
    )
    assert verdict("objects.size_correlation", about, aspect="weak") is weak
    assert verdict("objects.size_correlation", about, aspect="rising") is rising


def test_spread_within():
    def study(*ious):
        return rows(*(case("a", f"{i}", (v,) * 5) for i, v in enumerate(ious)))

    assert verdict("objects.spread_within", study(0.1, 0.5, 0.9)) is HOLDS
    assert verdict("objects.spread_within", study(0.5, 0.51, 0.52)) is FAILS


def test_confident_says_how_often_the_choice_differs():
    found = RULES["objects.confident"](rows(case(), case(image="j")))
    assert found.verdict is OPEN
    assert "100% of 2 cases" in found.says


def test_everything():
    grids = [row(experiment="everything", k=k, iou=iou) for k, iou in ((32, 0.4), (64, 0.5))]
    assert verdict("objects.everything", rows(case(), grids)) is HOLDS
    level = [row(experiment="everything", k=k, iou=0.4) for k in (32, 64)]
    assert verdict("objects.everything", rows(case(), level)) is FAILS
    with pytest.raises(Undecidable, match="'everything'"):
        RULES["objects.everything"](rows(case()))
