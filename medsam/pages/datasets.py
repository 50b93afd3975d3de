"""The catalog as a page shows it: one table, and a card for each dataset that opens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from medsam.datasets.catalog import CatalogEntry, catalog
from medsam.datasets.layouts import choices_of

if TYPE_CHECKING:
    from medsam.datasets.check import Check
from pathlib import Path

from medsam.datasets.catalog import at_hand
from medsam.datasets.sample import Case, Sample
from medsam.datasets.source import DiskDataset
from medsam.errors import InputError, MedsamError, UnknownName

__all__ = ["SHOW", "Html", "Shown", "cards", "examples", "overview", "telling"]


NOT_RUN = "not run here"
"""What stands in the table where masks were not counted here."""


# The theme puts a light ground under HTML outputs on a dark page; these bring their own colours.
_STYLE = (
    '<style>html[data-theme="dark"] .bd-content div.cell_output '
    "div.text_html:has(.medsam-card, .medsam-datasets){background:none;color:inherit;padding:0}"
    ".medsam-card .sd-summary-text span{font-weight:400}"
    ".medsam-card .sd-card-body{scroll-margin-top:8rem}"
    ".medsam-card dl,.medsam-card dd{margin:0}"
    ".medsam-card dt{font-weight:600;margin:.6rem 0 0}"
    ".medsam-card dd{overflow-wrap:anywhere}"
    ".medsam-card :is(ul,ol){margin:0;padding-left:1.2rem}"
    ".medsam-datasets :is(td,th){text-align:left}"
    ".medsam-datasets th[scope=row]{white-space:nowrap}"
    ".medsam-datasets td:nth-child(4){min-width:6.5rem}</style>"
)


class Html:
    """HTML that a notebook shows."""

    def __init__(self, html: str):
        self.html = html

    def _repr_html_(self) -> str:
        return _STYLE + self.html


def _anchor(one: CatalogEntry) -> str:
    return f"dataset-{one.key.replace('_', '-')}"


def _link(url: str, words: str) -> str:
    return f'<a class="reference external" href="{escape(url)}">{escape(words)}</a>'


def _tag(name: str, content: str, attributes: str = "") -> str:
    return f"<{name}{' ' * bool(attributes)}{attributes}>{content}</{name}>"


def _list(items: Iterable[str], name: str = "ul") -> str:
    return _tag(name, "".join(_tag("li", item) for item in items))


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
    caption = "Tables 1 and 2 of the paper: the datasets"
    heads = (
        "dataset",
        "modality",
        "objects",
        "masks in the paper",
        "masks counted here",
        "access",
    )
    head = "".join(_tag("th", escape(word), 'scope="col"') for word in heads)
    chosen = catalog().values() if entries is None else entries
    rows = "".join(_row(one, (found or {}).get(one.key)) for one in chosen)
    return Html(
        f'<div style="overflow-x:auto" tabindex="0" role="region" aria-label="{caption}">'
        f'<table class="table medsam-table medsam-datasets">{_tag("caption", caption)}'
        f"<thead>{_tag('tr', head)}</thead><tbody>{rows}</tbody></table></div>"
    )


def _row(one: CatalogEntry, found: Check | None) -> str:
    masks = one.published_masks
    name = f'<a class="reference internal" href="#{_anchor(one)}">{escape(one.title)}</a>'
    cells = (
        escape(f"{one.modality}, {one.dimensionality}"),
        escape(one.objects),
        f"{escape(masks.words)}<br>{escape(masks.status)}",
        NOT_RUN if found is None else _counted(found),
        escape(one.access),
    )
    return _tag(
        "tr",
        _tag("th", name, 'scope="row"') + "".join(_tag("td", cell) for cell in cells),
    )


def _counted(found: Check) -> str:
    """Images with a mask, each task's, and how many could not be used."""
    parts = [f"{found.images:,}"]
    if len(found.masks) > 1:
        parts += [f"{task}: {count:,}" for task, count in found.masks.items()]
    if found.problems:
        parts.append(f"{len(found.problems):,} cannot be used")
    return "<br>".join(map(escape, parts))


