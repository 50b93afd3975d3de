"""The 19 datasets and 28 tasks of the paper, as data.

The facts are in ``catalog.json``. Where one was not read in a source, it says so: the counts of
masks in the paper are recalled and unverified, and every label value has a status.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError

from medsam.errors import InputError, UnknownName

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "BASES",
    "DATA_VARIABLE",
    "MODALITIES",
    "Archive",
    "CatalogEntry",
    "CatalogTask",
    "Citation",
    "Home",
    "PublishedMasks",
    "at_hand",
    "catalog",
    "data_folder",
    "entry",
    "entry_of_task",
    "parse",
    "place",
    "published_tasks",
    "table",
]


Modality = Literal["MRI", "X-ray", "US", "CT", "PET"]
MODALITIES: tuple[str, ...] = get_args(Modality)
"""In the order of the paper's tables."""
BASES = {
    "recalled": "recalled",
    "later study": "printed in a later study",
    "conflict": "in conflict",
}
"""Where the paper's count of masks comes from, and words for it."""


Values = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
Threshold = Annotated[str, Field(pattern=r"^>=?\d+$")]


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CatalogTask(_Fact):
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
        How the values are known.
    labels_note : str
        What that rests on.
    """

    key: str
    object: str
    labels: Values | Threshold
    labels_status: Literal["read", "inferred", "from memory"]
    labels_note: str

    @property
    def label_words(self) -> str:
        """The label values as text.

        Examples
        --------
        >>> from medsam.datasets.catalog import entry
        >>> entry("mri_spine").tasks[1].label_words
        '1 or 2'
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


class PublishedMasks(_Fact):
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
    basis: Literal["recalled", "later study", "conflict"]
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


class Home(_Fact):
    """An official address (without scheme; or ``doi:…``) and what is there."""

    address: str
    what: str

    @property
    def url(self) -> str:
        """The address as a link.

        Examples
        --------
        >>> Home(address="doi:10.1000/1", what="").url
        'https://doi.org/10.1000/1'
        """
        return _url(self.address)


class Archive(_Fact):
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


class Citation(_Fact):
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


class CatalogEntry(_Fact):
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
        How to come by the images: a plain download, a form or registration, an account elsewhere.
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
    modality: Modality
    modality_note: str
    dimensionality: Literal["2D", "3D"]
    tasks: tuple[CatalogTask, ...]
    published_masks: PublishedMasks
    licence: str
    licence_note: str
    access: Literal["direct", "registration", "account"]
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


_N_DATASETS = 19
_FIX = "Correct medsam/datasets/catalog.json, or install medsam again."


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
        entries = TypeAdapter(list[CatalogEntry]).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "top"
        raise InputError(
            f"Catalog, {where}: {first['msg']}. Allowed: the fields of CatalogEntry. {_FIX}"
        ) from error
    found = {one.key: one for one in entries}
    if len(found) != _N_DATASETS or len(entries) != _N_DATASETS:
        raise InputError(
            f"Catalog: {len(entries)} datasets with {len(found)} keys. Allowed: {_N_DATASETS} of "
            f"both. {_FIX}"
        )
    tasks = Counter((task.key, one.modality) for one in entries for task in one.tasks)
    differ = {*tasks.items()} ^ {(known, 1) for known in published_tasks().items()}
    if differ:
        keys = ", ".join(sorted({key for (key, _), _ in differ}))
        raise InputError(
            f"Catalog: tasks or modalities differ from the published tables: {keys}. Allowed: "
            f"those of medsam/datasets/tasks.csv, each once. {_FIX}"
        )
    return found


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


DATA_VARIABLE = "MEDSAM_DATA"
"""Environment variable that names the folder of all datasets."""


def data_folder() -> Path:
    """The folder of all datasets: ``MEDSAM_DATA``, or the user's own data folder."""
    given = os.environ.get(DATA_VARIABLE)
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
    return data_folder() / entry(key).key


def at_hand() -> dict[str, Path]:
    """Datasets whose folder is there and not empty, in the catalog's order."""
    found = {key: place(key) for key in catalog()}
    return {key: path for key, path in found.items() if path.is_dir() and any(path.iterdir())}
