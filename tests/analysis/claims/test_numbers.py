import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from medsam.analysis.claims.claim import Verdict, grade
from medsam.analysis.statistics import agrees, correlation, ends, pair, probability, steps


@given(st.integers(0, 9999), st.integers(1, 4))
def test_a_rounded_number_agrees_and_its_neighbour_does_not(whole, digits):
    value = whole / 10**4
    printed = f"{value:.{digits}f}"
    assert agrees(printed, value)
    off = float(printed) + 1.5 * 10**-digits
    assert not agrees(printed, off)
    assert steps(printed, off) == pytest.approx(1.5)


def test_digits_count():
    assert agrees("0.65", 0.6542)
    assert not agrees("0.6500", 0.6542)
    assert agrees("5", 5.0)
    assert not agrees("5", 6)


def test_pair_by_hand():
    first = pd.Series({"a": 0.5, "b": 0.6, "c": 0.7, "d": 0.8, "e": 0.3, "only here": 1.0})
    second = pd.Series({"a": 0.4, "b": 0.4, "c": 0.4, "d": 0.7999, "e": 0.35})
    found = pair(first, second)
    assert (found.n, found.wins, found.ties, found.losses) == (5, 3, 1, 1)
    assert found.difference == pytest.approx((0.1 + 0.2 + 0.3 + 0.0001 - 0.05) / 5)
    off = (first - second).dropna().to_numpy()
    assert found.p == pytest.approx(stats.wilcoxon(off, alternative="greater").pvalue)
    assert "better on 3 of 5 tasks, alike on 1, worse on 1" in found.words


def test_pair_of_equals():
    same = pd.Series({"a": 0.5, "b": 0.5})
    assert pair(same, same).p == 1
    assert pair(same, same).conditions == (False, False, False)


def test_correlation_is_that_of_scipy():
    x = pd.Series([1.0, 2, 3, 4, 5, 6])
    y = pd.Series([1.0, 3, 2, 5, 4, 9])
    found = correlation(x, y)
    assert found["n"] == 6
    assert found["r"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert found["rho"] == pytest.approx(1 - 6 * 4 / (6 * 35))
    assert found["r-low"] < found["r"] < found["r-high"]


def test_small_things():
    assert ends(pd.Series({"a": 0.2, "b": 0.1}), "lowest") == ("b", 0.1)
    assert probability(0.04) == "p = 0.040"
    assert grade(True, False) is Verdict.PARTLY
