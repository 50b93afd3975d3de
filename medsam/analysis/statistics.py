"""How sure a mean or a difference is: tables of bootstrap intervals and of paired tests.

Slices of one patient or volume resemble each other, so what is resampled and tested is the
*group* (column ``group``); means stay those over images. See :mod:`medsam.analysis.statistics`.

Tests: Wilcoxon's signed-rank test on the means of groups, as IoUs are not normal and the
images are the same on both sides, with Holm's correction over the tasks, which needs no
independence of tasks.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from medsam.errors import InputError, UnknownName
from medsam.prompts import MODES

__all__ = [
    "ALPHA",
    "EXACT",
    "FEWEST",
    "PERFECT",
    "RESAMPLES",
    "SEED",
    "TIE",
    "Effect",
    "FEWEST_correlation",
    "Interval",
    "Pair",
    "Pooled",
    "Relation",
    "Side",
    "agrees",
    "compare",
    "correlation",
    "effect",
    "ends",
    "interval",
    "intervals",
    "mean_of_tasks",
    "pair",
    "pool",
    "probability",
    "relation",
    "steps",
    "wide",
]


# Bootstrap interval of a mean over images that come in groups: patients, or volumes.


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


_PAIR = ("dataset", "task", "image", "group")
_SETTINGS = ("model", "protocol", "experiment", "k", "choice")

Side = int | str | Mapping[str, object]


def _need(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """Rows that have a value; complain where a column is absent or none has one."""
    asked = [*_PAIR, *_SETTINGS, value]
    missing = [name for name in asked if name not in rows.columns]
    if missing:
        raise InputError(
            f"Rows without {', '.join(missing)}. Allowed: the columns of the results. "
            "Take rows from medsam.results.rows.read."
        )
    kept = rows[rows[value].notna()]
    if kept.empty:
        raise InputError(
            f"{len(rows)} rows, none with {value}. Allowed: at least one. "
            "nsd and hd95 need data whose size of a pixel is known."
        )
    return kept


def intervals(
    rows: pd.DataFrame,
    value: str = "iou",
    *,
    confidence: float = 1 - ALPHA,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> pd.DataFrame:
    """Mean and interval per dataset, task, model, protocol, experiment, k and choice.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.rows.read` gives them.
    value : str
        Column to average: ``"iou"``, ``"dice"``, ``"nsd"``, ``"hd95"``. Rows without it are
        left aside.
    confidence, resamples, seed
        As in :func:`interval`.

    Returns
    -------
    DataFrame
        Those keys, then ``mean, low, high, n, groups``. ``low`` and ``high`` are null where
        there are fewer than :data:`FEWEST` groups.
    """
    kept = _need(rows, value)
    keys = ["dataset", "task", *_SETTINGS]
    found = []
    for key, of_key in kept.groupby(keys, sort=True, observed=True, dropna=False):
        values, groups = of_key[value].to_numpy(float), of_key["group"].to_numpy()
        one = _or_none(values, groups, confidence, resamples, seed)
        found.append(dict(zip(keys, key, strict=True)) | one._asdict())
    return pd.DataFrame(found, columns=[*keys, *Interval._fields])


def _or_none(
    values: NDArray[np.float64], groups: NDArray[Any], confidence: float, resamples: int, seed: int
) -> Interval:
    n_groups = int(pd.Series(groups).nunique())
    if n_groups < FEWEST:
        mean = float(values.mean()) if len(values) else np.nan
        return Interval(mean, np.nan, np.nan, len(values), n_groups)
    return interval(values, groups, confidence=confidence, resamples=resamples, seed=seed)


def _side(rows: pd.DataFrame, side: Side) -> tuple[dict[str, object], str]:
    """Settings of one side of a comparison, and its name."""
    if isinstance(side, int):
        if side not in MODES:
            raise UnknownName("mode", str(side), map(str, MODES))
        return {"experiment": "mode", "k": side}, f"mode {side}"
    if isinstance(side, str):
        side = {"model": side}
    unknown = [name for name in side if name not in _SETTINGS]
    if unknown or not side:
        raise InputError(
            f"A side of a comparison with {', '.join(side) or 'nothing'}. "
            f"Allowed: a mode, the name of a model, or values of {', '.join(_SETTINGS)}."
        )
    for name, value in side.items():
        there = rows[name].dropna().unique()
        if value not in there:
            raise UnknownName(name, str(value), map(str, there))
    return dict(side), " ".join(str(value) for value in side.values())


def _select(rows: pd.DataFrame, settings: Mapping[str, object]) -> pd.DataFrame:
    chosen = np.ones(len(rows), bool)
    for name, value in settings.items():
        chosen &= (rows[name] == value).fillna(False).to_numpy(bool)
    return rows[chosen]


def _test(differences: NDArray[np.float64]) -> tuple[float, float]:
    """Wilcoxon's signed-rank test of (N,) pairs: p, and the rank-biserial correlation."""
    from scipy import stats

    moved = differences[differences != 0]
    if not len(moved):
        return 1.0, 0.0
    ranks = stats.rankdata(np.abs(moved))
    effect = float((ranks * np.sign(moved)).sum() / ranks.sum())
    return float(stats.wilcoxon(moved).pvalue), effect


def compare(
    rows: pd.DataFrame,
    a: Side,
    b: Side,
    value: str = "iou",
    *,
    alpha: float = ALPHA,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> pd.DataFrame:
    """Compare two modes, or two models, on the same images of each task.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.rows.read` gives them; of two models, both folders' rows.
    a, b : int, str or mapping
        A mode (1 to 5), the name of a model, or values of ``model, protocol, experiment, k,
        choice``, such as ``{"choice": "oracle"}``. What neither names is equal on both sides.
    value : str
        Column to compare. Rows without it are left aside.
    alpha : float
        Risk after correction, and of the interval of each task.
    resamples, seed
        As in :func:`interval`.

    Returns
    -------
    DataFrame
        One row per dataset, task and combination of the settings that ``a`` and ``b`` leave
        open, with ``a, b``: names of the sides; ``n, groups``: pairs of images, and groups of
        them; ``unpaired``: images on one side only; ``difference``: mean of a - b over images,
        with ``low`` and ``high``; ``effect``: rank-biserial correlation, from -1 (b above a in
        every group) to 1; ``p``; ``p_holm``: corrected over the tasks of one combination;
        ``verdict``: ``"<a> higher"``, ``"<b> higher"`` (by the sign of the effect),
        ``"no difference shown"``, or ``"too few groups"`` (below :data:`FEWEST`: nulls, and not
        counted in the correction). For ``hd95`` lower is better.

    Raises
    ------
    InputError
        If columns are missing, an image is there twice on one side, both sides are the same, or
        no image is on both.
    UnknownName
        If the rows have no such mode, model or setting.

    Notes
    -----
    The p-value is exact for up to 50 groups without ties. Groups whose mean difference is 0 are
    left out of the test, as Wilcoxon proposed. The test asks whether one side is above the other
    in more groups and by more, by rank: a few groups with large differences can turn the mean
    difference the other way. Where that happens, tell both.
    """
    kept = _need(rows, value)
    (of_a, name_a), (of_b, name_b) = _side(kept, a), _side(kept, b)
    if of_a == of_b:
        raise InputError(f"Both sides are {name_a}. Allowed: two different ones.")
    # The names on one side are settings of both: a mode against clicks, say.
    named = set(of_a) | set(of_b)
    open_settings = [name for name in _SETTINGS if name not in named]
    pairs = _pair(kept, of_a, of_b, [*_PAIR, *open_settings], value, (name_a, name_b))
    keys = ["dataset", "task", *open_settings]
    found = []
    for key, of_key in pairs.groupby(keys, sort=True, observed=True, dropna=False):
        both = of_key.dropna(subset=["a", "b"])
        difference = (both["a"] - both["b"]).to_numpy(float)
        groups = both["group"].to_numpy()
        mean, low, high, n, n_groups = _or_none(difference, groups, 1 - alpha, resamples, seed)
        p = effect = np.nan
        if n_groups >= FEWEST:
            # Rounding: equal IoUs that come out of other sums must be ties and zeros.
            of_group = pd.Series(difference).groupby(groups).mean().round(12)
            p, effect = _test(of_group.to_numpy())
        told = (name_a, name_b, n, n_groups, len(of_key) - n, mean, low, high, effect, p)
        found.append((*key, *told))
    columns = ["a", "b", "n", "groups", "unpaired", "difference", "low", "high", "effect", "p"]
    return _verdicts(pd.DataFrame(found, columns=[*keys, *columns]), open_settings, alpha)


def _pair(
    rows: pd.DataFrame,
    of_a: Mapping[str, object],
    of_b: Mapping[str, object],
    index: list[str],
    value: str,
    names: tuple[str, str],
) -> pd.DataFrame:
    """Values of both sides image by image, null where a side lacks it."""
    sides = []
    for settings, name in zip((of_a, of_b), names, strict=True):
        side = _select(rows, settings)[[*index, value]]
        twice = side[side.duplicated(index)]
        if len(twice):
            first = twice.iloc[0]
            raise InputError(
                f"{name}: {len(twice)} images are there more than once, the first is "
                f"{first['image']!r} of {first['task']}. Allowed: one row an image. "
                f"Name more settings on both sides ({', '.join(_SETTINGS)})."
            )
        sides.append(side)
    pairs = sides[0].merge(sides[1], on=index, how="outer", suffixes=("_a", "_b"))
    pairs = pairs.rename(columns={f"{value}_a": "a", f"{value}_b": "b"})
    if pairs[["a", "b"]].notna().all(axis=1).sum() == 0:
        raise InputError(
            f"{names[0]} has {len(sides[0])} rows and {names[1]} {len(sides[1])}, none of the same "
            "image, task and settings. Allowed: two sides that saw the same images."
        )
    return pairs


def _verdicts(table: pd.DataFrame, family: list[str], alpha: float) -> pd.DataFrame:
    """Correct over the tasks of each family, and say what follows."""
    from statsmodels.stats.multitest import multipletests

    table["p_holm"] = np.nan
    tested = table[table["p"].notna()]
    families = tested.groupby(family, observed=True, dropna=False) if family else [((), tested)]
    for _, of_family in families:
        if len(of_family):
            corrected = multipletests(of_family["p"], alpha=alpha, method="holm")[1]
            table.loc[of_family.index, "p_holm"] = corrected
    shown = table["p_holm"] < alpha
    table["verdict"] = np.select(
        [table["p"].isna(), shown & (table["effect"] > 0), shown & (table["effect"] < 0)],
        ["too few groups", table["a"] + " higher", table["b"] + " higher"],
        "no difference shown",
    )
    return table


# The effect of a choice: the same cases under two protocols, with an interval over images.


RESAMPLES_paired = 2000
LEVEL = 0.95


class Effect(NamedTuple):
    """IoU under one protocol less IoU under another.

    Attributes
    ----------
    base, variant : float
        Mean IoU: over the images of each task, and then over tasks.
    delta : float
        Variant less base.
    low, high : float
        95 % bootstrap interval of ``delta``, images drawn with all their tasks.
    changed : float
        Fraction of cases whose IoU is not the same.
    cases, images, tasks : int
        Of how many.
    """

    base: float
    variant: float
    delta: float
    low: float
    high: float
    changed: float
    cases: int
    images: int
    tasks: int


def mean_of_tasks(values: NDArray[np.float64], index: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mean over images, then over tasks, for each draw of images.

    Parameters
    ----------
    values : (tasks, images) float
        NaN where an image is no case of a task.
    index : (..., n) int
        Images.

    Returns
    -------
    (...) float
        A task of which no image was drawn does not count.

    Examples
    --------
    >>> mean_of_tasks(np.array([[0.1, 0.3], [0.5, np.nan]]), np.array([[0, 1], [1, 1]])).tolist()
    [0.35, 0.3]
    """
    drawn = values[:, index]
    there = ~np.isnan(drawn)
    count = there.sum(-1)
    sums = np.where(there, drawn, 0).sum(-1)
    means = np.divide(sums, count, out=np.zeros_like(sums), where=count > 0)
    found: NDArray[np.float64] = means.sum(0) / (count > 0).sum(0)
    return found


