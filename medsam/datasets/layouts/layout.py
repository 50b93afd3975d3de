"""What every layout is: how a folder as it was downloaded becomes pictures or scans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from medsam.datasets.catalog import entry
from medsam.datasets.disk import DiskDataset
from medsam.datasets.entry import CatalogEntry
from medsam.datasets.intensity import Intensity, Unit
from medsam.datasets.labels import Labels
from medsam.datasets.layouts.tree import Found, Tree
from medsam.datasets.source import Broken, Source
from medsam.datasets.volume import Plane
from medsam.errors import InputError, UnknownName

__all__ = ["Layout", "Settings", "grouped", "labels_of", "open_layout", "paired"]


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
