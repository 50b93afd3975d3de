"""Patterns of paths: which files of a folder are images or masks, and what tells them apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from medsam.datasets import arrays, itk, nifti
from medsam.datasets._pixels import SUFFIXES as PICTURES
from medsam.datasets.layouts.tree import Tree
from medsam.errors import InputError

__all__ = ["VOLUMES", "Files", "files", "pairs"]

VOLUMES = (*arrays.SUFFIXES, *itk.SUFFIXES, *nifti.SUFFIXES)
"""Endings of files that are read as volumes."""

Files = dict[tuple[str, ...], list[Path]]
"""Files by (id, group)."""

_ENDINGS = "|".join(re.escape(s) for s in sorted((*PICTURES, *VOLUMES), key=len)[::-1])


def pairs(
    images: str, masks: Mapping[str, str], folder: Path
) -> tuple[Files, dict[tuple[str, ...], dict[str, list[Path]]]]:
    """Images, and their masks by what they hold.

    Parameters
    ----------
    images : str
        A pattern with ``{id}``, a folder, or one file or folder of a DICOM series.
    masks : mapping of str to str
        The same by what they hold. If each is one file, they belong to the one image.
    folder : Path
        What paths are relative to.

    Returns
    -------
    images, masks
        By (id, group). A file that is a mask by some pattern is no image, as both may lie in one
        folder; where only the images' paths name the patient, masks are those of equal id.

    Raises
    ------
    InputError
        If nothing matches, or no mask has the id of an image.
    """
    if all("{" not in each and (folder / each).is_file() for each in masks.values()):
        path = folder / images
        if "{" in images or not path.exists():
            raise InputError(
                f"The masks {', '.join(map(repr, masks.values()))} are one file each, and the "
                f"images {images!r}: {'a pattern' if '{' in images else 'nothing is there'}. "
                "Allowed: then one image, a file or the folder of a DICOM series. Give its path."
            )
        key = (re.sub(rf"(?i:{_ENDINGS})$", "", path.name), "")
        return {key: [path]}, {key: {task: [folder / each] for task, each in masks.items()}}
    every = files(images, folder, "images")
    by_task = {task: files(each, folder, "masks") for task, each in masks.items()}
    taken = {path for of_task in by_task.values() for paths in of_task.values() for path in paths}
    found = {key: [path for path in paths if path not in taken] for key, paths in every.items()}
    found = {key: paths for key, paths in found.items() if paths}
    groups = {name: group for name, group in found if group}
    joined: dict[tuple[str, ...], dict[str, list[Path]]] = {}
    for task, of_task in by_task.items():
        for (name, group), paths in of_task.items():
            joined.setdefault((name, group or groups.get(name, "")), {})[task] = paths
    if not found.keys() & joined.keys():
        patterns = " and ".join(map(repr, masks.values()))
        raise InputError(
            f"No image and mask of equal {{id}}: {len(found)} images match {images!r} "
            f"({_some(found)}), {len(joined)} masks match {patterns} ({_some(joined)}). "
            "Allowed: patterns whose {id} is the same for both. Mend the patterns."
        )
    return found, joined


def files(pattern: str, folder: Path, what: str) -> Files:
    """Files by (id, group) of a pattern or a folder.

    Raises
    ------
    InputError
        If nothing matches, or a pattern has no ``{id}``.
    """
    root, rest = _root(pattern, folder)
    tree = Tree(root)
    if rest:
        made = re.escape(rest).replace(r"\*", "[^/]*")
        made = made.replace(r"\{id\}", "(?P<id>[^/]+)", 1)
        made = made.replace(r"\{id\}", "(?P=id)").replace(r"\{group\}", "(?P<group>[^/]+)", 1)
        whole = re.compile(made.replace(r"\{group\}", "(?P=group)"))
    else:
        whole = re.compile(rf"(?P<id>[^/]+?)(?i:{_ENDINGS})")
    found: Files = {}
    for below, path in tree.paths.items():
        match = whole.fullmatch(below)
        if match:
            parts = match.groupdict()
            found.setdefault((parts["id"], parts.get("group") or ""), []).append(path)
    if not found:
        first = next(iter(tree.paths))
        raise InputError(
            f"No file below {str(root)!r} (such as {first!r}) fits the {what} {pattern!r}. "
            "Allowed: a pattern with {id}, such as images/{id}.nii.gz, or a folder. Mend it."
        )
    return found


def _root(pattern: str, folder: Path) -> tuple[Path, str]:
    """The folder of a pattern before its first placeholder, and the rest of it."""
    if "{" not in pattern:
        return folder / pattern, ""
    if "{id}" not in pattern:
        raise InputError(
            f"Pattern {pattern!r} has no {{id}}. Allowed: {{id}}, and {{group}} for the patient. "
            "Put {id} where the names of images differ."
        )
    parts = pattern.split("/")
    fixed = next(i for i, part in enumerate(parts) if "{" in part or "*" in part)
    return folder / "/".join(parts[:fixed]), "/".join(parts[fixed:])


def _some(keys: Iterable[tuple[str, ...]]) -> str:
    names = [key[0] for key in keys]
    return ", ".join(names[:2]) + (", …" if len(names) > 2 else "")
