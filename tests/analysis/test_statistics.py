import numpy as np
import pandas as pd
import pytest
from scipy import stats

from medsam.analysis.statistics import compare, interval, intervals
from medsam.errors import InputError, UnknownName

QUICK = {"resamples": 199}


def rows(ious, task="t", model="m", groups=None, choice="top", experiment="mode"):
    """One row an image and mode; ``ious`` maps modes to a value an image."""
    out = []
    for k, line in ious.items():
        for i, iou in enumerate(line):
            out.append(
                {
                    "dataset": "d", "task": task, "image": f"i{i}", "model": model,
                    "group": f"g{i}" if groups is None else groups[i], "protocol": "paper",
                    "experiment": experiment, "k": k, "choice": choice, "iou": iou, "nsd": None,
                }
            )  # fmt: skip
    return pd.DataFrame(out).astype({"k": "Int16", "nsd": float})


LOW = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
GAIN = np.array([0.05, 0.1, 0.15, 0.2, 0.25, 0.3])


def test_two_modes_by_hand():
    (found,) = compare(rows({1: LOW + GAIN, 3: LOW}), 1, 3).itertuples()
    assert (found.a, found.b, found.n, found.groups, found.unpaired) == (
        "mode 1",
        "mode 3",
        6,
        6,
        0,
    )
    assert found.difference == pytest.approx(0.175)
    assert found.low < 0.175 < found.high
    # All six of one sign: two of 2**6 orders are as extreme.
    assert found.p == found.p_holm == 2 / 2**6
    assert found.effect == 1
    assert found.verdict == "mode 1 higher"
    (back,) = compare(rows({1: LOW + GAIN, 3: LOW}), 3, 1).itertuples()
    assert (back.effect, back.verdict, back.p) == (-1, "mode 1 higher", found.p)
    assert back.difference == pytest.approx(-found.difference)


def test_effect_by_hand():
    # Ranks 1 to 6 of the sizes; the smallest and the third are negative: 21 - 2 * 4 of 21.
    gain = GAIN * [-1, 1, -1, 1, 1, 1]
    (found,) = compare(rows({1: LOW + gain, 3: LOW}), 1, 3).itertuples()
    assert found.effect == pytest.approx(13 / 21)
    assert found.p == pytest.approx(stats.wilcoxon(gain).pvalue)
    assert found.verdict == "no difference shown"


def test_p_and_interval_agree_with_their_sources():
    rng = np.random.default_rng(0)
    a, b = rng.beta(5, 2, 40), rng.beta(4, 2, 40)
    (found,) = compare(rows({2: a, 4: b}), 2, 4).itertuples()
    assert found.p == pytest.approx(stats.wilcoxon(a, b).pvalue)
    assert (found.low, found.high) == pytest.approx(interval(a - b)[1:3])


def test_groups_are_what_is_tested():
    """Forty slices of two patients prove nothing; means of groups are compared."""
    rng = np.random.default_rng(0)
    a, b = rng.beta(5, 2, 40) + 0.2, rng.beta(5, 2, 40)
    few = compare(rows({1: a, 2: b}, groups=["p", "q"] * 20), 1, 2).iloc[0]
    assert (few.n, few.groups, few.verdict) == (40, 2, "too few groups")
    assert few[["p", "p_holm", "low", "high", "effect"]].isna().all()
    assert few.difference == pytest.approx((a - b).mean())
    patients = np.repeat(list("abcdefgh"), 5)
    eight = compare(rows({1: a, 2: b}, groups=patients), 1, 2).iloc[0]
    means = (a - b).reshape(8, 5).mean(axis=1)
    assert eight.p == pytest.approx(stats.wilcoxon(means).pvalue)
    assert (eight.low, eight.high) == pytest.approx(interval(a - b, patients)[1:3])


def test_holm_by_hand():
    # Six, seven and eight pairs of one sign: p = 2/64, 2/128, 2/256.
    tables = []
    for n in (6, 7, 8):
        line = np.linspace(0.1, 0.4, n)
        tables.append(rows({1: line + np.linspace(0.05, 0.2, n), 3: line}, task=f"t{n}"))
    tables.append(rows({1: LOW[:3], 3: LOW[:3]}, task="tiny"))
    table = compare(pd.concat(tables, ignore_index=True), 1, 3, **QUICK).set_index("task")
    assert table.p.dropna().tolist() == [2 / 64, 2 / 128, 2 / 256]
    # Smallest times three, next times two, largest times one, never below one before it.
    assert table.p_holm["t8"] == pytest.approx(3 * 2 / 256)
    assert table.p_holm["t7"] == pytest.approx(2 * 2 / 128)
    assert table.p_holm["t6"] == pytest.approx(2 / 64)
    assert table.verdict["tiny"] == "too few groups"
    assert np.isnan(table.p_holm["tiny"])


def test_each_choice_and_model_is_a_family_of_its_own():
    one = rows({1: LOW + GAIN, 3: LOW})
    both = pd.concat([one, one.assign(choice="oracle"), one.assign(model="n")], ignore_index=True)
    table = compare(both, 1, 3, **QUICK)
    assert len(table) == 3
    assert table.p_holm.tolist() == [2 / 64] * 3


