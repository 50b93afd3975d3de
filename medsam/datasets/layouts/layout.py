"""From a folder as it was downloaded to a dataset, by a description of its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
from medsam.datasets.layouts.files import Masks
from medsam.datasets.layouts.pairs import make_source, paired
from medsam.datasets.layouts.tree import Key, Tree, expression
from medsam.datasets.source import TURNS, DiskDataset, Reading, Source
from medsam.errors import DataError, InputError

Patterns = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)
]


def _parts(part: str) -> BeforeValidator:
    """Patterns alone are those of the only part."""
    return BeforeValidator(lambda given: given if isinstance(given, dict) else {part: given})


class Layout(BaseModel):
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
    channels : tuple of str
        Those of the images that are shown, grey or red, green and blue; all, where left out.
    drawn : tuple of tuple of str
        Sets of masks that an image may have, joined; all masks at once, where left out.
    labels : dict of str to dict
        Of a part of the masks: task and values; those of the catalog, where left out.
    id, group : str
        Names of an image and of its patient, from the placeholders; the group is the id if empty.
    units : tuple of {"", "HU", "SUV"}
        What the numbers of the channels mean.
    ignore : tuple of int
        Values that may stand in masks and belong to no task.
    read : {"", "radiograph", "dicom", "duke"}
        Pictures and volumes by their endings; or in a way of its own.
    vote : bool
        The masks are of several raters.
    unused, excluded : tuple of str
        Files that are known and not read; copies and other parts, which no pattern matches.
    forms : tuple of dict
        Other forms, known by their images: the fields in which they differ. One may be there.
    unpaired : dict of str to str
        Images or masks that are left out where they have no partner, and why (not said if empty).
    options : dict
        The dataset's own choices: name, value, and the fields that it changes. The first value is
        the default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    expects: str
    images: Annotated[dict[str, Patterns], _parts("image")]
    masks: Annotated[dict[str, Patterns], _parts("mask")]
    where: dict[str, str] = {}
    channels: tuple[str, ...] = ()
    drawn: tuple[tuple[str, ...], ...] = ()
    labels: dict[str, dict[str, Rule]] = {}
    id: str = "{id}"
    group: str = ""
    units: tuple[Unit, ...] = ("",)
    ignore: tuple[int, ...] = ()
    read: Literal["", "radiograph", "dicom", "duke"] = ""
    vote: bool = False
    unused: Patterns = ()
    excluded: Patterns = ()
    forms: tuple[dict[str, Any], ...] = ()
    unpaired: dict[str, str] = {}
    options: dict[str, dict[str, dict[str, Any]]] = {}

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
        found: dict[Path, Layout] = {}
        for one in (self, *map(self.changed, self.forms)):
            patterns = (pattern for patterns in one.images.values() for pattern in patterns)
            fits = (path for each in patterns for path, *_ in tree.fitting(one.expression(each)))
            if (path := next(fits, None)) is not None:
                found[path] = one
        if len(found) > 1:
            first, second, *_ = (path.relative_to(tree.root).as_posix() for path in found)
            raise InputError(
                f"{entry(self.key).title}: two forms of the dataset below {str(tree.root)!r}, with "
                f"{first!r} and {second!r}. Allowed: one, since both hold the same patients. "
                "Give the folder of one."
            )
        return next(iter(found.values()), self)

    def chosen(self, reading: Reading) -> tuple[Layout, Reading]:
        """The layout with its options set, and the reading with the value of each.

        Raises
        ------
        UnknownName
            If an option or its value does not exist.
        """
        turns = {} if self.read else {"turn": TURNS}
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

    def exclude(self, tree: Tree) -> None:
        """Have no pattern match what is excluded."""
        for pattern in self.excluded:
            tree.exclude(self.expression(pattern))

    def files(self, tree: Tree, parts: Mapping[str, tuple[str, ...]]) -> Masks:
        """The files of each part of each image; of DICOM series the folders."""
        files: Masks = {}
        for part, patterns in parts.items():
            found = tree.find(map(self.expression, patterns), self.id, self.group)
            for key, paths in found.items():
                files.setdefault(key, {})[part] = paths
        return files

    def labels_of(self, part: str) -> Labels:
        """The label rules of a part of the masks."""
        tasks = {task.key: task.labels for task in entry(self.key).tasks}
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
    layout = read_layouts()[key]
    layout.exclude(tree)
    layout, reading = layout.form_in(tree).chosen(reading or Reading())
    layout.exclude(tree)  # what an option leaves out
    sources = _find_sources(layout, tree, reading)
    if not sources:
        raise InputError(
            f"{one.title}: none of the {len(tree.paths)} files below {str(tree.root)!r} (such as "
            f"{next(iter(tree.paths))!r}) is one of its images. Allowed: the folder that holds "
            f"{layout.expects}. Give that one and none inside it, or unpack the archive."
        )
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


def _find_sources(layout: Layout, tree: Tree, reading: Reading) -> list[Source]:
    """Pictures and scans of a folder; what cannot be used is a source that says why."""
    images, masks = layout.files(tree, layout.images), layout.files(tree, layout.masks)
    for pattern in layout.unused:
        for _, _, files in tree.fitting(layout.expression(pattern)):
            tree.used.update(files)
    if bool(images) != bool(masks):
        raise _no_partners(layout, tree, images or masks, bool(images))
    _leave_out_unpaired(layout, tree, images, masks)
    make: Callable[..., Source] = partial(make_source, vote=layout.vote)
    if layout.read == "radiograph":
        make = special.radiograph
    elif layout.read == "dicom":
        make = special.dicom_folders
    elif layout.read == "duke" and masks:
        make = partial(duke.scan, table=duke.read_table(tree))
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
    name, group = key[0], key[1] or key[0]
    shown = layout.channels or tuple(layout.images)
    units = zip(shown, layout.units * (len(shown) // len(layout.units)), strict=True)
    channels = {part: image.get(part, []) for part in shown}
    sets = layout.drawn or (tuple(layout.masks),)
    there = {part for one in sets for part in one if part in mask}
    drawn = min(sets, key=lambda one: (len(there - set(one)), len(one)))
    masks = {part: mask.get(part, []) for part in drawn}
    several = layout.read == "duke"  # series, of which one is picked

    def made() -> Source:
        if not there <= set(drawn):
            raise DataError(
                f"{name!r} has {' and '.join(sorted(there))}. Allowed: "
                f"{', or '.join(' and '.join(one) for one in sets)}. Give a folder with one set "
                "of masks."
            )
        images = [(path, unit) for part, unit in units for path in channels[part]]
        labels = [(path, layout.labels_of(part), None) for part in drawn for path in masks[part]]
        return make(name, group, images, labels, reading)

    return paired(name, group, channels | masks, made, layout.images if several else ())


def _leave_out_unpaired(layout: Layout, tree: Tree, images: Masks, masks: Masks) -> None:
    """Take out of images and masks what has no partner and need have none."""
    for pattern, reason in layout.unpaired.items():
        fits = {path for path, *_ in tree.fitting(layout.expression(pattern))}
        for side, other in ((images, masks), (masks, images)):
            paths = {key: {p for of in parts.values() for p in of} for key, parts in side.items()}
            hits = {key for key, of in paths.items() if of & fits}
            alone = hits - other.keys()
            if reason and alone and alone == hits:
                raise _no_partners(layout, tree, {key: side[key] for key in alone}, side is images)
            for key in alone:
                del side[key]
                if reason:
                    tree.leave_out(paths[key], reason)


def _no_partners(layout: Layout, tree: Tree, found: Masks, images: bool) -> InputError:
    """One error where it would be thousands of one cause."""
    got, other = ("images", "masks") if images else ("masks", "images")
    first = next(path for paths in next(iter(found.values())).values() for path in paths)
    return InputError(
        f"{entry(layout.key).title}: {len(found)} {got} below {str(tree.root)!r}, such as "
        f"{first.name!r}, and none of their {other}. Allowed: the folder that holds "
        f"{layout.expects}. Give the folder above, or unpack the {other} too."
    )
