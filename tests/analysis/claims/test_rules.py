"""Each rule on tables where the answer is known, with both verdicts."""

from pathlib import Path

import pandas as pd
import pytest
from claims_by_hand import tables

from medsam.analysis.claims import claims
from medsam.analysis.claims.claim import Undecidable, Verdict
from medsam.analysis.claims.rules import RULES

HOLDS, PARTLY, FAILS, OPEN = Verdict
SIX = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def plus(values, *add):
    add = add * (len(values) if len(add) == 1 else 1)
    return [v + a for v, a in zip(values, add, strict=True)]


def verdict(name, about, **given):
    return RULES[name](about, **given).verdict


# ----------------------------------------------------------------- printed numbers
HIP = {"a": "mri_spine_gm", "b": "xray_hip_ilium", "c": "ct_spleen"}


def test_extreme():
    given = {"end": "highest", "named": "xray_hip", "stated": {"iou": "0.8650"}}
    about = tables({1: [0.11, 0.86502, 0.5]}, rename=HIP)
    assert verdict("quoted.extreme", about, **given) is HOLDS
    about = tables({1: [0.11, 0.8660, 0.5]}, rename=HIP)
    assert verdict("quoted.extreme", about, **given) is PARTLY
    found = RULES["quoted.extreme"](tables({1: [0.11, 0.8650, 0.9]}, rename=HIP), **given)
    assert found.verdict is FAILS
    assert "ct_spleen 0.9000" in found.says
    assert "xray_hip_ilium: mode 1 (Fig. 2) 0.8650" in found.says
    # One table right and one wrong is not right.
    about = tables({1: [0.11, 0.8650, 0.5]}, rename=HIP, SAM={1: [0.11, 0.8650, 0.9]})
    assert verdict("quoted.extreme", about, **given) is FAILS
    lowest = {"end": "lowest", "named": "mri_spine", "stated": {"iou": "0.1100"}}
    assert verdict("quoted.extreme", about, **lowest) is HOLDS


def test_extreme_of_modes():
    about = tables({1: [0.2, 0.3], 3: [0.9, 0.1]})
    for end, text, other in (("highest", "0.90", "0.91"), ("lowest", "0.10", "0.20")):
        given = {"end": end, "stated": {"iou": text}}
        assert verdict("quoted.extreme_of_modes", about, **given) is HOLDS
        given["stated"] = {"iou": other}
        assert verdict("quoted.extreme_of_modes", about, **given) is FAILS


def test_mean():
    about = tables({1: [0.2, 0.4], 3: [0.6, 0.8]}, RITM={1: [0.1, 0.2]})
    assert verdict("quoted.mean", about, of="mode 3", stated={"iou": "0.7000"}) is HOLDS
    assert verdict("quoted.mean", about, of="RITM", stated={"iou": "0.15"}) is HOLDS
    found = RULES["quoted.mean"](about, of="one click", stated={"iou": "0.7001"})
    assert found.verdict is FAILS
    assert "Nearest mean in the tables: mode 3" in found.says
    assert "still 1 off" in found.says


def test_a_printed_number_says_nothing_of_other_data():
    about = tables({1: [0.2, 0.4]}, quoted=False)
    found = RULES["quoted.mean"](about, of="mode 1", stated={"iou": "0.3000"})
    assert found.verdict is OPEN
    assert "SAM ViT-H" in found.says
    assert "0.3000" in found.says
    given = {"end": "highest", "stated": {"iou": "0.4"}}
    assert verdict("quoted.extreme_of_modes", about, **given) is OPEN
    assert verdict("quoted.extreme", about, named="a", **given) is OPEN
    assert verdict("whole.counts", about, stated={"tasks": "2", "datasets": "0"}) is OPEN
    box = {"setting": "box", "stated": {"tasks": "2"}}
    with pytest.raises(Undecidable, match="SAM ViT-H"):
        verdict("quoted.wins", tables(quoted=False, RITM={1: [1, 1]}), **box)


def test_wins():
    about = tables({1: [0.5, 0.5, 0.5], 3: [0.9, 0.1, 0.9]}, RITM={1: [0.4, 0.4, 0.6]})
    given = {"setting": "point", "stated": {"tasks": "2"}}
    assert verdict("quoted.wins", about, **given) is HOLDS
    assert verdict("quoted.wins", about, setting="point", stated={"tasks": "3"}) is FAILS
    found = RULES["quoted.wins"](about, setting="box", stated={"tasks": "2"})
    assert found.verdict is HOLDS
    assert "not b" in found.says
    # The table of clicks says otherwise: in part.
    about = tables({1: [0.5] * 3}, SAM={1: [0.9] * 3}, RITM={1: [0.4, 0.4, 0.6]})
    assert verdict("quoted.wins", about, **given) is PARTLY


# ----------------------------------------------------------------- five modes
def test_pair():
    about = tables({1: SIX, 3: plus(SIX, 0.1, 0.11, 0.12, 0.13, 0.14, 0.15), 4: SIX})
    assert verdict("modes.pair", about, better=3, than=1) is HOLDS
    assert verdict("modes.pair", about, better=1, than=3) is FAILS
    assert verdict("modes.pair", about, better=4, than=1) is FAILS
    # Too few tasks for the test: in part, whatever the difference.
    assert verdict("modes.pair", tables({1: [0.1, 0.2], 3: [0.8, 0.9]}), better=3, than=1) is PARTLY


