"""Bootstrap interval of a mean over images that come in groups: patients, or volumes.

Slices of one patient resemble each other: forty slices of one scan are not forty patients. So
whole groups are resampled, while the mean stays the one over images that the paper reports.
Where every image stands alone, each is a group.

The interval is bias-corrected and accelerated (BCa, doi:10.2307/2289144): IoUs end at 0 and 1
and lean to one side, where the ends of the plain percentile interval are shifted.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from medsam.errors import InputError

__all__ = ["ALPHA", "FEWEST", "RESAMPLES", "SEED", "Interval", "interval"]

ALPHA = 0.05
"""One minus the confidence of an interval, and the risk of a test."""
FEWEST = 6
"""Fewest groups for an interval or a test: five pairs cannot reach p < 0.05 (2 / 2**5)."""
RESAMPLES = 9999
"""Bootstrap samples: the ends of an interval move by about 1 % of its width with the seed."""
SEED = 1

# Numbers in memory at once while resampling: 10**7 of 8 bytes.
_AT_ONCE = 10**7


class Interval(NamedTuple):
    """A mean with its bootstrap interval.

    Attributes
    ----------
    mean, low, high : float
        In the unit of the values; the mean is over images.
    n, groups : int
        Images and groups.
    """

    mean: float
    low: float
    high: float
    n: int
    groups: int


def _codes(groups: ArrayLike | None, n: int) -> NDArray[np.intp]:
    if groups is None:
        return np.arange(n)
    found = np.asarray(groups)
    if found.shape != (n,):
        raise InputError(
            f"{n} values and groups of shape {found.shape}. Allowed: one group a value."
        )
    codes, _ = pd.factorize(found)
    if (codes < 0).any():
        raise InputError(
            f"{int((codes < 0).sum())} values without a group. Allowed: one group a value. "
            "Give an image that stands alone its own id."
        )
    return np.asarray(codes)


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise InputError(
            f"Values of shape {found.shape}, {int((~np.isfinite(found)).sum())} of them not "
            "finite. Allowed: (N,) finite numbers. Leave out what is undefined and say how many "
            "there were."
        )
    return found


def interval(
    values: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    confidence: float = 1 - ALPHA,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """Mean over images with its BCa bootstrap interval over groups.

    Parameters
    ----------
    values : (N,) float
        One an image.
    groups : (N,) of anything hashable, optional
        Patient or volume of each image; by default each image stands alone.
    confidence : float
        Between 0 and 1.
    resamples : int
        Bootstrap samples, 99 or more.
    seed : int
        Of the generator: equal values and groups, in any order, give an equal interval.

    Returns
    -------
    Interval
        Where all groups have one mean, both ends are that mean.

    Raises
    ------
    InputError
        If there are fewer than :data:`FEWEST` groups, a value is not finite, shapes differ,
        resamples are too few, or the confidence is not between 0 and 1.

    Notes
    -----
    Whole groups are drawn with replacement and the mean is taken over all images drawn, so a
    group weighs as many images as it has (:func:`scipy.stats.bootstrap` over pairs of sum and
    count).

    Examples
    --------
    >>> found = interval([0.2, 0.4, 0.5, 0.6, 0.8, 0.9])
    >>> round(found.mean, 3), found.low < found.mean < found.high, found.groups
    (0.567, True, 6)
    """
    from scipy import stats

    found = _finite(values)
    codes = _codes(groups, len(found))
    if resamples < 99:
        raise InputError(f"{resamples} resamples. Allowed: 99 or more, such as {RESAMPLES}.")
    if not 0 < confidence < 1:
        raise InputError(f"Confidence {confidence!r}. Allowed: between 0 and 1, such as 0.95.")
    # Added up in an order of their own: the interval must not depend on that of the rows.
    inside = np.lexsort((found, codes))
    found, codes = found[inside], codes[inside]
    counts = np.bincount(codes).astype(float)
    n_groups = len(counts) if len(found) else 0
    if n_groups < FEWEST:
        raise InputError(
            f"{len(found)} images of {n_groups} groups. Allowed: at least {FEWEST} groups "
            "(patients or volumes). With fewer, report the mean without an interval."
        )
    sums = np.bincount(codes, weights=found)
    order = np.lexsort((counts, sums))
    sums, counts = sums[order], counts[order]
    mean = float(sums.sum() / counts.sum())
    if np.ptp(sums / counts) <= 1e-12:
        return Interval(mean, mean, mean, len(found), n_groups)

    def ratio(total: Any, count: Any, axis: int = -1) -> Any:
        return total.sum(axis=axis) / count.sum(axis=axis)

    with warnings.catch_warnings():
        # What is degenerate was returned above.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        ends = stats.bootstrap(
            (sums, counts),
            ratio,
            paired=True,
            vectorized=True,
            n_resamples=resamples,
            batch=max(1, min(resamples, _AT_ONCE // n_groups)),
            confidence_level=confidence,
            method="BCa",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return Interval(mean, float(ends.low), float(ends.high), len(found), n_groups)
