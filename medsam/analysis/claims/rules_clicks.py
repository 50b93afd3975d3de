"""Rules on one to nine clicks."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from medsam.analysis import statistics
from medsam.analysis.claims.claim import Finding, Undecidable, Verdict, grade
from medsam.analysis.claims.tables import OTHERS, Tables
from medsam.analysis.comparison import of_clicks
from medsam.analysis.statistics import agrees

__all__ = [
    "almost_all",
    "below_boxes",
    "by_task",
    "dramatic",
    "falls",
    "gains_less",
    "never_passes",
    "on_average",
    "passes",
    "saturates",
    "surpass",
    "with_box",
]


CLICKS = range(1, 10)


def _line(tables: Tables, model: str) -> pd.Series:
    """Mean over the tasks by number of clicks."""
    return pd.Series({k: float(tables.click(k, model).mean()) for k in CLICKS})


def _gain(tables: Tables, model: str) -> float:
    line = _line(tables, model)
    return float(line[9] - line[1])


def gains_less(tables: Tables) -> Finding:
    """SAM's gain from one click to nine, against half of each other method's."""
    own = _gain(tables, tables.sam)
    try:
        methods = tables.others()
    except Undecidable as error:
        raise Undecidable(
            f"{error} {tables.sam} gains {own:+.3f} from one click to nine."
        ) from None
    gains = {name: _gain(tables, name) for name in methods}
    told = ", ".join(f"{name} {gain:+.3f}" for name, gain in gains.items())
    says = f"Mean IoU from one click to nine: {tables.sam} {own:+.3f}; {told}."
    return Finding(grade(*(own < gain / 2 for gain in gains.values())), says, {"SAM": own, **gains})


def saturates(tables: Tables) -> Finding:
    """Gain after the third click: of the mean, and task by task."""
    line = _line(tables, tables.sam)
    early, late = float(line[3] - line[1]), float(line[9] - line[3])
    gain = tables.click(9) - tables.click(3)
    more = gain[gain >= 0.05].sort_values(ascending=False)
    says = (
        f"Mean IoU {early:+.3f} from one click to three, {late:+.3f} from three to nine. After the "
        f"third click {len(more)} of {len(gain)} tasks still gain at least 0.05"
        + (
            f", most of all {tables.called([str(more.index[0])])} ({more.iloc[0]:+.3f})."
            if len(more)
            else "."
        )
    )
    values = {"gain-1-3": early, "gain-3-9": late, "still-gain": len(more), "n": len(gain)}
    # A third click that lost would leave nothing to compare the later ones with.
    slows = late < early / 2 if early > 0 else late < 0.05
    return Finding(grade(slows, len(more) <= len(gain) / 4), says, values)


def passes(tables: Tables, method: str, stated: Mapping[str, str]) -> Finding:
    """The first number of clicks at which a method's mean is above SAM's."""
    return _passes(tables, method, stated["clicks"])


def never_passes(tables: Tables, method: str) -> Finding:
    """No number of clicks takes a method's mean above SAM's."""
    return _passes(tables, method, None)


def _passes(tables: Tables, method: str, stated: str | None) -> Finding:
    if method not in tables.others():
        raise Undecidable(f"No rows of {method}.")
    line = {name: _line(tables, name) for name in (method, tables.sam)}
    table = pd.concat(line, names=["model", "k"]).rename("iou").reset_index()
    first = of_clicks(table, tables.sam)[f"{method.lower()}-passes"]
    values: dict[str, float | int | str] = {"passes": first}
    # Two numbers of clicks show the crossing: the last below and the first above.
    around = [first - 1, first] if isinstance(first, int) and first > 1 else [1, 9]
    shown = "; ".join(
        f"{k} click{'s' * (k > 1)}: {line[method][k]:.4f} against {line[tables.sam][k]:.4f}"
        for k in around
    )
    way = "never passes" if first == "none" else f"first passes at {first} clicks"
    says = f"{method} {way} the mean of {tables.sam} ({shown})."
    if stated is None:
        return Finding(grade(first == "none"), says, values)
    if first == "none":
        return Finding(Verdict.FAILS, says, values)
    says += "" if agrees(stated, float(first)) else f" The text says {stated}."
    return Finding(grade(agrees(stated, float(first))), says, values)


def surpass(tables: Tables) -> Finding:
    """Means of the other methods at nine clicks against SAM's best mean of its point results."""
    own = _line(tables, tables.sam)
    top = max(float(own.max()), *(float(tables.mode(m).mean()) for m in (1, 2)))
    nine = {name: float(tables.click(9, name).mean()) for name in tables.others()}
    told = ", ".join(f"{name} {iou:.4f}" for name, iou in nine.items())
    oracle = float(_line(tables, tables.oracle).max())
    says = (
        f"Nine clicks: {told}. Best mean of {tables.sam} with points: {top:.4f} (with oracle "
        f"{oracle:.4f})."
    )
    values = {"SAM": top, "SAM (oracle)": oracle, **nine}
    return Finding(grade(*(iou > top for iou in nine.values())), says, values)


def below_boxes(tables: Tables, who: str) -> Finding:
    """Nine clicks against SAM's box modes: ``who`` is SAM or a method."""
    name = tables.sam if who == "SAM" else who
    if who != "SAM" and who not in tables.others():
        raise Undecidable(f"No rows of {who}. Allowed: any of {', '.join(OTHERS)}.")
    line = _line(tables, name)
    boxes = {mode: float(tables.mode(mode).mean()) for mode in (3, 4, 5)}
    parts = []
    for mode, iou in boxes.items():
        above = [k for k in CLICKS if line[k] > iou]
        parts.append(
            f"mode {mode} {iou:.4f} ({f'passed at click {above[0]}' if above else 'not passed'})"
        )
    says = f"{name} with nine clicks: {line[9]:.4f}. {tables.sam} with boxes: {', '.join(parts)}."
    values = {"nine": float(line[9]), **{f"mode {m}": iou for m, iou in boxes.items()}}
    return Finding(grade(*(line[9] < iou for iou in boxes.values())), says, values)


def falls(tables: Tables) -> Finding:
    """Tasks on which clicks after the third lower SAM's IoU by at least 0.01."""
    change = (tables.click(9) - tables.click(3)).sort_values()
    down = change[change <= -0.01]
    says = f"From three clicks to nine IoU falls 0.01 or more on {len(down)} of {len(change)} tasks"
    told = ", ".join(f"{tables.called([str(t)])} {c:+.3f}" for t, c in down.items())
    return Finding(
        grade(len(down) > 0), f"{says}{f': {told}' if told else ''}.", {"tasks": len(down)}
    )


# Rules on SAM against the methods made for clicks, with one prompt.


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
        found = statistics.pair(tables.click(1), tables.click(1, name))
        holds += [found.difference > 0 and found.p < 0.05]
        values |= {f"{name}: difference": found.difference, f"{name}: p": found.p}
        parts.append(f"{name} {found.second:.3f} ({statistics.probability(found.p)})")
    says = (
        f"One click, mean of {found.n} tasks: {tables.sam} {found.first:.3f}; {', '.join(parts)}."
    )
    return Finding(grade(*holds), says, values)


def with_box(tables: Tables, mode: int) -> Finding:
    """SAM with a box against the best other method with one click."""
    best = pd.concat([tables.click(1, name) for name in tables.others()], axis=1).max(axis=1)
    found = statistics.pair(tables.mode(mode), best)
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
