"""The 19 datasets and 28 tasks of the paper, as data.

The facts are in ``catalog.json``, each with how it is known. The counts of masks in the paper are
recalled and unverified.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, TypeAdapter

from medsam.errors import UnknownName

if TYPE_CHECKING:
    import pandas as pd

Modality = Literal["MRI", "X-ray", "US", "CT", "PET"]
MODALITIES: tuple[str, ...] = get_args(Modality)
"""In the order of the paper's tables."""
KNOWN = {
    "archive": "read in the archive",
    "code": "read in public code",
    "page": "read in a public text",
    "inferred": "inferred",
    "memory": "from memory",
}
"""How a fact can be known, and words for it."""

Status = Annotated[str, Field(pattern="^(verified|unverified, .+)$")]
Values = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
Threshold = Annotated[str, Field(pattern=r"^>=?\d+$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Known(_Part):
    """What is known in a way of :data:`KNOWN`; after a colon stands where, or from what."""

    known: Annotated[str, Field(pattern=rf"^({'|'.join(KNOWN)})(: .+)?$")]

    @property
    def kind(self) -> str:
        """One of :data:`KNOWN`."""
        return self.known.partition(":")[0]

    @property
    def how(self) -> str:
        """How it is known, in words.

        Examples
        --------
        >>> Fact(text="axial", known="code: a loader").how
        'read in public code: a loader'
        """
        return KNOWN[self.kind] + self.known.removeprefix(self.kind)


class Fact(_Known):
    """What is known, and how; as text both.

    Parameters
    ----------
    text : str
        A sentence or a few words; of an archive the name of the file.
    url : str
        Where that is; of an archive, where it can be downloaded without a form or an account.
    note : str
        What else to know of it.
    md5 : str
        Of an archive, where known.
    key : str
        Of a paper or data record, in ``book/references.bib``.
    """

    text: str
    url: str = ""
    note: str = ""
    md5: str = ""
    key: str = ""

    def __str__(self) -> str:
        parts = (self.text, self.url, self.md5 and f"MD5 {self.md5}", self.note)
        return f"{', '.join(filter(None, parts))} [{self.how}]"


class CatalogTask(_Known):
    """One object to segment.

    Parameters
    ----------
    key : str
        The task's key in every table of medsam.
    object : str
        What is segmented, in words.
    labels : tuple of int, or str
        Values of the official label files, joined; or a threshold such as ``">0"``.
    caveat : str
        What to know of the paper's numbers of it, in a sentence.
    """

    key: str
    object: str
    labels: Values | Threshold
    caveat: str = ""

    def __str__(self) -> str:
        given = (self.labels,) if isinstance(self.labels, str) else self.labels
        labels = " or ".join(map(str, given)).replace(">=", "≥ ").replace(">", "> ")
        words = f"{self.object} ({self.key}): label {labels} [{self.how}] {self.caveat}"
        return words.rstrip()


class PublishedMasks(_Part):
    """Count of images with a non-zero mask in the paper's Tables 1 and 2, of a whole dataset.

    Parameters
    ----------
    count : int
    status : str
        ``"verified"`` where it was read in the published paper; else ``"unverified, …"``.
    note : str
        Where it is from, in a sentence.
    counts : tuple of Fact
        What others have counted of the dataset.
    """

    count: int
    status: Status
    note: str
    counts: tuple[Fact, ...]

    @property
    def words(self) -> str:
        """The count, with a question mark while it is unverified.

        Examples
        --------
        >>> from medsam.datasets.catalog import entry
        >>> entry("mri_brain").published_masks.words
        '12,591 ?'
        """
        return f"{self.count:,}" + ("" if self.status == "verified" else " ?")


class CatalogEntry(_Part):
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
    licence : str
        In a few words; ``"conflicting"`` where sources differ.
    licences : tuple of Fact
        What each source says of it.
    access, access_note : str, Fact
        How to come by the images: a plain download, a form or registration, an account elsewhere.
    home, archives, citations : tuple of Fact
        Official addresses, files to download, papers and data records.
    how_to_get : tuple of str
        Steps, in order.
    format, orientation, patient : Fact
        A line each: files and label values, axes, what tells patients apart.
    caveats : tuple of Fact
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
    licences: Annotated[tuple[Fact, ...], Field(min_length=1)]
    access: Literal["direct", "registration", "account"]
    access_note: Fact
    home: tuple[Fact, ...]
    archives: tuple[Fact, ...]
    citations: tuple[Fact, ...]
    how_to_get: tuple[str, ...]
    format: Fact
    orientation: Fact
    patient: Fact
    caveats: tuple[Fact, ...]

    @property
    def licence_words(self) -> str:
        """What is known of the licence, from each source."""
        return "; ".join(map(str, self.licences))

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
    def objects(self) -> str:
        """What is segmented, in one line."""
        return "; ".join(task.object for task in self.tasks)


@cache
def catalog() -> Mapping[str, CatalogEntry]:
    """Every dataset by its key, in the order of the paper's tables.

    Examples
    --------
    >>> len(catalog())
    19
    """
    file = resources.files("medsam") / "datasets" / "catalog.json"
    entries = TypeAdapter(list[CatalogEntry]).validate_json(file.read_bytes())
    return MappingProxyType({one.key: one for one in entries})


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
        return catalog()[key]
    except KeyError:
        raise UnknownName("dataset", key, catalog()) from None


def task_caveats() -> dict[str, str]:
    """What to know of the paper's numbers of a task, by its key, where there is something.

    Examples
    --------
    >>> list(task_caveats())
    ['xray_hip_ilium', 'xray_hip_femur']
    """
    tasks = (task for one in catalog().values() for task in one.tasks)
    return {task.key: task.caveat for task in tasks if task.caveat}


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
            "masks_verified": one.published_masks.status == "verified",
            "masks_status": one.published_masks.status,
            "access": one.access,
            "licence": one.licence,
        }
        for one in catalog().values()
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
