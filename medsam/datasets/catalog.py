"""The 19 datasets and 28 tasks of the paper, as data.

The facts are in ``catalog.json``. Where one was not read in a source, it says so: the counts of
masks in the paper are recalled and unverified, and every label value has a status.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from medsam.datasets.entry import (
    ACCESS,
    BASES,
    MODALITIES,
    STATUSES,
    Archive,
    CatalogEntry,
    CatalogTask,
    Citation,
    Home,
    PublishedMasks,
)
from medsam.errors import InputError, UnknownName

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["catalog", "entry", "entry_of_task", "parse", "published_tasks", "table"]

_N_DATASETS, _N_TASKS = 19, 28
_FIX = "Correct medsam/datasets/catalog.json, or install medsam again."


def _build(kind: type[Any], raw: object, where: str) -> Any:
    """A dataclass from a JSON object that has its fields, all and no other."""
    names = {field.name for field in fields(kind)}
    got = set(raw) if isinstance(raw, dict) else set()
    if not isinstance(raw, dict) or got != names:
        raise InputError(
            f"Catalog, {where}: missing {sorted(names - got) or 'nothing'}, "
            f"unknown {sorted(got - names) or 'nothing'}. "
            f"Allowed: an object with the keys {', '.join(sorted(names))}. {_FIX}"
        )
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()})


def _one_of(value: object, allowed: Iterable[object], where: str) -> None:
    allowed = list(allowed)
    if value not in allowed:
        raise InputError(
            f"Catalog, {where}: got {value!r}. Allowed: {', '.join(map(str, allowed))}. {_FIX}"
        )


def _task(raw: object, where: str) -> CatalogTask:
    task: CatalogTask = _build(CatalogTask, raw, f"{where}, a task")
    where = f"task {task.key!r}"
    _one_of(task.labels_status, STATUSES, f"{where}, labels_status")
    good = (
        task.labels.lstrip(">=").isdigit() and task.labels.startswith(">")
        if isinstance(task.labels, str)
        else len(task.labels) > 0 and all(type(v) is int and v > 0 for v in task.labels)
    )
    if not good:
        raise InputError(
            f"Catalog, {where}, labels: got {task.labels!r}. "
            f"Allowed: values from 1 on, or a threshold such as '>0' or '>=128'. {_FIX}"
        )
    return task


def _entry(raw: object) -> CatalogEntry:
    where = f"dataset {raw.get('key')!r}" if isinstance(raw, dict) else "a dataset"
    flat: CatalogEntry = _build(CatalogEntry, raw, where)
    assert isinstance(raw, dict)
    made = CatalogEntry(
        **{
            **{field.name: getattr(flat, field.name) for field in fields(flat)},
            "tasks": tuple(_task(t, where) for t in raw["tasks"]),
            "published_masks": _build(
                PublishedMasks, raw["published_masks"], f"{where}, published_masks"
            ),
            "home": tuple(_build(Home, h, f"{where}, home") for h in raw["home"]),
            "archives": tuple(_build(Archive, a, f"{where}, archives") for a in raw["archives"]),
            "citations": tuple(
                _build(Citation, c, f"{where}, citations") for c in raw["citations"]
            ),
        }
    )
    _one_of(made.modality, MODALITIES, f"{where}, modality")
    _one_of(made.dimensionality, ("2D", "3D"), f"{where}, dimensionality")
    _one_of(made.access, ACCESS, f"{where}, access")
    _one_of(made.published_masks.basis, BASES, f"{where}, published_masks, basis")
    return made


def _unique(keys: list[str], what: str, count: int) -> None:
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice or len(keys) != count:
        raise InputError(
            f"Catalog: got {len(keys)} {what}, more than once: {', '.join(twice) or 'none'}. "
            f"Allowed: {count} {what} with keys of their own. {_FIX}"
        )


def published_tasks() -> dict[str, str]:
    """Key and modality of each task of the published tables, in their order.

    The first and third column of :func:`medsam.published.tasks`, read without pandas.
    """
    file = resources.files("medsam") / "published" / "data" / "tasks.csv"
    rows = csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines())
    return {row["task"]: row["modality"] for row in rows}


def parse(text: str) -> dict[str, CatalogEntry]:
    """The catalog from its JSON text.

    Parameters
    ----------
    text : str
        A list of 19 objects with the fields of :class:`CatalogEntry`.

    Returns
    -------
    dict
        Key of a dataset and its entry, in the order of the paper's tables.

    Raises
    ------
    InputError
        If it is not JSON, a field is missing, unknown or has a value that is not allowed, a
        key is there twice, or the tasks are not those of the published tables.
    """
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise InputError(f"Catalog: not JSON ({error}). Allowed: a JSON list. {_FIX}") from error
    if not isinstance(raw, list):
        raise InputError(f"Catalog: got {type(raw).__name__}. Allowed: a JSON list. {_FIX}")
    entries = [_entry(one) for one in raw]
    _unique([one.key for one in entries], "datasets", _N_DATASETS)
    tasks = {task.key: one.modality for one in entries for task in one.tasks}
    _unique([task.key for one in entries for task in one.tasks], "tasks", _N_TASKS)
    known = published_tasks()
    if tasks != known:
        off = sorted(k for k in tasks.keys() | known.keys() if tasks.get(k) != known.get(k))
        raise InputError(
            f"Catalog: tasks or modalities differ from the published tables: {', '.join(off)}. "
            f"Allowed: the tasks of medsam.published.tasks(), with their modality. {_FIX}"
        )
    return {one.key: one for one in entries}


@cache
def _catalog() -> dict[str, CatalogEntry]:
    file = resources.files("medsam") / "datasets" / "catalog.json"
    return parse(file.read_text(encoding="utf-8"))


def catalog() -> dict[str, CatalogEntry]:
    """Every dataset by its key, in the order of the paper's tables.

    Examples
    --------
    >>> len(catalog())
    19
    """
    return dict(_catalog())


def entry(key: str) -> CatalogEntry:
    """A dataset by its key.

    Raises
    ------
    UnknownName
        If there is none; lists those there are.

    Examples
    --------
    >>> entry("ct_spleen").licence
    'CC BY-SA 4.0'
    """
    try:
        return _catalog()[key]
    except KeyError:
        raise UnknownName("dataset", key, _catalog()) from None


def entry_of_task(key: str) -> CatalogEntry:
    """The dataset to which a task belongs.

    Raises
    ------
    UnknownName
        If there is no such task; lists those there are.

    Examples
    --------
    >>> entry_of_task("ct_organ_bone").key
    'ct_organ'
    """
    owners = {task.key: one for one in _catalog().values() for task in one.tasks}
    try:
        return owners[key]
    except KeyError:
        raise UnknownName("task", key, owners) from None


def table() -> pd.DataFrame:
    """Tables 1 and 2 of the paper, one row a dataset.

    Returns
    -------
    DataFrame
        ``dataset`` (key), ``title, modality, dimensionality, objects, n_tasks, masks`` (count in
        the paper), ``masks_verified`` (bool), ``masks_status`` (in words), ``access, licence``.

    Examples
    --------
    >>> int(table().masks.max()), bool(table().masks_verified.any())
    (13046, False)
    """
    import pandas as pd

    return pd.DataFrame(
        {
            "dataset": one.key,
            "title": one.title,
            "modality": one.modality,
            "dimensionality": one.dimensionality,
            "objects": one.objects,
            "n_tasks": len(one.tasks),
            "masks": one.published_masks.count,
            "masks_verified": one.published_masks.verified,
            "masks_status": one.published_masks.status,
            "access": one.access,
            "licence": one.licence,
        }
        for one in _catalog().values()
    )
