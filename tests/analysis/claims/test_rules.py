"""Each rule on tables where the answer is known, with both verdicts."""

import dataclasses
import re

import pytest
from claims_by_hand import case, frame, row, tables

from medsam.analysis.claims import Verdict, claims, of_rows
from medsam.analysis.claims.registry import answer

HOLDS, ROUNDED, PARTLY, FAILS, OPEN = Verdict
SIX = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
MODES = [f"mode {k}" for k in range(1, 6)]


def plus(values, *add):
    add = add * (len(values) if len(add) == 1 else 1)
    return [v + a for v, a in zip(values, add, strict=True)]


def ask(check, about, stated=None, **given):
    """What tables say of the first check with that rule, given these arguments."""
    claim, part = next((one, part) for one in claims() for part in one.parts if part.check == check)
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
    given = {"of": ["mode 1", "1 click"], "end": "highest", "named": "xray_hip"}
    given["stated"] = {"iou": "0.8650"}
    for iou, found in ((0.86502, HOLDS), (0.8651, ROUNDED), (0.8660, PARTLY)):
        about = tables({1: [0.11, iou, 0.5]}, rename=HIP)
        assert verdict("extreme", about, **given) is found
    # One table right and one wrong is not right.
    about = tables({1: [0.11, 0.8650, 0.5]}, rename=HIP, SAM={1: [0.11, 0.8650, 0.9]})
    found = ask("extreme", about, **given)
    assert found.verdict is FAILS
    assert "1 click: ct_spleen 0.9000" in found.says
    assert "the text means, xray_hip_ilium: mode 1 0.8650" in found.says
    # Of any task.
    about = tables({1: [0.5, 0.3], 4: [0.6, 0.9118]})
    for number, found in (("0.9118", HOLDS), ("0.9200", FAILS)):
        given = {"of": MODES, "end": "highest", "stated": {"iou": number}}
        assert verdict("extreme", about, **given) is found


def test_mean():
    about = tables({1: [0.5, 0.6]}, RITM={1: [0.1, 0.2]})
    assert verdict("mean", about, of="mode 1", stated={"iou": "0.55"}) is HOLDS
    assert verdict("mean", about, of="1 click of RITM", stated={"iou": "0.15"}) is HOLDS
    found = ask("mean", about, of="1 click", stated={"iou": "0.5700"})
    assert found.verdict is FAILS
    assert "200 units of its last digit off" in found.says
    given = {"of": "1 click of FocalClick", "stated": {"iou": "0.55"}}
    undecidable("No rows of 1 click of FocalClick", "mean", about, **given)
    # Of another model, or other tasks, a printed number proves nothing.
    other = dataclasses.replace(about, quoted=False)
    undecidable("The sentence is of SAM ViT-H", "mean", other, **given | {"of": "mode 1"})


# ----------------------------------------------------------------- settings compared
def test_two_settings():
    about = tables({1: SIX, 3: plus(SIX, 0.1), 4: plus(SIX, 0.1, 0.1, 0.1, 0.1, 0.1, -0.9)})
    assert verdict("compare", about, first="mode 3", second="mode 1") is HOLDS
    assert verdict("compare", about, first="mode 1", second="mode 3") is FAILS
    # Better on most tasks, but not on average.
    assert verdict("compare", about, first="mode 4", second="mode 1") is PARTLY
    # Of several, the worst against the best.
    given = {"first": ["mode 3", "mode 4"], "second": ["mode 1"]}
    assert verdict("compare", about, **given) is PARTLY
    # Too few tasks for the test: in part, whatever the difference.
    about = tables({1: [0.1, 0.2], 3: [0.8, 0.9]})
    assert verdict("compare", about, first="mode 3", second="mode 1") is PARTLY


@pytest.mark.parametrize(
    ("above", "below", "found"),
    [
        (["mode 3", "mode 4"], ["mode 1", "mode 2"], HOLDS),
        (["mode 3", "mode 4"], ["mode 5"], PARTLY),
        (["mode 1"], ["mode 3"], FAILS),
        (["mode 3", "9 clicks of RITM"], ["mode 1"], HOLDS),  # what is missing is left out
        (["mode 1 oracle minus mode 1"], [], HOLDS),
        (["9 clicks of RITM"], [], OPEN),
    ],
)
def test_means(above, below, found):
    about = tables({1: [0.2, 0.4], 3: [0.6, 0.8], 4: [0.3, 0.5]}, {1: [0.3, 0.5]})
    assert verdict("means_above", about, above=above, below=below) is found


