"""Each rule on tables where the answer is known, with both verdicts."""

import dataclasses
import re

import pandas as pd
import pytest
from claims_by_hand import case, frame, row, tables

from medsam.analysis.claims import Verdict, checks, claims, of_rows
from medsam.analysis.claims.registry import answer

HOLDS, ROUNDED, PARTLY, FAILS, OPEN = Verdict
SIX = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
POINT = ["mode 1", "one click"]


def plus(values, *add):
    add = add * (len(values) if len(add) == 1 else 1)
    return [v + a for v, a in zip(values, add, strict=True)]


def ask(check, about, stated=None, **given):
    """What tables say of the first check with that rule, given these arguments."""
    claim, part = next(
        (one, part) for one in (*claims(), *checks()) for part in one.parts if part.check == check
    )
    part = part.model_copy(update={"given": given, "stated": stated or {}})
    return answer(claim.model_copy(update={"parts": (part,)}), about)


def verdict(check, about, **given):
    return ask(check, about, **given).verdict


def undecidable(words, check, about, **given):
    found = ask(check, about, **given)
    assert found.verdict is OPEN
    assert re.search(words, found.says)


# ----------------------------------------------------------------- printed numbers
HIP = {"a": "mri_spine_gm", "b": "xray_hip_ilium", "c": "ct_spleen"}


def test_extreme():
    given = {"end": "highest", "named": "xray_hip", "stated": {"iou": "0.8650"}}
    about = tables({1: [0.11, 0.86502, 0.5]}, rename=HIP)
    assert verdict("extreme", about, **given) is HOLDS
    for iou, found in ((0.8651, ROUNDED), (0.8660, PARTLY)):
        about = tables({1: [0.11, iou, 0.5]}, rename=HIP)
        assert verdict("extreme", about, **given) is found
    found = ask("extreme", tables({1: [0.11, 0.8650, 0.9]}, rename=HIP), **given)
    assert found.verdict is FAILS
    assert "ct_spleen 0.9000" in found.says
    # One table right and one wrong is not right.
    about = tables({1: [0.11, 0.8650, 0.5]}, rename=HIP, SAM={1: [0.11, 0.8650, 0.9]})
    assert verdict("extreme", about, **given) is FAILS


def test_extreme_of_modes():
    about = tables({1: [0.2, 0.3], 3: [0.9, 0.1]})
    for end, text, other in (("highest", "0.90", "0.93"), ("lowest", "0.10", "0.20")):
        given = {"end": end, "stated": {"iou": text}}
        assert verdict("extreme_of_modes", about, **given) is HOLDS
        given["stated"] = {"iou": other}
        assert verdict("extreme_of_modes", about, **given) is FAILS


def test_mean():
    about = tables({1: [0.2, 0.4], 3: [0.6, 0.8]}, RITM={1: [0.1, 0.2]})
    assert verdict("mean", about, of="mode 3", stated={"iou": "0.7000"}) is HOLDS
    assert verdict("mean", about, of="RITM", stated={"iou": "0.15"}) is HOLDS
    assert verdict("mean", about, of="mode 3", stated={"iou": "0.7001"}) is ROUNDED
    found = ask("mean", about, of="one click", stated={"iou": "0.7001"})
    assert found.verdict is FAILS
    assert "Nearest mean in the tables: mode 3" in found.says


def test_a_printed_number_says_nothing_of_other_data():
    about = tables({1: [0.2, 0.4]}, quoted=False)
    found = ask("mean", about, of="mode 1", stated={"iou": "0.3000"})
    assert found.verdict is OPEN
    assert verdict("counts", about, stated={"tasks": "2", "datasets": "0"}) is OPEN


def test_wins():
    about = tables({1: [0.5, 0.5, 0.5], 3: [0.9, 0.1, 0.9]}, RITM={1: [0.4, 0.4, 0.6]})
    given = {"settings": POINT, "stated": {"tasks": "2"}}
    assert verdict("wins", about, **given) is HOLDS
    assert verdict("wins", about, settings=POINT, stated={"tasks": "3"}) is FAILS
    found = ask("wins", about, settings=["mode 3"], stated={"tasks": "2"})
    assert found.verdict is HOLDS
    assert "not b" in found.says
    # The table of clicks says otherwise: in part.
    about = tables({1: [0.5] * 3}, SAM={1: [0.9] * 3}, RITM={1: [0.4, 0.4, 0.6]})
    assert verdict("wins", about, **given) is PARTLY


