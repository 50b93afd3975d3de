"""Images and masks of one name, and the picture or scan that they make."""

from __future__ import annotations

import filecmp
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from medsam.datasets.intensity import Unit
from medsam.datasets.labels import Labels
from medsam.datasets.layouts.tree import Found, Tree
from medsam.datasets.readers.dicom import is_dicom, read_picture
from medsam.datasets.readers.itk import Segment
from medsam.datasets.readers.open import Files, open_labels, open_volume
from medsam.datasets.readers.pictures import SUFFIXES, read_image
from medsam.datasets.source import (
    Broken,
    Channel,
    LabelVolume,
    Picture,
    Reading,
    Scan,
    Source,
)
from medsam.errors import DataError

Key = tuple[str, ...]
"""What tells images apart: named parts of their paths."""


def grouped(tree: Tree, found: Iterable[Found], *names: str) -> dict[Key, list[Path]]:
    """Paths by the named parts of their path, in sorted order.

    Of equal copies (or links to one file) the first counts; the tree lists the others as left out.
    """
    groups: dict[Key, list[Found]] = {}
    for one in found:
        same = groups.setdefault(tuple(one.parts.get(name, "") for name in names), [])
        first = next((old for old in same if _is_copy(old, one)), None)
        if first is None:
            same.append(one)
        elif first.path.resolve() != one.path.resolve():
            shown = first.path.relative_to(tree.root).as_posix()
            tree.leave_out([one.path], f"a copy of {shown!r}, equal to the byte")
    return {key: [one.path for one in of] for key, of in sorted(groups.items())}


def _is_copy(one: Found, other: Found) -> bool:
    return one.parts == other.parts and _same_content(one.path, other.path)


def _same_content(one: Path, other: Path) -> bool:
    """Whether two files, or all files of two folders, are equal to the byte."""
    try:
        if not one.is_dir():
            return filecmp.cmp(one, other, shallow=False)
        names = sorted(path.name for path in one.iterdir())
        return names == sorted(path.name for path in other.iterdir()) and all(
            _same_content(one / name, other / name) for name in names
        )
    except OSError:  # whoever reads it tells what is wrong
        return False


def problem(
    name: str, parts: Mapping[str, Sequence[Path]], joined: Collection[str] = (), hint: str = ""
) -> str:
    """What is wrong with the files of an image; empty if each part is there, once.

    Parameters
    ----------
    name : str
        Of the image.
    parts : mapping of str to paths
        What each part is called, and the files that were found for it.
    joined : collection of str
        Parts of which there may be several files.
    hint : str
        What else can be done about one that is missing.

    Examples
    --------
    >>> problem("a", {"SUV": [Path("SUV.nii.gz")], "SEG": []})
    "SUV 'SUV.nii.gz' has no SEG. Allowed: one file each of SUV, SEG. Unpack what is missing."
    """
    for part, paths in parts.items():
        if len(paths) > 1 and part not in joined:
            shown = " and ".join(repr(path.as_posix()) for path in paths[:2])
            return (
                f"{len(paths)} files of {name!r} for {part} that differ: {shown}. Allowed: one. "
                "Give a folder with one copy."
            )
    missing = [part for part, paths in parts.items() if not paths]
    if not missing:
        return ""
    there = [(part, paths[0].name) for part, paths in parts.items() if paths]
    who = f"{there[0][0][0].upper()}{there[0][0][1:]} {there[0][1]!r}" if there else repr(name)
    fix = " ".join(filter(None, ("Unpack what is missing.", hint)))
    return (
        f"{who} has no {' and no '.join(missing)}. Allowed: one file each of {', '.join(parts)}. "
        f"{fix}"
    )


def is_picture(path: Path) -> bool:
    """Whether a file is a 2D image by its ending."""
    return path.suffix.lower() in SUFFIXES


def paired(
    name: str,
    group: str,
    parts: Mapping[str, Sequence[Path]],
    make: Callable[[], Source],
    joined: Collection[str] = (),
    hint: str = "",
) -> Source:
    """What ``make`` gives of the files of an image, or a broken source that says why nothing."""
    try:
        reason = problem(name, parts, joined, hint)
        if reason:
            raise DataError(reason)
        return make()
    except DataError as error:
        return Broken(name, group, str(error), tuple(path for of in parts.values() for path in of))


def make_scan(
    name: str,
    group: str,
    channels: Sequence[tuple[Files, Unit]],
    labels: Sequence[LabelVolume],
    reading: Reading,
    *,
    vote: bool = False,
) -> Scan:
    """A scan of files or series, and of labels that are opened in a way of their own."""
    return Scan(
        name,
        group,
        tuple(
            Channel(
                partial(open_volume, files, sizes=reading.sizes),
                (files,) if isinstance(files, Path) else files,
                of,
            )
            for files, of in channels
        ),
        tuple(labels),
        reading,
        vote,
    )


def make_source(
    name: str,
    group: str,
    channels: Sequence[tuple[Files, Unit]],
    masks: Sequence[tuple[Path, Labels, int | None]],
    reading: Reading,
    *,
    vote: bool = False,
) -> Source:
    """A picture or a scan, as the files of the image say.

    Parameters
    ----------
    name, group : str
    channels : sequence of (Path or tuple of Path, unit)
        Files, or those of a DICOM series; the first is the image of a picture.
    masks : sequence of (Path, Labels, int or None)
        And which image of a file that holds several.
    reading : Reading
    vote : bool
        The masks are of several raters.
    """
    image = channels[0][0]
    if isinstance(image, Path) and (is_picture(image) or _is_radiograph(image, masks)):
        read = read_image if is_picture(image) else read_picture
        return Picture(name, group, image, tuple(mask[:2] for mask in masks), reading, read)
    labels = [
        LabelVolume(partial(open_labels, path, image, layer), (path,), of)
        for path, of, layer in masks
    ]
    return make_scan(name, group, channels, labels, reading, vote=vote)


def _is_radiograph(image: Path, masks: Sequence[tuple[Path, Labels, int | None]]) -> bool:
    """Whether it is a DICOM file whose masks are pictures."""
    return all(is_picture(path) for path, *_ in masks) and image.is_file() and is_dicom(image)


def of_segment(task: str, name: str, found: Sequence[Segment]) -> tuple[Labels, int] | None:
    """Labels and layer of the segment of that name, the others of the layer left out; if any."""
    for one in found:
        if one.name.strip().lower() == name.strip().lower():
            others = {each.value for each in found if each.layer == one.layer} - {one.value}
            return Labels({task: (one.value,)}, tuple(sorted(others))), one.layer
    return None
