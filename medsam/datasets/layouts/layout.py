"""From a folder as it was downloaded to a dataset, by a description of its files."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict

from medsam.datasets.catalog import CatalogEntry, entry
from medsam.datasets.intensity import Unit
from medsam.datasets.labels import Labels, Rule
from medsam.datasets.layouts import duke, special
from medsam.datasets.layouts.pairs import Key, grouped, make_source, paired
from medsam.datasets.layouts.tree import Found, Tree, expression
from medsam.datasets.readers.dicom import is_slice
from medsam.datasets.source import TURNS, DiskDataset, Reading, Source
from medsam.errors import DataError, InputError

Patterns = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)
]
Files = dict[Key, dict[str, list[Path]]]
"""Paths by what tells images apart, and by part."""


def _parts(part: str) -> BeforeValidator:
    """Patterns alone are those of the only part."""
    return BeforeValidator(lambda given: given if isinstance(given, dict) else {part: given})


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Unpaired(_Described):
    """Images or masks that are left out where they have no partner, and why (not said if empty)."""

    match: str
    reason: str = ""


class Refused(_Described):
    """Files by which another release of a dataset is known, and why it is not read."""

    match: str
    because: str


class Layout(_Described):
    """How a dataset lies on disk: an entry of ``layouts.yaml``.

    Patterns are those of :func:`~medsam.datasets.layouts.tree.expression`, at any depth and in any
    case of letters.

    Attributes
    ----------
    key : str
        Of the catalog.
    expects : str
        What the folder should hold, for the error when it does not.
    where : dict of str to str
        Regular expressions of placeholders.
    images, masks : dict of str to tuple of str
        Patterns of each file that an image may be made of, and of each of its mask files.
    channels, drawn : tuple of str
        Those of them that are read.
    labels : dict of str to dict
        Of a part of the masks: task and values; those of the catalog, where left out.
    id, group : str
        Names of an image and of its patient, from the placeholders; the group is the id if empty.
    units : tuple of {"", "HU", "SUV"}
        What the numbers of the channels mean.
    ignore : tuple of int
        Values that may stand in masks and belong to no task.
    read : {"", "radiograph", "dicom", "duke"}
        Pictures and volumes by their endings; or in a way of its own. Of ``dicom`` and ``duke``
        an image is the folder of its files.
    beside : tuple of str
        Tables that such a way reads.
    check : {"", "numbers", "lungs"}
        An image has one mask; or several, joined, of which this says whether all are there.
    vote : bool
        The masks are of several raters.
    unused, excluded : tuple of str
        Files that are known and not read; copies and other parts, which no pattern matches.
    only_one : tuple of str
        Forms of the dataset of which one may be there.
    forms : tuple of dict
        Other forms, known by their images: the fields in which they differ. One may be there.
    pictures : bool, optional
        Whether images are 2D; as in the catalog, where left out.
    unpaired, refused
        See there.
    options : dict
        The dataset's own choices: name, value, and the fields that it changes. The first value is
        the default.
    hint : str
        What else can be done where a file is missing.
    """

    key: str
    expects: str
    images: Annotated[dict[str, Patterns], _parts("image")]
    masks: Annotated[dict[str, Patterns], _parts("mask")]
    where: dict[str, str] = {}
    channels: tuple[str, ...] = ("image",)
    drawn: tuple[str, ...] = ("mask",)
    labels: dict[str, dict[str, Rule]] = {}
    id: str = "{id}"
    group: str = ""
    units: tuple[Unit, ...] = ("",)
    ignore: tuple[int, ...] = ()
    read: Literal["", "radiograph", "dicom", "duke"] = ""
    beside: Patterns = ()
    check: Literal["", "numbers", "lungs"] = ""
    vote: bool = False
    unused: Patterns = ()
    excluded: Patterns = ()
    only_one: Patterns = ()
    forms: tuple[dict[str, Any], ...] = ()
    pictures: bool | None = None
    unpaired: tuple[Unpaired, ...] = ()
    refused: tuple[Refused, ...] = ()
    options: dict[str, dict[str, dict[str, Any]]] = {}
    hint: str = ""

    @property
    def entry(self) -> CatalogEntry:
        """What the catalog says of the dataset."""
        return entry(self.key)

    @property
    def is_2d(self) -> bool:
        """Whether images are pictures, which no plane cuts."""
        return self.entry.dimensionality == "2D" if self.pictures is None else self.pictures

    def changed(self, fields: Mapping[str, Any]) -> Layout:
        """The layout with other values of some fields."""
        return Layout.model_validate({**self.model_dump(), **fields})

    def form_in(self, tree: Tree) -> Layout:
        """The form of the dataset that lies in a folder; itself, if none does.

        Raises
        ------
        InputError
            If the images of two forms are there.
        """
        found: dict[str, Layout] = {}
        for one in (self, *map(self.changed, self.forms)):
            patterns = (pattern for patterns in one.images.values() for pattern in patterns)
            firsts = (tree.first(one.expression(pattern)) for pattern in patterns)
            if first := next(filter(None, firsts), ""):
                found[first] = one
        if len(found) > 1:
            raise self.two_forms(tree, *found)
        return next(iter(found.values()), self)

    def two_forms(self, tree: Tree, one: str, other: str, *_: str) -> InputError:
        """What is wrong where files of two forms are there."""
        return InputError(
            f"{self.entry.title}: two forms of the dataset below {str(tree.root)!r}, with "
            f"{one!r} and {other!r}. Allowed: one, since both hold the same patients. "
            "Give the folder of one."
        )

    def chosen(self, reading: Reading) -> tuple[Layout, Reading]:
        """The layout with its options set, and the reading with the value of each.

        Raises
        ------
        UnknownName
            If an option or its value does not exist.
        """
        turns = {"turn": TURNS} if self.is_2d and not self.read else {}
        reading.check_options({**self.options, **turns}, self.key)
        defaults = {name: next(iter(values)) for name, values in self.options.items()}
        options = defaults | dict(reading.options)
        changes: dict[str, Any] = {}
        for name in self.options:
            changes |= self.options[name][options[name]]
        return self.changed(changes), replace(reading, options=options)

    def expression(self, pattern: str) -> str:
        """The regular expression of one of its patterns."""
        return expression(pattern, self.where)

    def name(self, key: Key, template: str = "") -> str:
        """The id of an image from what tells it apart, or another name from the same."""
        return (template or self.id).format(**dict(zip(self._names, key, strict=True))).strip("/")

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(name for _, name, _, _ in string.Formatter().parse(self.id) if name)

    def files(self, tree: Tree, parts: Mapping[str, tuple[str, ...]]) -> Files:
        """The files of each part of each image; of DICOM series the folders."""
        files: Files = {}
        for part, patterns in parts.items():
            found: dict[Path, Found] = {}
            for pattern in patterns:
                for one in tree.match(self.expression(pattern)):
                    path = one.path
                    if self.read in ("dicom", "duke") and pattern.endswith("/*"):
                        if not is_slice(path):
                            tree.leave_out([path], "no DICOM file")
                            continue
                        path = path.parent
                    found.setdefault(path, Found(path, one.parts))
            for key, paths in grouped(tree, found.values(), *self._names).items():
                files.setdefault(key, {})[part] = paths
        return files

    def labels_of(self, part: str) -> Labels:
        """The label rules of a part of the masks."""
        tasks = {task.key: task.labels for task in self.entry.tasks}
        return Labels(self.labels.get(part, tasks), self.ignore)


@cache
def read_layouts() -> dict[str, Layout]:
    """Every layout by the key of its dataset."""
    text = (resources.files("medsam.datasets") / "layouts" / "layouts.yaml").read_text("utf-8")
    raw: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return {key: Layout(key=key, **fields) for key, fields in raw.items()}


def facts(one: CatalogEntry) -> dict[str, list[str]]:
    """All that is known of a dataset, each fact with how it is known, by what it is about.

    Examples
    --------
    >>> facts(entry("us_kidney"))["Modality"]
    ['US, 2D; synthesised from CT']
    """
    masks, note = one.published_masks, one.modality_note
    options = (
        f"{name}: {', '.join(values)} (--option {name}={next(iter(values))} is the default)"
        for name, values in read_layouts()[one.key].options.items()
    )
    found: dict[str, Iterable[object]] = {
        "Full name": [one.name],
        "Modality": [f"{one.modality}, {one.dimensionality}" + (note and f"; {note}")],
        "Objects": one.tasks,
        "Masks": [f"{masks.words} ({masks.status}): {masks.note}", *masks.counts],
        "Licence": [one.licence_words],
        "Access": [f"{one.access}; {one.access_note}"],
        "Home": one.home,
        "How to get it": [f"{n}. {step}" for n, step in enumerate(one.how_to_get, 1)],
        "Archives": one.archives,
        "Files": [one.format],
        "Axes": [one.orientation],
        "Patients": [one.patient],
        "Options": options,
        "Caveats": one.caveats,
        "Cite": one.citations,
    }
    texts = {word: [str(fact) for fact in of] for word, of in found.items()}
    return {word: lines for word, lines in texts.items() if lines}


def open_dataset(
    key: str, root: Path | str, reading: Reading | None = None, *, progress: bool = True
) -> DiskDataset:
    """A dataset of the paper, from the folder into which it was unpacked.

    Parameters
    ----------
    key : str
        Of the catalog, such as ``"ct_spleen"``.
    root : path
    reading : Reading, optional
        How files become pixels; as is usual for the dataset by default.
    progress : bool
        A bar on stderr while the labels of scans are read.

    Raises
    ------
    InputError
        If the folder cannot be used; says which folder is expected.
    UnknownName
        If the dataset, an option or its value does not exist.
    """
    one, tree = entry(key), Tree(Path(root))
    asked = reading or Reading()
    layout, reading = read_layouts()[key].form_in(tree).chosen(asked)
    sources = _find_sources(layout, tree, reading)
    if not sources:
        raise _wrong_folder(layout, tree)
    return DiskDataset(
        key,
        one.title,
        one.modality,
        [task.key for task in one.tasks],
        sources,
        reading,
        layout.units,
        told=reading.options,
        skipped=tree.skipped("not part of the layout"),
        progress=progress,
    )


def _wrong_folder(layout: Layout, tree: Tree) -> InputError:
    found = (
        tree.above(form.expression(pattern))
        for form in (layout, *map(layout.changed, layout.forms))
        for patterns in (*form.images.values(), *form.masks.values())
        for pattern in patterns
    )
    above = next(filter(None, found), None)
    hint = f"Give {str(above)!r}." if above else "Check the path, or unpack the archive."
    closed = f"; {len(tree.closed)} folders may not be listed" if tree.closed else ""
    return InputError(
        f"{layout.entry.title}: none of the {len(tree.paths)} files below {str(tree.root)!r} (such "
        f"as {next(iter(tree.paths))!r}) is one of its images{closed}. Allowed: the folder that "
        f"holds {layout.expects}. {hint}"
    )


def _find_sources(layout: Layout, tree: Tree, reading: Reading) -> list[Source]:
    """Pictures and scans of a folder; what cannot be used is a source that says why."""
    title = layout.entry.title
    for rule in layout.refused:
        for one in tree.match(layout.expression(rule.match)):
            raise InputError(f"{title}: {one.path.name!r} {rule.because}")
    for pattern in layout.excluded:
        tree.exclude(layout.expression(pattern))
    images, masks = layout.files(tree, layout.images), layout.files(tree, layout.masks)
    for pattern in layout.unused:
        tree.ignore(layout.expression(pattern))
    if layout.is_2d and bool(images) != bool(masks):
        raise _no_partners(layout, tree, images or masks, bool(images))
    _leave_out_unpaired(layout, tree, images, masks)
    firsts = (tree.first(layout.expression(pattern)) for pattern in layout.only_one)
    if len(there := list(filter(None, firsts))) > 1:
        raise layout.two_forms(tree, *there)
    tables = [one.path for each in layout.beside for one in tree.match(layout.expression(each))]
    make: Callable[..., Source] = partial(_by_ending, layout)
    if layout.read == "radiograph":
        make = special.radiograph
    elif layout.read == "dicom":
        make = special.dicom_folders
    elif layout.read == "duke" and masks:
        make = partial(duke.scan, pick=duke.picker(tables, reading.options["series"]))
    return [
        _source(layout, key, images.get(key, {}), masks.get(key, {}), reading, make)
        for key in sorted(images.keys() | masks.keys())
    ]


def _source(
    layout: Layout,
    key: Key,
    image: Mapping[str, list[Path]],
    mask: Mapping[str, list[Path]],
    reading: Reading,
    make: Callable[..., Source],
) -> Source:
    """One picture or scan, or why there is none."""
    name, group = layout.name(key), layout.name(key, layout.group)
    channels = [image.get(part, []) for part in layout.channels]
    drawn = {part: mask.get(part, []) for part in layout.drawn}
    masks = [(path, layout.labels_of(part)) for part, paths in drawn.items() for path in paths]

    def made() -> Source:
        if layout.check:
            reason = getattr(special, layout.check)(channels[0][0], [path for path, _ in masks])
            if reason:
                raise DataError(reason)
        images = channels[0] if layout.read == "duke" else [paths[0] for paths in channels]
        return make(name, group, images, masks, reading)

    many = layout.drawn if layout.check else layout.channels if layout.read == "duke" else ()
    parts = {**dict(zip(layout.channels, channels, strict=True)), **drawn}
    return paired(name, group, parts, made, many, layout.hint)


def _by_ending(
    layout: Layout,
    name: str,
    group: str,
    images: Sequence[Path],
    masks: Sequence[tuple[Path, Labels]],
    reading: Reading,
) -> Source:
    """A picture, or a scan of volumes."""
    units = layout.units if len(layout.units) > 1 else layout.units * len(images)
    channels = list(zip(images, units, strict=True))
    drawn = [(path, labels, None) for path, labels in masks]
    return make_source(name, group, channels, drawn, reading, vote=layout.vote)


def _leave_out_unpaired(layout: Layout, tree: Tree, images: Files, masks: Files) -> None:
    """Take out of images and masks what has no partner and need have none."""
    for rule in layout.unpaired:
        fits = re.compile(rf"(?:.*/)?{layout.expression(rule.match)}", re.IGNORECASE)
        for side, other in ((images, masks), (masks, images)):
            paths = {key: [p for of in parts.values() for p in of] for key, parts in side.items()}
            hits = {
                key
                for key, of in paths.items()
                if any(fits.fullmatch(path.relative_to(tree.root).as_posix()) for path in of)
            }
            alone = sorted(hits - other.keys())
            if rule.reason and alone and len(alone) == len(hits):
                raise _no_partners(layout, tree, {key: side[key] for key in alone}, side is images)
            for key in alone:
                del side[key]
                if rule.reason:
                    tree.leave_out(paths[key], rule.reason)


def _no_partners(layout: Layout, tree: Tree, found: Files, images: bool) -> InputError:
    """One error where it would be thousands of one cause."""
    got, other = ("images", "masks") if images else ("masks", "images")
    first = next(path for paths in next(iter(found.values())).values() for path in paths)
    return InputError(
        f"{layout.entry.title}: {len(found)} {got} below {str(tree.root)!r}, such as "
        f"{first.name!r}, and none of their {other}. Allowed: the folder that holds "
        f"{layout.expects}. Give the folder above, or unpack the {other} too."
    )
