"""The tables that the paper's authors released, as data.

Source: repository ``mazurowski-lab/segment-anything-medical-evaluation``, folder
``experimental_results_tables``. Results of SAM ViT-H and of the methods compared with it; see
``data/published/README.md``. One key names a task in all tables, whose spellings differ.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import pandas as pd

_MODES = "fig2-performance_of_sam_for_5_modes_of_use.csv"
_AVERAGES = "fig4-table_average_overalldatasets_point_numer_changes.csv"
CLICK_TABLES = {
    "SAM": "fig34-table_for_sam_point_number_changes.csv",
    "SAM (oracle)": "fig34-table_for_sam_oracle_point_number_changes.csv",
    "RITM": "fig34-table_for_ritm_point_number_changes.csv",
    "SimpleClick": "fig34-table_for_simpleclick_point_number_changes.csv",
    "FocalClick": "fig34-table_for_focalclick_point_number_changes.csv",
}
"""Model and the file of its clicks."""


@cache
def _read(name: str, folder: str = "analysis/data/published") -> pd.DataFrame:
    file = resources.files("medsam") / folder / name
    with file.open(encoding="utf-8-sig") as text:
        return pd.read_csv(text)


def tasks() -> pd.DataFrame:
    """The 28 tasks: ``task`` (key), ``name``, ``modality``, and their names in the tables."""
    return _read("tasks.csv", "datasets").copy()


def _keyed(table: pd.DataFrame, column: str, spelling: str) -> pd.DataFrame:
    known = tasks()[["task", "name", "modality", spelling]]
    return table.merge(known, left_on=column, right_on=spelling, how="left")


def modes() -> pd.DataFrame:
    """Fig. 2: IoU of SAM for five modes.

    Returns
    -------
    DataFrame
        ``task, name, modality, mode`` (1-5), ``choice`` (``top`` | ``oracle``), ``iou``;
        28 x 5 x 2 rows. What stands under ``top`` is index 0 of SAM's three masks in the
        released code, although the text says the most confident.
    """
    wide = _read(_MODES)
    long = wide.melt(
        ["Dataset_names"], [c for c in wide if str(c).startswith("Mode ")], value_name="iou"
    )
    long["mode"] = long.variable.str.extract(r"Mode (\d)", expand=False).astype(int)
    long["choice"] = long.variable.str.contains("oracle").map({True: "oracle", False: "top"})
    keyed = _keyed(long, "Dataset_names", "in_modes")
    return keyed[["task", "name", "modality", "mode", "choice", "iou"]]


def clicks() -> pd.DataFrame:
    """Fig. 4, 5 and 17: IoU for one to nine clicks.

    Returns
    -------
    DataFrame
        ``task, name, modality, model, k`` (1-9), ``iou``; 28 x 5 x 9 rows.
    """
    parts = []
    for model, name in CLICK_TABLES.items():
        long = _read(name).melt(["Num of points"], var_name="column", value_name="iou")
        keyed = _keyed(long, "column", "in_clicks").assign(model=model)
        keyed = keyed.rename(columns={"Num of points": "k"})
        parts.append(keyed[["task", "name", "modality", "model", "k", "iou"]])
    return pd.concat(parts, ignore_index=True)


def click_averages() -> pd.DataFrame:
    """Fig. 5, left: mean over 28 tasks; ``model, k, iou``."""
    long = _read(_AVERAGES).melt(["Num of points"], var_name="model", value_name="iou")
    return long.rename(columns={"Num of points": "k"})[["model", "k", "iou"]]
