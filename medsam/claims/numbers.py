"""Numbers as a text prints them, and paired comparisons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

__all__ = ["TIE", "Pair", "agrees", "correlation", "ends", "pair", "probability", "steps"]

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
