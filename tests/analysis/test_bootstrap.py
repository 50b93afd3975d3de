import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medsam.analysis.statistics import FEWEST, interval
from medsam.errors import InputError

CLOSE = {"resamples": 399}


def clustered(rng, groups=25, slices=20, between=0.1, within=0.03):
    """Images of patients that differ more between than within, and the patient of each."""
    centres = rng.normal(0.6, between, groups)
    values = centres[:, None] + rng.normal(0, within, (groups, slices))
    return values.ravel(), np.repeat(np.arange(groups), slices)


def test_mean_is_over_images_and_counts_are_told():
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.9, 0.9]
    found = interval(values, list("abcdefff"))
    assert found.mean == pytest.approx(3.9 / 8)
    assert (found.n, found.groups) == (8, 6)
    assert found.low < found.mean < found.high


def test_by_the_theory_of_large_samples():
    values = np.random.default_rng(0).normal(0.5, 0.1, 400)
    found = interval(values)
    half = 1.96 * values.std(ddof=1) / 20
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_groups_of_one_are_images_and_names_do_not_matter():
    values = np.random.default_rng(0).beta(5, 2, 30)
    alone = interval(values)
    assert interval(values, np.arange(30)) == alone
    assert interval(values, [f"patient {i}" for i in range(30)]) == alone


def test_coverage_of_skewed_images():
    """Nominal 95 %: of 300 samples of 40 IoUs, with their mean known."""
    rng = np.random.default_rng(0)
    ends = [interval(rng.beta(4, 1, 40), **CLOSE) for _ in range(300)]
    covered = np.mean([e.low <= 0.8 <= e.high for e in ends])
    assert 0.91 <= covered <= 0.98


def test_coverage_of_clustered_images_needs_the_groups():
    rng = np.random.default_rng(0)
    right = naive = 0
    for _ in range(100):
        values, groups = clustered(rng)
        with_groups, without = interval(values, groups, **CLOSE), interval(values, **CLOSE)
        assert with_groups.high - with_groups.low > 2 * (without.high - without.low)
        right += with_groups.low <= 0.6 <= with_groups.high
        naive += without.low <= 0.6 <= without.high
    assert 0.88 <= right / 100 <= 0.99
    assert naive / 100 < 0.6


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8)), min_size=8, max_size=40).filter(
        lambda pairs: len({g for _, g in pairs}) >= FEWEST
    )
)
def test_ends_are_finite_in_order_and_in_range(pairs):
    values, groups = zip(*pairs, strict=True)
    found = interval(values, groups, resamples=199)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_the_order_of_the_rows_does_not_matter():
    rng = np.random.default_rng(0)
    values, groups = clustered(rng, groups=8, slices=3)
    shuffled = rng.permutation(len(values))
    assert interval(values, groups) == interval(values[shuffled], groups[shuffled])


def test_the_same_seed_the_same_interval():
    values = np.random.default_rng(1).beta(3, 2, 20)
    assert interval(values) == interval(values)
    assert interval(values) != interval(values, seed=2)


def test_more_confidence_is_wider():
    values = np.random.default_rng(1).beta(3, 2, 20)
    wide, narrow = interval(values, confidence=0.99), interval(values, confidence=0.8)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_all_equal():
    assert interval([0.7] * 6)[:3] == pytest.approx((0.7, 0.7, 0.7))
    # Groups of unequal size with one mean each: every resample has that mean.
    assert interval([0.1, 0.3, *[0.2] * 5], list("aabcdef"))[:3] == pytest.approx((0.2, 0.2, 0.2))


@pytest.mark.parametrize(
    ("values", "groups", "message"),
    [
        ([0.5] * 5, None, "5 images of 5 groups. Allowed: at least 6 groups"),
        ([0.5] * 80, ["a", "b"] * 40, "80 images of 2 groups. .* report the mean without"),
        ([], None, "0 images of 0 groups"),
        ([0.5, np.nan] * 4, None, "Values of shape .8,., 4 of them not finite. Allowed"),
        ([0.5] * 8, list("abc"), "8 values and groups of shape .3,."),
        ([0.5] * 8, [*"abcdefg", None], "1 values without a group. .* its own id"),
    ],
)
def test_errors(values, groups, message):
    with pytest.raises(InputError, match=message):
        interval(values, groups)


def test_settings():
    with pytest.raises(InputError, match="Confidence 95. Allowed: between 0 and 1, such as 0.95"):
        interval([0.1 * i for i in range(8)], confidence=95)
    with pytest.raises(InputError, match="9 resamples. Allowed: 99 or more, such as 9999"):
        interval([0.1 * i for i in range(8)], resamples=9)
