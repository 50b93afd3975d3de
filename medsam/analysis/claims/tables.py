"""What the rules read: the published tables, or a run brought to the same form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from medsam.analysis import published
from medsam.analysis.claims.claim import Undecidable
from medsam.analysis.comparison import ORACLE, clicks_of_run
from medsam.analysis.statistics import enough
from medsam.datasets.select import EMBEDDED
from medsam.errors import InputError, UnknownName
from medsam.results import summary

OTHERS = ("RITM", "SimpleClick", "FocalClick")
"""The methods that SAM is compared with."""


@dataclass(frozen=True)
class Tables:
    """Tables of one source.

    Attributes
    ----------
    label : str
        Model and data.
    sam : str
        Name of the model that stands where SAM does.
    values : DataFrame
        IoU by task, a column for each setting; see :func:`by_setting`.
    names : mapping of str to str
        What a reader calls a task.
    quoted : bool
        Whether these are the numbers that the text prints (SAM ViT-H on the paper's tasks).
    rows : DataFrame, optional
        Rows of single cases (:data:`medsam.results.rows.SCHEMA`), status ``ok``; a run only.
    enough : bool
        Whether its patients or volumes allow a verdict: :func:`medsam.analysis.statistics.enough`.
    """

    label: str
    sam: str
    values: pd.DataFrame
    names: dict[str, str]
    quoted: bool
    rows: pd.DataFrame | None = None
    enough: bool = True

    def by_task(self, name: str) -> pd.Series:
        """What has one value for each task, such as ``mode 4 oracle``.

        Parameters
        ----------
        name : str
            A column of ``values``, or of single cases ``size`` (mean share of the image),
            ``several parts`` (share of the cases), ``mode 1, one part`` and ``mode 1, several
            parts`` (mean IoU of such cases); or two of these with `` minus `` between them.
        """
        first, minus, second = name.partition(" minus ")
        if minus:
            return (self.by_task(first) - self.by_task(second)).dropna()
        if name in self.values:
            return self.values[name].dropna()
        if name == "size":
            cases = self.cases("the size of the objects")
            return cases["size"].groupby(cases.task).mean()
        first, _, parts = name.partition(", ")
        if name == "several parts" or parts:
            cases = self.cases("how many regions each object has")
            several = cases.n_regions > 1
            if not parts:
                return several.groupby(cases.task).mean()
            chosen = cases[several == (parts == "several parts")]
            return chosen.groupby("task")[int(first.removeprefix("mode "))].mean()
        raise Undecidable(f"No rows of {name}.")

    def wide(self, names: Mapping[str, str] | Iterable[str]) -> pd.DataFrame:
        """Several of these as columns, by their names or other labels; what is missing is left out.

        Raises
        ------
        Undecidable
            If none is there.
        """
        labels = dict(names) if isinstance(names, Mapping) else {name: name for name in names}
        found: dict[str, pd.Series] = {}
        missing: list[str] = []
        for label, name in labels.items():
            try:
                found[label] = self.by_task(name)
            except Undecidable as error:
                missing.append(str(error))
        if missing and not found:
            raise Undecidable(missing[0])
        return pd.concat(found, axis=1)

    def line(self, model: str = "") -> pd.Series:
        """Mean over the tasks by number of clicks, one to nine, of SAM or another method."""
        return pd.Series(
            {k: self.by_task(clicks(k, model)).mean() for k in range(1, 10)}, dtype=float
        )

    def need_rows(self, what: str) -> pd.DataFrame:
        """Rows of single cases, or why there are none."""
        if self.rows is None:
            raise Undecidable(f"The published tables hold a mean IoU for each task, not {what}.")
        return self.rows

    def cases(self, what: str) -> pd.DataFrame:
        """One line a case: ``dataset, task, image, n_regions, object_px, size``, IoU by mode."""
        rows = self.need_rows(what)
        rows = rows[(rows.experiment == "mode") & (rows.choice == "top")]
        keys = ["dataset", "task", "image", "n_regions", "object_px", "size"]
        sized = rows.assign(size=rows.object_px / (rows.height * rows.width)).astype(
            {"n_regions": int, "object_px": int, "size": float}
        )
        return sized.pivot_table(index=keys, columns="k", values="iou").reset_index()

    def called(self, *tasks: object) -> str:
        """Names of tasks, joined."""
        return ", ".join(self.names.get(str(task), str(task)) for task in tasks)


def clicks(k: int, model: str = "", *, oracle: bool = False) -> str:
    """Name of a setting of clicks.

    Examples
    --------
    >>> clicks(1), clicks(9, "RITM"), clicks(3, oracle=True)
    ('1 click', '9 clicks of RITM', '3 clicks oracle')
    """
    of, how = f" of {model}" if model else "", " oracle" if oracle else ""
    return f"{k} click{'s' if k > 1 else ''}{of}{how}"


def by_setting(modes: pd.DataFrame, made: pd.DataFrame, sam: str) -> pd.DataFrame:
    """IoU by task, a column for each setting, such as ``mode 3 oracle`` or ``9 clicks of RITM``.

    Parameters
    ----------
    modes, made : DataFrame
        Of the modes ``task, mode, choice, iou``; of the clicks ``task, model, k, iou``. With
        oracle a model is called ``<name> (oracle)``.
    sam : str
        The model whose settings do not name it.
    """
    oracle = (modes.choice == "oracle").map({True: " oracle", False: ""})
    of_modes = modes.assign(setting="mode " + modes["mode"].astype(str) + oracle)
    who = made.model.str.removesuffix(ORACLE)
    named = zip(made.k, who.where(who != sam, ""), who != made.model, strict=True)
    of_clicks = made.assign(setting=[clicks(k, name, oracle=best) for k, name, best in named])
    both = pd.concat([of_modes, of_clicks])
    return both.pivot_table(index="task", columns="setting", values="iou", observed=True)


def of_published() -> Tables:
    """The tables that the authors released."""
    tasks = published.tasks()
    return Tables(
        label="SAM ViT-H, 28 tasks of the paper",
        sam="SAM",
        values=by_setting(published.modes(), published.clicks(), "SAM"),
        names=dict(zip(tasks.task, tasks.name, strict=True)),
        quoted=True,
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
    models, other = set(rows.model), rows.model.map(_other)
    sam = _one("model", model, models if model else set(rows.model[other.isna()]))
    name = _one("protocol", protocol, rows[rows.model == sam].protocol)
    named = rows.assign(model=other.where(rows.model != sam, sam))
    kept = named[named.model.notna() & (named.protocol == name) & (named.status == "ok")]
    own = kept[kept.model == sam]
    if own.empty:
        raise InputError(
            f"No case of {sam} under protocol {name} has a result. Allowed: rows with status "
            "'ok'. `medsam summary` counts the others and `medsam export` has their reasons."
        )
    paper, ours = published.tasks().set_index("task").name, set(own.task)
    titles = {**paper, **EMBEDDED}
    cases = own.drop_duplicates(["dataset", "image", "task"])
    of = cases.dataset + "/" + cases.group
    sets, count, groups, tasks = set(own.dataset), len(cases), of.nunique(), len(ours)
    return Tables(
        label=f"{sam} on {', '.join(sorted(sets)) if len(sets) < 4 else f'{len(sets)} datasets'}, "
        f"protocol {name}: {count} case{'s' * (count != 1)} of {groups} "
        f"patient{'s' * (groups != 1)} or volume{'s' * (groups != 1)}, {tasks} "
        f"task{'s' * (tasks != 1)}",
        sam=sam,
        values=by_setting(summary.modes(own), clicks_of_run(kept), sam),
        names={key: titles.get(key, key) for key in sorted(ours)},
        quoted=set(paper.index) <= ours and re.search(r"sam.*vit.?h", sam, re.I) is not None,
        rows=own,
        enough=enough(of),
    )
