"""Intervals, tests and correlations: worked by hand, against scipy, and by their properties."""

import math
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from results_toys import row
from scipy import stats

from medsam.analysis import statistics
from medsam.analysis.statistics import (
    FEWEST,
    FEWEST_PAIRS,
    compare,
    interval,
    pair,
    pool,
    probability,
    relation,
)
from medsam.errors import InputError, UnknownName

# ----------------------------------------------------------------- intervals over groups


def clustered(rng, groups=25, slices=20, between=0.1, within=0.03):
    """Images of patients that differ more between than within, and the patient of each."""
    centres = rng.normal(0.6, between, groups)
    values = centres[:, None] + rng.normal(0, within, (groups, slices))
    return values.ravel(), np.repeat(np.arange(groups), slices)


def test_coverage_of_clustered_images_needs_the_groups():
    """Nominal 95 %: the mean of all patients is 0.6."""
    rng = np.random.default_rng(0)
    right = naive = 0
    for _ in range(60):
        values, groups = clustered(rng)
        with_groups = interval(values, groups, resamples=399)
        without = interval(values, resamples=99)
        right += with_groups.low <= 0.6 <= with_groups.high
        naive += without.low <= 0.6 <= without.high
    assert right >= 52
    assert naive < 36


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8)), min_size=8, max_size=40).filter(
        lambda pairs: len({g for _, g in pairs}) >= FEWEST
    )
)
def test_ends_are_finite_in_order_and_in_range(pairs):
    values, groups = zip(*pairs, strict=True)
    found = interval(values, groups, resamples=199)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_tasks_weigh_the_same():
    """Task t gains 0.1 on seven patients, task u 0.3 on two of them: (0.1 + 0.3) / 2."""
    values, tasks = [0.1] * 7 + [0.3] * 2, list("ttttttt") + list("uu")
    found = interval(values, list("abcdefg") + list("ab"), tasks=tasks)
    assert found.mean == pytest.approx(0.2)
    # Where neither of the two patients is drawn, task u does not count.
    assert found.low == pytest.approx(0.1)
    assert found.high <= 0.2 + 1e-12


def test_values_that_have_no_mean():
    with pytest.raises(InputError, match="Values of shape .8,., 4 of them not finite. Allowed"):
        interval([0.5, np.nan] * 4)
    with pytest.raises(InputError, match="8 values with groups of shape .3,."):
        interval([0.5] * 8, list("abc"))


# ----------------------------------------------------------------- two sides on the same images


def rows(ious, task="t", model="m", groups=None, choice="top", experiment="mode"):
    """One row an image and mode; ``ious`` maps modes to a value an image."""
    return pd.DataFrame(
        row(
            f"i{i}", k, task=task, model=model, group=f"g{i}" if groups is None else groups[i],
            experiment=experiment, choice=choice, iou=iou,
        )
        for k, line in ious.items()
        for i, iou in enumerate(line)
    ).astype({"k": "Int16"})  # fmt: skip


def mode(k):
    return {"experiment": "mode", "k": k}


LOW = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
GAIN = np.array([0.05, 0.1, 0.15, 0.2, 0.25, 0.3])


def test_two_modes_by_hand():
    table = rows({1: LOW + GAIN, 3: LOW})
    (found,) = compare(table, mode(1), mode(3)).itertuples()
    assert (found.a, found.b, found.n, found.groups) == ("mode 1", "mode 3", 6, 6)
    assert found.unpaired == 0
    assert (found.mean_a - found.mean_b, found.difference) == pytest.approx((0.175, 0.175))
    assert found.low < 0.175 < found.high
    # All six of one sign: two of 2**6 orders are as extreme.
    assert found.p == found.p_holm == 2 / 2**6
    assert found.effect == 1
    assert found.verdict == "mode 1 higher"


def test_effect_by_hand():
    # Ranks 1 to 6 of the sizes; the smallest and the third are negative: 21 - 2 * 4 of 21.
    gain = GAIN * [-1, 1, -1, 1, 1, 1]
    (found,) = compare(rows({1: LOW + gain, 3: LOW}), mode(1), mode(3)).itertuples()
    assert found.effect == pytest.approx(13 / 21)
    assert found.p == pytest.approx(stats.wilcoxon(gain).pvalue)
    assert found.verdict == "no difference shown"


