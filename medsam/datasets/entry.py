"""What the catalog says of one dataset: its tasks, counts, archives and citations.

Doctests that name a dataset read the catalog (:mod:`medsam.datasets.catalog`).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ACCESS",
    "BASES",
    "MODALITIES",
    "STATUSES",
    "Archive",
    "CatalogEntry",
    "CatalogTask",
    "Citation",
    "Home",
    "PublishedMasks",
]

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
