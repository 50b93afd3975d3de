"""How sure a mean, a difference or a correlation is: intervals and tests.

Slices of one patient or volume resemble each other, so what is resampled and tested is the
*group* (column ``group``); means stay those over images. Of one group there is no interval, no
p-value and no verdict, however many slices it has; comparisons take :data:`FEWEST`. Tests of
differences are Wilcoxon's signed-rank test on the means of groups, as IoUs are not normal and the
images are the same on both sides, with Holm's correction over the tasks, which needs no
independence of tasks.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests

from medsam.errors import InputError, UnknownName

ALPHA = 0.05
"""One minus the confidence of an interval, and the risk of a test."""
FEWEST = 6
"""Fewest groups for an interval or a test: five pairs cannot reach p < 0.05 (2 / 2**5)."""
MOST = 0.5
"""Largest share of the values that one group may have: with more, the others hardly count."""
RESAMPLES = 9999
"""Bootstrap samples: the ends of an interval move by about 1 % of its width with the seed."""

_SEED = 1
# Numbers in memory at once while resampling: 10**7 of 8 bytes.
_AT_ONCE = 10**7
_PAIR = ("dataset", "task", "image", "group")
_SETTINGS = ("model", "protocol", "experiment", "k", "choice")


def check_columns(table: pd.DataFrame, columns: Iterable[str], what: str = "Table") -> None:
    """Raise where a table has no row, or lacks one of these columns.

    Raises
    ------
    InputError
        Names the columns that are missing.
    """
    wanted = list(columns)
    missing = [name for name in wanted if name not in table.columns]
    if missing or table.empty:
        raise InputError(
            f"{what} of {len(table)} rows without {', '.join(missing) or 'nothing'}. Allowed: at "
            f"least one row, with columns {', '.join(wanted)}."
        )


# Bootstrap intervals of a mean over images that come in groups.


class Interval(NamedTuple):
    """A mean with its bootstrap interval.

    Attributes
    ----------
    mean, low, high : float
        In the unit of the values; the ends are NaN where groups are not :func:`enough`.
    n, groups : int
        Images and groups.
    """

    mean: float
    low: float
    high: float
    n: int
    groups: int


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise InputError(
            f"Values of shape {found.shape}, {int((~np.isfinite(found)).sum())} of them not "
            "finite. Allowed: (N,) finite numbers. Leave out what is undefined."
        )
    return found


def enough(groups: ArrayLike) -> bool:
    """Whether groups allow an interval or a test: :data:`FEWEST`, none with more than :data:`MOST`.

    Parameters
    ----------
    groups : (N,) of anything hashable
        Patient or volume of each value.

    Examples
    --------
    >>> enough(list("abcdef")), enough(list("abcde")), enough(list("abcdefaaaaaa"))
    (True, False, False)
    """
    sizes = pd.Series(np.asarray(groups)).value_counts()
    return len(sizes) >= FEWEST and bool(sizes.max() <= MOST * sizes.sum())


def interval(
    values: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    tasks: ArrayLike | None = None,
    resamples: int = RESAMPLES,
) -> Interval:
    """Mean over images with its BCa bootstrap interval over groups.

    Parameters
    ----------
    values : (N,) float
        One an image (and task).
    groups : (N,) of anything hashable, optional
        Patient or volume of each image; by default each image stands alone.
    tasks : (N,) of anything hashable, optional
        The mean is then over the images of each task, and over tasks; a group is drawn with all
        its tasks, and a task of which no group is drawn does not count.
    resamples : int
        Bootstrap samples.

    Returns
    -------
    Interval
        Equal values and groups, in any order, give an equal interval. Where all groups have one
        mean, both ends are that mean.

    Raises
    ------
    InputError
        If a value is not finite, shapes differ, or a value has no group.

    Notes
    -----
    Whole groups are drawn with replacement and the mean is taken over all images drawn, so a
    group weighs as many images as it has (:func:`scipy.stats.bootstrap`).

    Examples
    --------
    >>> found = interval([0.2, 0.4, 0.5, 0.6, 0.8, 0.9])
    >>> round(found.mean, 3), found.low < found.mean < found.high, found.groups
    (0.567, True, 6)
    """
    found = _finite(values)
    n = len(found)
    group = np.arange(n) if groups is None else np.asarray(groups)
    task = np.zeros(n) if tasks is None else np.asarray(tasks)
    if group.shape != (n,) or task.shape != (n,) or pd.isna(group).any():
        raise InputError(
            f"{n} values with groups of shape {group.shape}, or without a group. Allowed: one "
            "group a value. Give an image that stands alone its own id."
        )
    if not n:
        return Interval(math.nan, math.nan, math.nan, 0, 0)
    # Added up in an order of their own: the interval must not depend on that of the rows.
    table = pd.DataFrame({"task": task, "group": group, "value": found}).sort_values("value")
    cells = table.groupby(["task", "group"]).value.agg(["sum", "count"]).unstack(fill_value=0)
    sums, counts = (cells[name].to_numpy(float) for name in ("sum", "count"))
    order = np.lexsort((*counts, *sums))
    sums, counts = sums[:, order], counts[:, order]
    drawable = np.arange(sums.shape[1])

    def mean_of(index: NDArray[np.intp], axis: int = -1) -> Any:
        total, count = sums[:, index].sum(axis=axis), counts[:, index].sum(axis=axis)
        means = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
        return means.sum(axis=0) / (count > 0).sum(axis=0)

    mean = float(mean_of(drawable))
    if not enough(group):
        return Interval(mean, math.nan, math.nan, n, len(drawable))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of what is degenerate: see below.
        drawn = stats.bootstrap(
            (drawable,),
            mean_of,
            vectorized=True,
            n_resamples=resamples,
            batch=max(1, min(resamples, _AT_ONCE // sums.size)),
            confidence_level=1 - ALPHA,
            method="BCa",
            rng=np.random.default_rng(_SEED),
        )
    low, high = drawn.confidence_interval
    if math.isnan(low):  # No group matters more than another, so there is nothing to correct for.
        low, high = np.quantile(drawn.bootstrap_distribution, (ALPHA / 2, 1 - ALPHA / 2))
    return Interval(mean, float(low), float(high), n, len(drawable))


def _with_iou(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that have an IoU."""
    check_columns(rows, [*_PAIR, *_SETTINGS, "iou"], "Results")
    found = rows[rows.iou.notna()]
    if found.empty:
        raise InputError(f"{len(rows)} rows, none with an IoU. Allowed: at least one.")
    return found


