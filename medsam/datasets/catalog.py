"""The 19 datasets and 28 tasks of the paper, as data.

The facts are in ``catalog.json``. Where one was not read in a source, it says so: the counts of
masks in the paper are recalled and unverified, and every label value has a status.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from medsam.errors import InputError, UnknownName

if TYPE_CHECKING:
    import pandas as pd
import os
from pathlib import Path

__all__ = [
    "ACCESS",
    "BASES",
    "MODALITIES",
    "STATUSES",
    "VARIABLE",
    "Archive",
    "CatalogEntry",
    "CatalogTask",
    "Citation",
    "Home",
    "PublishedMasks",
    "at_hand",
    "catalog",
    "entry",
    "entry_of_task",
    "home",
    "parse",
    "place",
    "published_tasks",
    "table",
]


# What the catalog says of one dataset: its tasks, counts, archives and citations.


MODALITIES = ("MRI", "X-ray", "US", "CT", "PET")
"""In the order of the paper's tables."""
ACCESS = ("direct", "registration", "account")
"""How to come by the images: a plain download, a form or registration, an account elsewhere."""
STATUSES = ("read", "inferred", "from memory")
"""How the label values of a task are known."""
BASES = {
    "recalled": "recalled",
    "later study": "printed in a later study",
    "conflict": "in conflict",
}
"""Where the paper's count of masks comes from, and words for it."""


@dataclass(frozen=True)
class CatalogTask:
    """One object to segment.

    Parameters
    ----------
    key : str
        The task's key in every table of medsam.
    object : str
        What is segmented, in words.
    labels : tuple of int, or str
        Values of the official label files, joined; or a threshold such as ``">0"``.
    labels_status : str
        One of :data:`STATUSES`.
    labels_note : str
        What that rests on.
    """

    key: str
    object: str
    labels: tuple[int, ...] | str
    labels_status: str
    labels_note: str

    @property
    def label_words(self) -> str:
        """The label values as text.

        Examples
        --------
        >>> from medsam.datasets.catalog import entry
        >>> entry("mri_spine").tasks[1].label_words
        '1 or 2'
        >>> from medsam.datasets.catalog import entry
        >>> entry("us_kidney").tasks[0].label_words
        '≥ 128'
        """
        if isinstance(self.labels, str):
            return self.labels.replace(">=", "≥ ").replace(">", "> ")
        return " or ".join(map(str, self.labels))

    @property
    def status_words(self) -> str:
        """How the label values are known.

        Examples
        --------
        >>> from medsam.datasets.catalog import entry
        >>> entry("ct_spleen").tasks[0].status_words
        'read: in public loaders or notes'
        """
        return ": ".join(filter(None, (self.labels_status, self.labels_note)))


@dataclass(frozen=True)
class PublishedMasks:
    """Count of images with a non-zero mask in the paper's Tables 1 and 2, of a whole dataset.

    Parameters
    ----------
    count : int
    verified : bool
        Whether it was read in the published paper.
    basis : str
        One of :data:`BASES`.
    note : str
        The basis in a sentence.
    """

    count: int
    verified: bool
    basis: str
    note: str

    @property
    def words(self) -> str:
        """The count, with a question mark while it is unverified.

        Examples
        --------
        >>> from medsam.datasets.catalog import entry
        >>> entry("mri_brain").published_masks.words
        '12,591 ?'
        """
        return f"{self.count:,}" + ("" if self.verified else " ?")

    @property
    def status(self) -> str:
        """How far the count can be trusted, in words.

        Examples
        --------
        >>> from medsam.datasets.catalog import entry
        >>> entry("us_breast").published_masks.status
        'unverified, in conflict'
        """
        return "verified" if self.verified else f"unverified, {BASES[self.basis]}"


@dataclass(frozen=True)
class Home:
    """An official address (without scheme; or ``doi:…``) and what is there."""

    address: str
    what: str

    @property
    def url(self) -> str:
        """The address as a link.

        Examples
        --------
        >>> Home("doi:10.1000/1", "").url, Home("example.org", "").url
        ('https://doi.org/10.1000/1', 'https://example.org')
        """
        return _url(self.address)


