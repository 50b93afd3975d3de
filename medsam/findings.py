"""The numbers that the text quotes, computed from a table: the published one or our own."""

from __future__ import annotations

import pandas as pd

from medsam.errors import InputError
from medsam.statistics import Side, compare

__all__ = ["of_clicks", "of_modes", "over_tasks"]


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
        The two sides, as in :func:`medsam.statistics.compare`.

    Returns
    -------
    DataFrame
        As :func:`medsam.statistics.compare` gives it: ``task`` is ``"all"``, ``n`` and ``groups``
        count tasks, and nothing is corrected, as there is one test a row.

    Raises
    ------
    InputError, UnknownName
        As :func:`medsam.statistics.compare`.

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
