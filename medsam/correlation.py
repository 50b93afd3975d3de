"""How one number goes with another: correlation and line, and correlations of groups pooled.

Everything is symmetric in the order of the values. Intervals are at 95 %.
"""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medsam.bootstrap import ALPHA
from medsam.errors import InputError

__all__ = ["EXACT", "FEWEST", "PERFECT", "Pooled", "Relation", "pool", "relation"]

FEWEST = 4
"""Fewest pairs of a correlation: the error of Fisher's z is 1 / sqrt(n - 3)."""
EXACT = 8
"""Up to so many pairs the p-value of Spearman's correlation is exact: 8! are 40320 orders."""
PERFECT = 0.999
"""As much counts a correlation of 1 when pooled: its own z has no end."""


class Relation(NamedTuple):
    """How y goes with x.

    Attributes
    ----------
    n : int
        Pairs. All else is NaN below :data:`FEWEST`, or where x or y does not vary. A correlation
        of exactly 1 or -1 has no interval (NaN).
    r, r_low, r_high, r_p : float
        Pearson's correlation, its interval by Fisher's z, and p (two-sided).
    rho, rho_low, rho_high, rho_p : float
        Spearman's, with the error of z of Bonett and Wright (doi:10.1007/BF02294183), and p: of
        all orders of the values up to :data:`EXACT` pairs, by Student's t from there on.
    slope, slope_low, slope_high, intercept : float
        Least-squares line of y on x, and the interval of its slope by Student's t.
    """

    n: int
    r: float = math.nan
    r_low: float = math.nan
    r_high: float = math.nan
    r_p: float = math.nan
    rho: float = math.nan
    rho_low: float = math.nan
    rho_high: float = math.nan
    rho_p: float = math.nan
    slope: float = math.nan
    slope_low: float = math.nan
    slope_high: float = math.nan
    intercept: float = math.nan


class Pooled(NamedTuple):
    """Correlations of several groups as one.

    Attributes
    ----------
    groups, n : int
        Groups with a correlation, and pairs in them.
    value, low, high : float
        Mean correlation of a random-effects model of Fisher's z, and its interval.
    p : float
        Of no correlation on average; two-sided.
    i2 : float
        Share of the variance between groups that is not chance, 0 to 1.
    positive : int
        Groups whose correlation is above 0.
    """

    groups: int
    n: int
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    i2: float = math.nan
    positive: int = 0


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise InputError(
            f"Values of shape {found.shape}, {int((~np.isfinite(found)).sum())} of them not "
            "finite. Allowed: (N,) finite numbers. Leave out what is undefined."
        )
    return found


def relation(x: ArrayLike, y: ArrayLike) -> Relation:
    """Correlation of two series, and the line through them.

    Parameters
    ----------
    x, y : (N,) float

    Returns
    -------
    Relation

    Raises
    ------
    InputError
        If lengths differ or a value is not finite.

    Examples
    --------
    >>> found = relation([0, 1, 2, 3], [0, 1, 3, 2])
    >>> round(found.r, 3), round(found.rho, 3), round(found.slope, 3)
    (0.8, 0.8, 0.8)
    >>> relation([1, 2, 3], [1, 2, 3]).r
    nan
    """
    from scipy import stats

    a, b = _finite(x), _finite(y)
    if a.shape != b.shape:
        raise InputError(f"{len(a)} and {len(b)} values. Allowed: pairs, as many of each.")
    if len(a) < FEWEST or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Relation(len(a))
    pearson, spearman = stats.pearsonr(a, b), stats.spearmanr(a, b)
    r, rho = float(pearson.statistic), float(spearman.statistic)
    rho_p = _exact(a, b) if len(a) <= EXACT else float(spearman.pvalue)
    line = stats.linregress(a, b)
    reach = float(stats.t.isf(ALPHA / 2, len(a) - 2)) * line.stderr
    return Relation(
        len(a),
        *(r, *_ends(r, _error(r, len(a), rank=False)), float(pearson.pvalue)),
        *(rho, *_ends(rho, _error(rho, len(a), rank=True)), rho_p),
        *(float(line.slope), float(line.slope - reach), float(line.slope + reach)),
        float(line.intercept),
    )