def effect(wide: pd.DataFrame, base: str, variant: str) -> Effect:
    """The effect of a variant.

    Parameters
    ----------
    wide : DataFrame
        IoU; index ``task, image``, one column a protocol.
    base, variant : str
        Columns.

    Returns
    -------
    Effect
        The interval is the percentile interval of 2000 draws; where no case differs, or there is
        one image only, it is the value itself.
    """
    difference = (wide[variant] - wide[base]).unstack("image")
    values = difference.to_numpy(np.float64)
    images = np.arange(values.shape[1])
    delta = float(mean_of_tasks(values, images))
    low = high = delta
    changed = float((wide[variant] != wide[base]).mean())
    if changed and len(images) > 1:
        from scipy.stats import bootstrap

        interval = bootstrap(
            (images,),
            lambda index, axis: mean_of_tasks(values, np.moveaxis(index, axis, -1)),
            n_resamples=RESAMPLES_paired,
            confidence_level=LEVEL,
            method="percentile",
            vectorized=True,
            rng=np.random.default_rng(0),
        ).confidence_interval
        low, high = float(interval.low), float(interval.high)
    before, after = (float(wide[name].groupby("task").mean().mean()) for name in (base, variant))
    return Effect(
        before,
        after,
        delta,
        low,
        high,
        changed,
        len(wide),
        len(images),
        len(values),
    )