def test_groups_are_what_is_tested():
    """Forty slices of two patients prove nothing; means of groups are compared."""
    rng = np.random.default_rng(0)
    a, b = rng.beta(5, 2, 40) + 0.2, rng.beta(5, 2, 40)
    few = compare(rows({1: a, 2: b}, groups=["p", "q"] * 20), mode(1), mode(2)).iloc[0]
    assert (few.n, few.groups, few.verdict) == (40, 2, "too few groups")
    assert few[["p", "p_holm", "low", "high", "effect"]].isna().all()
    assert few.difference == pytest.approx((a - b).mean())
    patients = np.repeat(list("abcdefgh"), 5)
    eight = compare(rows({1: a, 2: b}, groups=patients), mode(1), mode(2)).iloc[0]
    means = (a - b).reshape(8, 5).mean(axis=1)
    assert eight.p == pytest.approx(stats.wilcoxon(means).pvalue)
    assert (eight.low, eight.high) == pytest.approx(interval(a - b, patients)[1:3])


def test_holm_by_hand():
    # Six, seven and eight pairs of one sign: p = 2/64, 2/128, 2/256.
    tables = [rows({1: LOW[:3], 3: LOW[:3]}, task="tiny")]
    for n in (6, 7, 8):
        line = np.linspace(0.1, 0.4, n)
        tables.append(rows({1: line + np.linspace(0.05, 0.2, n), 3: line}, task=f"t{n}"))
    table = compare(pd.concat(tables, ignore_index=True), mode(1), mode(3)).set_index("task")
    # Smallest times three, next times two, largest times one, never below one before it.
    assert table.p_holm["t8"] == pytest.approx(3 * 2 / 256)
    assert table.p_holm["t7"] == pytest.approx(2 * 2 / 128)
    assert table.p_holm["t6"] == pytest.approx(2 / 64)
    assert table.verdict["tiny"] == "too few groups"


def test_images_of_one_side_only_are_counted():
    table = rows({1: np.append(LOW, 0.5) + 0.1, 3: np.append(LOW, 0.5)}).drop(index=[0, 13])
    alone = pd.concat([table, rows({1: LOW}, task="u")], ignore_index=True)
    found, last = compare(alone, mode(1), mode(3)).itertuples()
    assert (found.n, found.unpaired, found.verdict) == (5, 2, "too few groups")
    assert (last.task, last.n, last.unpaired, last.verdict) == ("u", 0, 6, "too few groups")


def test_sides_that_cannot_be_compared():
    table = rows({1: LOW, 3: LOW})
    with pytest.raises(UnknownName, match="Unknown model 'minisan'.* Allowed: m"):
        compare(table, {"model": "minisan"}, mode(3))
    twice = pd.concat([table, table.assign(choice="oracle")])
    with pytest.raises(InputError, match="12 images are there more than once"):
        compare(twice, {"choice": "top"}, {"model": "m"})


# ----------------------------------------------------------------- the effect of a protocol


def effect(slices=1, **tasks):
    """Task to {image: (base, variant)}; each image is a patient of so many equal slices."""
    found = [
        {"task": task, "image": f"{image}-{n}", "group": image, "protocol": name, "iou": iou}
        for task, of in tasks.items()
        for image, ious in of.items()
        for name, iou in zip(("a", "b"), ious, strict=True)
        for n in range(slices)
    ]
    return statistics.effect(statistics.wide(pd.DataFrame(found), ["a", "b"]), "a", "b")


GAINS = {f"p{n}": (0.5, 0.5 + n / 50) for n in range(12)}


def test_effect_of_tasks_by_hand():
    # One task of three images that gain 0.3, 0.1 and 0.2, one of one image that loses 0.4.
    found = effect(t={"i": (0.1, 0.4), "j": (0.2, 0.3), "k": (0.5, 0.7)}, u={"i": (0.9, 0.5)})
    assert found.base == pytest.approx((0.8 / 3 + 0.9) / 2)
    assert found.variant == pytest.approx((1.4 / 3 + 0.5) / 2)
    assert found.delta == pytest.approx((0.2 - 0.4) / 2)
    assert (found.changed, found.cases, found.images, found.groups, found.tasks) == (1, 4, 3, 3, 2)


def test_patients_are_drawn_with_all_their_slices_and_tasks():
    """Slices, or tasks, that gain on the same patients are no better known than one."""
    one, many, two = effect(t=GAINS), effect(slices=5, t=GAINS), effect(t=GAINS, u=GAINS)
    assert one.low < one.delta < one.high
    for more in (many, two):
        assert (more.low, more.high) == pytest.approx((one.low, one.high))
    assert (many.images, many.groups) == (60, 12)


