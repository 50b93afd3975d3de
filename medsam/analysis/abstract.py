"""What the graphical abstract says: the main findings, computed from tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from medsam.analysis.statistics import check_columns
from medsam.errors import InputError, UnknownName
from medsam.prompts import MODES, Prompt
from medsam.results import summary

if TYPE_CHECKING:
    from medsam.datasets.catalog import CatalogEntry


SHORT = {
    1: "one point",
    2: "a point for each part",
    3: "one box",
    4: "a box for each part",
    5: "one box over all",
}
"""The five modes in a few words."""

_MODE_COLUMNS = ("task", "name", "modality", "mode", "choice", "iou")
_CLICK_COLUMNS = ("task", "model", "k", "iou")
ORACLE = " (oracle)"
"""What stands after the name of a model with oracle."""


@dataclass(frozen=True)
class Facts:
    """The findings, of one model and its tasks.

    Attributes
    ----------
    model : str
    tasks : int
    lowest, highest : (str, float)
        Task and IoU with one point (mode 1).
    box_wins : int
        Tasks on which one box (mode 3) is better than one point (mode 1).
    means : dict of int to (float, float)
        Mean IoU over tasks of each mode: top-confidence and oracle.
    first, last : float
        Mean IoU after the first and the last click; ``clicks``: how many that are.
    clicks : int
    passed : dict of str to int or None
        Other method, and the first click at which its mean is above the model's.
    beats : int
        Tasks on which the model is better than every other method with one click.
    """

    model: str
    tasks: int
    lowest: tuple[str, float]
    highest: tuple[str, float]
    box_wins: int
    means: dict[int, tuple[float, float]]
    first: float
    last: float
    clicks: int
    passed: dict[str, int | None]
    beats: int

    @property
    def best(self) -> int:
        """Mode with the highest mean IoU, top-confidence."""
        return max(self.means, key=lambda mode: self.means[mode][0])

    @property
    def headlines(self) -> tuple[str, str, str, str]:
        """One line a finding: over tasks, box against point, the best mode, clicks."""
        top, oracle = self.means[self.best]
        tasks = f"{self.tasks} task{'s' * (self.tasks != 1)}"
        return (
            f"One point: IoU from {self.lowest[1]:.2f} to {self.highest[1]:.2f}, by task",
            f"One box beats one point on {self.box_wins} of {tasks}",
            f"Best: {SHORT[self.best]}, IoU {top:.2f} (with oracle {oracle:.2f})",
            self._clicks,
        )

    @property
    def _clicks(self) -> str:
        if not self.passed:
            return f"{self.clicks} clicks: {self.model} from {self.first:.2f} to {self.last:.2f}"
        at: dict[int, list[str]] = {}
        for name, k in self.passed.items():
            if k is not None:
                at.setdefault(k, []).append(name)
        later = ", ".join(f"at {k} by {' and '.join(at[k])}" for k in sorted(at))
        then = f"passed {later}" if at else "never passed"
        return f"First click: {self.model} ahead on {self.beats} of {self.tasks} tasks; {then}"

    @property
    def alone(self) -> str:
        """How the model compares with one click; empty where there is no other method."""
        if not self.passed:
            return ""
        *most, last = self.passed
        others = f"{', '.join(most)} and {last}" if most else last
        return f"One click: {self.model} ahead of {others} on {self.beats} of {self.tasks} tasks"

    @property
    def plain(self) -> dict[str, float | int | str]:
        """The findings as plain values, for the text of a page."""
        top, oracle = self.means[self.best]
        by = sorted((k, name) for name, k in self.passed.items() if k is not None)
        return {
            "tasks": self.tasks,
            "lowest": self.lowest[0],
            "lowest-iou": self.lowest[1],
            "highest": self.highest[0],
            "highest-iou": self.highest[1],
            "box-wins": self.box_wins,
            "best": self.best,
            "best-words": SHORT[self.best],
            "best-top": top,
            "best-oracle": oracle,
            "clicks": self.clicks,
            "first": self.first,
            "last": self.last,
            "alone": self.alone,
            "passed": "; ".join(f"{name} passes it at click {k}" for k, name in by)
            or "no other method passes it",
        }


def facts(modes: pd.DataFrame, clicks: pd.DataFrame, model: str) -> Facts:
    """Compute the findings.

    Parameters
    ----------
    modes : DataFrame
        Columns ``task, name, modality, mode`` (1-5), ``choice`` (``top`` | ``oracle``), ``iou``.
    clicks : DataFrame
        Columns ``task, model, k, iou``; models called ``<name> (oracle)`` are no other methods.
    model : str
        The one that the others are compared with.

    Raises
    ------
    InputError
        If a column or a mode is missing, or there is no row.
    UnknownName
        If the model has no clicks.

    Examples
    --------
    >>> from medsam.analysis import published
    >>> facts(published.modes(), published.clicks(), "SAM").headlines[1]
    'One box beats one point on 27 of 28 tasks'
    """
    check_columns(modes, _MODE_COLUMNS, "Table of modes")
    check_columns(clicks, _CLICK_COLUMNS, "Table of clicks")
    wide = modes.pivot(index=["task", "name"], columns=["choice", "mode"], values="iou")
    absent = [f"{mode} ({c})" for c in ("top", "oracle") for mode in MODES if (c, mode) not in wide]
    if absent:
        raise InputError(
            f"Table of modes without {', '.join(absent)}. Allowed: modes 1 to 5, top and oracle. "
            "A model that takes boxes only has no graphical abstract."
        )
    if model not in set(clicks.model):
        raise UnknownName("model with clicks", model, set(clicks.model))
    top = wide["top"].droplevel("task")
    lines = clicks.groupby(["model", "k"]).iou.mean().unstack("model")
    others = [name for name in lines if name != model and not str(name).endswith(ORACLE)]
    first = clicks[clicks.k == clicks.k.min()].pivot(index="task", columns="model", values="iou")
    beats = first[others].lt(first[model], axis=0).all(axis=1).sum() if others else 0
    above = {name: lines.index[lines[name] > lines[model]] for name in others}
    return Facts(
        model=model,
        tasks=len(wide),
        lowest=(str(top[1].idxmin()), float(top[1].min())),
        highest=(str(top[1].idxmax()), float(top[1].max())),
        box_wins=int((top[3] > top[1]).sum()),
        means={m: (float(wide["top", m].mean()), float(wide["oracle", m].mean())) for m in MODES},
        first=float(lines[model].iloc[0]),
        last=float(lines[model].iloc[-1]),
        clicks=int(lines.index[-1]),
        passed={str(name): int(at[0]) if len(at) else None for name, at in above.items()},
        beats=int(beats),
    )


# Tables and prompts that the graphical abstract is drawn from.


def numbers(modes: pd.DataFrame, clicks: pd.DataFrame) -> pd.DataFrame:
    """Every number that is drawn, in one table.

    Parameters
    ----------
    modes, clicks : DataFrame
        As for :func:`medsam.analysis.abstract.facts`.

    Returns
    -------
    DataFrame
        ``experiment`` (``mode`` | ``clicks``), ``task, name, modality, model, k, choice, iou``.
        Where the clicks are those of the model of the modes, its name stands with them only.
    """
    one = modes.rename(columns={"mode": "k"}).assign(experiment="mode")
    more = clicks.assign(experiment="clicks")
    both = pd.concat([one, more], ignore_index=True)
    columns = ["experiment", "task", "name", "modality", "model", "k", "choice", "iou"]
    return both.reindex(columns=columns)


def of_run(rows: pd.DataFrame) -> pd.DataFrame:
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
    table["model"] = table.model.where(table.choice == "top", table.model + ORACLE)
    return table[["task", "modality", "model", "k", "iou"]]


def telling_clicks(rows: pd.DataFrame) -> tuple[str, str, Prompt]:
    """The object on which four clicks show best what clicking is.

    Of the objects whose clicks are at least a twentieth of the image apart, the one whose IoU
    they raise most from the first to the last; of all objects, where none is so.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`medsam.results.rows.read` gives them.

    Returns
    -------
    (image, task, Prompt)
        The prompt has the points in the order in which they were made.

    Raises
    ------
    InputError
        If there are no rows of clicks.
    """
    made = rows[(rows.experiment == "clicks") & (rows.choice == "top")]
    if made.empty:
        raise InputError(
            f"{len(rows)} rows, none of clicks. Allowed: rows of the experiment 'clicks'. "
            "A model that takes boxes only has none."
        )
    k = min(4, int(made.k.max()))
    first = made[made.k == 1][["image", "task", "iou"]].rename(columns={"iou": "before"})
    last = made[made.k == k].merge(first, on=["image", "task"])
    last["gain"] = (last.iou - last.before).astype(float)
    side = last[["height", "width"]].max(axis=1).astype(float)
    apart = last.prompt.map(_closest) >= side / 20
    best = (last[apart] if apart.any() else last).sort_values("gain", kind="stable").iloc[-1]
    return str(best.image), str(best.task), Prompt.from_json(best.prompt)


def _closest(text: str) -> float:
    """Distance of the two points that are closest to each other; 0 for one point."""
    points = Prompt.from_json(text).points
    return min((float(np.hypot(*(a - b))) for a, b in combinations(points, 2)), default=0.0)


def data_of(entries: Iterable[CatalogEntry]) -> pd.DataFrame:
    """Datasets with their number of tasks, for the drawing.

    Returns
    -------
    DataFrame
        ``dataset`` (key), ``title`` (without its modality), ``modality, n_tasks``.

    Examples
    --------
    >>> from medsam.datasets.catalog import catalog
    >>> data_of(catalog().values()).head(2).to_numpy().tolist()
    [['mri_spine', 'Spine', 'MRI', 2], ['mri_heart', 'Heart', 'MRI', 1]]
    """
    return pd.DataFrame(
        [(one.key, one.title.partition("-")[2], one.modality, len(one.tasks)) for one in entries],
        columns=["dataset", "title", "modality", "n_tasks"],
    )


def data_of_run(modes: pd.DataFrame) -> pd.DataFrame:
    """Tasks of a run, as :func:`data_of` gives datasets.

    Parameters
    ----------
    modes : DataFrame
        Columns ``dataset, task, name, modality``; as :meth:`medsam.pages.study.Study.mode_means`.
    """
    once = modes.drop_duplicates(["dataset", "task"])
    return once[["dataset", "name", "modality"]].rename(columns={"name": "title"}).assign(n_tasks=1)
