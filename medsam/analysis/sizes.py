"""How large the objects are, and whether larger ones are segmented better (section 3.5).

Size is the share of an image that the object covers: its pixels over those of the image. The
paper compares the *mean* size of a task with its mean IoU, and says that this ignores how sizes
vary within a task; :func:`within` looks at that as well. How the paper fits its curves is not
told: here lines are fitted on the logarithm of the size, as sizes span orders of magnitude, and
a slope is a change of IoU for objects ten times as large.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from medsam.analysis.statistics import Pooled, Relation, check_columns, enough, pool, relation
from medsam.datasets.sample import Dataset
from medsam.errors import InputError
from medsam.prompts import MODES

MODES_SHOWN = (2, 4)
"""Modes of Fig. 8: a point, and a box, for each region."""
_CASE = ["dataset", "task", "name", "modality", "image", "group", "object_px", "size"]
_NEEDED = ["dataset", "task", "image", "group", "modality", "model", "protocol", "experiment"]
_NEEDED += ["k", "choice", "iou", "object_px", "height", "width", "status"]
_TASK = ["dataset", "task", "name", "modality"]


def cases(
    rows: pd.DataFrame,
    modes: Sequence[int] = MODES_SHOWN,
    *,
    choice: str = "top",
    names: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Size and IoU of each object and mode.

    Parameters
    ----------
    rows : DataFrame
        Results of one model under one protocol, as :func:`medsam.results.rows.read` gives them;
        rows without a result (``status`` not ``ok``) are left aside.
    modes : sequence of int
        Of 1 to 5; those that the rows lack (a model that takes no points) are left out.
    choice : str
        ``"top"`` or ``"oracle"``.
    names : mapping of str to str, optional
        What a reader calls each task; by default column ``name`` of the rows, or the key.

    Returns
    -------
    DataFrame
        ``dataset, task, name, modality, image, group, object_px, size`` (0-1), ``k`` (mode),
        ``iou`` (0-1); one row an object and mode.

    Raises
    ------
    InputError
        If columns are missing, there are several models or protocols, or no object has a result.

    Examples
    --------
    >>> row = dict(dataset="d", task="t", image="a", group="a", modality="CT", model="m",
    ...            protocol="paper", experiment="mode", k=2, choice="top", iou=0.5,
    ...            object_px=25, height=10, width=50, status="ok")
    >>> cases(pd.DataFrame([row]))[["name", "size", "k", "iou"]].to_numpy().tolist()
    [['t', 0.05, 2, 0.5]]
    """
    check_columns(rows, _NEEDED, "Results")
    kept = rows[(rows.experiment == "mode") & rows.k.isin(modes) & (rows.choice == choice)]
    kept = kept[(kept.status == "ok") & kept.iou.notna() & (kept.object_px > 0)]
    for what in ("model", "protocol"):
        there = sorted(set(kept[what]))
        if len(there) > 1:
            raise InputError(
                f"Rows of {len(there)} {what}s: {', '.join(there)}. Allowed: one. "
                f"Choose, such as rows[rows.{what} == {there[0]!r}]."
            )
    if kept.empty:
        raise InputError(
            f"{len(rows)} rows, none of modes {', '.join(map(str, modes))} ({choice}) with a "
            f"result. Allowed: at least one, of modes {', '.join(map(str, MODES))}."
        )
    called = kept["name"] if "name" in kept.columns else kept.task
    whole = kept.astype({"object_px": float, "height": float, "width": float})
    found = kept.assign(
        name=kept.task.map(dict(names)).fillna(called) if names else called,
        object_px=kept.object_px.astype(int),
        size=whole.object_px / (whole.height * whole.width),
        k=kept.k.astype(int),
        iou=kept.iou.astype(float),
    )
    return found[[*_CASE, "k", "iou"]].reset_index(drop=True)


