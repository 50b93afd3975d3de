"""Means of the results, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from medsam.prompts import MODES
from medsam.results import query
from medsam.results.rows import existing, provenance

__all__ = ["clicks", "modes", "tables"]

_TASK = ["dataset", "model", "protocol", "task"]


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
    keys = ["dataset", "task", "modality", "model", "protocol", "k", "choice"]
    kept = rows[rows.experiment == experiment]
    grouped = kept.groupby(keys, sort=True, observed=True)
    return grouped.agg(
        iou=("iou", "mean"),
        dice=("dice", "mean"),
        nsd=("nsd", "mean"),
        hd95=("hd95", "mean"),
        n=("image", "nunique"),
    ).reset_index()


def _text(title: str, wide: pd.DataFrame) -> str:
    body = wide.to_string(float_format=lambda value: f"{value:.3f}", na_rep="–")
    return f"{title}\n{body}\n"


def _wide(table: pd.DataFrame, column: str, value: str) -> pd.DataFrame:
    """One row a task, one column a mode or number of clicks; with the mean over tasks."""
    wide = table.pivot_table(index=[*_TASK, "choice"], columns=column, values=value)
    if len(wide) <= 2:
        return wide
    means = wide.groupby(["model", "protocol", "choice"]).mean()
    means.index = pd.MultiIndex.from_tuples(
        [
            ("all", model, protocol, "mean of tasks", choice)
            for model, protocol, choice in means.index
        ],
        names=wide.index.names,
    )
    return pd.concat([wide, means])


def tables(folder: Path | str) -> Iterator[str]:
    """The tables that ``medsam summary`` prints: cases, and each metric by mode and clicks.

    A metric that no row has is left out: those in mm, where no size of a pixel is known. The rows
    are never all in memory.
    """
    with query.connected(existing(Path(folder))) as connection:
        cases, means = query.counts(connection), query.means(connection)
    counts = cases.pivot_table(
        index=_TASK, columns="status", values="n", aggfunc="sum", fill_value=0
    )
    counts.columns.name = None
    yield _text("Cases", counts)
    by_mode = "by mode: " + "; ".join(f"({k}) {title}" for k, title in MODES.items())
    of_mode, of_clicks = (
        means[means.experiment == name].astype({"k": int}) for name in ("mode", "clicks")
    )
    parts = (
        (by_mode, of_mode.rename(columns={"k": "mode"}), "mode"),
        ("by number of clicks", of_clicks, "k"),
    )
    for value, title in _metrics(folder).items():
        for by, table, column in parts:
            if table[value].notna().any():
                yield _text(f"{title} {by}", _wide(table, column, value))


def _metrics(folder: Path | str) -> dict[str, str]:
    """What is summed up, by column, as it is called in a title."""
    found = {about["tolerance_mm"] for about in provenance(folder)} - {None}
    tolerance = f" at {found.pop():g} mm" if found else ""
    return {
        "iou": "Mean IoU",
        "nsd": f"Mean NSD{tolerance}",
        "hd95": "Mean HD95 (mm; where something was found)",
    }
