"""One model less others, task by task: Fig. 4, from the published tables or from our own rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from medsam import published, statistics
from medsam.errors import InputError, UnknownName

__all__ = [
    "COLUMNS",
    "METHODS",
    "REFERENCES",
    "SETTINGS",
    "deltas",
    "findings",
    "of_published",
    "of_rows",
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
        :data:`COLUMNS` and, as :func:`medsam.statistics.compare` gives them, ``low, high`` (95 %
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
