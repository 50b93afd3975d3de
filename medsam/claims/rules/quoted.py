"""Rules on numbers that the text prints: they are of SAM ViT-H on the paper's tasks."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from medsam.claims.claim import Finding, Undecidable, Verdict, grade
from medsam.claims.numbers import agrees, ends, steps
from medsam.claims.tables import Tables

__all__ = ["extreme", "extreme_of_modes", "mean", "wins"]

_QUOTED = "The text's number is of SAM ViT-H on the 28 tasks of the paper. "


def _other_data(tables: Tables, says: str, values: Mapping[str, float | int | str]) -> Finding:
    return Finding(Verdict.OPEN, f"{_QUOTED}Here: {says}", values=values)


def extreme(tables: Tables, end: str, named: str, stated: Mapping[str, str]) -> Finding:
    """Lowest or highest task with one point, in Fig. 2 (mode 1) and in Fig. 4 (one click)."""
    figures = ("", "") if tables.rows is not None else (" (Fig. 2)", " (Fig. 4)")
    lines = {f"mode 1{figures[0]}": tables.mode(1), f"one click{figures[1]}": tables.click(1)}
    found = {name: ends(line, end) for name, line in lines.items()}
    values: dict[str, float | int | str] = {}
    parts = []
    for name, (task, iou) in found.items():
        values |= {f"{name}: task": task, f"{name}: iou": iou}
        parts.append(f"{name}: {tables.called([task])} {iou:.4f}")
    says = f"{end.capitalize()} of {len(next(iter(lines.values())))} tasks, {'; '.join(parts)}."
    if not tables.quoted:
        return _other_data(tables, says, values)
    right = all(task.startswith(named) for task, _ in found.values())
    exact = [agrees(stated["iou"], iou) for _, iou in found.values()]
    if right:
        says += "" if all(exact) else f" The text prints {stated['iou']}."
        verdict = Verdict.HOLDS if all(exact) else Verdict.PARTLY
    else:
        verdict = Verdict.FAILS
        theirs = {
            name: ends(line[line.index.str.startswith(named)], end) for name, line in lines.items()
        }
        also = "; ".join(f"{name} {iou:.4f}" for name, (_, iou) in theirs.items())
        task = next(iter(theirs.values()))[0]
        says += f" The task that the text means, {tables.called([task])}: {also}."
    return Finding(verdict, says, values=values)


def extreme_of_modes(tables: Tables, end: str, stated: Mapping[str, str]) -> Finding:
    """Lowest or highest IoU over the tasks and the five modes."""
    table = pd.concat({mode: tables.mode(mode) for mode in range(1, 6)}, names=["mode"])
    table.index = pd.Index([f"{mode}:{task}" for mode, task in table.index])
    place, iou = ends(table, end)
    mode, _, task = place.partition(":")
    values: dict[str, float | int | str] = {"mode": int(mode), "task": task, "iou": iou}
    says = (
        f"{end.capitalize()} of {len(table)} values (tasks × modes): {tables.called([task])}, "
        f"mode {mode}, {iou:.4f}."
    )
    if not tables.quoted:
        return _other_data(tables, says, values)
    best = grade(agrees(stated["iou"], iou))
    return Finding(best, says, values=values)


def _settings(tables: Tables) -> dict[str, pd.Series]:
    """Every setting of one prompt that a mean could have been printed of."""
    lines: dict[str, pd.Series] = {}
    for k in range(1, 6):
        lines[f"mode {k}"] = tables.mode(k)
        lines[f"mode {k} oracle"] = tables.mode(k, "oracle")
    lines["one click"] = tables.click(1)
    lines["one click oracle"] = tables.click(1, tables.oracle)
    return lines


def mean(tables: Tables, of: str, stated: Mapping[str, str]) -> Finding:
    """A mean over the tasks: ``mode 3``, ``one click``, ``one click oracle``, or a method."""
    lines = _settings(tables)
    wanted = lines[of] if of in lines else tables.click(1, of)
    value, n = float(wanted.mean()), len(wanted)
    values: dict[str, float | int | str] = {"mean": value, "n": n}
    what = of if of in lines else f"{of}, one click"
    says = f"Mean of {n} tasks, {what}: {value:.4f}."
    # One point is in two tables, and random ties make them differ.
    twin = {"one click": "mode 1", "one click oracle": "mode 1 oracle"}.get(of)
    if twin:
        values[twin] = float(lines[twin].mean())
        says += f" The other table of one point ({twin}): {values[twin]:.4f}."
    if not tables.quoted:
        return _other_data(tables, says, values)
    if agrees(stated["iou"], value):
        return Finding(Verdict.HOLDS, says, values=values)
    near = min(lines, key=lambda name: abs(float(lines[name].mean()) - float(stated["iou"])))
    closest = float(lines[near].mean())
    off = steps(stated["iou"], closest)
    says += (
        f" The text prints {stated['iou']}, {steps(stated['iou'], value):.0f} units of its last "
        f"digit off. Nearest mean in the tables: {near}, {closest:.4f}"
        f"{'' if agrees(stated['iou'], closest) else f', still {off:.0f} off'}."
    )
    return Finding(Verdict.FAILS, says, values=values)


_SETTINGS = {
    "point": ("mode 1", "one click"),
    "point oracle": ("mode 1 oracle", "one click oracle"),
    "box": ("mode 3",),
}


def wins(tables: Tables, setting: str, stated: Mapping[str, str]) -> Finding:
    """Tasks on which SAM is above each other method with one click, in each table of SAM."""
    lines = _settings(tables)
    methods = tables.others()
    best = pd.concat([tables.click(1, name) for name in methods], axis=1).max(axis=1)
    values: dict[str, float | int | str] = {}
    parts, right = [], []
    for name in _SETTINGS[setting]:
        above = lines[name] > best.reindex(lines[name].index)
        values |= {name: int(above.sum()), "n": len(above)}
        right.append(agrees(stated["tasks"], above.sum()))
        lost = tables.called(sorted(above.index[~above]))
        parts.append(f"{name} on {above.sum()} of {len(above)}{f' (not {lost})' if lost else ''}")
    says = f"Above {', '.join(methods)} with one click: {'; '.join(parts)}."
    if not tables.quoted:
        raise Undecidable(_QUOTED + says)
    says += "" if all(right) else f" The text says {stated['tasks']}."
    return Finding(grade(*right), says, values=values)
