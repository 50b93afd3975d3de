"""What the rules read: the published tables, or a run brought to the same form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from medsam.analysis import published
from medsam.analysis.claims.claim import Undecidable
from medsam.datasets.select import EMBEDDED
from medsam.errors import InputError, UnknownName
from medsam.results import summary

OTHERS = ("RITM", "SimpleClick", "FocalClick")
"""The methods that SAM is compared with."""
MODES = range(1, 6)
SETTINGS = (
    *(f"mode {mode}{oracle}" for mode in MODES for oracle in ("", " oracle")),
    "one click",
    "one click oracle",
)
"""Every setting of one prompt that a mean could have been printed of."""


@dataclass(frozen=True)
class Tables:
    """Tables of one source.

    Attributes
    ----------
    label : str
        Model and data.
    sam : str
        Name in ``clicks`` of the model that stands where SAM does.
    modes, clicks : DataFrame
        ``task, mode, choice, iou`` and ``task, model, k, iou``; with oracle a model is called
        ``<name> (oracle)``.
    names : mapping of str to str
        What a reader calls a task.
    quoted : bool
        Whether these are the numbers that the text prints (SAM ViT-H on the paper's tasks).
    spellings : DataFrame, optional
        ``task, in_modes, in_clicks``: names of the tasks in the published files.
    rows : DataFrame, optional
        Rows of single cases (:data:`medsam.results.rows.SCHEMA`), status ``ok``; a run only.
    groups : int, optional
        Patients or volumes of a run.
    """

    label: str
    sam: str
    modes: pd.DataFrame
    clicks: pd.DataFrame
    names: dict[str, str]
    quoted: bool
    spellings: pd.DataFrame | None = None
    rows: pd.DataFrame | None = None
    groups: int | None = None

    @cached_property
    def _modes(self) -> pd.DataFrame:
        return self.modes.pivot_table(index="task", columns=["choice", "mode"], values="iou")

    @cached_property
    def _clicks(self) -> pd.DataFrame:
        return self.clicks.pivot_table(index="task", columns=["model", "k"], values="iou")

    def mode(self, mode: int, choice: str = "top") -> pd.Series:
        """IoU by task for one of the five modes."""
        if (choice, mode) not in self._modes:
            raise Undecidable(f"No rows of mode {mode} ({choice}).")
        return self._modes[choice, mode].dropna()

    def by_mode(self, choice: str = "top") -> pd.DataFrame:
        """IoU by task, a column for each of the five modes."""
        return pd.concat({mode: self.mode(mode, choice) for mode in MODES}, axis=1)

    def click(self, k: int, model: str = "") -> pd.Series:
        """IoU by task after k clicks, of SAM (or what stands in its place) or another model."""
        name = model or self.sam
        if (name, k) not in self._clicks:
            raise Undecidable(f"No rows of {name} with {k} click{'s' * (k > 1)}.")
        return self._clicks[name, k].dropna()

    def line(self, model: str = "") -> pd.Series:
        """Mean over the tasks by number of clicks, one to nine."""
        return pd.Series({k: float(self.click(k, model).mean()) for k in range(1, 10)})

    def setting(self, name: str) -> pd.Series:
        """IoU by task of one of :data:`SETTINGS`, or of another method with one click."""
        first, *rest = name.lower().split()
        oracle = "oracle" in rest
        if first == "mode":
            return self.mode(int(rest[0]), "oracle" if oracle else "top")
        if first == "one":
            return self.click(1, self.oracle if oracle else self.sam)
        return self.click(1, name)

    @property
    def oracle(self) -> str:
        """Name of SAM with oracle in ``clicks``."""
        return f"{self.sam} (oracle)"

    def others(self) -> list[str]:
        """Those of :data:`OTHERS` that are there; at least one."""
        found = [name for name in OTHERS if (name, 1) in self._clicks]
        if not found:
            raise Undecidable(f"No rows of {' or '.join(OTHERS)}.")
        return found

    def best_other(self) -> pd.Series:
        """IoU by task of the best of the other methods with one click."""
        return pd.concat([self.click(1, name) for name in self.others()], axis=1).max(axis=1)

    def need_rows(self, what: str) -> pd.DataFrame:
        """Rows of single cases, or why there are none."""
        if self.rows is None:
            raise Undecidable(f"The published tables hold a mean IoU for each task, not {what}.")
        return self.rows

    def cases(self, what: str, experiment: str = "mode", choice: str = "top") -> pd.DataFrame:
        """One line a case: ``dataset, task, image, n_regions, object_px, size`` and IoU by k."""
        rows = self.need_rows(what)
        rows = rows[(rows.experiment == experiment) & (rows.choice == choice)]
        if rows.empty:
            raise Undecidable(f"No rows of the experiment {experiment!r} ({choice}).")
        keys = ["dataset", "task", "image", "n_regions", "object_px", "size"]
        sized = rows.assign(size=rows.object_px / (rows.height * rows.width)).astype(
            {"n_regions": int, "object_px": int, "size": float}
        )
        return sized.pivot_table(index=keys, columns="k", values="iou").reset_index()

    def called(self, *tasks: object) -> str:
        """Names of tasks, joined."""
        return ", ".join(self.names.get(str(task), str(task)) for task in tasks)


def of_published() -> Tables:
    """The tables that the authors released."""
    tasks = published.tasks()
    return Tables(
        label="SAM ViT-H, 28 tasks of the paper",
        sam="SAM",
        modes=published.modes(),
        clicks=published.clicks(),
        names=dict(zip(tasks.task, tasks.name, strict=True)),
        quoted=True,
        spellings=tasks[["task", "in_modes", "in_clicks"]],
    )


def _other(model: str) -> str | None:
    plain = re.sub(r"[^a-z]", "", model.lower())
    return next((name for name in OTHERS if plain.startswith(name.lower())), None)


def _one(what: str, wanted: str | None, there: Iterable[str]) -> str:
    allowed = sorted(set(there))
    if wanted is not None and wanted not in allowed:
        raise UnknownName(f"{what} in these results", wanted, allowed)
    if wanted is None and len(allowed) != 1:
        raise InputError(
            f"The results hold {len(allowed)} {what}s: {', '.join(allowed) or '(none)'}. "
            f"Allowed: one. Choose with --{what}."
        )
    return wanted or allowed[0]


def of_rows(rows: pd.DataFrame, model: str | None = None, protocol: str | None = None) -> Tables:
    """A run in the form of the published tables.

    Parameters
    ----------
    rows : DataFrame
        As :func:`medsam.results.rows.read` gives them. Rows of RITM, SimpleClick or FocalClick are
        what the model is compared with.
    model, protocol : str, optional
        Which; may be left out where there is one.

    Raises
    ------
    UnknownName
        If they are not among the rows; lists those that are.
    InputError
        If there is a choice to make, or no case has been evaluated.
    """
    models = set(rows.model)
    sam = _one("model", model, models if model else {m for m in models if not _other(m)})
    mine = rows[(rows.model == sam) | rows.model.map(_other).notna()]
    name = _one("protocol", protocol, mine[mine.model == sam].protocol)
    kept = mine[(mine.protocol == name) & (mine.status == "ok")]
    own = kept[kept.model == sam]
    if own.empty:
        raise InputError(
            f"No case of {sam} under protocol {name} has a result. Allowed: rows with status "
            "'ok'. `medsam summary` counts the others and `medsam export` has their reasons."
        )
    clicks = summary.clicks(kept)
    called = clicks.model.map(lambda m: m if m == sam else _other(m))
    clicks["model"] = called.where(clicks.choice == "top", called + " (oracle)")
    paper, ours = published.tasks().set_index("task").name, set(own.task)
    titles = {**paper, **EMBEDDED}
    images, tasks = own.image.nunique(), len(ours)
    groups = int(own.groupby("dataset").group.nunique().sum())
    return Tables(
        label=f"{sam} on {', '.join(sorted(set(own.dataset)))}, protocol {name}: "
        f"{images} image{'s' * (images != 1)} of {groups} patient{'s' * (groups != 1)} or "
        f"volume{'s' * (groups != 1)}, {tasks} task{'s' * (tasks != 1)}",
        sam=sam,
        modes=summary.modes(own),
        clicks=clicks,
        names={key: titles.get(key, key) for key in sorted(ours)},
        quoted=set(paper.index) <= ours and re.search(r"sam.*vit.?h", sam, re.I) is not None,
        rows=own,
        groups=groups,
    )