def intervals(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean IoU and interval per dataset, task, model, protocol, experiment, k and choice.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.rows.read` gives them.

    Returns
    -------
    DataFrame
        Those keys, then the fields of :class:`Interval`.
    """
    keys = ["dataset", "task", *_SETTINGS]
    parts = _with_iou(rows).groupby(keys, sort=True, observed=True, dropna=False)
    found = [(*key, *interval(part.iou, part.group)) for key, part in parts]
    return pd.DataFrame(found, columns=[*keys, *Interval._fields])


# Two sides of a comparison on the same images.


def _side(rows: pd.DataFrame, side: Mapping[str, object]) -> tuple[pd.DataFrame, str]:
    """Rows of one side of a comparison, and its name."""
    unknown = [name for name in side if name not in _SETTINGS]
    if unknown or not side:
        raise InputError(
            f"A side of a comparison with {', '.join(side) or 'nothing'}. "
            f"Allowed: values of {', '.join(_SETTINGS)}."
        )
    chosen = rows
    for column, wanted in side.items():
        there = rows[column].dropna().unique()
        if wanted not in there:
            raise UnknownName(column, str(wanted), map(str, there))
        chosen = chosen[(chosen[column] == wanted).fillna(False)]
    return chosen, " ".join(map(str, side.values()))


def compare(rows: pd.DataFrame, a: Mapping[str, object], b: Mapping[str, object]) -> pd.DataFrame:
    """Compare the IoU of two modes, or two models, on the same images of each task.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.rows.read` gives them; of two models, both folders' rows.
    a, b : mapping
        Values of ``model, protocol, experiment, k, choice``, such as ``{"model": "minisam"}`` or
        ``{"experiment": "mode", "k": 3}``. What neither names is equal on both sides.

    Returns
    -------
    DataFrame
        One row per dataset, task and combination of the settings that ``a`` and ``b`` leave
        open, with ``a, b``: names of the sides; ``n, groups``: pairs of images, and groups of
        them; ``unpaired``: images on one side only; ``mean_a, mean_b``: over the pairs;
        ``difference``: mean of a - b over images, with ``low`` and ``high``; ``effect``:
        rank-biserial correlation, from -1 (b above a in every group) to 1; ``p``; ``p_holm``:
        corrected over the tasks of one combination;
        ``verdict``: ``"<a> higher"``, ``"<b> higher"`` (by the sign of the effect),
        ``"no difference shown"``, or ``"too few groups"`` (below :data:`FEWEST`: nulls, and not
        counted in the correction).

    Raises
    ------
    InputError
        If columns are missing, an image is there twice on one side, or no image is on both.
    UnknownName
        If the rows have no such mode, model or setting.

    Notes
    -----
    The p-value is exact for up to 50 groups without ties. Groups whose mean difference is 0 are
    left out of the test, as Wilcoxon proposed. The test asks whether one side is above the other
    in more groups and by more, by rank: a few groups with large differences can turn the mean
    difference the other way. Where that happens, tell both.
    """
    rows = _with_iou(rows)
    left_open = [name for name in _SETTINGS if name not in {*a, *b}]
    index = [*_PAIR, *left_open]
    (of_a, name_a), (of_b, name_b) = (_side(rows, side) for side in (a, b))
    for side, name in ((of_a, name_a), (of_b, name_b)):
        if side.duplicated(index).any():
            raise InputError(
                f"{name}: {int(side.duplicated(index).sum())} images are there more than once. "
                f"Allowed: one row an image. Name more of {', '.join(_SETTINGS)} on both sides."
            )
    columns = [*index, "iou"]
    pairs = of_a[columns].merge(of_b[columns], on=index, how="outer", suffixes=("_a", "_b"))
    pairs["difference"] = pairs.iou_a - pairs.iou_b
    if pairs.difference.isna().all():
        raise InputError(
            f"{name_a} has {len(of_a)} rows and {name_b} {len(of_b)}, none of the same image, "
            "task and settings. Allowed: two sides that saw the same images."
        )
    keys = ["dataset", "task", *left_open]
    found = []
    for key, part in pairs.groupby(keys, sort=True, observed=True, dropna=False):
        both = part.dropna(subset="difference")
        mean, low, high, n, groups = interval(both.difference, both.group)
        told = (name_a, name_b, n, groups, len(part) - n, both.iou_a.mean(), both.iou_b.mean())
        tested = _signed_rank(both.difference, both.group)
        found.append((*key, *told, mean, low, high, *tested))
    names = ["a", "b", "n", "groups", "unpaired", "mean_a", "mean_b"]
    names += ["difference", "low", "high", "effect", "p"]
    return _verdicts(pd.DataFrame(found, columns=[*keys, *names]), left_open)


def _signed_rank(difference: pd.Series, groups: pd.Series) -> tuple[float, float]:
    """Rank-biserial correlation and p of the means of groups; NaN where there are too few."""
    # Rounding: equal IoUs that come out of other sums must be ties and zeros.
    means = difference.astype(float).groupby(groups).mean().round(12).to_numpy()
    if len(means) < FEWEST:
        return math.nan, math.nan
    moved = means[means != 0]
    if not len(moved):
        return 0.0, 1.0
    ranks = stats.rankdata(np.abs(moved))
    return float((ranks * np.sign(moved)).sum() / ranks.sum()), float(stats.wilcoxon(moved).pvalue)


def _verdicts(table: pd.DataFrame, family: list[str]) -> pd.DataFrame:
    """Correct over the tasks of each family, and say what follows."""
    if family:
        families = table.groupby(family, observed=True, dropna=False)
        table["p_holm"] = families.p.transform(_holm)
    else:
        table["p_holm"] = _holm(table.p)
    shown = table.p_holm < ALPHA
    table["verdict"] = np.select(
        [table.p.isna(), shown & (table.effect > 0), shown & (table.effect < 0)],
        ["too few groups", table.a + " higher", table.b + " higher"],
        "no difference shown",
    )
    return table


def _holm(p: pd.Series) -> pd.Series:
    """Corrected p-values; those that are null do not count."""
    known = p.dropna()
    corrected = multipletests(known, method="holm")[1] if len(known) else []
    return pd.Series(corrected, known.index, dtype=float).reindex(p.index)


class Effect(NamedTuple):
    """IoU under one protocol minus IoU under another.

    Attributes
    ----------
    base, variant : float
        Mean IoU: over the images of each task, and then over tasks.
    delta : float
        Variant minus base.
    low, high : float
        95 % bootstrap interval of ``delta``, groups drawn with all their images and tasks; NaN
        where there are fewer than :data:`FEWEST` groups.
    changed : float
        Fraction of cases whose IoU is not the same.
    cases, images, groups, tasks : int
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
    groups: int
    tasks: int


def wide(rows: pd.DataFrame, protocols: Sequence[str]) -> pd.DataFrame:
    """IoU by case (task, image and group), one column a protocol, every case whole.

    Raises
    ------
    InputError
        If a case is missing under one of the protocols.
    """
    table = rows.pivot(index=["task", "image", "group"], columns="protocol", values="iou")
    table = table.reindex(columns=list(protocols))
    short = [name for name in protocols if table[name].isna().any()]
    if short or table.empty:
        raise InputError(
            f"{len(table)} cases, of which some have no IoU under {', '.join(short) or 'any'}. "
            "Allowed: the same cases under every protocol. Run the study for each of them."
        )
    return table


def effect(cases: pd.DataFrame, base: str, variant: str) -> Effect:
    """The effect of a variant.

    Parameters
    ----------
    cases : DataFrame
        From :func:`wide`.
    base, variant : str
        Its columns.
    """
    tasks, images, groups = (cases.index.get_level_values(n) for n in ("task", "image", "group"))
    change = cases[variant] - cases[base]
    delta, low, high, n, n_groups = interval(change, groups, tasks=tasks)
    before, after = (float(cases[p].groupby("task").mean().mean()) for p in (base, variant))
    changed = float((change != 0).mean())
    counts = (n, images.nunique(), n_groups, tasks.nunique())
    return Effect(before, after, delta, low, high, changed, *counts)


# How one number goes with another: correlation and line, and correlations of groups pooled.


FEWEST_PAIRS = 4
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
        Pairs. All else is NaN below :data:`FEWEST_PAIRS`, or where x or y does not vary. A
        correlation of exactly 1 or -1 has no interval (NaN).
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


def relation(x: ArrayLike, y: ArrayLike, *, sure: bool = True) -> Relation:
    """Correlation of two series, and the line through them.

    Parameters
    ----------
    x, y : (N,) float
    sure : bool
        Whether the pairs are of :func:`enough` patients or volumes. Otherwise there is no interval
        and no p (NaN).

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
    a, b = _finite(x), _finite(y)
    n = len(a)
    if a.shape != b.shape:
        raise InputError(f"{n} and {len(b)} values. Allowed: pairs, as many of each.")
    if n < FEWEST_PAIRS or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Relation(n)
    pearson, spearman, line = stats.pearsonr(a, b), stats.spearmanr(a, b), stats.linregress(a, b)
    r, rho = float(pearson.statistic), float(spearman.statistic)
    if n <= EXACT:
        every = stats.PermutationMethod(n_resamples=math.factorial(n))
        spearman = stats.pearsonr(stats.rankdata(a), stats.rankdata(b), method=every)
    reach = float(stats.t.isf(ALPHA / 2, n - 2)) * line.stderr
    found = Relation(
        n,
        *(r, *_ends(r, n, rank=False), float(pearson.pvalue)),
        *(rho, *_ends(rho, n, rank=True), float(spearman.pvalue)),
        *(float(line.slope), float(line.slope - reach), float(line.slope + reach)),
        float(line.intercept),
    )
    return found if sure else found._replace(**_unsure(found._fields))


def _unsure(names: Iterable[str]) -> dict[str, Any]:
    """Of a result the intervals and p, which only enough groups could tell, as null."""
    return dict.fromkeys((one for one in names if one.endswith(("low", "high", "p"))), math.nan)


def _error(value: Any, n: Any, *, rank: bool) -> Any:
    """Standard error of Fisher's z of a correlation (or of several)."""
    return np.sqrt((1 + value**2 / 2 if rank else 1) / (n - 3))


def _ends(value: float, n: int, *, rank: bool) -> tuple[float, float]:
    if abs(value) >= 1 - 1e-12:  # z has no end
        return math.nan, math.nan
    z = math.atanh(value)
    reach = float(stats.norm.isf(ALPHA / 2) * _error(value, n, rank=rank))
    return math.tanh(z - reach), math.tanh(z + reach)


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
    positive : int
        Groups whose correlation is above 0.
    """

    groups: int
    n: int
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    positive: int = 0


def pool(values: ArrayLike, counts: ArrayLike, *, rank: bool = True, sure: bool = True) -> Pooled:
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
    sure : bool
        As for :func:`relation`.

    Returns
    -------
    Pooled
        Of one group, its own correlation and interval; of none, NaN.

    Raises
    ------
    InputError
        If lengths differ, or a group with a correlation has fewer than :data:`FEWEST_PAIRS`.

    Examples
    --------
    >>> found = pool([0.5, 0.5, 0.5], [20, 30, 40])
    >>> found.groups, found.n, round(found.value, 3)
    (3, 90, 0.5)
    """
    found, n = np.asarray(values, np.float64), np.asarray(counts, np.float64)
    if found.shape != n.shape or found.ndim != 1:
        raise InputError(f"{found.size} correlations and {n.size} counts. Allowed: one of each.")
    n, found = n[~np.isnan(found)], found[~np.isnan(found)]
    if (n < FEWEST_PAIRS).any():
        raise InputError(f"A correlation of {n.min():g} pairs. Allowed: {FEWEST_PAIRS} or more.")
    groups, pairs, positive = len(found), int(n.sum()), int((found > 0).sum())
    if not groups:
        return Pooled(0, 0)
    kept = np.clip(found, -PERFECT, PERFECT)
    z, errors = np.arctanh(kept), _error(kept, n, rank=rank)
    law, mean, error = stats.norm, float(z[0]), float(errors[0])
    if groups > 1:
        with warnings.catch_warnings():
            # Groups that are all alike: the share of variance between them is 0 / 0.
            warnings.simplefilter("ignore", RuntimeWarning)
            both = combine_effects(z, errors**2, method_re="iterated")
        law, mean = stats.t(groups - 1), float(both.mean_effect_re)
        error = max(float(both.sd_eff_w_re), float(both.sd_eff_w_re_hksj))
    reach = error * float(law.isf(ALPHA / 2))
    low, high = math.tanh(mean - reach), math.tanh(mean + reach)
    p = 2 * float(law.sf(abs(mean) / error))
    every = Pooled(groups, pairs, math.tanh(mean), low, high, p, positive)
    return every if sure else every._replace(**_unsure(every._fields))


# Two settings compared task by task, as the text of the paper does.


TIE = 5e-4
"""A smaller difference of IoU is a tie: the values print alike with three digits."""


class Pair(NamedTuple):
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
            f"mean {self.first:.3f} against {self.second:.3f}; better on {self.wins} of {self.n} "
            f"tasks{ties}, worse on {self.losses} (Wilcoxon signed-rank, one-sided, "
            f"{probability(self.p)})"
        )

    @property
    def conditions(self) -> tuple[bool, bool, bool]:
        """Mean, majority of the tasks that differ, and the test."""
        return self.difference > 0, self.wins > self.losses, self.p < ALPHA


def pair(first: pd.Series, second: pd.Series) -> Pair:
    """Compare two series of IoU by task; tasks that only one of them has are left out.

    Examples
    --------
    >>> found = pair(pd.Series({"a": 0.9, "b": 0.6}), pd.Series({"a": 0.5, "b": 0.6}))
    >>> found.n, found.wins, found.ties, round(found.difference, 6)
    (2, 1, 1, 0.2)
    """
    both = pd.concat([first, second], axis=1, join="inner").dropna().astype(float)
    one, two = both.to_numpy().T
    off = one - two
    p = stats.wilcoxon(off, alternative="greater").pvalue if np.any(off) else 1.0
    wins, losses = int((off > TIE).sum()), int((off < -TIE).sum())
    counts = len(off), wins, len(off) - wins - losses, losses
    return Pair(*counts, float(one.mean()), float(two.mean()), float(off.mean()), float(p))


def probability(p: float) -> str:
    """A p-value in words.

    Examples
    --------
    >>> probability(0.0000012), probability(0.1234), probability(math.nan)
    ('p < 0.001', 'p = 0.123', 'no p')
    """
    if math.isnan(p):
        return "no p"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
