"""What size has to do with IoU, in words and as a table."""

from __future__ import annotations

import math

import pandas as pd

from medsam.analysis import sizes
from medsam.analysis.statistics import probability
from medsam.figures.html import Html, html_table
from medsam.figures.style import signed

_HEADERS = {
    "what": "mode, and what is compared",
    "n": "n",
    "pearson": "Pearson, log size (95 %)",
    "pearson_p": "p",
    "spearman": "Spearman (95 %)",
    "spearman_p": "p",
    "raw": "Pearson, size itself",
    "slope": "IoU for 10 × the size",
}


def _interval(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return "–"
    if math.isnan(low):
        return signed(value)
    return f"{signed(value)} ({signed(low)} to {signed(high)})"


def _test(p: float) -> str:
    return "" if math.isnan(p) else f", {probability(p)}"


def _p(value: float) -> str:
    return "–" if math.isnan(value) else probability(value).removeprefix("p = ").removeprefix("p ")


def table(found: pd.DataFrame, *, caption: str = "") -> Html:
    """Every correlation of the page, a row for each mode between and within tasks.

    Parameters
    ----------
    found : DataFrame
        From :func:`medsam.analysis.sizes.cases`.
    caption : str
        Above the table.
    """
    rows: list[dict[str, str]] = []
    within = sizes.pooled(sizes.within(found))
    for row in sizes.between(sizes.means(found)).to_dict("records"):
        k = int(row["k"])
        rows.append(
            {
                "what": f"{k}  between tasks",
                "n": f"{row['n']} tasks",
                "pearson": _interval(row["r"], row["r_low"], row["r_high"]),
                "pearson_p": _p(row["r_p"]),
                "spearman": _interval(row["rho"], row["rho_low"], row["rho_high"]),
                "spearman_p": _p(row["rho_p"]),
                "raw": _interval(row["raw"], row["raw_low"], row["raw_high"]),
                "slope": _interval(row["slope"], row["slope_low"], row["slope_high"]),
            }
        )
        told = {"what": f"{k}  within tasks, pooled", "raw": "–", "slope": "–"}
        for one in within[within.k == k].to_dict("records"):
            told["n"] = f"{one['n']} objects of {one['groups']} tasks"
            told[one["method"]] = _interval(one["value"], one["low"], one["high"])
            told[f"{one['method']}_p"] = _p(one["p"])
        rows.append({name: told[name] for name in _HEADERS})
    return html_table(pd.DataFrame(rows), headers=_HEADERS, caption=caption)


def sentences(found: pd.DataFrame) -> dict[str, str]:
    """The findings as sentences; a dash, or no interval, stands where there is nothing to tell.

    Parameters
    ----------
    found : DataFrame
        From :func:`medsam.analysis.sizes.cases`.

    Returns
    -------
    dict
        ``spread``, ``between``, ``within`` and ``lift``; each tells of every mode that is there.
    """
    ranks = sizes.spread(found).set_index("name")
    mean, varies, size = ranks["mean"], ranks.cv.fillna(0), found["size"]
    lift = (found.iou / size).groupby(found.k).median()
    within = sizes.pooled(sizes.within(found)).query("method == 'spearman'")
    return {
        "spread": f"Mean sizes of {len(ranks)} tasks run from {mean.min():.2%} of the image "
        f"({mean.idxmin()}) to {mean.max():.2%} ({mean.idxmax()}), "
        f"{mean.max() / mean.min():.3g} times as much; the largest object is "
        f"{size.max() / size.min():.3g} times the smallest. Sizes vary most within "
        f"{varies.idxmax()} (standard deviation {varies.max():.0%} of the mean) and least within "
        f"{varies.idxmin()} ({varies.min():.0%}).",
        "between": " ".join(
            f"In mode {row.k:g} Pearson's correlation of mean IoU with the logarithm of the mean "
            f"size, over {row.n:g} tasks, is "
            f"{_interval(row.r, row.r_low, row.r_high)}{_test(row.r_p)}; Spearman's "
            f"{_interval(row.rho, row.rho_low, row.rho_high)}{_test(row.rho_p)}."
            for _, row in sizes.between(sizes.means(found)).iterrows()
        ),
        "within": " ".join(
            f"In mode {row.k} Spearman's correlation within a task is "
            f"{_interval(row.value, row.low, row.high)} on average{_test(row.p)}, and above 0 in "
            f"{row.positive} of {row.groups} tasks."
            for _, row in within.iterrows()
        ),
        "lift": " ".join(
            f"In mode {k} the median object has {value:.1f} times the IoU of a mask of the whole "
            "image."
            for k, value in lift.items()
        ),
    }