# ----------------------------------------------------------------- five modes
def test_pair():
    about = tables({1: SIX, 3: plus(SIX, 0.1, 0.11, 0.12, 0.13, 0.14, 0.15), 4: SIX})
    assert verdict("compare", about, first="Mode 3", second="mode 1") is HOLDS
    assert verdict("compare", about, first="Mode 1", second="mode 3") is FAILS
    assert verdict("compare", about, first="Mode 4", second="mode 1") is FAILS
    # Too few tasks for the test: in part, whatever the difference.
    about = tables({1: [0.1, 0.2], 3: [0.8, 0.9]})
    assert verdict("compare", about, first="Mode 3", second="mode 1") is PARTLY


def test_boxes_over_points():
    boxes = plus(SIX, 0.1, 0.11, 0.12, 0.13, 0.14, 0.15)
    assert verdict("boxes_over_points", tables({1: SIX, 3: boxes})) is HOLDS
    assert verdict("boxes_over_points", tables({1: boxes, 3: SIX})) is FAILS
    # One box mode without the others is not all box modes.
    assert verdict("boxes_over_points", tables({1: SIX, 3: boxes, 5: SIX})) is FAILS


def test_best_and_varied():
    about = tables({1: [0.2, 0.2, 0.2], 4: [0.3, 0.3, 0.3], 5: [0.1, 0.1, 0.1]})
    assert verdict("best_mode", about, mode=4) is HOLDS
    assert verdict("best_mode", about, mode=5) is FAILS
    about = tables({1: [0.2, 0.2, 0.2], 4: [0.1, 0.1, 0.9], 5: [0.2, 0.2, 0.2]})
    assert verdict("best_mode", about, mode=4) is PARTLY
    for ious, found in (([0.2, 0.9], HOLDS), ([0.5, 0.6], PARTLY), ([0.1, 0.2], FAILS)):
        assert verdict("moderate_and_varied", tables({1: ious})) is found


def test_poor():
    names = {"a": "mri_brain_core", "b": "ct_spleen"}
    assert verdict("low_rank", tables({1: [0.1, 0.2]}, rename=names), prefix="mri_b") is HOLDS
    assert verdict("low_rank", tables({1: [0.3, 0.2]}, rename=names), prefix="mri_b") is FAILS
    undecidable("No task called us_", "low_rank", tables(), prefix="us_")


def test_oracle():
    top = {1: [0.2, 0.2, 0.2], 4: [0.6, 0.6, 0.6]}
    steady = {1: [0.3, 0.31, 0.3], 4: [0.7, 0.71, 0.7]}
    one_task = {1: [0.2, 0.2, 0.8], 4: [0.6, 0.6, 0.9]}
    assert verdict("oracle_moderate", tables(top, steady)) is HOLDS
    assert verdict("oracle_moderate", tables(top, {1: [0.9] * 3})) is PARTLY
    assert verdict("oracle_moderate", tables({1: [0.6, 0.6, 0.6]})) is FAILS
    assert verdict("oracle_varies", tables(top, one_task)) is HOLDS
    assert verdict("oracle_varies", tables(top, steady)) is FAILS


# ----------------------------------------------------------------- other methods
def test_methods_with_one_prompt():
    good = tables({1: SIX, 3: plus(SIX, 0.1)}, RITM={1: [v / 2 for v in SIX]})
    bad = tables({1: [v / 2 for v in SIX]}, RITM={1: SIX})
    for name in ("almost_all", "above_others"):
        assert verdict(name, good) is HOLDS
        assert verdict(name, bad) is FAILS
    assert verdict("far_above_others", tables({1: [0.7, 0.8]}, RITM={1: [0.3, 0.4]})) is HOLDS
    assert verdict("far_above_others", tables({1: [0.7, 0.8]}, RITM={1: [0.3, 0.6]})) is FAILS
    mixed = tables({1: SIX}, RITM={1: [v / 2 for v in SIX]}, FocalClick={1: plus(SIX, 0.1)})
    assert verdict("above_others", mixed) is PARTLY


def test_by_task():
    rising, level = {1: [0.1, 0.1], 9: [0.6, 0.6]}, {1: [0.1, 0.1], 9: [0.6, 0.1]}
    assert verdict("most_tasks_gain", tables(RITM=rising)) is HOLDS
    found = ask("most_tasks_gain", tables(RITM=rising, FocalClick=level))
    assert found.verdict is PARTLY
    assert "FocalClick gains on 1 of 2 (not b) and is above SAM on 1" in found.says


