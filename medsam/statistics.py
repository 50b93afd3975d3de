"""How sure a mean or a difference is: tables of bootstrap intervals and of paired tests.

Slices of one patient or volume resemble each other, so what is resampled and tested is the
*group* (column ``group``); means stay those over images. See :mod:`medsam.bootstrap`.

Tests: Wilcoxon's signed-rank test on the means of groups, as IoUs are not normal and the
images are the same on both sides, with Holm's correction over the tasks, which needs no
independence of tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsam.bootstrap import ALPHA, FEWEST, RESAMPLES, SEED, Interval, interval
from medsam.errors import InputError, UnknownName
from medsam.prompts import MODES

__all__ = [
    "ALPHA",
    "FEWEST",
    "RESAMPLES",
    "SEED",
    "Interval",
    "Side",
    "compare",
    "interval",
    "intervals",
]

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
            "Take rows from medsam.results.read."
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
        Results, as :func:`medsam.results.read` gives them.
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
        Results, as :func:`medsam.results.read` gives them; of two models, both folders' rows.
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