def spread(found: pd.DataFrame) -> pd.DataFrame:
    """Sizes of each task, from the smallest median to the largest.

    Parameters
    ----------
    found : DataFrame
        From :func:`cases`.

    Returns
    -------
    DataFrame
        ``rank`` (from 1), ``dataset, task, name, modality``; ``n`` (objects), ``groups``
        (patients or volumes); ``mean, median, q25, q75, smallest, largest`` (0-1); ``cv``:
        standard deviation over mean, NaN for one object.
    """
    once = found.drop_duplicates(["dataset", "task", "image"])
    of_task = once.groupby(_TASK, sort=False)
    table = of_task.agg(
        n=("size", "size"),
        groups=("group", "nunique"),
        mean=("size", "mean"),
        median=("size", "median"),
        q25=("size", lambda s: s.quantile(0.25)),
        q75=("size", lambda s: s.quantile(0.75)),
        smallest=("size", "min"),
        largest=("size", "max"),
    )
    table["cv"] = of_task["size"].std() / table["mean"]
    table = table.sort_values("median", kind="stable").reset_index()
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def means(found: pd.DataFrame) -> pd.DataFrame:
    """Mean size and mean IoU of each task and mode: one point each of Fig. 8, bottom.

    Returns
    -------
    DataFrame
        ``rank`` (of :func:`spread`), ``dataset, task, name, modality, k, n, size, iou`` and
        ``sure``: whether all these objects are of enough patients or volumes.
    """
    ranks = spread(found)[["rank", "dataset", "task"]]
    table = found.groupby([*_TASK, "k"], sort=False).agg(
        n=("image", "nunique"), size=("size", "mean"), iou=("iou", "mean")
    )
    joined = ranks.merge(table.reset_index(), on=["dataset", "task"])
    joined["sure"] = enough(found.dataset + "/" + found.group)
    return joined.sort_values(["k", "rank"], ignore_index=True)


def between(table: pd.DataFrame) -> pd.DataFrame:
    """Mean size of a task against its mean IoU, a row a mode.

    Parameters
    ----------
    table : DataFrame
        From :func:`means`.

    Returns
    -------
    DataFrame
        ``k``, the fields of :class:`~medsam.analysis.statistics.Relation` on the logarithm (base
        10) of the mean size, and ``raw, raw_low, raw_high, raw_p``: Pearson's on the size itself.
        Intervals and p are NaN where patients or volumes are not enough.
    """
    found = []
    for k, part in table.groupby("k"):
        sure = bool(part.sure.iloc[0])
        raw = relation(part["size"], part.iou, sure=sure)
        on_size = {"raw": raw.r, "raw_low": raw.r_low, "raw_high": raw.r_high, "raw_p": raw.r_p}
        found.append({"k": k} | _on_logarithm(part, sure)._asdict() | on_size)
    return pd.DataFrame(found)


def within(found: pd.DataFrame) -> pd.DataFrame:
    """Size of each object against its IoU, a row a task and mode.

    Parameters
    ----------
    found : DataFrame
        From :func:`cases`.

    Returns
    -------
    DataFrame
        ``dataset, task, name, modality, k, sure`` and the fields of
        :class:`~medsam.analysis.statistics.Relation` on the logarithm (base 10) of the size.
        Objects count one by one, also where several come from one group; where groups are not
        enough (``sure``) intervals and p are NaN.
    """
    rows = []
    for key, part in found.groupby([*_TASK, "k"], sort=False):
        sure = enough(part.group)
        rows.append((*key, sure, *_on_logarithm(part, sure)))
    return pd.DataFrame(rows, columns=[*_TASK, "k", "sure", *Relation._fields])


def pooled(table: pd.DataFrame) -> pd.DataFrame:
    """Correlations within tasks as one, a row a mode; with intervals where all tasks have them.

    Parameters
    ----------
    table : DataFrame
        From :func:`within`.

    Returns
    -------
    DataFrame
        ``k, method`` (``spearman`` | ``pearson``) and the fields of
        :class:`~medsam.analysis.statistics.Pooled`, of which ``groups`` are tasks.
    """
    rows = [
        (
            k,
            method,
            *pool(part[column], part.n, rank=method == "spearman", sure=bool(part.sure.all())),
        )
        for k, part in table.groupby("k")
        for method, column in (("spearman", "rho"), ("pearson", "r"))
    ]
    return pd.DataFrame(rows, columns=["k", "method", *Pooled._fields])


def _on_logarithm(part: pd.DataFrame, sure: bool) -> Relation:
    return relation(np.log10(part["size"].to_numpy(float)), part.iou, sure=sure)


def counts(found: pd.DataFrame) -> dict[str, int]:
    """Of how many ``tasks, objects, images`` and ``groups`` (patients or volumes) cases are."""
    columns = {"tasks": ["task"], "objects": ["task", "image"], "images": ["image"]}
    columns["groups"] = ["group"]
    return {name: len(found.groupby(["dataset", *by])) for name, by in columns.items()}


def pixel_areas(dataset: Dataset, images: Iterable[str]) -> dict[str, float]:
    """Area of a pixel of each image.

    Parameters
    ----------
    dataset : Dataset
    images : iterable of str
        Ids; others are not read.

    Returns
    -------
    dict of str to float
        mm², by id; empty where an image does not tell its spacing, and nothing after that one
        is read: sizes of some objects only cannot be compared.
    """
    wanted, found = set(images), {}
    for case in dataset.cases():
        if case.id in wanted:
            spacing = case.load().spacing
            if spacing is None:
                return {}
            found[case.id] = float(spacing[0] * spacing[1])
    return found