def test_boxes_over_points():
    boxes = plus(SIX, 0.1, 0.11, 0.12, 0.13, 0.14, 0.15)
    assert verdict("modes.boxes_over_points", tables({1: SIX, 3: boxes})) is HOLDS
    assert verdict("modes.boxes_over_points", tables({1: boxes, 3: SIX})) is FAILS
    # One box mode without the others is not all box modes.
    assert verdict("modes.boxes_over_points", tables({1: SIX, 3: boxes, 5: SIX})) is FAILS


def test_best():
    about = tables({1: [0.2, 0.2], 4: [0.3, 0.3], 5: [0.1, 0.1]})
    assert verdict("modes.best", about, mode=4) is HOLDS
    assert verdict("modes.best", about, mode=5) is FAILS
    about = tables({1: [0.2, 0.2, 0.2], 4: [0.1, 0.1, 0.9], 5: [0.2, 0.2, 0.2]})
    assert verdict("modes.best", about, mode=4) is PARTLY


def test_poor():
    names = {"a": "mri_brain_core", "b": "ct_spleen"}
    assert verdict("modes.poor", tables({1: [0.1, 0.2]}, rename=names), prefix="mri_b") is HOLDS
    assert verdict("modes.poor", tables({1: [0.3, 0.2]}, rename=names), prefix="mri_b") is FAILS
    with pytest.raises(Undecidable, match="No task called us_"):
        RULES["modes.poor"](tables(), prefix="us_")


def test_oracle():
    top = {1: [0.2, 0.2, 0.2], 4: [0.6, 0.6, 0.6]}
    steady = {1: [0.3, 0.31, 0.3], 4: [0.7, 0.71, 0.7]}
    one_task = {1: [0.2, 0.2, 0.8], 4: [0.6, 0.6, 0.9]}
    assert verdict("modes.oracle_moderate", tables(top, steady)) is HOLDS
    assert verdict("modes.oracle_moderate", tables(top, {1: [0.9] * 3})) is PARTLY
    assert verdict("modes.oracle_moderate", tables({1: [0.6, 0.6, 0.6]})) is FAILS
    assert verdict("modes.oracle_depends", tables(top, one_task)) is HOLDS
    assert verdict("modes.oracle_depends", tables(top, steady)) is FAILS
    with pytest.raises(Undecidable, match="at least 3"):
        RULES["modes.oracle_depends"](tables({1: [0.2, 0.3]}))


def test_varies():
    assert verdict("modes.varies", tables({1: [0.2, 0.9]})) is HOLDS
    assert verdict("modes.varies", tables({1: [0.5, 0.6]})) is PARTLY
    assert verdict("modes.varies", tables({1: [0.1, 0.2]})) is FAILS


# ----------------------------------------------------------------- other methods
def test_methods_with_one_prompt():
    good = tables({1: SIX, 3: plus(SIX, 0.1)}, RITM={1: [v / 2 for v in SIX]})
    bad = tables({1: [v / 2 for v in SIX]}, RITM={1: SIX})
    for name, given in (
        ("methods.almost_all", {}),
        ("methods.on_average", {}),
        ("methods.with_box", {"mode": 3}),
    ):
        assert verdict(name, good, **given) is HOLDS
        assert verdict(name, bad, **given) is FAILS
    # Above one method, and below the best of them.
    best = tables({1: SIX}, RITM={1: [0] * 6}, FocalClick={1: plus(SIX, 0.01)})
    assert verdict("methods.with_box", best, mode=3) is FAILS
    assert verdict("methods.dramatic", tables({1: [0.7, 0.8]}, RITM={1: [0.3, 0.4]})) is HOLDS
    assert verdict("methods.dramatic", tables({1: [0.7, 0.8]}, RITM={1: [0.3, 0.6]})) is FAILS
    mixed = tables({1: SIX}, RITM={1: [v / 2 for v in SIX]}, FocalClick={1: plus(SIX, 0.1)})
    assert verdict("methods.on_average", mixed) is PARTLY


@pytest.mark.parametrize("name", ["almost_all", "on_average", "dramatic", "by_task"])
def test_without_other_methods(name):
    with pytest.raises(Undecidable, match="No rows of RITM or SimpleClick or FocalClick"):
        RULES[f"methods.{name}"](tables())


def test_by_task():
    rising, level = {1: [0.1, 0.1], 9: [0.6, 0.6]}, {1: [0.1, 0.1], 9: [0.6, 0.1]}
    assert verdict("methods.by_task", tables(RITM=rising)) is HOLDS
    found = RULES["methods.by_task"](tables(RITM=rising, FocalClick=level))
    assert found.verdict is PARTLY
    assert "FocalClick gains on 1 of 2 (not b) and is above SAM on 1" in found.says


