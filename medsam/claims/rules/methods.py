"""Rules on SAM against the methods made for clicks, with one prompt."""

from __future__ import annotations

import pandas as pd

from medsam.claims import numbers
from medsam.claims.claim import Finding, grade
from medsam.claims.tables import Tables

__all__ = ["almost_all", "by_task", "dramatic", "on_average", "with_box"]


def almost_all(tables: Tables) -> Finding:
    """Share of pairs (task, method) in which SAM is better with one point; 9 of 10 wanted."""
    sam, methods = tables.click(1), tables.others()
    won = {name: int((sam > tables.click(1, name)).sum()) for name in methods}
    total = len(sam) * len(methods)
    share = sum(won.values()) / total
    told = ", ".join(f"{name} {count} of {len(sam)}" for name, count in won.items())
    says = f"SAM is better in {sum(won.values())} of {total} pairs ({share:.0%}): {told}."
    return Finding(grade(share >= 0.9), says, {"share": share, "pairs": total, **won})


def on_average(tables: Tables) -> Finding:
    """SAM against each other method with one point, over the tasks."""
    parts, holds = [], []
    values: dict[str, float | int | str] = {}
    for name in tables.others():
        found = numbers.pair(tables.click(1), tables.click(1, name))
        holds += [found.difference > 0 and found.p < 0.05]
        values |= {f"{name}: difference": found.difference, f"{name}: p": found.p}
        parts.append(f"{name} {found.second:.3f} ({numbers.probability(found.p)})")
    says = (
        f"One click, mean of {found.n} tasks: {tables.sam} {found.first:.3f}; {', '.join(parts)}."
    )
    return Finding(grade(*holds), says, values)


def with_box(tables: Tables, mode: int) -> Finding:
    """SAM with a box against the best other method with one click."""
    best = pd.concat([tables.click(1, name) for name in tables.others()], axis=1).max(axis=1)
    found = numbers.pair(tables.mode(mode), best)
    says = f"Mode {mode} against the best other method of each task with one click. {found.words}"
    return Finding(grade(*found.conditions), says, found.values)


def dramatic(tables: Tables) -> Finding:
    """Tasks on which SAM is at least 0.3 above every other method with one point."""
    best = pd.concat([tables.click(1, name) for name in tables.others()], axis=1).max(axis=1)
    above = (tables.click(1) - best).sort_values(ascending=False)
    many = above[above >= 0.3]
    says = (
        f"At least 0.3 above the best other method on {len(many)} of {len(above)} tasks; largest: "
        f"{tables.called([str(above.index[0])])}, {above.iloc[0]:+.3f}; smallest: "
        f"{tables.called([str(above.index[-1])])}, {above.iloc[-1]:+.3f}."
    )
    return Finding(
        grade(len(many) > 1), says, {"tasks": len(many), "largest": float(above.iloc[0])}
    )


def by_task(tables: Tables) -> Finding:
    """Tasks on which nine clicks of a method beat one, and SAM's nine."""
    parts, holds = [], []
    values: dict[str, float | int | str] = {}
    sam = tables.click(9)
    for name in tables.others():
        one, nine = tables.click(1, name), tables.click(9, name)
        better, above = int((nine > one).sum()), int((nine > sam).sum())
        low = tables.called(sorted(one.index[nine <= one]))
        holds += [better > 0.9 * len(one)]
        values |= {f"{name}: gains": better, f"{name}: above SAM": above}
        parts.append(
            f"{name} gains on {better} of {len(one)}{f' (not {low})' if low else ''} and is above "
            f"{tables.sam} on {above}"
        )
    return Finding(grade(*holds), f"From one click to nine: {'; '.join(parts)}.", values)