def test_a_case_that_is_missing_under_one_protocol_is_an_error():
    table = rows({1: [0.1, 0.2]})
    both = pd.concat([table, table.head(1).assign(protocol="b")])
    with pytest.raises(InputError, match="2 cases, of which some have no IoU under b. Allowed"):
        statistics.wide(both, ["paper", "b"])


# ----------------------------------------------------------------- correlations


def test_relation_by_hand():
    found = relation([0, 1, 2, 3], [0, 1, 3, 2])
    # Sxx = 5, Sxy = 4, Syy = 5; rho = 1 - 6 * (0 + 0 + 1 + 1) / (4 * 15).
    assert (found.r, found.slope, found.intercept) == pytest.approx((0.8, 0.8, 0.3))
    assert found.rho == pytest.approx(0.8)
    # t = 0.8 * sqrt(2 / 0.36) = 1.886 with 2 degrees of freedom: p = 1 - 0.8 = 0.2.
    assert found.r_p == pytest.approx(0.2)
    # z = atanh(0.8), error 1 and sqrt(1 + 0.32).
    assert found.r_low == pytest.approx(math.tanh(math.atanh(0.8) - 1.959964), rel=1e-5)
    assert found.rho_high == pytest.approx(
        math.tanh(math.atanh(0.8) + 1.959964 * math.sqrt(1.32)), rel=1e-5
    )
    # Residual variance (5 - 0.8 * 4) / 2 = 0.9; error of the slope sqrt(0.9 / 5); t(2) = 4.3027.
    reach = 4.302653 * math.sqrt(0.18)
    assert (found.slope_low, found.slope_high) == pytest.approx((0.8 - reach, 0.8 + reach))


def test_the_p_of_few_pairs_is_that_of_all_orders():
    x, y = np.arange(7), [1, 0, 2, 3, 6, 5, 4]
    orders = np.array(list(permutations(range(7))))
    rhos = 1 - 6 * ((orders - x) ** 2).sum(1) / (7 * 48)
    found = relation(x, y)
    assert found.rho_p == pytest.approx(np.mean(np.abs(rhos) >= abs(found.rho) - 1e-9))
    many = [1, 0, 2, 3, 7, 5, 6, 4, 8]
    assert relation(range(9), many).rho_p == pytest.approx(stats.spearmanr(range(9), many).pvalue)


def test_pool_by_hand():
    """Two groups that differ no more than by chance: the mean of z, weighed by n - 3."""
    found = pool([math.tanh(0.3), math.tanh(0.5)], [13, 33], rank=False)
    z = (10 * 0.3 + 30 * 0.5) / 40
    assert found.value == pytest.approx(math.tanh(z))
    assert (found.groups, found.n, found.positive) == (2, 46, 2)
    # Never narrower than 1 / sqrt(40), with Student's t of one degree of freedom.
    reach = stats.t.isf(0.025, 1) / math.sqrt(40)
    assert (found.low, found.high) == pytest.approx((math.tanh(z - reach), math.tanh(z + reach)))


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.floats(-0.95, 0.95), st.integers(FEWEST_PAIRS, 60)), min_size=1, max_size=6
    )
)
def test_pooled_lies_between_and_turns_with_the_sign(groups):
    values, counts = zip(*groups, strict=True)
    found, turned = pool(values, counts), pool(np.negative(values), counts)
    assert min(values) - 1e-6 <= found.value <= max(values) + 1e-6
    assert found.low <= found.value <= found.high
    assert turned.value == pytest.approx(-found.value, abs=1e-6)
    assert 0 <= found.p <= 1


# ----------------------------------------------------------------- two settings, task by task


def test_pair_by_hand():
    first = pd.Series({"a": 0.5, "b": 0.6, "c": 0.7, "d": 0.8, "e": 0.3, "only here": 1.0})
    second = pd.Series({"a": 0.4, "b": 0.4, "c": 0.4, "d": 0.7999, "e": 0.35})
    found = pair(first, second)
    assert (found.n, found.wins, found.ties, found.losses) == (5, 3, 1, 1)
    assert found.difference == pytest.approx((0.1 + 0.2 + 0.3 + 0.0001 - 0.05) / 5)
    off = (first - second).dropna().to_numpy()
    assert found.p == pytest.approx(stats.wilcoxon(off, alternative="greater").pvalue)
    assert pair(first, first).p == 1
    assert pair(first, first).conditions == (False, False, False)
    assert probability(0.04) == "p = 0.040"
