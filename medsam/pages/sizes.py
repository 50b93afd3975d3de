"""What size has to do with IoU, in words and as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from medsam.analysis import sizes
from medsam.analysis.statistics import FEWEST_PAIRS, probability
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
    """The findings as sentences.

    Parameters
    ----------
    found : DataFrame
        From :func:`medsam.analysis.sizes.cases`.

    Returns
    -------
    dict
        ``between``, ``within``, ``lift`` and ``spread``; each tells of every mode that is there.
    """
    told = sizes.findings(found)
    modes = sorted(int(k) for k in found.k.unique())
    return {
        "spread": _spread(told),
        "between": " ".join(_between(told, k) for k in modes),
        "within": " ".join(_within(told, k) for k in modes),
        "lift": " ".join(
            f"In mode {k} the median object has {_times(float(told[f'{k}-lift']))} times that IoU."
            for k in modes
        ),
    }


def _times(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def _spread(told: Mapping[str, float | int | str]) -> str:
    if told["tasks"] == 1:
        return (
            f"{told['largest-task']} covers {told['largest']:.2%} of the image on average; its "
            f"largest object is {_times(float(told['object-ratio']))} times the smallest."
        )
    varied = ""
    if "varied" in told:
        varied = (
            f" Sizes vary most within {told['varied-task']} (standard deviation "
            f"{told['varied']:.0%} of the mean) and least within {told['steady-task']} "
            f"({told['steady']:.0%})."
        )
    return (
        f"Mean sizes of {told['tasks']} tasks run from {told['smallest']:.2%} of the image "
        f"({told['smallest-task']}) to {told['largest']:.2%} ({told['largest-task']}), "
        f"{_times(float(told['ratio']))} times as much; single objects differ by "
        f"{told['object-ratio']:.0f} times.{varied}"
    )


def _between(told: Mapping[str, float | int | str], k: int) -> str:
    r, low, high = (float(told[f"{k}-r{end}"]) for end in ("", "-low", "-high"))
    if math.isnan(r):
        return (
            f"In mode {k} there is no correlation: it takes {FEWEST_PAIRS} tasks that are not all "
            f"alike, and there {'is' if told['tasks'] == 1 else 'are'} {told['tasks']}."
        )
    if math.isnan(float(told[f"{k}-r-p"])):
        return f"{_alone(told, k)} the means of {told['tasks']} tasks correlate by {signed(r)}."
    verb = "shows no clear relation to size"
    if low > 0 or high < 0:
        verb = "rises with size" if low > 0 else "falls with size"
    rho = [float(told[f"{k}-rho{end}"]) for end in ("", "-low", "-high")]
    p, rho_p = (probability(float(told[f"{k}-{which}-p"])) for which in ("r", "rho"))
    return (
        f"In mode {k} the mean IoU of {told['tasks']} tasks {verb}: Pearson's correlation with the "
        f"logarithm of the size is {_interval(r, low, high)}, {p}; Spearman's {_interval(*rho)}, "
        f"{rho_p}."
    )


def _alone(told: Mapping[str, float | int | str], k: int) -> str:
    """What is said of one patient or volume, from which no interval or test follows."""
    return f"In mode {k}, of {told['groups']} patient or volume and so with no interval or p,"


def _within(told: Mapping[str, float | int | str], k: int) -> str:
    value, low, high = (float(told[f"{k}-within{end}"]) for end in ("", "-low", "-high"))
    if math.isnan(value):
        return f"In mode {k} no task has {FEWEST_PAIRS} objects that are not all alike."
    if math.isnan(float(told[f"{k}-within-p"])):
        return f"{_alone(told, k)} objects of a task correlate by {signed(value)} on average."
    return (
        f"In mode {k} Spearman's correlation within a task is {_interval(value, low, high)} on "
        f"average, {probability(float(told[f'{k}-within-p']))}, and above 0 in "
        f"{told[f'{k}-within-positive']} of {told[f'{k}-within-tasks']} tasks."
    )