# ----------------------------------------------------------------- clicks
def test_gains():
    slow, fast = {1: [0.5, 0.5], 9: [0.55, 0.55]}, {1: [0.1, 0.1], 9: [0.7, 0.7]}
    assert verdict("gains_less", tables(SAM=slow, RITM=fast)) is HOLDS
    assert verdict("gains_less", tables(SAM=fast, RITM=slow)) is FAILS
    # Less than the other's gain, but not less than half of it.
    most = {1: [0.1, 0.1], 9: [0.5, 0.5]}
    assert verdict("gains_less", tables(SAM=most, RITM=fast)) is FAILS


def test_saturates():
    early = {1: [0.2] * 4, 3: [0.5] * 4, 9: [0.52] * 4}
    late = {1: [0.2] * 4, 3: [0.25] * 4, 9: [0.6] * 4}
    one = {1: [0.2] * 4, 3: [0.5] * 4, 9: [0.7, 0.7, 0.5, 0.5]}
    assert verdict("saturates", tables(SAM=early)) is HOLDS
    assert verdict("saturates", tables(SAM=late)) is FAILS
    assert verdict("saturates", tables(SAM=one)) is PARTLY


def test_passes():
    about = tables(SAM={1: [0.5]}, RITM={1: [0.1], 4: [0.5], 5: [0.6]}, FocalClick={1: [0.1]})
    given = {"method": "RITM", "stated": {"clicks": "5"}}
    assert verdict("passes", about, **given) is HOLDS
    found = ask("passes", about, method="RITM", stated={"clicks": "4"})
    assert found.verdict is FAILS
    assert "4 clicks: 0.5000 against 0.5000; 5 clicks: 0.6000" in found.says
    assert verdict("passes", about, method="FocalClick", stated={"clicks": "5"}) is FAILS
    assert verdict("passes", about, method="FocalClick") is HOLDS
    assert verdict("passes", about, method="RITM") is FAILS
    undecidable("No rows of RITM or SimpleClick or FocalClick", "almost_all", tables())


def test_surpass_and_boxes():
    about = tables(
        {1: [0.5], 3: [0.7], 4: [0.8]}, SAM={1: [0.5], 9: [0.6]}, RITM={1: [0.1], 9: [0.75]}
    )
    assert verdict("rise_above_points", about) is HOLDS
    assert verdict("rise_above_points", tables({1: [0.5]}, RITM={1: [0.1], 9: [0.4]})) is FAILS
    assert verdict("below_boxes", about, who="SAM") is HOLDS
    assert verdict("below_boxes", about, who="RITM") is PARTLY
    assert verdict("below_boxes", tables({1: [0.9], 3: [0.5]}), who="SAM") is FAILS


def test_falls():
    found = ask("falls", tables(SAM={1: [0.5, 0.5], 9: [0.4, 0.6]}))
    assert found.verdict is HOLDS
    assert "on 1 of 2 tasks: a -0.100." in found.says
    assert verdict("falls", tables(SAM={1: [0.5, 0.5], 9: [0.495, 0.6]})) is FAILS


# ----------------------------------------------------------------- the tables as a whole
def test_whole():
    about = tables({1: [0.5, 0.6]})
    same = pd.DataFrame({"task": ["a"], "in_modes": ["A"], "in_clicks": ["A"]})
    other = same.assign(in_clicks="B")
    assert verdict("one_name", dataclasses.replace(about, spellings=same)) is HOLDS
    found = ask("one_name", dataclasses.replace(about, spellings=other))
    assert found.verdict is FAILS
    assert "'A' and 'B'" in found.says
    assert verdict("same_twice", about) is HOLDS
    assert verdict("same_twice", tables({1: [0.5, 0.6]}, SAM={1: [0.5, 0.61]})) is FAILS
    hip = tables({1: [0.5, 0.6]}, rename={"a": "xray_hip_ilium", "b": "xray_hip_femur"})
    given = {"tasks": "2", "datasets": "1"}
    assert verdict("counts", hip, stated=given) is HOLDS
    assert verdict("counts", hip, stated=given | {"tasks": "3"}) is PARTLY


# ----------------------------------------------------------------- single cases


