"""Correlations: hand-worked, against their formulas, and properties of the pooled one."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from medsam.analysis.statistics import FEWEST_correlation as FEWEST
from medsam.analysis.statistics import pool, relation
from medsam.errors import InputError


def test_relation_by_hand():
    found = relation([0, 1, 2, 3], [0, 1, 3, 2])
    # Sxx = 5, Sxy = 4, Syy = 5.
    assert found.r == pytest.approx(0.8)
    assert found.slope == pytest.approx(0.8)
    assert found.intercept == pytest.approx(0.3)
    # rho = 1 - 6 * (0 + 0 + 1 + 1) / (4 * 15).
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


def test_a_line_without_noise():
    found = relation([1, 2, 3, 4, 5], [2, 4, 6, 8, 10])
    assert (found.r, found.rho, found.slope) == pytest.approx((1, 1, 2))
    assert math.isnan(found.rho_low)
    assert math.isnan(found.r_high)
    # Two of the 5! orders are as far from 0: the same one, and the reverse.
    assert found.rho_p == pytest.approx(2 / 120)


def test_the_p_of_few_pairs_is_that_of_all_orders():
    x = np.arange(8)
    for y, rho in (([1, 0, 2, 3, 7, 5, 6, 4], 0.7619), ([0, 3, 2, 7, 1, 5, 4, 6], 0.5952)):
        found = relation(x, y)
        assert found.rho == pytest.approx(rho, abs=1e-4)
        orders = np.array(list(permutations(range(8))))
        rhos = 1 - 6 * ((orders - x) ** 2).sum(1) / (8 * 63)
        assert found.rho_p == pytest.approx(np.mean(np.abs(rhos) >= abs(found.rho) - 1e-9))
    many = relation(range(9), [1, 0, 2, 3, 7, 5, 6, 4, 8])
    assert many.rho_p == pytest.approx(
        stats.spearmanr(range(9), [1, 0, 2, 3, 7, 5, 6, 4, 8]).pvalue
    )


@pytest.mark.parametrize(
    ("x", "y"), [([1, 2, 3], [1, 2, 3]), ([1] * 5, range(5)), (range(5), [2] * 5)]
)
def test_too_few_or_all_alike(x, y):
    found = relation(list(x), list(y))
    assert found.n == len(x)
    assert all(math.isnan(value) for value in found[1:])


def test_pool_by_hand():
    """Two groups that differ no more than by chance: the mean of z, weighed by n - 3."""
    found = pool([math.tanh(0.3), math.tanh(0.5)], [13, 33], rank=False)
    z = (10 * 0.3 + 30 * 0.5) / 40
    assert found.value == pytest.approx(math.tanh(z))
    assert (found.groups, found.n, found.positive, found.i2) == (2, 46, 2, 0)
    # Never narrower than 1 / sqrt(40), with Student's t of one degree of freedom.
    reach = stats.t.isf(0.025, 1) / math.sqrt(40)
    assert found.low == pytest.approx(math.tanh(z - reach))
    assert found.high == pytest.approx(math.tanh(z + reach))


def test_pool_of_groups_that_truly_differ():
    found = pool([-0.8, 0.8, -0.8, 0.8], [100] * 4, rank=False)
    assert found.value == pytest.approx(0, abs=1e-12)
    assert found.i2 > 0.95
    assert found.low < -0.8
    assert found.p == pytest.approx(1)
    assert found.positive == 2


def test_pool_leaves_out_what_has_no_correlation():
    assert pool([0.4, math.nan], [20, 2]) == pool([0.4], [20])
    nothing = pool([math.nan], [2])
    assert (nothing.groups, nothing.n) == (0, 0)
    assert math.isnan(nothing.value)


def test_a_perfect_group_does_not_swallow_the_rest():
    found = pool([1.0, 0.1, 0.0], [6, 60, 60])
    assert np.isfinite(found[2:6]).all()
    assert found.value < 0.999


CORRELATIONS = st.lists(
    st.tuples(st.floats(-0.95, 0.95), st.integers(FEWEST, 60)), min_size=1, max_size=6
)


@given(CORRELATIONS)
def test_pooled_lies_between_and_turns_with_the_sign(groups):
    values, counts = zip(*groups, strict=True)
    found, turned = pool(values, counts), pool(np.negative(values), counts)
    assert min(values) - 1e-6 <= found.value <= max(values) + 1e-6
    assert found.low <= found.value <= found.high
    assert turned.value == pytest.approx(-found.value, abs=1e-6)
    assert 0 <= found.i2 <= 1
    assert 0 <= found.p <= 1


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Eight groups of 25 pairs whose true correlations scatter around 0.4."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        values = []
        for true in np.tanh(rng.normal(math.atanh(0.4), 0.2, 8)):
            x, e = rng.normal(size=(2, 25))
            values.append(stats.pearsonr(x, true * x + math.sqrt(1 - true**2) * e).statistic)
        found = pool(values, [25] * 8, rank=False)
        held += found.low <= 0.4 <= found.high
    assert 180 <= held <= 200


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: relation([1, 2], [1]), "2 and 1 values. Allowed: pairs"),
        (lambda: relation([1, math.nan], [1, 2]), r"shape \(2,\), 1 of them not finite. Allowed"),
        (lambda: pool([0.1], [1, 2]), "1 correlations and 2 counts. Allowed: one of each"),
        (lambda: pool([0.1], [3]), "A correlation of 3 pairs. Allowed: 4 pairs or more"),
    ],
)
def test_errors(call, says):
    with pytest.raises(InputError, match=says):
        call()
