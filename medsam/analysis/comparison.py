"""One model minus others, task by task, from the published tables or from our own rows (Fig. 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from medsam.analysis import published
from medsam.analysis.statistics import check_columns, compare
from medsam.errors import InputError, UnknownName
from medsam.prompts import MODES
from medsam.results import summary

_TASK = ["setting", "task", "name", "modality"]
COLUMNS = (*_TASK, "method", "reference", "iou", "reference_iou", "delta")
"""Of a table of differences, one row a task and method; ``delta`` is reference minus method."""

METHODS = tuple(name for name in published.CLICK_TABLES if not name.startswith("SAM"))
"""The methods made for clicks that the paper compares SAM with."""

REFERENCES = {
    "SAM": "SAM, 1 point",
    "SAM (oracle)": "SAM with oracle, 1 point",
    "SAM (mode 3)": "SAM, mode 3: 1 box, largest region",
}
"""What the methods are compared with (section 3.2), and in words. They always get one point."""

SETTINGS = {("clicks", 1): "1 click"} | {("mode", k): f"mode {k}" for k in range(2, 6)}
"""Experiment and ``k`` of the rows that are compared. Mode 1 is one click, but for ties."""

ORACLE = " (oracle)"
"""What stands after the name of a model with oracle."""

TARGETS = (0.80, 0.85, 0.90)
"""IoUs to reach: NoC@80, NoC@85 and NoC@90 of the literature on interactive segmentation."""


def of_published(reference: str = "SAM") -> pd.DataFrame:
    """Fig. 4: SAM minus RITM, SimpleClick and FocalClick, which get one point, on 28 tasks.

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
    box = published.modes().query("mode == 3 and choice == 'top'").assign(model="SAM (mode 3)")
    table = pd.concat([clicks, box]).assign(setting=REFERENCES[reference])
    one = table[table.model == reference].rename(columns={"iou": "reference_iou"})
    others = table[table.model.isin(METHODS)].rename(columns={"model": "method"})
    both = others.merge(one[[*_TASK, "reference_iou"]], on=_TASK)
    both = both.assign(reference=reference, delta=both.reference_iou - both.iou)
    return both[list(COLUMNS)]


def of_rows(rows: pd.DataFrame, reference: str, names: Mapping[str, str]) -> pd.DataFrame:
    """A model minus every other one in the results, on the images that both have.

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
        :data:`COLUMNS` and, as :func:`medsam.analysis.statistics.compare` gives them, ``low,
        high`` (95 % interval of ``delta`` over groups), ``p_holm``, ``verdict, n`` (images) and
        ``groups``. In the order of the settings and of ``names``; empty where nothing can be
        compared.
    """
    kept = rows[(rows.status == "ok") & (rows.choice == "top") & rows.task.isin(list(names))]
    kept = kept.assign(setting=_settings(kept)).dropna(subset=["setting", "iou"])
    ours, parts = kept[kept.model == reference], list[pd.DataFrame]()
    for method, theirs in kept[kept.model != reference].groupby("model", sort=False):
        at = ["setting", "task", "image"]
        if ours.merge(theirs, on=at).empty:
            continue
        both = pd.concat([ours, theirs])
        parts.append(compare(both, {"model": reference}, {"model": method}).query("n > 0"))
    columns = [*COLUMNS, "low", "high", "p_holm", "verdict", "n", "groups"]
    if not parts:
        return pd.DataFrame(columns=columns)
    table = pd.concat(parts, ignore_index=True).rename(
        columns={"a": "reference", "b": "method", "mean_a": "reference_iou", "mean_b": "iou"}
        | {"difference": "delta"}
    )
    modality = kept.drop_duplicates("task").set_index("task").modality
    table = table.assign(
        setting=_settings(table),
        name=table.task.map(names),
        modality=table.task.map(modality),
    )
    place = [*SETTINGS.values(), *names]
    return table.sort_values(
        ["setting", "task"], key=lambda c: c.map(place.index), kind="stable", ignore_index=True
    )[columns]