# ----------------------------------------------------------------- clicks
def test_gains():
    slow, fast = {1: [0.5, 0.5], 9: [0.55, 0.55]}, {1: [0.1, 0.1], 9: [0.7, 0.7]}
    assert verdict("clicks.gains_less", tables(SAM=slow, RITM=fast)) is HOLDS
    assert verdict("clicks.gains_less", tables(SAM=fast, RITM=slow)) is FAILS
    # Less than the other's gain, but not less than half of it.
    most = {1: [0.1, 0.1], 9: [0.5, 0.5]}
    assert verdict("clicks.gains_less", tables(SAM=most, RITM=fast)) is FAILS
    with pytest.raises(Undecidable, match=r"SAM gains \+0.050"):
        RULES["clicks.gains_less"](tables(SAM=slow))


def test_saturates():
    early = {1: [0.2] * 4, 3: [0.5] * 4, 9: [0.52] * 4}
    late = {1: [0.2] * 4, 3: [0.25] * 4, 9: [0.6] * 4}
    one = {1: [0.2] * 4, 3: [0.5] * 4, 9: [0.7, 0.7, 0.5, 0.5]}
    assert verdict("clicks.saturates", tables(SAM=early)) is HOLDS
    assert verdict("clicks.saturates", tables(SAM=late)) is FAILS
    assert verdict("clicks.saturates", tables(SAM=one)) is PARTLY


def test_passes():
    about = tables(SAM={1: [0.5]}, RITM={1: [0.1], 4: [0.5], 5: [0.6]}, FocalClick={1: [0.1]})
    given = {"method": "RITM", "stated": {"clicks": "5"}}
    assert verdict("clicks.passes", about, **given) is HOLDS
    found = RULES["clicks.passes"](about, method="RITM", stated={"clicks": "4"})
    assert found.verdict is FAILS
    assert "4 clicks: 0.5000 against 0.5000; 5 clicks: 0.6000" in found.says
    assert verdict("clicks.passes", about, method="FocalClick", stated={"clicks": "5"}) is FAILS
    assert verdict("clicks.never_passes", about, method="FocalClick") is HOLDS
    assert verdict("clicks.never_passes", about, method="RITM") is FAILS
    with pytest.raises(Undecidable, match="SimpleClick"):
        RULES["clicks.never_passes"](about, method="SimpleClick")


def test_surpass_and_boxes():
    about = tables(
        {1: [0.5], 3: [0.7], 4: [0.8]}, SAM={1: [0.5], 9: [0.6]}, RITM={1: [0.1], 9: [0.75]}
    )
    assert verdict("clicks.surpass", about) is HOLDS
    assert verdict("clicks.surpass", tables({1: [0.5]}, RITM={1: [0.1], 9: [0.4]})) is FAILS
    assert verdict("clicks.below_boxes", about, who="SAM") is HOLDS
    assert verdict("clicks.below_boxes", about, who="RITM") is PARTLY
    assert verdict("clicks.below_boxes", tables({1: [0.9], 3: [0.5]}), who="SAM") is FAILS


def test_falls():
    found = RULES["clicks.falls"](tables(SAM={1: [0.5, 0.5], 9: [0.4, 0.6]}))
    assert found.verdict is HOLDS
    assert "on 1 of 2 tasks: a -0.100." in found.says
    assert verdict("clicks.falls", tables(SAM={1: [0.5, 0.5], 9: [0.495, 0.6]})) is FAILS


# ----------------------------------------------------------------- the tables as a whole
def test_whole(monkeypatch):
    import dataclasses

    about = tables({1: [0.5, 0.6]})
    same = pd.DataFrame({"task": ["a"], "in_modes": ["A"], "in_clicks": ["A"]})
    other = same.assign(in_clicks="B")
    assert verdict("whole.names", dataclasses.replace(about, spellings=same)) is HOLDS
    found = RULES["whole.names"](dataclasses.replace(about, spellings=other))
    assert found.verdict is FAILS
    assert "'A' and 'B'" in found.says
    means = about.clicks.groupby(["model", "k"])[["iou"]].mean().reset_index()
    assert verdict("whole.averages", dataclasses.replace(about, averages=means)) is HOLDS
    means.loc[3, "iou"] += 1e-6
    assert verdict("whole.averages", dataclasses.replace(about, averages=means)) is FAILS
    for name in ("whole.names", "whole.averages"):
        with pytest.raises(Undecidable, match="published tables"):
            RULES[name](about)
    assert verdict("whole.twice", about) is HOLDS
    assert verdict("whole.twice", tables({1: [0.5, 0.6]}, SAM={1: [0.5, 0.61]})) is FAILS
    hip = tables({1: [0.5, 0.6]}, rename={"a": "xray_hip_ilium", "b": "xray_hip_femur"})
    given = {"tasks": "2", "datasets": "1"}
    assert verdict("whole.counts", hip, stated=given) is HOLDS
    assert verdict("whole.counts", hip, stated=given | {"tasks": "3"}) is PARTLY


def test_every_rule_is_tested_and_used():
    both = "".join(path.read_text() for path in Path(__file__).parents[1].glob("test_rules*.py"))
    assert {one.check for one in claims()} == set(RULES)
    assert [name for name in RULES if f'"{name}"' not in both] == []
