"""The numbers that the text quotes, computed from a table: the published one or our own."""

from __future__ import annotations

import pandas as pd

from medsam.errors import InputError

__all__ = ["of_clicks", "of_modes"]


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