def test_two_models_on_every_mode_and_number_of_clicks():
    a = pd.concat([rows({1: LOW + GAIN, 3: LOW}), rows({1: LOW}, experiment="clicks")])
    b = a.assign(model="n", iou=a.iou + 0.01 * (a.k == 3))
    table = compare(pd.concat([a, b], ignore_index=True), "m", "n", **QUICK)
    assert table[["experiment", "k"]].to_numpy().tolist() == [
        ["clicks", 1],
        ["mode", 1],
        ["mode", 3],
    ]
    assert table.verdict.tolist() == ["no difference shown"] * 2 + ["n higher"]
    # Equal on both sides: no difference at all.
    assert table.p.tolist() == [1, 1, 2 / 64]
    assert table.effect.tolist() == [0, 0, -1]
    assert table.a.unique().tolist() == ["m"]


def test_sides_as_settings():
    top = rows({4: LOW})
    table = pd.concat([top, top.assign(choice="oracle", iou=LOW + GAIN)], ignore_index=True)
    (found,) = compare(table, {"choice": "oracle"}, {"choice": "top"}).itertuples()
    assert found.verdict == "oracle higher"
    clicks = pd.concat([rows({1: LOW}), rows({9: LOW + GAIN}, experiment="clicks")])
    (found,) = compare(clicks, {"experiment": "clicks", "k": 9}, 1).itertuples()
    assert (found.a, found.b, found.effect) == ("clicks 9", "mode 1", 1)


def test_images_of_one_side_only_are_counted():
    table = rows({1: np.append(LOW, 0.5) + 0.1, 3: np.append(LOW, 0.5)})
    (found,) = compare(table.drop(index=[0, 13]), 1, 3, **QUICK).itertuples()
    assert (found.n, found.unpaired, found.verdict) == (5, 2, "too few groups")
    alone = pd.concat([table, rows({1: LOW}, task="u")], ignore_index=True)
    last = compare(alone, 1, 3, **QUICK).iloc[-1]
    assert (last.task, last.n, last.unpaired, last.verdict) == ("u", 0, 6, "too few groups")


def test_no_difference_is_rarely_called_one():
    """Of 15 families of ten tasks without a difference, any is called one in about one."""
    rng = np.random.default_rng(0)
    table = pd.concat(
        [
            rows({1: rng.beta(4, 2, 12), 3: rng.beta(4, 2, 12)}, task=f"t{i}", model=f"m{j}")
            for i in range(10)
            for j in range(15)
        ],
        ignore_index=True,
    )
    found = compare(table, 1, 3, resamples=99)
    called = found.verdict != "no difference shown"
    assert called.groupby(found.model).any().sum() <= 3
    # Without the correction it would be many more.
    assert (found.p < 0.05).groupby(found.model).any().sum() > called.groupby(
        found.model
    ).any().sum()


def test_intervals_of_every_mean():
    table = pd.concat([rows({1: LOW, 3: LOW + GAIN}), rows({1: LOW[:2]}, task="u")])
    empty = table.head(1).assign(experiment=None, k=pd.NA, choice=None, iou=np.nan, image="z")
    table = pd.concat([table, empty.astype(table.dtypes)], ignore_index=True)
    found = intervals(table).set_index(["task", "k"])
    assert found.columns.tolist()[-5:] == ["mean", "low", "high", "n", "groups"]
    assert tuple(found.loc[("t", 1)][["mean", "low", "high", "n", "groups"]]) == interval(LOW)
    assert found.loc[("u", 1)]["mean"] == pytest.approx(0.15)
    assert found.loc[("u", 1)][["low", "high"]].isna().all()
    assert len(found) == 3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((7, 3), UnknownName, "Unknown mode '7'.* Allowed: 1, 2, 3, 4, 5"),
        (("minisan", 3), UnknownName, "Unknown model 'minisan'.* Allowed: m"),
        (({"choice": "best"}, 3), UnknownName, "Unknown choice 'best'.* Allowed: top"),
        (({"task": "t"}, 3), InputError, "A side of a comparison with task. Allowed: a mode"),
        (({}, 3), InputError, "A side of a comparison with nothing"),
        ((1, 1), InputError, "Both sides are mode 1. Allowed: two different ones"),
        ((1, 5), InputError, "mode 1 has 6 rows and mode 5 0, none of the same image"),
        ((1, "m"), InputError, "m: 6 images are there more than once, the first is 'i0' of t"),
        ((1, 3, "nsd"), InputError, "12 rows, none with nsd. Allowed: .* size of a pixel is known"),
        ((1, 3, "asd"), InputError, "Rows without asd. Allowed: the columns of the results"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        compare(rows({1: LOW, 3: LOW}), *arguments)


def test_missing_columns():
    with pytest.raises(InputError, match="Rows without group, choice"):
        intervals(rows({1: LOW}).drop(columns=["group", "choice"]))
