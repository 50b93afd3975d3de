"""Images and masks of one name, and the picture or scan that they make."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from medsam.datasets.intensity import Unit
from medsam.datasets.labels import Labels
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


def is_picture(path: Path) -> bool:
    """Whether a file is a 2D image by its ending."""
    return path.suffix.lower() in SUFFIXES


def paired(
    name: str,
    group: str,
    parts: Mapping[str, Sequence[Path]],
    make: Callable[[], Source],
    joined: Collection[str] = (),
) -> Source:
    """What ``make`` gives of the files of an image, or a broken source that says why nothing.

    Parameters
    ----------
    name, group : str
        Of the image.
    parts : mapping of str to paths
        What each part is called, and the files that were found for it.
    make : callable
        Asked where each part is there, once; may raise :class:`~medsam.errors.DataError`.
    joined : collection of str
        Parts of which there may be several files.
    """
    try:
        _check_parts(name, parts, joined)
        return make()
    except DataError as error:
        return Broken(name, group, str(error), tuple(path for of in parts.values() for path in of))


def _check_parts(name: str, parts: Mapping[str, Sequence[Path]], joined: Collection[str]) -> None:
    """See that each part of an image is there, once.

    Raises
    ------
    DataError
        If one is not.
    """
    for part, paths in parts.items():
        if len(paths) > 1 and part not in joined:
            shown = " and ".join(repr(path.as_posix()) for path in paths[:2])
            raise DataError(
                f"{len(paths)} files of {name!r} for {part} that differ: {shown}. Allowed: one. "
                "Give a folder with one copy."
            )
    missing = [part for part, paths in parts.items() if not paths]
    if missing:
        part = next((part for part, paths in parts.items() if paths), "")
        who = f"{part[0].upper()}{part[1:]} {parts[part][0].name!r}" if part else repr(name)
        raise DataError(
            f"{who} has no {' and no '.join(missing)}. Allowed: one file each of "
            f"{', '.join(parts)}. Unpack what is missing."
        )


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
