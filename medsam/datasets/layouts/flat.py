"""Datasets of 2D pictures: an image file and its mask file or files, paired by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from medsam.datasets.catalog import entry
from medsam.datasets.layouts.layout import Layout, Settings, grouped, labels_of, paired
from medsam.datasets.layouts.tree import Found, Tree
from medsam.datasets.source import Broken, LabelFile, Picture, Source
from medsam.errors import InputError

__all__ = ["Key", "files", "flat", "leave_out", "need_both", "picture"]

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
