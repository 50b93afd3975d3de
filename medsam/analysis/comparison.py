"""One model less others, task by task: Fig. 4, from the published tables or from our own rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsam.analysis import published, statistics
from medsam.analysis.statistics import Side, compare
from medsam.errors import InputError, UnknownName

__all__ = [
    "COLUMNS",
    "LIMIT",
    "METHODS",
    "REFERENCES",
    "SETTINGS",
    "TARGETS",
    "curves",
    "deltas",
    "effort",
    "findings",
    "number_of_clicks",
    "of_clicks",
    "of_modes",
    "of_published",
    "of_rows",
    "over_tasks",
    "overview",
]


COLUMNS = (
    "setting",
    "task",
    "name",
    "modality",
    "method",
    "reference",
    "iou",
    "reference_iou",
    "delta",
)
"""Of a table of differences, one row a task and method; ``delta`` is reference less method."""

METHODS = tuple(name for name in published.CLICK_TABLES if not name.startswith("SAM"))
"""The methods made for clicks that the paper compares SAM with."""

REFERENCES = {
    "SAM": "SAM, 1 point",
    "SAM (oracle)": "SAM with oracle, 1 point",
    "SAM (mode 3)": "SAM, mode 3: 1 box, largest region",
}
"""What the methods are compared with (section 3.2), and in words. They always get one point."""

SETTINGS = {
    ("clicks", 1): "1 click",
    ("mode", 2): "mode 2",
    ("mode", 3): "mode 3",
    ("mode", 4): "mode 4",
    ("mode", 5): "mode 5",
}
"""Experiment and ``k`` of the rows that are compared. Mode 1 is one click, but for ties."""

_TASK = ["setting", "task", "name", "modality"]


def deltas(
    table: pd.DataFrame, reference: str, methods: Sequence[str] | None = None
) -> pd.DataFrame:
    """The IoU of one model less that of others, task by task.

    Parameters
    ----------
    table : DataFrame
        Columns ``task, name, modality, model, iou`` and maybe ``setting``; one row each.
    reference : str
        The model from which the others are taken away.
    methods : sequence of str, optional
        The others; by default all but the reference.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`. A task that a method or the reference lacks has no row of it.

    Raises
    ------
    UnknownName
        If the table has no such model.
    InputError
        If no task is left to compare.

    Examples
    --------
    >>> both = pd.DataFrame({"task": "t", "name": "T", "modality": "CT",
    ...                      "model": ["a", "b"], "iou": [0.75, 0.5]})
    >>> deltas(both, "a")[["method", "reference", "delta"]].to_numpy().tolist()
    [['b', 'a', 0.25]]
    """
    there = list(dict.fromkeys(table.model))
    chosen = [name for name in there if name != reference] if methods is None else list(methods)
    for name in (reference, *chosen):
        if name not in there:
            raise UnknownName("model in this table", name, there)
    named = table if "setting" in table else table.assign(setting="")
    one = named[named.model == reference][[*_TASK, "iou"]]
    others = named[named.model.isin(chosen)].rename(columns={"model": "method"})
    both = others.merge(one.rename(columns={"iou": "reference_iou"}), on=_TASK)
    if both.empty:
        raise InputError(
            f"No task of {reference} that {', '.join(chosen) or 'another model'} has as well. "
            "Allowed: two models or more on the same tasks. Run the others on the same data."
        )
    both = both.assign(reference=reference, delta=both.reference_iou - both.iou)
    return both[list(COLUMNS)].reset_index(drop=True)


def of_published(reference: str = "SAM") -> pd.DataFrame:
    """Fig. 4: SAM less RITM, SimpleClick and FocalClick, which get one point, on 28 tasks.

    Parameters
    ----------
    reference : str
        A key of :data:`REFERENCES`. Points are from the tables of clicks, the box from that of
        the modes.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`, 28 x 3 rows.

    Raises
    ------
    UnknownName
        If there is no such reference.
    """
    if reference not in REFERENCES:
        raise UnknownName("reference", reference, REFERENCES)
    clicks = published.clicks().query("k == 1")
    box = published.modes().query("mode == 3 and choice == 'top'")
    table = pd.concat([clicks, box.assign(model="SAM (mode 3)")])
    table = table.assign(setting=REFERENCES[reference])
    return deltas(table, reference, METHODS)


def of_rows(rows: pd.DataFrame, reference: str, names: Mapping[str, str]) -> pd.DataFrame:
    """A model less every other one in the results, on the images that both have.

    Parameters
    ----------
    rows : DataFrame
        Results of one dataset under one protocol. What is compared are the most confident masks
        of :data:`SETTINGS`, where another model has rows of them.
    reference : str
        The model from which the others are taken away.
    names : mapping of str to str
        What a reader calls each task; rows of other tasks are left aside.

    Returns
    -------
    DataFrame
        :data:`COLUMNS` and, as :func:`medsam.analysis.statistics.compare` gives them, ``low, high`` (95 %
        interval of ``delta`` over groups), ``p_holm``, ``verdict, n`` (images) and ``groups``.
        In the order of the settings and of ``names``; empty where nothing can be compared.
    """
    kept = rows[(rows.status == "ok") & (rows.choice == "top") & rows.task.isin(list(names))]
    kept = kept.assign(setting=_settings(kept)).dropna(subset=["setting", "iou"])
    parts = []
    for method in (name for name in dict.fromkeys(kept.model) if name != reference):
        both = kept[kept.model.isin((reference, method))]
        case = both.pivot(index=["setting", "task", "image"], columns="model", values="iou")
        if reference not in case or (case := case.dropna()).empty:
            continue
        means = case.groupby(["setting", "task"]).mean()
        means.columns = means.columns.map({reference: "reference_iou", method: "iou"})
        told = statistics.compare(both, {"model": reference}, {"model": method})
        told = told.assign(setting=_settings(told)).rename(columns={"difference": "delta"})
        told = told[["setting", "task", "delta", *_TESTED]]
        parts.append(means.reset_index().merge(told, on=["setting", "task"]).assign(method=method))
    columns = [*COLUMNS, *_TESTED]
    if not parts:
        return pd.DataFrame(columns=columns)
    table = pd.concat(parts, ignore_index=True).assign(reference=reference)
    modality = kept.drop_duplicates("task").set_index("task").modality
    table = table.assign(name=table.task.map(names), modality=table.task.map(modality))
    place = [*SETTINGS.values(), *names]
    order = ["setting", "task"]
    return table.sort_values(
        order, key=lambda column: column.map(place.index), kind="stable", ignore_index=True
    )[columns]


_TESTED = ["low", "high", "p_holm", "verdict", "n", "groups"]


def _settings(rows: pd.DataFrame) -> pd.Series:
    pairs = zip(rows.experiment, rows.k, strict=True)
    words = [None if pd.isna(k) else SETTINGS.get((experiment, int(k))) for experiment, k in pairs]
    return pd.Series(words, rows.index, dtype=object)


def findings(table: pd.DataFrame) -> dict[str, float | int | str]:
    """What a table of differences says, of one setting.

    Parameters
    ----------
    table : DataFrame
        :data:`COLUMNS`, one row a task and method.

    Returns
    -------
    dict
        ``tasks``; ``above-all``: tasks on which the reference is above every method, and
        ``not-above``: the names of the others, joined; ``mean`` of the reference;
        ``largest`` and ``largest-task``: the greatest difference; for each method, in small
        letters, ``<method>-wins``, ``-ties``, ``-losses`` (of the reference), and ``-mean``.

    Raises
    ------
    InputError
        If the table is empty or has several settings.
    """
    _one_setting(table)
    lowest = table.groupby("name", sort=False).delta.min()
    top = table.sort_values("delta", kind="stable").iloc[-1]
    found: dict[str, float | int | str] = {
        "tasks": table.task.nunique(),
        "above-all": int((lowest > 0).sum()),
        "not-above": ", ".join(map(str, lowest.index[lowest <= 0])) or "none",
        "mean": float(table.drop_duplicates("task").reference_iou.mean()),
        "largest": float(top.delta),
        "largest-task": str(top["name"]),
    }
    for row in overview(table).to_dict("records"):
        key = str(row["method"]).lower()
        found |= {f"{key}-{count}": int(row[count]) for count in ("wins", "ties", "losses")}
        found[f"{key}-mean"] = float(row["iou"])
    return found


def _one_setting(table: pd.DataFrame) -> None:
    if table.empty or table.setting.nunique() != 1:
        told = ", ".join(map(repr, dict.fromkeys(table.setting))) or "none"
        raise InputError(
            f"Differences of {len(table)} tasks and methods, settings {told}. Allowed: at least "
            "one row, of one setting. Select one."
        )


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """Wins, ties and losses of the reference against each method in each setting.

    Returns
    -------
    DataFrame
        ``setting, method, tasks, wins, ties, losses, reference_iou, iou, delta`` (means over
        tasks), in the order of the table.
    """
    groups = table.groupby(["setting", "method"], sort=False)
    return groups.agg(
        tasks=("task", "nunique"),
        wins=("delta", lambda delta: int((delta > 0).sum())),
        ties=("delta", lambda delta: int((delta == 0).sum())),
        losses=("delta", lambda delta: int((delta < 0).sum())),
        reference_iou=("reference_iou", "mean"),
        iou=("iou", "mean"),
        delta=("delta", "mean"),
    ).reset_index()


# The numbers that the text quotes, computed from a table: the published one or our own.


def _need(table: pd.DataFrame, *columns: str) -> None:
    missing = [name for name in columns if name not in table.columns]
    if missing or table.empty:
        raise InputError(
            f"Table with columns {list(table.columns)} and {len(table)} rows. "
            f"Allowed: at least one row, with columns {', '.join(columns)}."
        )


def of_modes(table: pd.DataFrame) -> dict[str, float | int]:
    """What a table of the five modes says.

    Parameters
    ----------
    table : DataFrame
        Columns ``task, mode, choice, iou``.

    Returns
    -------
    dict
        ``tasks``; ``mode1`` to ``mode5`` (mean IoU over tasks, top-confidence); ``best`` and
        ``best-iou``; ``box-wins`` (tasks where mode 3 beats mode 1), ``box-each-wins`` (4
        beats 2); ``gain-low`` and ``gain-high`` (what the oracle adds, over modes).
    """
    _need(table, "task", "mode", "choice", "iou")
    means = table.groupby(["choice", "mode"]).iou.mean()
    wide = table[table.choice == "top"].pivot(index="task", columns="mode", values="iou")
    gain = means["oracle"] - means["top"]
    return {
        "tasks": len(wide),
        **{f"mode{mode}": float(means["top", mode]) for mode in range(1, 6)},
        "best": int(means["top"].idxmax()),
        "best-iou": float(means["top"].max()),
        "box-wins": int((wide[3] > wide[1]).sum()),
        "box-each-wins": int((wide[4] > wide[2]).sum()),
        "gain-low": float(gain.min()),
        "gain-high": float(gain.max()),
    }


def of_clicks(table: pd.DataFrame, reference: str) -> dict[str, float | int | str]:
    """What a table of one to nine clicks says.

    Parameters
    ----------
    table : DataFrame
        Columns ``model, k, iou``, one row each.
    reference : str
        The model that the others are compared with, such as ``"SAM"``.

    Returns
    -------
    dict
        For each model (in lower case, without brackets) ``<model>-1``, ``-3``, ``-9`` (IoU),
        ``-1-3`` and ``-3-9`` (gains), and ``-passes``: the first number of clicks at which
        its mean is above that of the reference, or ``"none"``.
    """
    _need(table, "model", "k", "iou")
    wide = table.pivot(index="k", columns="model", values="iou")
    found: dict[str, float | int | str] = {}
    for model in wide:
        name = "-".join(str(model).lower().replace("(", "").replace(")", "").split())
        line = wide[model]
        found |= {f"{name}-{k}": float(line[k]) for k in (1, 3, 9)}
        found[f"{name}-1-3"] = float(line[3] - line[1])
        found[f"{name}-3-9"] = float(line[9] - line[3])
        above = wide.index[line > wide[reference]]
        found[f"{name}-passes"] = int(above[0]) if len(above) else "none"
    return found


def over_tasks(table: pd.DataFrame, a: Side, b: Side) -> pd.DataFrame:
    """Whether one mode (or model) is above another over the tasks, each task counting once.

    Parameters
    ----------
    table : DataFrame
        Means of tasks: columns ``task, mode, iou`` or ``task, k, iou``, and whichever of
        ``dataset, model, protocol, choice`` tell its rows apart.
    a, b : int, str or mapping
        The two sides, as in :func:`medsam.analysis.statistics.compare`.

    Returns
    -------
    DataFrame
        As :func:`medsam.analysis.statistics.compare` gives it: ``task`` is ``"all"``, ``n`` and ``groups``
        count tasks, and nothing is corrected, as there is one test a row.

    Raises
    ------
    InputError, UnknownName
        As :func:`medsam.analysis.statistics.compare`.

    Examples
    --------
    >>> from medsam import published
    >>> found = over_tasks(published.modes(), 4, 2)
    >>> found[["choice", "n", "verdict"]].to_numpy().tolist()
    [['oracle', 28, 'mode 4 higher'], ['top', 28, 'mode 4 higher']]
    """
    column = "mode" if "mode" in table.columns else "k"
    _need(table, "task", column, "iou")
    rows = table.rename(columns={"mode": "k"})
    rows["experiment"] = "mode" if column == "mode" else "clicks"
    for name, only in {
        "dataset": "all",
        "model": "all",
        "protocol": "all",
        "choice": "all",
    }.items():
        if name not in rows.columns:
            rows[name] = only
    # A task is what an image is elsewhere: one pair of values, and a group of its own.
    rows["image"] = rows["dataset"] + "/" + rows["task"]
    rows["group"] = rows["image"]
    return compare(rows.assign(dataset="all", task="all"), a, b)


# How many clicks a model needs: number of clicks, failures, and area under the click curve.


TARGETS = (0.80, 0.85, 0.90)
"""IoUs to reach: NoC@80, NoC@85 and NoC@90 of the literature on interactive segmentation."""
LIMIT = 9
"""Clicks after which a case has failed: as many as the paper makes (section 3.3). Most of the
literature takes 20: numbers under different limits do not compare."""

Failed = Literal["limit", "left_out"]
FAILED = ("limit", "left_out")

KEYS = ["dataset", "task", "model", "protocol", "choice"]
_CASE = [*KEYS, "image", "group"]


def curves(rows: pd.DataFrame, limit: int = LIMIT) -> pd.DataFrame:
    """Click curve of each case.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.rows.read` gives them; rows of other experiments are left
        aside, and so are cases that have no clicks (``status`` not ``ok``).
    limit : int
        Clicks of a curve; later ones are left aside.

    Returns
    -------
    DataFrame
        Indexed by ``dataset, task, model, protocol, choice, image, group``; columns 1 to
        ``limit``: IoU, 0 to 1.

    Raises
    ------
    InputError
        If columns are missing, there is no click, a click is there twice, or a curve has a gap
        or ends before the limit at an IoU below 1.
    """
    missing = [name for name in [*_CASE, "experiment", "k", "iou"] if name not in rows.columns]
    if missing:
        raise InputError(
            f"Rows without {', '.join(missing)}. Allowed: the columns of the results. "
            "Take rows from medsam.results.rows.read."
        )
    if limit < 1:
        raise InputError(f"Limit of {limit} clicks. Allowed: 1 or more.")
    kept = rows[(rows.experiment == "clicks") & rows.iou.notna()]
    if kept.empty:
        raise InputError(
            f"{len(rows)} rows, none of a click. Allowed: rows with experiment 'clicks' and "
            "an IoU. `medsam summary` tells what a folder has."
        )
    twice = kept.duplicated([*_CASE, "k"])
    if twice.any():
        first = _name(kept[twice].iloc[0])
        raise InputError(
            f"{int(twice.sum())} clicks are there twice, the first on {first}. "
            "Allowed: one row for each click of a case. Take rows of one results folder."
        )
    wide = kept.pivot(index=_CASE, columns="k", values="iou").astype(float)
    wide = wide.reindex(columns=range(1, limit + 1))
    filled = wide.ffill(axis=1)
    # Absent clicks are allowed only after a perfect one.
    bad = (wide.isna() & ~(filled == 1)).any(axis=1) | (
        wide.isna() & wide.bfill(axis=1).notna()
    ).any(axis=1)
    if bad.any():
        case = wide[bad].iloc[0]
        there = [int(k) for k in case.dropna().index]
        last = f"{case.dropna().iloc[-1]:.3f}" if there else "none"
        raise InputError(
            f"{int(bad.sum())} cases without all clicks 1 to {limit}; the first, "
            f"{_name(wide[bad].index.to_frame().iloc[0])}, has clicks {there}, the last IoU "
            f"{last}. Allowed: every click up to the limit, or up to an IoU of 1. Lower the limit "
            "or compute the rest."
        )
    return filled


def _name(row: pd.Series) -> str:
    return f"{row['task']} of {row['image']!r} ({row['model']}, {row['choice']})"


def number_of_clicks(
    curve: NDArray[np.float64], target: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Clicks until the IoU first reaches a target.

    Parameters
    ----------
    curve : (N, K) float
        IoU of N cases after 1 to K clicks.
    target : float
        Reached where the IoU is at or above it, be it lost again by a later click.

    Returns
    -------
    (N,) int, (N,) bool
        Number of clicks, and whether the target was not reached: the number is then K, which
        is no more than a lower bound.

    Examples
    --------
    >>> number_of_clicks(np.array([[0.5, 0.9, 0.7], [0.1, 0.2, 0.3]]), 0.8)
    (array([2, 3]), array([False,  True]))
    """
    reached = curve >= target
    failed = np.asarray(~reached.any(axis=1))
    return np.where(failed, curve.shape[1], reached.argmax(axis=1) + 1), failed


def _area(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area under each curve from the first click to the last by trapezoids, over its width."""
    if curve.shape[1] == 1:
        return curve[:, 0]
    inner = curve.sum(axis=1) - (curve[:, 0] + curve[:, -1]) / 2
    return np.asarray(inner / (curve.shape[1] - 1))


def effort(
    rows: pd.DataFrame,
    targets: Sequence[float] = TARGETS,
    limit: int = LIMIT,
    *,
    failed: Failed = "limit",
) -> pd.DataFrame:
    """Clicks to reach each target, failures, and area under the click curve.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.rows.read` gives them.
    targets : sequence of float
        IoUs, above 0 to 1.
    limit : int
        A case that has not reached the target after this many clicks has failed.
    failed : {"limit", "left_out"}
        What a case that failed adds to the mean number of clicks: the limit, as is usual, so
        that the mean is a lower bound; or nothing, so that it is about the others only.

    Returns
    -------
    DataFrame
        One row per dataset, task, model, protocol, choice and target. ``n``: cases;
        ``clicks``: mean number of clicks (NoC; null where all failed and are left out);
        ``failures``: cases that failed; ``failed``: their share, 0 to 1; ``area``: mean area
        under the curve from the first click to the last, over its width, 0 to 1 (the same
        for each target; with a limit of 1 the IoU itself).

    Raises
    ------
    InputError
        As :func:`curves`, or if a target or a policy is not allowed.

    Examples
    --------
    >>> rows = pd.DataFrame({"dataset": "d", "task": "t", "model": "m", "protocol": "paper",
    ...     "choice": "top", "image": "i", "group": "i", "experiment": "clicks",
    ...     "k": [1, 2, 3], "iou": [0.5, 0.7, 0.9]})
    >>> effort(rows, targets=[0.7], limit=3)[["target", "n", "clicks", "failures", "area"]]
       target  n  clicks  failures  area
    0     0.7  1     2.0         0   0.7
    """
    if failed not in FAILED:
        raise InputError(f"failed={failed!r}. Allowed: {', '.join(FAILED)}. Take one of these.")
    if not targets or any(not 0 < target <= 1 for target in targets):
        raise InputError(
            f"Targets {list(targets)}. Allowed: IoUs above 0 up to 1, such as {list(TARGETS)}."
        )
    table = curves(rows, limit)
    curve = table.to_numpy()
    of_case = table.index.to_frame(index=False).assign(area=_area(curve))
    tables = []
    for target in targets:
        number, missed = number_of_clicks(curve, target)
        counted = number.astype(float)
        if failed == "left_out":
            counted[missed] = np.nan
        grouped = of_case.assign(clicks=counted, missed=missed).groupby(KEYS, observed=True)
        tables.append(
            grouped.agg(
                n=("image", "size"),
                clicks=("clicks", "mean"),
                failures=("missed", "sum"),
                failed=("missed", "mean"),
                area=("area", "mean"),
            )
            .reset_index()
            .assign(target=target, limit=limit)
        )
    order = [*KEYS, "target", "limit", "n", "clicks", "failures", "failed", "area"]
    return pd.concat(tables)[order].sort_values([*KEYS, "target"], ignore_index=True)