def test_a_gain_is_less_than_half_of_another():
    given = {"above": ["3 clicks minus 1 click"], "below": ["9 clicks minus 3 clicks"]}
    for last, found in ((0.52, HOLDS), (0.7, FAILS)):
        about = tables(SAM={1: [0.2], 3: [0.5], 9: [last]})
        assert verdict("means_above", about, **given, times=0.5) is found


def test_moderate_and_varied():
    for ious, found in (([0.2, 0.9], HOLDS), ([0.5, 0.6], PARTLY), ([0.1, 0.2], FAILS)):
        assert verdict("moderate_and_varied", tables({1: ious}), of=MODES) is found


def test_varies():
    gains = {"mode 1": "mode 1 oracle minus mode 1", "mode 4": "mode 4 oracle minus mode 4"}
    top = {1: [0.2, 0.2, 0.2], 4: [0.6, 0.6, 0.6]}
    one_task = {1: [0.2, 0.2, 0.8], 4: [0.6, 0.6, 0.9]}
    steady = {1: [0.3, 0.31, 0.3], 4: [0.7, 0.71, 0.7]}
    found = ask("varies", tables(top, one_task), of=gains)
    assert found.verdict is HOLDS
    assert "Largest: c, mode 1, 0.600" in found.says
    assert verdict("varies", tables(top, steady), of=gains) is FAILS


def test_tasks_counted():
    about = tables({1: [0.7, 0.8, 0.2]}, RITM={1: [0.3, 0.6, 0.3]}, FocalClick={1: [0.3, 0.1, 0.1]})
    given = {"first": "1 click", "over": ["1 click of RITM", "1 click of FocalClick"]}
    found = ask("tasks_above", about, **given, stated={"tasks": "2"})
    assert found.verdict is HOLDS
    assert "On 2 of 3 tasks" in found.says
    assert verdict("tasks_above", about, **given, stated={"tasks": "1"}) is FAILS
    assert verdict("tasks_above", about, **given, by=0.3, least=1) is HOLDS
    assert verdict("tasks_above", about, **given, by=0.3, least=2) is FAILS
    assert verdict("tasks_above", about, **given, share=[0.6, 1]) is HOLDS
    assert verdict("tasks_above", about, **given, share=[-1, 0.6]) is FAILS
    over = {"RITM": "1 click of RITM", "FocalClick": "1 click of FocalClick"}
    found = ask("almost_all", about, first="1 click", over=over)
    assert found.verdict is FAILS
    assert "5 of 6 pairs (83%): RITM 2 of 3, FocalClick 3 of 3" in found.says
    over.pop("RITM")
    assert verdict("almost_all", about, first="1 click", over=over) is HOLDS


def test_low_rank():
    names = {"a": "mri_brain_core", "b": "ct_spleen"}
    given = {"of": "mode 1", "prefix": "mri_b"}
    assert verdict("low_rank", tables({1: [0.1, 0.2]}, rename=names), **given) is HOLDS
    assert verdict("low_rank", tables({1: [0.3, 0.2]}, rename=names), **given) is FAILS
    undecidable("No task called us_", "low_rank", tables(), of="mode 1", prefix="us_")


def test_passes():
    about = tables(SAM={1: [0.5]}, RITM={1: [0.1], 4: [0.5], 5: [0.6]}, FocalClick={1: [0.1]})
    assert verdict("passes", about, method="RITM", stated={"clicks": "5"}) is HOLDS
    found = ask("passes", about, method="RITM", stated={"clicks": "4"})
    assert found.verdict is FAILS
    assert "4 clicks: 0.5000 against 0.5000; 5 clicks: 0.6000" in found.says
    assert verdict("passes", about, method="FocalClick", stated={"clicks": "5"}) is FAILS
    assert verdict("passes", about, method="FocalClick") is HOLDS
    assert verdict("passes", about, method="RITM") is FAILS


def test_counts():
    hip = tables({1: [0.5, 0.6]}, rename={"a": "xray_hip_ilium", "b": "xray_hip_femur"})
    assert verdict("counts", hip, stated={"tasks": "2", "datasets": "1"}) is HOLDS
    assert verdict("counts", hip, stated={"tasks": "3", "datasets": "1"}) is PARTLY


# ----------------------------------------------------------------- single cases


def rows(*cases):
    """Tables of cases, as if of many patients."""
    return dataclasses.replace(of_rows(frame(*cases)), enough=True)