@dataclass(frozen=True)
class Archive:
    """A file to download: what to know of it, its MD5 and a plain address where known."""

    name: str
    note: str
    md5: str
    url: str

    @property
    def words(self) -> str:
        """Name, MD5 and note in one line."""
        more = ", ".join(filter(None, (self.md5 and f"MD5 {self.md5}", self.note)))
        return f"{self.name} ({more})" if more else self.name


@dataclass(frozen=True)
class Citation:
    """A paper or data record: its key in ``book/references.bib``, and what it is."""

    key: str
    words: str
    title: str
    id: str
    note: str

    @property
    def url(self) -> str:
        """The identifier as a link; empty where there is none."""
        return _url(self.id)


@dataclass(frozen=True)
class CatalogEntry:
    """One dataset of the paper.

    Parameters
    ----------
    key, title, name : str
        Short name, name in the paper, full name.
    modality, modality_note : str
        One of :data:`MODALITIES`; what else there is to say of it.
    dimensionality : str
        ``"2D"`` or ``"3D"``.
    tasks : tuple of CatalogTask
    published_masks : PublishedMasks
    licence, licence_note : str
    access, access_note : str
        One of :data:`ACCESS`, and in words.
    home : tuple of Home
    archives : tuple of Archive
    citations : tuple of Citation
    how_to_get : tuple of str
        Steps, in order.
    format, orientation, patient : str
        A line each: files and label values, axes, what tells patients apart.
    caveats : tuple of str
        What to know before using it.
    """

    key: str
    title: str
    name: str
    modality: str
    modality_note: str
    dimensionality: str
    tasks: tuple[CatalogTask, ...]
    published_masks: PublishedMasks
    licence: str
    licence_note: str
    access: str
    access_note: str
    home: tuple[Home, ...]
    archives: tuple[Archive, ...]
    citations: tuple[Citation, ...]
    how_to_get: tuple[str, ...]
    format: str
    orientation: str
    patient: str
    caveats: tuple[str, ...]

    @property
    def modality_words(self) -> str:
        """Modality, dimensionality and note.

        Examples
        --------
        >>> from medsam.datasets.catalog import entry
        >>> entry("us_kidney").modality_words
        'US, 2D; synthesised from CT'
        """
        return _joined(f"{self.modality}, {self.dimensionality}", self.modality_note)

    @property
    def licence_words(self) -> str:
        """Licence and note."""
        return _joined(self.licence, self.licence_note)

    @property
    def may_be_shown(self) -> bool:
        """Whether the licence lets anybody show an image of it, with its source named.

        Examples
        --------
        >>> from medsam.datasets.catalog import entry
        >>> entry("ct_spleen").may_be_shown, entry("us_nerve").may_be_shown
        (True, False)
        """
        return self.licence.startswith("CC BY")

    @property
    def access_words(self) -> str:
        """Access and note."""
        return _joined(self.access, self.access_note)

    @property
    def objects(self) -> str:
        """What is segmented, in one line."""
        return "; ".join(task.object for task in self.tasks)


def _joined(word: str, note: str) -> str:
    return f"{word}; {note}" if note else word


def _url(address: str) -> str:
    for scheme, place in (("doi:", "https://doi.org/"), ("arXiv:", "https://arxiv.org/abs/")):
        if address.startswith(scheme):
            return place + address.removeprefix(scheme)
    return f"https://{address}" if address else ""


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

    The first and third column of :func:`medsam.analysis.published.tasks`, read without pandas.
    """
    file = resources.files("medsam") / "datasets" / "tasks.csv"
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
            f"Allowed: the tasks of medsam.analysis.published.tasks(), with their modality. {_FIX}"
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


# Where the datasets of the paper lie on this machine.


VARIABLE = "MEDSAM_DATA"
"""Environment variable that names the folder of all datasets."""


def home() -> Path:
    """The folder of all datasets: ``MEDSAM_DATA``, or the user's own data folder."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given).expanduser()
    from platformdirs import user_data_path

    return user_data_path("medsam") / "datasets"


def place(key: str) -> Path:
    """The folder of one dataset, whether it is there or not.

    Raises
    ------
    UnknownName
        If there is no such dataset.
    """
    return home() / entry(key).key


def at_hand() -> dict[str, Path]:
    """Datasets whose folder is there and not empty, in the catalog's order."""
    found = {key: place(key) for key in catalog()}
    return {key: path for key, path in found.items() if path.is_dir() and any(path.iterdir())}
