"""The catalog as a page shows it: one table, and a card for each dataset that opens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from itertools import chain
from pathlib import Path

import pandas as pd

from medsam import figures
from medsam.datasets.catalog import CatalogEntry, at_hand, catalog
from medsam.datasets.check import Check
from medsam.datasets.layouts.layout import facts, open_dataset
from medsam.datasets.sample import Case, Sample
from medsam.datasets.source import DiskDataset
from medsam.errors import InputError, MedsamError, UnknownName
from medsam.figures.html import Html, html_table, tag

NOT_RUN = "not run here"
"""What stands in the table where masks were not counted here."""

_URL = re.compile(r"(https?://[^\s,;)]+)")


def _anchor(one: CatalogEntry) -> str:
    return f"dataset-{one.key.replace('_', '-')}"


def _lines(*words: str) -> Html:
    return Html("<br>".join(map(escape, words)))


# ------------------------------------------------------------------------------ table
def overview(
    entries: Iterable[CatalogEntry] | None = None, found: Mapping[str, Check] | None = None
) -> Html:
    """Tables 1 and 2 of the paper: a row a dataset, its name a link to its card.

    Parameters
    ----------
    entries : iterable of CatalogEntry, optional
        Rows; the whole catalog where left out.
    found : mapping of str to Check, optional
        What was counted on this machine, by dataset; :data:`NOT_RUN` where it was not.

    Returns
    -------
    Html
        Counts of masks with their status, beside those made here.
    """
    rows = [
        {
            "dataset": tag("a", one.title, class_="reference internal", href=f"#{_anchor(one)}"),
            "modality": f"{one.modality}, {one.dimensionality}",
            "objects": one.objects,
            "masks, recalled": _lines(one.published_masks.words, one.published_masks.status),
            "masks counted here": _counted((found or {}).get(one.key)),
            "access": one.access,
        }
        for one in (catalog().values() if entries is None else entries)
    ]
    return html_table(
        pd.DataFrame(rows),
        caption="The datasets of Tables 1 and 2 of the paper",
        classes="medsam-table medsam-datasets",
    )


def _counted(found: Check | None) -> str:
    """Images with a mask, each task's, and how many could not be used."""
    if found is None:
        return NOT_RUN
    parts = [f"{found.images:,}"]
    if len(found.masks) > 1:
        parts += [f"{task}: {count:,}" for task, count in found.masks.items()]
    if found.problems:
        parts.append(f"{len(found.problems):,} cannot be used")
    return _lines(*parts)


# ------------------------------------------------------------------------------ cards
# The classes are those of sphinx-design's dropdown; elsewhere it is a plain <details>.
_CHEVRON = Html(
    '<span class="sd-summary-state-marker sd-summary-chevron-right" aria-hidden="true">'
    '<svg width="1.5em" height="1.5em" class="sd-octicon" viewBox="0 0 24 24">'
    '<path d="M8.72 18.78a.75.75 0 0 1 0-1.06L14.44 12 8.72 6.28a.751.751 0 0 1 '
    ".018-1.042.751.751 0 0 1 1.042-.018l6.25 6.25a.75.75 0 0 1 0 1.06l-6.25 6.25a.75.75 0 0 "
    '1-1.06 0Z"></path></svg></span>'
)


def cards(modality: str | None = None, examples: Mapping[str, str] | None = None) -> Html:
    """A card for each dataset, closed until it is clicked.

    Parameters
    ----------
    modality : str, optional
        Only the datasets of this modality.
    examples : mapping of str to str, optional
        An example image by dataset, as :func:`medsam.pages.datasets.examples` gives them.

    Returns
    -------
    Html
        Everything from the catalog is escaped.
    """
    chosen = (one for one in catalog().values() if modality in (None, one.modality))
    return Html("".join(card(one, (examples or {}).get(one.key, "")) for one in chosen))


def card(one: CatalogEntry, example: str = "") -> Html:
    """One dataset as a ``<details>`` element."""
    told = [(tag("dt", word), *map(_linked, lines)) for word, lines in facts(one).items()]
    if example:
        told.insert(3, (tag("dt", "Example"), tag("dd", example)))
    objects = tag("span", f"· {one.objects}")
    summary = tag("span", f"{one.title} ", objects, class_="sd-summary-text")
    return tag(
        "details",
        tag("summary", summary, _CHEVRON, class_="sd-summary-title sd-card-header"),
        # The anchor is inside, so that a link to it opens the card; its title stays in view above.
        tag(
            "div",
            tag("dl", *chain.from_iterable(told)),
            class_="sd-summary-content sd-card-body",
            id=_anchor(one),
        ),
        class_="medsam-card sd-sphinx-override sd-dropdown sd-card sd-mb-3",
    )


def _linked(line: str) -> Html:
    """A line of a card, in which addresses are links."""
    parts = _URL.split(line)
    parts[1::2] = (tag("a", url, class_="reference external", href=url) for url in parts[1::2])
    return tag("dd", *parts)


# An example image of each dataset that is at hand, for its card in the book.


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
    middle = len(whole) // 2
    for _, case in sorted(enumerate(whole), key=lambda one: abs(one[0] - middle)):
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


def examples(show: str = "licensed") -> dict[str, str]:
    """A picture (as HTML), or the reason why there is none, for every dataset of the catalog.

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


def _shown(one: CatalogEntry, path: Path | None, show: str) -> str:
    if path is None:
        return "None: its images were not at hand when this page was made."
    if show == "licensed" and not one.may_be_shown:
        return "None: its licence does not say that an image may be shown."
    try:
        sample = telling(open_dataset(one.key, path, progress=False))
    except MedsamError as error:
        return f"None: {error}"
    titles = {task.key: task.object for task in one.tasks}
    seen = [titles[task] for task, mask in sample.masks.items() if mask.any()]
    words = f"{sample.id}, with the outline of {', '.join(seen)}. {one.licence_words}."
    uri = figures.data_uri(figures.case(sample, titles))
    return Html(f'<img src="{uri}" alt="{escape(words)}" loading="lazy"><br>{escape(words)}')
