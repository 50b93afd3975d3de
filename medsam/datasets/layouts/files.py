"""Images and masks of one's own, by patterns or by the stems of two folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from medsam.datasets.layouts.tree import Files, Key, Tree, expression
from medsam.datasets.readers import itk, nifti, open
from medsam.datasets.readers.dicom import is_dicom
from medsam.datasets.readers.pictures import SUFFIXES as PICTURES
from medsam.errors import InputError

SLICER = ".seg.nrrd"
_VOLUMES = sorted({".dcm", *open.SUFFIXES, *itk.SUFFIXES, *nifti.SUFFIXES})
_ENDINGS = (SLICER, *PICTURES, *_VOLUMES)
_STEM = rf"(?P<id>[^/]+?)(?:{'|'.join(map(re.escape, _ENDINGS))})?"
"""A file or a folder directly in a folder."""
_OTHER = f"not one of {', '.join(PICTURES)}, or a volume"

Masks = dict[Key, dict[str, list[Path]]]
"""Files by the pattern that found them."""


def paired_files(
    images: str, masks: Mapping[str, str], folder: Path, trees: dict[Path, Tree]
) -> tuple[Files, Masks]:
    """Images, and their masks by what they hold.

    A file that is a mask by some pattern is no image, as both may lie in one folder; where only
    the images' paths name the patient, masks are those of equal id.

    Parameters
    ----------
    images : str
        A pattern with ``{id}``, or a folder; or a path, where masks are one file each.
    masks : mapping of str to str
        The same, by what they hold.
    folder : Path
        What they are relative to.
    trees : dict
        The folders that were looked into are put here.

    Raises
    ------
    InputError
        If nothing matches, or no mask belongs to an image.
    """
    if all("{" not in each and (folder / each).is_file() for each in masks.values()):
        path = folder / images
        if "{" in images or not path.exists():
            raise InputError(
                f"The masks {', '.join(map(repr, masks.values()))} are one file each, and the "
                f"images {images!r}: {'a pattern' if '{' in images else 'nothing is there'}. "
                "Allowed: one image, a file or the folder of a DICOM series. Give its path."
            )
        stem = re.fullmatch(_STEM, path.name, re.IGNORECASE)
        key = (stem["id"] if stem else path.name, "")
        return {key: [path]}, {key: {task: [folder / each] for task, each in masks.items()}}
    every = _fitting(images, folder, "images", trees)
    by_task = {task: _fitting(each, folder, "masks", trees) for task, each in masks.items()}
    taken = {path for of_task in by_task.values() for paths in of_task.values() for path in paths}
    free = {key: [path for path in paths if path not in taken] for key, paths in every.items()}
    found = {key: paths for key, paths in free.items() if paths}
    groups = {name: group for name, group in found if group}
    joined: Masks = {}
    for task, of_task in by_task.items():
        for (name, group), paths in of_task.items():
            joined.setdefault((name, group or groups.get(name, "")), {})[task] = paths
    if not found.keys() & joined.keys():
        patterns = " and ".join(map(repr, masks.values()))
        raise InputError(
            f"No image and mask of one name: {len(found)} images of {images!r} ({_some(found)}), "
            f"{len(joined)} masks of {patterns} ({_some(joined)}). Allowed: 'a.png' in both "
            "folders, or patterns whose {id} is the same for both. Give one of these."
        )
    return found, joined


def _fitting(pattern: str, folder: Path, what: str, trees: dict[Path, Tree]) -> Files:
    """Files, and folders of DICOM files, of a pattern or a folder."""
    root, rest = folder / pattern, ""
    if "{" in pattern and not root.is_dir():
        if "{id}" not in pattern:
            raise InputError(
                f"Pattern {pattern!r} has no {{id}}. Allowed: {{id}}, and {{group}} for the "
                "patient. Put {id} where the names of images differ."
            )
        parts = pattern.split("/")
        fixed = next(i for i, part in enumerate(parts) if "{" in part or "*" in part)
        root, rest = folder / "/".join(parts[:fixed]), "/".join(parts[fixed:])
    tree = trees[root] = trees.get(root) or Tree(root)
    tree.flat = not rest
    pattern_of = expression(rest) if rest else _STEM
    found = tree.find([pattern_of], anywhere=False, keep=None if rest else _is_image)
    if not found:
        raise InputError(
            f"None of the {len(tree.paths)} files of {str(root)!r} (such as "
            f"{next(iter(tree.paths))!r}) fits the {what} {pattern!r}. Allowed: a folder of "
            f"{', '.join(PICTURES)}, or volumes ({', '.join(_VOLUMES)}); or a pattern with {{id}}, "
            "such as images/{id}.nii.gz. Give another."
        )
    return found


def _is_image(path: Path) -> bool:
    """Whether a file or folder is read as an image: by its ending, or as DICOM."""
    return path.is_dir() or path.name.lower().endswith(_ENDINGS) or is_dicom(path)


def _some(keys: Iterable[Key]) -> str:
    names = [key[0] for key in sorted(keys)]
    return ", ".join(names[:2]) + (", …" if len(names) > 2 else "")


def left_out(trees: Iterable[Tree]) -> list[tuple[str, str]]:
    """Files of the folders that are not used, and folders that are not searched; and why."""
    trees = list(trees)
    used = {tree.paths[below] for tree in trees for below in tree.used}
    left: dict[Path, tuple[str, str]] = {}
    for tree in trees:
        for below, why in tree.skipped(""):
            if tree.paths.get(below) in used:
                continue
            if tree.flat and not why:
                below, slash, _ = below.partition("/")
                why = "a folder; folders are not searched" if slash else _OTHER
            left[tree.root / below] = f"{tree.root.name}/{below}", why or "not of a pattern"
    return [left[path] for path in sorted(left)]