def wide(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """IoU by case (task and image), one column a protocol, every case whole.

    Raises
    ------
    InputError
        If a case is missing under one of the protocols.
    """
    table = rows.pivot(index=["task", "image"], columns="protocol", values="iou").reindex(
        columns=list(names)
    )
    short = [name for name in names if table[name].isna().any()]
    if short or table.empty:
        raise InputError(
            f"{len(table)} cases, of which some have no IoU under {', '.join(short) or 'any'}. "
            "Allowed: the same cases under every protocol. Run the study for each of them."
        )
    return table


# How one number goes with another: correlation and line, and correlations of groups pooled.


FEWEST_correlation = 4
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


def _finite_correlation(values: ArrayLike) -> NDArray[np.float64]:
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

    a, b = _finite_correlation(x), _finite_correlation(y)
    if a.shape != b.shape:
        raise InputError(f"{len(a)} and {len(b)} values. Allowed: pairs, as many of each.")
    if len(a) < FEWEST_correlation or np.ptp(a) == 0 or np.ptp(b) == 0:
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
    if (n < FEWEST_correlation).any():
        raise InputError(
            f"A correlation of {n.min():g} pairs. Allowed: {FEWEST_correlation} pairs or more."
        )
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


# Numbers as a text prints them, and paired comparisons.


TIE = 5e-4
"""A smaller difference of IoU is a tie: the values print alike with three digits."""


def agrees(stated: str, value: float) -> bool:
    """Whether a value, rounded to the digits that the text prints, is the printed number.

    Examples
    --------
    >>> agrees("0.8650", 0.86495), agrees("0.865", 0.8643), agrees("24", 24)
    (True, False, True)
    """
    digits = len(stated.partition(".")[2])
    return bool(abs(value - float(stated)) <= 0.5 * 10**-digits + 1e-12)


def steps(stated: str, value: float) -> float:
    """By how many units of the last printed digit a value is off.

    Examples
    --------
    >>> round(steps("0.1135", 0.1137), 6)
    2.0
    """
    return float(abs(value - float(stated)) * 10 ** len(stated.partition(".")[2]))


def ends(line: pd.Series, end: str) -> tuple[str, float]:
    """Name and value of the ``lowest`` or ``highest`` of a series.

    Examples
    --------
    >>> ends(pd.Series({"a": 0.2, "b": 0.7}), "highest")
    ('b', 0.7)
    """
    place = int(line.argmax() if end == "highest" else line.argmin())
    return str(line.index[place]), float(line.iloc[place])


@dataclass(frozen=True)
class Pair:
    """Two settings compared task by task.

    Attributes
    ----------
    n, wins, ties, losses : int
        Tasks; those where the first is better, alike (:data:`TIE`), worse.
    first, second, difference : float
        Means of IoU, and of the difference.
    p : float
        Wilcoxon signed-rank test, one-sided (first better); 1 where all differences are 0.
    """

    n: int
    wins: int
    ties: int
    losses: int
    first: float
    second: float
    difference: float
    p: float

    @property
    def words(self) -> str:
        """Means, counts and the test."""
        ties = f", alike on {self.ties}" if self.ties else ""
        return (
            f"Mean {self.first:.3f} against {self.second:.3f}; better on {self.wins} of {self.n} "
            f"tasks{ties}, worse on {self.losses} (Wilcoxon signed-rank, one-sided, "
            f"{probability(self.p)})."
        )

    @property
    def conditions(self) -> tuple[bool, bool, bool]:
        """Mean, majority of the tasks that differ, and the test."""
        return self.difference > 0, self.wins > self.losses, self.p < 0.05

    @property
    def values(self) -> dict[str, float | int | str]:
        """As plain numbers."""
        return dict(vars(self))


def probability(p: float) -> str:
    """A p-value in words.

    Examples
    --------
    >>> probability(0.0000012), probability(0.1234)
    ('p < 0.001', 'p = 0.123')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def pair(first: pd.Series, second: pd.Series) -> Pair:
    """Compare two series of IoU by task; tasks that only one of them has are left out.

    Examples
    --------
    >>> found = pair(pd.Series({"a": 0.9, "b": 0.6}), pd.Series({"a": 0.5, "b": 0.6}))
    >>> found.n, found.wins, found.ties, round(found.difference, 6)
    (2, 1, 1, 0.2)
    """
    both = pd.concat([first, second], axis=1, join="inner").dropna().astype(float)
    one, two = both.iloc[:, 0].to_numpy(), both.iloc[:, 1].to_numpy()
    off = one - two
    p = stats.wilcoxon(off, alternative="greater").pvalue if np.any(off) else 1.0
    wins, losses = int((off > TIE).sum()), int((off < -TIE).sum())
    return Pair(
        n=len(off),
        wins=wins,
        ties=len(off) - wins - losses,
        losses=losses,
        first=float(one.mean()),
        second=float(two.mean()),
        difference=float(off.mean()),
        p=float(p),
    )


def correlation(x: pd.Series, y: pd.Series) -> dict[str, float | int]:
    """Pearson with its 95% interval (Fisher) and p, Spearman with its p, and n.

    Parameters
    ----------
    x, y : Series
        By task, at least four in common, neither constant.
    """
    both = pd.concat([x, y], axis=1, join="inner").dropna().astype(float)
    a, b = both.iloc[:, 0].to_numpy(), both.iloc[:, 1].to_numpy()
    pearson, spearman = stats.pearsonr(a, b), stats.spearmanr(a, b)
    low, high = pearson.confidence_interval(0.95)
    return {
        "n": len(a),
        "r": float(pearson.statistic),
        "r-low": float(low),
        "r-high": float(high),
        "r-p": float(pearson.pvalue),
        "rho": float(spearman.statistic),
        "rho-p": float(spearman.pvalue),
    }