def _settings(rows: pd.DataFrame) -> pd.Series:
    pairs = zip(rows.experiment, rows.k, strict=True)
    words = [None if pd.isna(k) else SETTINGS.get((experiment, int(k))) for experiment, k in pairs]
    return pd.Series(words, rows.index, dtype=object)


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """Wins, ties and losses of the reference against each method in each setting.

    Returns
    -------
    DataFrame
        ``setting, method, tasks, wins, ties, losses, reference_iou, iou, delta`` (means over
        tasks), in the order of the table.
    """
    sign = np.sign(table.delta)
    counted = table.assign(wins=sign == 1, ties=sign == 0, losses=sign == -1)
    groups = counted.groupby(["setting", "method"], sort=False)
    sums = groups[["wins", "ties", "losses"]].sum()
    means = groups[["reference_iou", "iou", "delta"]].mean()
    return pd.concat([groups.task.nunique().rename("tasks"), sums, means], axis=1).reset_index()


# The numbers that the text quotes, computed from a table: the published one or our own.


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
        ``not-above``: the names of the others, joined; ``mean`` of the reference, its ``lowest``
        and ``highest`` IoU, with ``-task``;
        ``largest`` and ``largest-task``: the greatest difference; for each method, in small
        letters, ``<method>-wins``, ``-ties``, ``-losses`` (of the reference), and ``-mean``.

    Raises
    ------
    InputError
        If the table is empty or has several settings.
    """
    if table.setting.nunique() != 1:
        there = ", ".join(map(repr, dict.fromkeys(table.setting))) or "none"
        raise InputError(
            f"Differences of {len(table)} tasks and methods, settings {there}. Allowed: at least "
            "one row, of one setting. Select one."
        )
    lowest = table.groupby("name", sort=False).delta.min()
    own = table.drop_duplicates("task").set_index("name").reference_iou
    top = table.sort_values("delta", kind="stable").iloc[-1]
    found: dict[str, float | int | str] = {
        "tasks": table.task.nunique(),
        "above-all": int((lowest > 0).sum()),
        "not-above": ", ".join(map(str, lowest.index[lowest <= 0])) or "none",
        "mean": float(own.mean()),
        "lowest": float(own.min()),
        "lowest-task": str(own.idxmin()),
        "highest": float(own.max()),
        "highest-task": str(own.idxmax()),
        "largest": float(top.delta),
        "largest-task": str(top["name"]),
    }
    for row in overview(table).to_dict("records"):
        key = str(row["method"]).lower()
        found |= {f"{key}-{count}": int(row[count]) for count in ("wins", "ties", "losses")}
        found[f"{key}-mean"] = float(row["iou"])
    return found


def of_modes(table: pd.DataFrame) -> dict[str, float | int | str]:
    """What a table of the five modes says.

    Parameters
    ----------
    table : DataFrame
        Columns ``task, name, mode, choice, iou``.

    Returns
    -------
    dict
        ``tasks``; ``mode1`` to ``mode5`` (mean IoU over tasks, top-confidence); ``best``,
        ``best-iou`` and ``best-oracle``; ``box-wins`` (tasks where mode 3 beats mode 1);
        ``gain-low`` and ``gain-high`` (what the oracle adds, over modes); with one point (mode 1)
        the ``lowest`` and the ``highest`` task, with ``-iou``.

    Raises
    ------
    InputError
        If a column or a mode is missing, or there is no row.
    """
    check_columns(table, ("task", "name", "mode", "choice", "iou"), "Table of modes")
    wide = table.pivot(index=["task", "name"], columns=["choice", "mode"], values="iou")
    absent = [f"{mode} ({c})" for c in ("top", "oracle") for mode in MODES if (c, mode) not in wide]
    if absent:
        raise InputError(
            f"Table of modes without {', '.join(absent)}. Allowed: modes 1 to 5, top and oracle. "
            "A model that takes boxes only has none with points."
        )
    top, means = wide["top"].droplevel("task"), wide.mean()
    best, gain = int(means["top"].idxmax()), means["oracle"] - means["top"]
    return {
        "tasks": len(wide),
        **{f"mode{mode}": float(means["top", mode]) for mode in MODES},
        "best": best,
        "best-iou": float(means["top", best]),
        "best-oracle": float(means["oracle", best]),
        "box-wins": int((top[3] > top[1]).sum()),
        "gain-low": float(gain.min()),
        "gain-high": float(gain.max()),
        "lowest": str(top[1].idxmin()),
        "lowest-iou": float(top[1].min()),
        "highest": str(top[1].idxmax()),
        "highest-iou": float(top[1].max()),
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
    check_columns(table, ("model", "k", "iou"))
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


def clicks_of_run(rows: pd.DataFrame) -> pd.DataFrame:
    """Clicks of a run in the form of the published tables.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.rows.read` gives them.

    Returns
    -------
    DataFrame
        ``task, modality, model, k, iou``; with oracle a model is called ``<name> (oracle)``.
    """
    table = summary.clicks(rows)
    return _oracle_named(table)[["task", "modality", "model", "k", "iou"]]


def _oracle_named(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(model=table.model.where(table.choice == "top", table.model + ORACLE))


def effort(clicks: pd.DataFrame, targets: Sequence[float] = TARGETS) -> pd.DataFrame:
    """How many clicks each model needs, and the area under its click curve.

    A target is reached at the first click whose IoU is at or above it, be it lost again later. A
    curve that does not reach it counts as its last click, so a mean is then a lower bound.

    Parameters
    ----------
    clicks : DataFrame
        Columns ``model, k, iou`` and those of ``choice, dataset, task, image`` that tell curves
        apart: means of tasks, or single objects. With oracle a model is ``<name> (oracle)``.
    targets : sequence of float
        IoUs.

    Returns
    -------
    DataFrame
        ``model, curves`` (their number); for each target of, say, 0.80: ``noc80`` (mean number of
        clicks) and ``missed80`` (curves that do not reach it); ``area``: mean area under the
        curve from the first click to the last, over its width. In the order of the table.

    Raises
    ------
    InputError
        If a column is missing, or a curve lacks a click.

    Examples
    --------
    >>> two = pd.DataFrame({"model": "m", "task": [*"aaabbb"], "k": [1, 2, 3] * 2,
    ...                     "iou": [0.5, 0.9, 0.7, 0.1, 0.2, 0.3]})
    >>> effort(two, [0.8])
      model  curves  noc80  missed80   area
    0     m       2    2.5         1  0.475
    """
    check_columns(clicks, ("model", "k", "iou"))
    if "choice" in clicks:
        clicks = _oracle_named(clicks)
    index = [name for name in ("model", "dataset", "task", "image") if name in clicks]
    wide = clicks.pivot(index=index, columns="k", values="iou").astype(float)
    if wide.isna().any(axis=None):
        raise InputError(
            f"{int(wide.isna().any(axis=1).sum())} click curves without all {wide.shape[1]} "
            "clicks. Allowed: every click of every curve. Compute the rest."
        )
    found = pd.DataFrame({"curves": 1}, wide.index)
    how = {"curves": "sum"}
    for target in targets:
        clicked, missed = f"noc{100 * target:.0f}", f"missed{100 * target:.0f}"
        reached = (wide >= target).to_numpy()
        ever = np.asarray(reached.any(axis=1))
        found[missed] = ~ever
        found[clicked] = np.where(ever, reached.argmax(axis=1) + 1, wide.shape[1])
        how |= {clicked: "mean", missed: "sum"}
    found["area"] = np.trapezoid(wide, axis=1) / (wide.shape[1] - 1)
    of_model = found.groupby("model").agg(how | {"area": "mean"})
    return of_model.reindex(list(dict.fromkeys(clicks.model))).reset_index()
