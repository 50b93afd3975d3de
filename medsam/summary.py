"""Means of the results, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from medsam.prompts import MODES
from medsam.results import read

__all__ = ["clicks", "modes", "tables"]


def modes(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean IoU over images.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.read` gives them.

    Returns
    -------
    DataFrame
        Columns ``dataset, task, modality, model, protocol, mode, choice, iou, dice, n``, one
        row each; ``n`` counts images.
    """
    return _means(rows, "mode").rename(columns={"k": "mode"})


def clicks(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean IoU over images for each number of clicks; columns as :func:`modes`, with ``k``."""
    return _means(rows, "clicks")


def _means(rows: pd.DataFrame, experiment: str) -> pd.DataFrame:
    keys = ["dataset", "task", "modality", "model", "protocol", "k", "choice"]
    kept = rows[rows.experiment == experiment]
    grouped = kept.groupby(keys, sort=True, observed=True)
    return grouped.agg(
        iou=("iou", "mean"), dice=("dice", "mean"), n=("image", "nunique")
    ).reset_index()


def _text(title: str, wide: pd.DataFrame) -> str:
    body = wide.to_string(float_format=lambda value: f"{value:.3f}", na_rep="–")
    return f"{title}\n{body}\n"


def tables(folder: Path | str) -> Iterator[str]:
    """The tables that ``medsam summary`` prints: cases, modes, clicks."""
    rows = read(folder)
    per_case = rows.drop_duplicates(["dataset", "model", "protocol", "task", "image"])
    index = ["dataset", "model", "protocol", "task"]
    counts = per_case.pivot_table(
        index=index, columns="status", values="image", aggfunc="count", fill_value=0
    )
    counts.columns.name = None
    yield _text("Cases", counts)
    for title, table, column in (
        (
            "Mean IoU by mode: " + "; ".join(f"({k}) {t}" for k, t in MODES.items()),
            modes(rows),
            "mode",
        ),
        ("Mean IoU by number of clicks", clicks(rows), "k"),
    ):
        if table.empty:
            continue
        wide = table.pivot_table(index=[*index, "choice"], columns=column, values="iou")
        if len(wide) > 2:
            means = wide.groupby(["model", "protocol", "choice"]).mean()
            means.index = pd.MultiIndex.from_tuples(
                [
                    ("all", model, protocol, "mean of tasks", choice)
                    for model, protocol, choice in means.index
                ],
                names=wide.index.names,
            )
            wide = pd.concat([wide, means])
        yield _text(title, wide)