def rows(*cases):
    """Tables of cases, as if of many patients."""
    return dataclasses.replace(of_rows(frame(*cases)), groups=9)


def test_one_region():
    one = case(top=(0.5, 0.5, 0.8, 0.8, 0.8), n_regions=1)
    two = case(image="j", top=(0.5, 0.6, 0.7, 0.8, 0.9), n_regions=2)
    found = ask("one_region", rows(one, two))
    assert found.verdict is HOLDS
    assert found.says.startswith("1 of 2 cases")
    point = case(top=(0.5, 0.51, 0.8, 0.8, 0.8))
    assert verdict("one_region", rows(point, two)) is PARTLY
    both = case(top=(0.5, 0.51, 0.8, 0.81, 0.8))
    assert verdict("one_region", rows(both)) is FAILS
    undecidable("No case of one region", "one_region", rows(two))


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

    assert verdict("gain_with_parts", study(1), better=4, than=3) is HOLDS
    found = ask("gain_with_parts", study(-1), better=4, than=3)
    assert found.values["rho"] == pytest.approx(-1)
    assert found.verdict is PARTLY  # it is significant, but the other way round


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
    assert verdict("one_part_easier", several(good, bad)) is HOLDS
    assert verdict("one_part_easier", several(bad, good)) is FAILS
    level, rising = (0.3,) * 9, (0.3, 0.5, 0.7, *(0.7,) * 6)
    assert verdict("clicks_help_parts", several(level, rising, "clicks")) is HOLDS
    assert verdict("clicks_help_parts", several(rising, level, "clicks")) is FAILS


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
    found = ask("compact", shapes(1))
    assert found.verdict is HOLDS
    assert found.values["mode 1: rho"] == pytest.approx(1)
    assert verdict("compact", shapes(-1)) is FAILS


def test_sizes():
    small, large = case(object_px=10), case("b", object_px=1001)
    found = ask("size_range", rows(small, large))
    assert found.verdict is HOLDS
    assert found.values["ratio"] == pytest.approx(100.1)
    assert "0.10% of the image (a) to 10.01% (b)" in found.says
    assert verdict("size_range", rows(small, case("b", object_px=999))) is FAILS
    # A share of the image, not a number of pixels.
    wide = case("b", object_px=1001, width=200)
    assert verdict("size_range", rows(small, wide)) is FAILS


def test_size_within():
    steady = [case("xray_hip_femur", f"{i}", object_px=px) for i, px in enumerate((100, 101))]
    broad = [case("us_kidney", f"{i}", object_px=px) for i, px in enumerate((100, 900))]
    middle = [case("c", f"{i}", object_px=px) for i, px in enumerate((100, 200))]
    about = rows(*steady, *broad, *middle)
    name = "size_within"
    # Relative to its mean: 10 to 30 pixels vary more than 1000 to 1100.
    small = [case("us_kidney", f"{i}", object_px=px) for i, px in enumerate((10, 30))]
    large = [case("c", f"{i}", object_px=px) for i, px in enumerate((1000, 1100))]
    assert verdict(name, rows(*small, *large), prefix="us_kidney", broad=True) is HOLDS
    assert verdict(name, about, prefix="us_kidney", broad=True) is HOLDS
    assert verdict(name, about, prefix="us_kidney", broad=False) is FAILS
    assert verdict(name, about, prefix="xray_hip", broad=False) is HOLDS


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
    assert verdict("size_and_iou", about, aspect="weak") is weak
    assert verdict("size_and_iou", about, aspect="rising") is rising


def test_spread_within():
    def study(*ious):
        return rows(*(case("a", f"{i}", (v,) * 5) for i, v in enumerate(ious)))

    assert verdict("spread_within", study(0.1, 0.5, 0.9)) is HOLDS
    assert verdict("spread_within", study(0.5, 0.51, 0.52)) is FAILS


def test_everything():
    grids = [row(experiment=f"everything-{k}", k=k, iou=iou) for k, iou in ((32, 0.4), (64, 0.5))]
    assert verdict("grid_matters", rows(case(), grids)) is HOLDS
    level = [row(experiment=f"everything-{k}", k=k, iou=0.4) for k in (32, 64)]
    assert verdict("grid_matters", rows(case(), level)) is FAILS
    undecidable("'everything'", "grid_matters", rows(case()))
    undecidable("tables hold a mean IoU for each task", "grid_matters", tables())
