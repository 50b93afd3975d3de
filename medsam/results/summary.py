"""Means of the results, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd

from medsam.metrics import TOLERANCE
from medsam.prompts import MODES
from medsam.results.rows import existing, query

GROUPS = ("dataset", "task", "modality", "model", "protocol", "experiment", "k", "choice")
"""Columns that name what a mean is over."""
_TASK = ["dataset", "model", "protocol", "task"]
_METRICS = ["iou", "dice", "nsd", "hd95"]


def modes(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over images.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.rows.read` gives them.

    Returns
    -------
    DataFrame
        Columns ``dataset, task, modality, model, protocol, mode, choice, iou, dice, nsd, hd95,
        n``, one row each; ``n`` counts images. ``nsd`` and ``hd95`` (mm) are null where the size
        of a pixel is unknown. Images whose prediction is empty count in ``iou``, ``dice`` and
        ``nsd`` with 0; ``hd95`` is over the others.
    """
    return _means(rows, "mode").rename(columns={"k": "mode"})


def clicks(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over images for each number of clicks; columns as :func:`modes`, with ``k``."""
    return _means(rows, "clicks")


def _means(rows: pd.DataFrame, experiment: str) -> pd.DataFrame:
    keys = [name for name in GROUPS if name != "experiment"]
    grouped = rows[rows.experiment == experiment].groupby(keys, sort=True, observed=True)
    columns = {name: (name, "mean") for name in _METRICS} | {"n": ("image", "nunique")}
    return grouped.agg(**columns).reset_index()


def means(connection: duckdb.DuckDBPyConnection, *, median: bool = False) -> pd.DataFrame:
    """Means over the rows of each prompt.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Of :func:`medsam.results.rows.query`.
    median : bool
        Add ``median_iou``, for which all values of a group are in memory.

    Returns
    -------
    DataFrame
        :data:`GROUPS`, ``iou, dice, nsd, hd95, n, errors``, sorted by the first eight. Cases
        without a prompt (empty, or not read) have null from ``k`` to ``hd95``; ``errors`` counts
        those not read.
    """
    # A mean skips what is not a number, as pandas does; favg adds with compensation.
    parts = [f"favg({name}) filter (where not isnan({name})) as {name}" for name in _METRICS]
    parts += ["median(iou) filter (where not isnan(iou)) as median_iou"] if median else []
    return connection.execute(
        f"select {', '.join([*GROUPS, *parts])}, count(*) as n, "
        "count(*) filter (where status = 'error') as errors from rows group by all order by all"
    ).df()


def counts(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Cases by status: ``dataset, model, protocol, task, status, n``."""
    return connection.execute(
        "select dataset, model, protocol, task, status, count(*) as n from "
        "(select distinct dataset, model, protocol, image, task, status from rows) "
        "group by all order by all"
    ).df()


def _text(title: str, wide: pd.DataFrame) -> str:
    body = wide.to_string(float_format=lambda value: f"{value:.3f}", na_rep="–")
    return f"{title}\n{body}\n"


def _wide(table: pd.DataFrame, column: str, value: str) -> pd.DataFrame:
    """One row a task, one column a mode or number of clicks; with the mean over tasks."""
    wide = table.pivot_table(index=[*_TASK, "choice"], columns=column, values=value)
    if len(wide) <= 2:
        return wide
    over_tasks = wide.groupby(["model", "protocol", "choice"]).mean().reset_index()
    over_tasks = over_tasks.assign(dataset="all", task="mean of tasks")
    return pd.concat([wide, over_tasks.set_index(wide.index.names)])


def tables(folder: Path | str) -> Iterator[str]:
    """The tables that ``medsam summary`` prints: cases, and each metric by mode and clicks.

    A metric that no row has is left out: those in mm, where no size of a pixel is known. The rows
    are never all in memory.
    """
    with query(existing(Path(folder))) as connection:
        cases, found = counts(connection), means(connection)
    wide = cases.pivot_table(index=_TASK, columns="status", values="n", fill_value=0)
    wide.columns.name = None
    yield _text("Cases", wide.astype(int))
    found = found.dropna(subset="k").astype({"k": int})
    listed = "; ".join(f"({k}) {title}" for k, title in MODES.items())
    parts = (("mode", f"by mode: {listed}", "mode"), ("clicks", "by number of clicks", "k"))
    titles = {
        "iou": "Mean IoU",
        "nsd": f"Mean NSD at {TOLERANCE:g} mm",
        "hd95": "Mean HD95 (mm; where something was found)",
    }
    for value, title in titles.items():
        for experiment, by, column in parts:
            table = found[found.experiment == experiment].rename(columns={"k": column})
            if table[value].notna().any():
                yield _text(f"{title} {by}", _wide(table, column, value))