@pytest.mark.parametrize(
    ("ious", "found"),
    [
        ((0.1, 0.2, 0.3, 0.4, 0.5), {"weak": FAILS, "rising": HOLDS, "clear": HOLDS}),
        ((0.5, 0.4, 0.3, 0.2, 0.1), {"weak": FAILS, "rising": FAILS, "clear": PARTLY}),
        ((0.3, 0.1, 0.5, 0.2, 0.4), {"weak": HOLDS, "rising": HOLDS, "clear": PARTLY}),
    ],
)
def test_correlation_over_tasks(ious, found):
    """Of size and IoU, and of the share of cases of several parts and the gain of mode 4."""
    sizes = [
        case(t, top=(i,) * 5, object_px=100 * n)
        for n, (t, i) in enumerate(zip("abcde", ious, strict=True), 1)
    ]
    parts = [
        case(t, f"{i}", (0.1, 0.1, 0.1, 0.1 + iou, 0.1), n_regions=1 + (i < n))
        for n, (t, iou) in enumerate(zip("abcde", ious, strict=True))
        for i in range(4)
    ]
    for wanted, expected in found.items():
        given = {"x": "size", "y": "mode 2", "wanted": wanted}
        assert verdict("correlates", rows(*sizes), **given) is expected
        given = {"x": "several parts", "y": "mode 4 minus mode 3", "wanted": wanted}
        assert verdict("correlates", rows(*parts), **given) is expected
    undecidable("1 tasks; a correlation needs 4", "correlates", rows(sizes[0]), **given)


def test_parts_of_one_task():
    """Six tasks with a case of one part and a case of several, a little apart."""

    def study(one, many):
        cases = (
            case(
                task,
                f"{n_regions}",
                (value + 0.001 * n * (n_regions == 1),) * 5,
                n_regions=n_regions,
            )
            for n, task in enumerate("abcdef")
            for n_regions, value in ((1, one), (3, many))
        )
        return rows(*cases)

    given = {"first": "mode 1, one part", "second": "mode 1, several parts"}
    assert verdict("compare", study(0.6, 0.3), **given) is HOLDS
    assert verdict("compare", study(0.3, 0.6), **given) is FAILS
    undecidable("not how many regions each object has", "compare", tables(), **given)


def test_compact():
    """Objects that fill 10, 20, ... of the 100 pixels of their box."""

    def shapes(sign):
        given = [(task, i) for task in "abcdef" for i in range(1, 7)]
        return rows(
            *(
                case(
                    t, f"{i}", (0.5 + sign * 0.01 * i,) * 5, object_px=10 * i, box=(10, 10, 19, 19)
                )
                for t, i in given
            )
        )

    found = ask("compact", shapes(1), mode=5)
    assert found.verdict is HOLDS
    assert "+1.00, positive in 6 of 6 tasks" in found.says
    assert verdict("compact", shapes(-1), mode=5) is FAILS


def test_sizes():
    def paper(*cases):
        return dataclasses.replace(rows(*cases), quoted=True)

    small, large = case(object_px=10), case("b", object_px=1001)
    found = ask("size_range", paper(small, large))
    assert found.verdict is HOLDS
    assert "0.10% of the image (a) to 10.01% of the image (b): 100 times" in found.says
    assert verdict("size_range", paper(small, case("b", object_px=999))) is FAILS
    # A share of the image, not a number of pixels.
    wide = case("b", object_px=1001, width=200)
    assert verdict("size_range", paper(small, wide)) is FAILS
    # Of other datasets the sentence says nothing.
    assert verdict("size_range", rows(small, large)) is Verdict.OPEN


def test_size_within():
    pixels = {"xray_hip_femur": (100, 101), "us_kidney": (100, 900), "c": (100, 200)}
    about = rows(
        *(case(t, f"{i}", object_px=px) for t, both in pixels.items() for i, px in enumerate(both))
    )
    assert verdict("size_within", about, prefix="us_kidney", broad=True) is HOLDS
    assert verdict("size_within", about, prefix="us_kidney", broad=False) is FAILS
    assert verdict("size_within", about, prefix="xray_hip", broad=False) is HOLDS


def test_spread_within():
    def study(*ious):
        return rows(*(case("a", f"{i}", (v,) * 5) for i, v in enumerate(ious)))

    assert verdict("spread_within", study(0.1, 0.5, 0.9), mode=1) is HOLDS
    assert verdict("spread_within", study(0.5, 0.51, 0.52), mode=1) is FAILS


def test_everything():
    for last, found in ((0.5, HOLDS), (0.4, FAILS)):
        grids = [
            row(experiment=f"everything-{k}", k=k, iou=iou) for k, iou in ((32, 0.4), (64, last))
        ]
        assert verdict("grid_matters", rows(case(), grids)) is found
    undecidable("'everything'", "grid_matters", rows(case()))
    undecidable("tables hold a mean IoU for each task", "grid_matters", tables())