def _exact(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Share of all pairings whose rank correlation is as far from 0, two-sided."""
    from scipy import stats

    fixed = stats.rankdata(b)
    fixed -= fixed.mean()
    found = stats.permutation_test(
        (stats.rankdata(a),),
        lambda ranks, axis: (ranks * fixed).sum(axis=axis),
        permutation_type="pairings",
        n_resamples=np.inf,
        vectorized=True,
    )
    return float(found.pvalue)


def _error(value: float, n: int, *, rank: bool) -> float:
    """Standard error of Fisher's z of a correlation."""
    return math.sqrt((1 + value**2 / 2 if rank else 1) / (n - 3))


def _ends(value: float, error: float) -> tuple[float, float]:
    from scipy import stats

    if abs(value) >= 1 - 1e-12:  # z has no end
        return math.nan, math.nan
    z, reach = math.atanh(value), float(stats.norm.isf(ALPHA / 2)) * error
    return math.tanh(z - reach), math.tanh(z + reach)


def pool(values: ArrayLike, counts: ArrayLike, *, rank: bool = True) -> Pooled:
    """The mean correlation of groups, each weighing what it is sure of.

    Fisher's z of each group goes into a random-effects model (Paule and Mandel), as groups may
    truly differ. Its interval is that of Hartung, Knapp, Sidik and Jonkman, which stays honest
    with few groups (doi:10.1186/1471-2288-14-25), and never narrower than the plain one, as it
    would be where groups agree by chance (doi:10.1186/s12874-015-0091-1).

    Parameters
    ----------
    values : (G,) float
        Correlation of each group; NaN where there is none, which is left out.
    counts : (G,) int
        Pairs of each group.
    rank : bool
        Whether they are Spearman's (``True``) or Pearson's.

    Returns
    -------
    Pooled
        Of one group, its own correlation and interval; of none, NaN.

    Raises
    ------
    InputError
        If lengths differ, or a group with a correlation has fewer than :data:`FEWEST` pairs.

    Examples
    --------
    >>> found = pool([0.5, 0.5, 0.5], [20, 30, 40])
    >>> found.groups, found.n, round(found.value, 3), found.i2
    (3, 90, 0.5, 0.0)
    """
    from scipy import stats
    from statsmodels.stats.meta_analysis import combine_effects

    found, n = np.asarray(values, np.float64), np.asarray(counts, np.float64)
    if found.shape != n.shape or found.ndim != 1:
        raise InputError(f"{found.size} correlations and {n.size} counts. Allowed: one of each.")
    there = ~np.isnan(found)
    found, n = found[there], n[there]
    if (n < FEWEST).any():
        raise InputError(f"A correlation of {n.min():g} pairs. Allowed: {FEWEST} pairs or more.")
    told = len(found), int(n.sum())
    positive = int((found > 0).sum())
    if not len(found):
        return Pooled(*told)
    kept = np.clip(found, -PERFECT, PERFECT)
    errors = np.array([_error(v, int(k), rank=rank) for v, k in zip(kept, n, strict=True)])
    z = np.arctanh(kept)
    if len(found) == 1:
        p = 2 * float(stats.norm.sf(abs(z[0]) / errors[0]))
        ends = _ends(float(kept[0]), float(errors[0]))
        return Pooled(*told, float(kept[0]), *ends, p, 0.0, positive)
    with warnings.catch_warnings():
        # Groups that are all alike: its share of variance is 0 / 0, and not taken from there.
        warnings.simplefilter("ignore", RuntimeWarning)
        both = combine_effects(z, errors**2, method_re="iterated")
    mean, df = float(both.mean_effect_re), len(z) - 1
    error = max(float(both.sd_eff_w_re), float(both.sd_eff_w_re_hksj))
    reach = error * float(stats.t.isf(ALPHA / 2, df))
    low, high = math.tanh(mean - reach), math.tanh(mean + reach)
    i2 = max(0.0, 1 - df / float(both.q)) if both.q > 0 else 0.0
    p = 2 * float(stats.t.sf(abs(mean) / error, df))
    return Pooled(*told, math.tanh(mean), low, high, p, i2, positive)
