"""Rules on the five modes, for the published table and for a run alike."""

from __future__ import annotations

import pandas as pd

from medsam.claims import numbers
from medsam.claims.claim import Finding, Undecidable, grade
from medsam.claims.numbers import TIE, ends
from medsam.claims.tables import Tables

__all__ = [
    "best",
    "boxes_over_points",
    "oracle_depends",
    "oracle_moderate",
    "pair",
    "poor",
    "varies",
]

MODES = range(1, 6)
POINTS, BOXES = (1, 2), (3, 4, 5)


def pair(tables: Tables, better: int, than: int) -> Finding:
    """One mode against another, task by task."""
    found = numbers.pair(tables.mode(better), tables.mode(than))
    return Finding(
        grade(*found.conditions),
        f"Mode {better} against mode {than}. {found.words}",
        found.values,
    )


def boxes_over_points(tables: Tables) -> Finding:
    """The worst of the box modes against the best of the point modes."""
    points = pd.concat([tables.mode(m) for m in POINTS], axis=1)
    boxes = pd.concat([tables.mode(m) for m in BOXES], axis=1)
    means = boxes.mean().min() > points.mean().max()
    found = numbers.pair(boxes.min(axis=1), points.max(axis=1))
    lost = (boxes.min(axis=1) - points.max(axis=1)) < -TIE
    but = tables.called(sorted(lost.index[lost]))
    says = (
        f"Lowest mean of a box mode {boxes.mean().min():.3f}, highest of a point mode "
        f"{points.mean().max():.3f}. Worst box mode against best point mode of each task: better "
        f"on {found.wins} of {found.n}{f', not on {but}' if but else ''} "
        f"({numbers.probability(found.p)})."
    )
    return Finding(
        grade(bool(means), found.wins > found.losses, found.p < 0.05), says, found.values
    )


def best(tables: Tables, mode: int) -> Finding:
    """The mode with the highest mean, and on how many tasks none is better."""
    wide = pd.concat({m: tables.mode(m) for m in MODES}, axis=1)
    means = wide.mean()
    top = (wide[mode] > wide.max(axis=1) - TIE).sum()
    order = sorted(MODES, key=lambda m: -means[m])
    ranked = ", ".join(f"{m}: {means[m]:.3f}" for m in order)
    says = (
        f"Means by mode, best first: {ranked}. Mode {mode} is best, or alike to the best, on {top} "
        f"of {len(wide)} tasks."
    )
    first = order[0]
    values = {"best": first, "tasks": int(top), "n": len(wide)}
    return Finding(grade(first == mode, top > len(wide) / 2), says, values)


def poor(tables: Tables, prefix: str) -> Finding:
    """Whether the tasks of a prefix are in the lower half, with one point and with boxes."""
    parts, low = [], []
    values: dict[str, float | int | str] = {}
    for mode in (1, 4):
        line = tables.mode(mode)
        named = line[line.index.str.startswith(prefix)]
        if named.empty:
            raise Undecidable(f"No task called {prefix}* in these results.")
        ranks = line.rank(ascending=False, method="min")[named.index].astype(int)
        low += [bool(rank > len(line) / 2) for rank in ranks]
        told = ", ".join(
            f"{tables.called([str(task)])} {iou:.3f} (rank {rank})"
            for (task, iou), rank in zip(named.items(), ranks, strict=True)
        )
        parts.append(f"Mode {mode}: {told}; median of all {len(line)} tasks {line.median():.3f}.")
        values |= {f"mode {mode}: {task}": int(rank) for task, rank in ranks.items()}
    return Finding(grade(*low), " ".join(parts), values)


def _gains(tables: Tables) -> pd.DataFrame:
    return pd.concat({m: tables.mode(m, "oracle") - tables.mode(m) for m in MODES}, axis=1)


def oracle_moderate(tables: Tables) -> Finding:
    """What the oracle adds, against what mode 4 adds to mode 1."""
    means = _gains(tables).mean()
    step = float((tables.mode(4) - tables.mode(1)).mean())
    told = ", ".join(f"mode {m} {gain:.3f}" for m, gain in means.items())
    says = (
        f"Mean gain over {len(_gains(tables))} tasks: {told}. For comparison, mode 4 is "
        f"{step:+.3f} from mode 1."
    )
    values = {"low": float(means.min()), "high": float(means.max()), "box-step": step}
    return Finding(grade(bool((means > 0).all()), bool((means < step).all())), says, values)


def oracle_depends(tables: Tables) -> Finding:
    """Spread over the tasks of what the oracle adds, against its mean."""
    gains = _gains(tables)
    if len(gains) < 3:
        raise Undecidable(f"{len(gains)} tasks; at least 3 are needed for a spread.")
    spread, means = gains.std(), gains.mean()
    wide = spread > means
    mode = max(MODES, key=lambda m: gains[m].max())
    task, largest = ends(gains[mode], "highest")
    told = ", ".join(f"mode {m} {means[m]:.3f} ± {spread[m]:.3f}" for m in MODES)
    says = (
        f"Gain, mean ± standard deviation over {len(gains)} tasks: {told}. Largest: "
        f"{tables.called([task])}, mode {mode}, {largest:.3f}."
    )
    values = {"modes": int(wide.sum()), "largest": largest}
    return Finding(grade(*map(bool, wide)), says, values)


def varies(tables: Tables) -> Finding:
    """Mean between 0.4 and 0.7, and a range over tasks of at least 0.5, in each mode."""
    wide = pd.concat({m: tables.mode(m) for m in MODES}, axis=1)
    means, ranges = wide.mean(), wide.max() - wide.min()
    told = ", ".join(
        f"{m}: {means[m]:.3f} ({wide[m].min():.2f}-{wide[m].max():.2f})" for m in MODES
    )
    says = f"Mean and range over {len(wide)} tasks, by mode: {told}."
    values = {"mean-low": float(means.min()), "range-low": float(ranges.min())}
    moderate, broad = means.between(0.4, 0.7).all(), (ranges >= 0.5).all()
    return Finding(grade(bool(moderate), bool(broad)), says, values)