# ------------------------------------------------------------------------------ cards
# The classes are those of sphinx-design's dropdown; elsewhere it is a plain <details>.
_CHEVRON = (
    '<span class="sd-summary-state-marker sd-summary-chevron-right" aria-hidden="true">'
    '<svg width="1.5em" height="1.5em" class="sd-octicon" viewBox="0 0 24 24">'
    '<path d="M8.72 18.78a.75.75 0 0 1 0-1.06L14.44 12 8.72 6.28a.751.751 0 0 1 '
    ".018-1.042.751.751 0 0 1 1.042-.018l6.25 6.25a.75.75 0 0 1 0 1.06l-6.25 6.25a.75.75 0 0 "
    '1-1.06 0Z"></path></svg></span>'
)


@dataclass(frozen=True)
class Shown:
    """An example image of a dataset, or why there is none.

    Attributes
    ----------
    uri : str
        ``data:`` address of the picture; empty for none.
    words : str
        What it shows, or the reason.
    """

    uri: str
    words: str


def cards(modality: str | None = None, examples: Mapping[str, Shown] | None = None) -> Html:
    """A card for each dataset, closed until it is clicked.

    Parameters
    ----------
    modality : str, optional
        Only the datasets of this modality.
    examples : mapping of str to Shown, optional
        An example image by dataset, as :func:`medsam.pages.datasets.examples` gives them.

    Returns
    -------
    Html
        Everything from the catalog is escaped.
    """
    chosen = (one for one in catalog().values() if modality in (None, one.modality))
    return Html("".join(card(one, (examples or {}).get(one.key)) for one in chosen))


def card(one: CatalogEntry, example: Shown | None = None) -> str:
    """One dataset as a ``<details>`` element."""
    summary = (
        f'<span class="sd-summary-text">{escape(one.title)} '
        f"<span>· {escape(one.objects)}</span></span>{_CHEVRON}"
    )
    facts = list(_facts(one))
    if example is not None:
        facts.insert(3, ("Example", _example(example)))
    # The anchor is inside, so that a link to it opens the card; its title stays in view above.
    inside = "".join(_tag("dt", word) + _tag("dd", content) for word, content in facts)
    return (
        '<details class="medsam-card sd-sphinx-override sd-dropdown sd-card sd-mb-3">'
        f'<summary class="sd-summary-title sd-card-header">{summary}</summary>'
        f'<div class="sd-summary-content sd-card-body" id="{_anchor(one)}">'
        f"{_tag('dl', inside)}</div></details>"
    )


def _example(example: Shown) -> str:
    words = escape(example.words)
    if not example.uri:
        return words
    return f'<img src="{example.uri}" alt="{words}" loading="lazy"><br>{words}'


def _facts(one: CatalogEntry) -> Iterable[tuple[str, str]]:
    masks = one.published_masks
    yield "Full name", escape(one.name)
    yield "Modality", escape(one.modality_words)
    yield "Objects and label values", _labels(one)
    yield "Masks in the paper", escape(f"{masks.words} ({masks.status}): {masks.note}.")
    yield "Licence", escape(one.licence_words)
    yield "Access", escape(one.access_words)
    yield (
        "Home",
        _list(f"{_link(home.url, home.address)} ({escape(home.what)})" for home in one.home),
    )
    yield "How to get it", _list(map(escape, one.how_to_get), "ol")
    yield "Archives", _list(escape(archive.words) for archive in one.archives)
    yield "Files", escape(one.format)
    yield "Orientation", escape(one.orientation)
    choices = choices_of(one.key)
    if choices:
        yield (
            "Choices",
            _list(
                f"{escape(name)}: {escape(', '.join(values))} "
                f"(<code>--option {escape(name)}={escape(values[0])}</code> is the default)"
                for name, values in choices.items()
            ),
        )
    yield "What tells patients apart", escape(one.patient)
    yield "Caveats", _list(map(escape, one.caveats))
    yield (
        "Cite",
        _list(
            escape(f"{c.words}. {c.title}. ")
            + (_link(c.url, c.id) if c.url else "")
            + escape(f" ({c.note})" if c.note else "")
            for c in one.citations
        ),
    )


def _labels(one: CatalogEntry) -> str:
    return _list(
        f"{escape(task.object)} (<code>{escape(task.key)}</code>): label "
        f"{_tag('strong', escape(task.label_words))}, {escape(task.status_words)}"
        for task in one.tasks
    )


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
