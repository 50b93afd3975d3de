"""An example image of each dataset that is at hand, for its card in the book."""

from __future__ import annotations

from pathlib import Path

from medsam.datasets.cards import Shown
from medsam.datasets.catalog import catalog
from medsam.datasets.disk import DiskDataset
from medsam.datasets.entry import CatalogEntry
from medsam.datasets.home import at_hand
from medsam.datasets.sample import Case, Sample
from medsam.errors import InputError, MedsamError, UnknownName

__all__ = ["SHOW", "examples", "telling"]

SHOW = {
    "licensed": "of datasets whose licence allows it (Creative Commons)",
    "all": "of every dataset at hand: for a page that is not published",
    "none": "of none",
}
"""Which datasets are shown."""

_LOOKED_AT = 400  # cases; enough to find one with every object, without reading a whole dataset


def telling(dataset: DiskDataset) -> Sample:
    """An image on which most of the objects are seen, and in which they are large.

    Of the first few hundred cases, among those of most tasks the middle one (the middle of a
    scan shows more than its ends).

    Raises
    ------
    InputError
        If no case can be read.
    """
    first: list[Case] = [case for case, _ in zip(dataset.cases(), range(_LOOKED_AT), strict=False)]
    most = max((len(case.tasks) for case in first), default=0)
    whole = [case for case in first if len(case.tasks) == most]
    for case in _from_the_middle(whole):
        try:
            sample = case.load()
        except InputError:
            continue
        if all(mask.any() for mask in sample.masks.values()):
            return sample
    raise InputError(
        f"{dataset.title}: none of {len(first)} cases can be shown. Allowed: at least one with an "
        f"object. `medsam data check {dataset.key}` lists the reasons."
    )


def _from_the_middle(cases: list[Case]) -> list[Case]:
    middle = len(cases) // 2
    return [cases[at] for at in sorted(range(len(cases)), key=lambda at: abs(at - middle))]


def examples(show: str = "licensed") -> dict[str, Shown]:
    """A picture, or the reason why there is none, for every dataset of the catalog.

    Parameters
    ----------
    show : str
        One of :data:`SHOW`.

    Raises
    ------
    UnknownName
        If there is no such choice.
    """
    if show not in SHOW:
        raise UnknownName("choice of what to show", show, SHOW)
    places = {} if show == "none" else at_hand()
    return {key: _shown(one, places.get(key), show) for key, one in catalog().items()}


def _shown(one: CatalogEntry, path: Path | None, show: str) -> Shown:
    if path is None:
        return Shown("", "None: its images were not at hand when this page was made.")
    if show == "licensed" and not one.may_be_shown:
        return Shown("", "None: its licence does not say that an image may be shown.")
    from medsam.datasets.layouts import open_dataset
    from medsam.figures import case, data_uri

    try:
        sample = telling(open_dataset(one.key, path, progress=False))
    except MedsamError as error:
        return Shown("", f"None: {error}")
    titles = {task.key: task.object for task in one.tasks}
    seen = [titles[task] for task, mask in sample.masks.items() if mask.any()]
    return Shown(
        data_uri(case(sample, titles)),
        f"{sample.id}, with the outline of {', '.join(seen)}. {one.licence_words}.",
    )
