"""What every layout is: how a folder as it was downloaded becomes pictures or scans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from medsam.datasets.catalog import CatalogEntry, entry
from medsam.datasets.intensity import Intensity, Unit
from medsam.datasets.labels import Labels
from medsam.datasets.layouts.tree import Found, Tree
from medsam.datasets.readers.nifti import open_nifti
from medsam.datasets.readers.volume import Plane
from medsam.datasets.source import (
    Broken,
    Channel,
    DiskDataset,
    LabelFile,
    LabelVolume,
    Picture,
    Source,
)
from medsam.errors import InputError, UnknownName

__all__ = [
    "Key",
    "Layout",
    "Settings",
    "files",
    "flat",
    "grouped",
    "labels_of",
    "leave_out",
    "need_both",
    "nifti_channel",
    "nifti_labels",
    "not_one_each",
    "open_layout",
    "paired",
    "picture",
]


@dataclass(frozen=True)
class Settings:
    """Choices that the paper leaves open, for one dataset.

    Attributes
    ----------
    intensity : Intensity
    plane : {"axial", "coronal", "sagittal", "stored"}
    options : mapping of str to str
        The layout's own, such as ``rater``.
    trust_image : bool
        Take the image's grid where the labels' header tells another one.
    """

    intensity: Intensity = field(default_factory=Intensity)
    plane: Plane = "axial"
    options: Mapping[str, str] = field(default_factory=dict)
    trust_image: bool = False


@dataclass(frozen=True)
class Layout:
    """How a dataset lies on disk.

    Attributes
    ----------
    key : str
        Of the catalog.
    image : str
        Pattern of its images (see :meth:`Tree.match`), by which a wrong folder is noticed.
    expects : str
        What the folder should hold, for the error when it does not.
    find : callable
        From the files and the settings to pictures or scans. Whatever cannot be used (a mask
        that is missing, a name that stands twice) is a :class:`Broken` source, not a silence.
    plane : {"axial", "coronal", "sagittal", "stored"}
        How volumes are cut unless asked otherwise.
    units : tuple of {"", "HU", "SUV"}
        What the numbers of its channels mean.
    options : mapping of str to tuple of str
        The layout's own choices; the first is the default.
    """

    key: str
    image: str
    expects: str
    find: Callable[[Tree, Settings], Sequence[Source]]
    plane: Plane = "axial"
    units: tuple[Unit, ...] = ("",)
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def labels_of(one: CatalogEntry, *tasks: str, others: tuple[int, ...] = ()) -> Labels:
    """The label rules of a dataset, as the catalog has them (of some tasks, or all)."""
    rules = {task.key: task.labels for task in one.tasks if not tasks or task.key in tasks}
    return Labels(rules, others)


def grouped(found: Iterable[Found], *names: str) -> dict[tuple[str, ...], list[Path]]:
    """Paths by the named parts of their path, in sorted order; a link to another one left out."""
    groups: dict[tuple[str, ...], list[Path]] = {}
    for one in found:
        groups.setdefault(tuple(one.parts.get(name, "") for name in names), []).append(one.path)
    for paths in groups.values():
        if len({path.name for path in paths}) < len(paths):
            paths[:] = {path.resolve(): path for path in reversed(paths)}.values()
            paths.sort()
    return dict(sorted(groups.items()))


def paired(
    images: Mapping[tuple[str, ...], Sequence[Path]],
    masks: Mapping[tuple[str, ...], Sequence[Path]],
    make: Callable[[tuple[str, ...], Path, Sequence[Path]], Source],
    name: Callable[[tuple[str, ...]], str] = lambda key: "/".join(key),
    *,
    alone: bool = False,
    one_mask: bool = False,
) -> list[Source]:
    """Images and masks of equal key, one source each.

    Parameters
    ----------
    images, masks : mapping of key to paths
        As :func:`grouped` gives them. Two images of one key cannot be told apart.
    make : callable
        From key, image and masks to a source.
    name : callable
        From key to id.
    alone : bool
        An image without a mask is normal here (an unlabelled part of the dataset) and left
        out; otherwise it is a broken source.
    one_mask : bool
        Two masks of one key are copies, as two images are; otherwise they are joined.
    """
    sources: list[Source] = []
    for key in sorted(images.keys() | masks.keys()):
        pictures, found = images.get(key, ()), masks.get(key, ())
        files = (*pictures, *found)
        if len(pictures) > 1:
            reason = _copies("images", name(key), pictures)
        elif one_mask and len(found) > 1:
            reason = _copies("masks", name(key), found)
        elif not pictures:
            reason = (
                f"Mask {found[0].name!r} has no image. Allowed: an image of the same number or "
                "name. Unpack the images too, or take the mask out."
            )
        elif not found:
            if alone:
                continue
            reason = (
                f"Image {pictures[0].name!r} has no mask. Allowed: a mask of the same number or "
                "name. Unpack the masks too, or take the image out."
            )
        else:
            sources.append(make(key, pictures[0], found))
            continue
        sources.append(Broken(name(key), name(key), reason, files))
    return sources


def _copies(what: str, name: str, paths: Sequence[Path]) -> str:
    shown = " and ".join(repr(path.as_posix()) for path in paths[:2])
    return f"{len(paths)} {what} {name!r}: {shown}. Allowed: one. Take the copies out."


def open_layout(
    layout: Layout,
    root: Path,
    *,
    intensity: Intensity | None = None,
    plane: Plane | None = None,
    options: Mapping[str, str] | None = None,
    trust_image: bool = False,
    progress: bool = True,
) -> DiskDataset:
    """A dataset of the catalog, from the folder into which it was unpacked.

    Raises
    ------
    InputError
        If the folder is missing, empty, or another one than is expected (says which).
    UnknownName
        If an option or its value does not exist.
    """
    one = entry(layout.key)
    chosen = {name: values[0] for name, values in layout.options.items()}
    for name, value in (options or {}).items():
        if name not in layout.options:
            raise UnknownName(f"option of {layout.key}", name, layout.options)
        if value not in layout.options[name]:
            raise UnknownName(f"value of option {name}", value, layout.options[name])
        chosen[name] = value
    settings = Settings(
        intensity or Intensity(), plane or layout.plane, chosen, trust_image=trust_image
    )
    tree = Tree(Path(root))
    sources = layout.find(tree, settings)
    if not sources:
        _wrong_folder(layout, tree)
    left = [(below, tree.why.get(below, "not part of the layout")) for below in tree.left]
    closed = [(folder, "a folder that may not be listed") for folder in tree.closed]
    return DiskDataset(
        one.key,
        one.title,
        one.modality,
        [task.key for task in one.tasks],
        sources,
        settings={
            **({"plane": settings.plane} if one.dimensionality == "3D" else {}),
            "intensity": ", ".join(settings.intensity.words(unit) for unit in layout.units),
            **chosen,
            **({"headers": "image"} if trust_image else {}),
        },
        skipped=[*left, *closed],
        progress=progress,
    )


def _wrong_folder(layout: Layout, tree: Tree) -> None:
    one = entry(layout.key)
    above = tree.above(layout.image)
    hint = f"Give {str(above)!r}." if above else "Check the path, or unpack the archive."
    first = next(iter(tree.paths))
    closed = f"; {len(tree.closed)} folders may not be listed" if tree.closed else ""
    raise InputError(
        f"{one.title}: none of the {len(tree.paths)} files below {str(tree.root)!r} (such as "
        f"{first!r}) is one of its images{closed}. Allowed: the folder that holds "
        f"{layout.expects}. {hint}"
    )


# What scans of several files are made of, and whether all of it is there.


def nifti_channel(path: Path, unit: Unit = "") -> Channel:
    """One file as one channel."""
    return Channel(partial(open_nifti, path), (path,), unit)


def nifti_labels(path: Path, labels: Labels) -> LabelVolume:
    """One file as one label volume."""
    return LabelVolume(partial(open_nifti, path), (path,), labels)


def not_one_each(
    name: str, group: str, parts: Mapping[str, Sequence[Path]], hint: str = ""
) -> Broken | None:
    """A broken source if some part of a scan is missing or there more than once.

    Parameters
    ----------
    name, group : str
        Of the scan.
    parts : mapping of str to paths
        What each part is called, and the files that were found for it.
    hint : str
        What else can be done about it.

    Examples
    --------
    >>> not_one_each("a", "a", {"SUV": [Path("SUV.nii.gz")], "SEG": []}).reason
    "'a': 0 of SEG. Allowed: one file each of SUV, SEG. Unpack what is missing."
    """
    wrong = {what: paths for what, paths in parts.items() if len(paths) != 1}
    if not wrong:
        return None
    fixes = [
        "Unpack what is missing." if any(not paths for paths in wrong.values()) else "",
        "Take the copies out." if any(paths for paths in wrong.values()) else "",
        hint,
    ]
    reason = (
        f"{name!r}: {', '.join(f'{len(paths)} of {what}' for what, paths in wrong.items())}. "
        f"Allowed: one file each of {', '.join(parts)}. {' '.join(filter(None, fixes))}"
    )
    return Broken(name, group, reason, tuple(path for paths in parts.values() for path in paths))


# Datasets of 2D pictures: an image file and its mask file or files, paired by name.


Key = tuple[str, ...]
"""What tells pictures apart: named parts of their path."""


def files(tree: Tree, *patterns: str, without: Iterable[Path] = ()) -> list[Found]:
    """Files of any of some patterns, those of a part that is not used left out.

    Parameters
    ----------
    tree : Tree
    patterns : str
        As :meth:`Tree.match` takes them.
    without : iterable of Path
    """
    out = set(without)
    found = chain.from_iterable(tree.match(pattern) for pattern in patterns)
    return [one for one in found if one.path not in out]


def leave_out(tree: Tree, paths: Iterable[Path], reason: str) -> None:
    """Have files listed as left out, and why, although a pattern has matched them."""
    gone = set(paths)
    left = [below for below, path in tree.paths.items() if path in gone]
    tree.used.difference_update(left)
    tree.why.update(dict.fromkeys(left, reason))


def need_both(
    key: str,
    tree: Tree,
    images: Mapping[Key, Sequence[Path]],
    masks: Mapping[Key, Sequence[Path]],
    expects: str,
) -> None:
    """Refuse a folder that holds images alone or masks alone: thousands of errors, one cause.

    Raises
    ------
    InputError
        If there is an image and no mask of any, or the reverse.
    """
    if bool(images) == bool(masks):
        return
    found = images or masks
    got, other = ("images", "masks") if images else ("masks", "images")
    raise InputError(
        f"{entry(key).title}: {len(found)} {got} below {str(tree.root)!r}, such as "
        f"{next(iter(found.values()))[0].name!r}, and none of the {other}. Allowed: the folder "
        f"that holds {expects}. Give the folder above, or unpack the {other} too."
    )


def picture(
    key: str, settings: Settings, name: str, group: str, image: Path, masks: Sequence[Path]
) -> Source:
    """A picture of a dataset of the catalog.

    Parameters
    ----------
    key : str
        Of the dataset.
    settings : Settings
    name, group : str
        Id of the picture, and of the patient.
    image : Path
    masks : sequence of Path
        Joined (or).
    """
    labels = labels_of(entry(key))
    found = tuple(LabelFile(mask, labels) for mask in masks)
    return Picture(name, group, image, found, settings.intensity)


def flat(
    key: str,
    image: str,
    mask: str,
    expects: str,
    *,
    parts: Sequence[str] = ("id",),
    name: Callable[[Key], str] = "/".join,
    group: Callable[[Key], str] | None = None,
    known: Sequence[str] = (),
    wrong: Callable[[Path, Sequence[Path]], str | None] | None = None,
) -> Layout:
    """The layout of pictures whose masks have equal named parts in their path.

    Parameters
    ----------
    key : str
        Of the catalog.
    image, mask : str
        Patterns (see :meth:`Tree.match`).
    expects : str
        What the folder should hold.
    parts : sequence of str
        Named parts of both patterns, by which they are paired.
    name, group : callable
        From these parts to the id, and to the patient; the id itself by default.
    known : sequence of str
        Patterns of files that belong to the dataset and are not used.
    wrong : callable, optional
        From image and masks to what is wrong with several masks of one picture. Without, a
        picture has one mask.
    """

    def find(tree: Tree, settings: Settings) -> Sequence[Source]:
        def make(names: Key, path: Path, masks: Sequence[Path]) -> Source:
            reason = wrong(path, masks) if wrong else None
            if reason:
                return Broken(name(names), name(names), reason, (path, *masks))
            return picture(key, settings, name(names), (group or name)(names), path, masks)

        images = grouped(files(tree, image), *parts)
        masks = grouped(files(tree, mask), *parts)
        files(tree, *known)
        need_both(key, tree, images, masks, expects)
        return paired(images, masks, make, name, one_mask=wrong is None)

    return Layout(key, image, expects, find)
