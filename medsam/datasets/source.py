"""What lies on disk of one picture or one scan, and the cases that it makes.

A :class:`Picture` is one case. A :class:`Scan` is a case a slice. Whatever is known to be unusable
beforehand is :class:`Broken`, and a case too.
"""

from __future__ import annotations

import copy
import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from medsam.datasets.intensity import Intensity, Unit
from medsam.datasets.labels import Labels
from medsam.datasets.readers.nifti import SUFFIXES as NIFTI
from medsam.datasets.readers.nifti import Sizes
from medsam.datasets.readers.pictures import (
    MAX_VALUES,
    check_values,
    orientation,
    read_image,
    read_mask,
    turned,
)
from medsam.datasets.readers.volume import Plane, Volume, check_plane
from medsam.datasets.sample import Case, Place, Sample
from medsam.errors import DataError, InputError, UnknownName
from medsam.files import sha256

HEADERS: dict[str, tuple[bool, Sizes]] = {
    "agree": (False, ""),
    "image": (True, ""),
    "affine": (False, "affine"),
    "pixdim": (False, "pixdim"),
    "image+affine": (True, "affine"),
    "image+pixdim": (True, "pixdim"),
}
"""Which headers count: whether the image's grid counts for the labels too, or both must tell one;
and whether the affine or the pixdim of a NIfTI file tells the size of a voxel, or both must."""

TURNS = {"shown": "as shown (EXIF)", "stored": "as stored"}
"""Whether pictures are turned by their EXIF orientation, and words for it."""

Masks = dict[str, NDArray[np.bool_]]


def refuse_idle(title: str, *asked: tuple[object, object, str, str]) -> None:
    """See that all that is asked for acts.

    Parameters
    ----------
    title : str
        Of the dataset.
    asked : (what is asked for if anything, whether it acts, its words, where it acts)

    Raises
    ------
    InputError
        If something does not.
    """
    for given, acts, option, where in asked:
        if given and not acts:
            raise InputError(
                f"{option} has no effect on {title}. Allowed: with {where}. Leave it out."
            )


@dataclass(frozen=True)
class Reading:
    """How files become pixels.

    Attributes
    ----------
    intensity : str
        One of :data:`~medsam.datasets.intensity.INTENSITIES`.
    window : (float, float), optional
        Level and width; the soft-tissue window of CT by default.
    plane : str
        How volumes are cut; axial by default (empty).
    options : mapping of str to str
        A dataset's own choices, such as ``rater``.
    headers : str
        Which headers count, of :data:`HEADERS`.

    Raises
    ------
    UnknownName
        If intensity, plane or headers is none that exists.
    InputError
        If the window cannot be used.
    """

    intensity: str = "modality"
    window: tuple[float, float] | None = None
    plane: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    headers: str = "agree"

    def __post_init__(self) -> None:
        if self.headers not in HEADERS:
            raise UnknownName("headers", self.headers, HEADERS)
        check_plane(self.cut)
        Intensity(self.intensity, self.window)

    @cached_property
    def to_uint8(self) -> Intensity:
        """The way to 8 bit."""
        return Intensity(self.intensity, self.window)

    @property
    def cut(self) -> Plane:
        """The plane of the slices of volumes."""
        return check_plane(self.plane or "axial")

    @property
    def trust_image(self) -> bool:
        """Whether the image's grid counts where the labels' header tells another one."""
        return HEADERS[self.headers][0]

    @property
    def sizes(self) -> Sizes:
        """Which header of a NIfTI file tells the size of a voxel, where its own differ."""
        return HEADERS[self.headers][1]

    def check_options(self, known: Mapping[str, Collection[str]], of: str = "such data") -> None:
        """See that there is such an option, with such a value.

        Raises
        ------
        UnknownName
            If there is not.
        """
        for name, value in self.options.items():
            if name not in known:
                raise UnknownName(f"option of {of}", name, known)
            if value not in known[name]:
                raise UnknownName(f"value of option {name}", value, known[name])

    def check_use(self, title: str, sources: Sequence[Source], units: Sequence[Unit]) -> None:
        """See that all that is asked for acts on some picture or scan; as :func:`refuse_idle`."""
        scans = [one for one in sources if isinstance(one, Scan)]
        pictures = [one for one in sources if isinstance(one, Picture)]
        if not scans and not pictures:
            return  # all are broken, and say why
        files = [file.name.lower() for one in scans for file in one.channels[0].files]
        headers, turn = f"headers {self.headers}", self.options.get("turn")
        window = self.window is not None and self.intensity == "modality"
        refuse_idle(
            title,
            (self.plane, scans, f"plane {self.plane}", "volumes"),
            (self.trust_image, scans or any(one.read_mask for one in pictures), headers, "volumes"),
            (self.sizes, any(name.endswith(NIFTI) for name in files), headers, "NIfTI files"),
            (turn, pictures, f"option turn={turn}", "pictures"),
            (window, set(units) != {"SUV"}, "window", "other than PET, or intensity window"),
        )


def _join(masks: Iterable[Mapping[str, NDArray[np.bool_]]], votes: float = 0) -> Masks:
    """Masks by task: the pixels that more than so many of them hold."""
    counts: dict[str, Any] = {}
    for each in masks:
        for task, mask in each.items():
            counts[task] = counts.get(task, 0) + mask.astype(np.uint8)
    return {task: count > votes for task, count in counts.items()}


def _sample(
    name: str,
    group: str,
    image: NDArray[np.uint8],
    masks: Masks,
    tasks: Sequence[str],
    spacing: tuple[float, float] | None,
) -> Sample:
    """A sample of some tasks; the union of all tells where any object is."""
    union = np.logical_or.reduce(list(masks.values()))
    chosen = {task: np.ascontiguousarray(masks[task]) for task in tasks}
    return Sample(name, group, image, chosen, union, spacing)


def _digest(*words: str) -> str:
    """sha256 of words, each on a line."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _rules(labels: Iterable[Labels]) -> str:
    """Label rules as text: whoever changes one gets other masks from the same bytes."""
    return "; ".join(f"{sorted(one.tasks.items())} {one.others}" for one in labels)


def _file_hashes(files: Iterable[Path]) -> str:
    """sha256 of each file, or of each file in a folder; what cannot be read says so."""
    hashes: list[str] = []
    for file in files:
        for path in sorted(file.rglob("*")) if file.is_dir() else [file]:
            try:
                hashes += [] if path.is_dir() else [sha256(path)]
            except FileNotFoundError:
                hashes.append("missing")
            except OSError:
                hashes.append("unreadable")
    return "\n".join(hashes)


@dataclass(frozen=True)
class Broken:
    """A picture or scan that is known to be unusable before it is opened, and why."""

    id: str
    group: str
    reason: str
    files: tuple[Path, ...] = ()

    def cases(self, tasks: Sequence[str]) -> Iterator[Case]:
        """One case, which cannot be read."""
        yield Case(self.id, self.group, tuple(tasks), self._load, self._digest)

    def _load(self) -> Sample:
        raise DataError(self.reason)

    def _digest(self) -> str:
        return _digest(_file_hashes(self.files), self.reason)


@dataclass(frozen=True, slots=True)
class Picture:
    """A 2D image with one or more mask files; masks of one task are joined (or).

    Attributes
    ----------
    id, group : str
        As in :class:`~medsam.datasets.sample.Sample`.
    image : Path
    masks : tuple of (Path, Labels)
        Mask files and the values that count in each. The picture is a case of their tasks.
    reading : Reading
        Its option ``turn`` says whether what has an EXIF orientation is turned by it. By default
        the shapes of image and mask tell; where both ways fit, the picture is refused.
    read, read_mask : callable
        From a path to an (H, W) or (H, W, 3) array as stored; to (H, W) label values.
    instances : bool
        Each value of its one mask is a case of its one task; the id is ``<id>/<value>``.
    """

    id: str
    group: str
    image: Path
    masks: tuple[tuple[Path, Labels], ...]
    reading: Reading = field(default_factory=Reading)
    read: Callable[[Path], NDArray[Any]] = read_image
    read_mask: Callable[[Path], NDArray[Any]] | None = None
    instances: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """Those of the image and of the masks."""
        return (self.image, *(path for path, _ in self.masks))

    def cases(self, tasks: Sequence[str]) -> Iterator[Case]:
        """The one case, or none if no mask file tells any of these tasks; or one an instance."""
        own = {task for _, labels in self.masks for task in labels.tasks}
        here = tuple(task for task in tasks if task in own)
        if here and self.instances:
            for one in self._each(*here):
                yield from one.cases(tasks)
        elif here:
            yield Case(self.id, self.group, here, partial(self._load, here), self._digest)

    def _each(self, task: str) -> Iterator[Source]:
        """A picture for each value above 0; or why the mask cannot be read."""
        path = self.masks[0][0]
        try:
            values = [int(value) for value in np.unique(read_mask(path)) if value > 0]
        except DataError as error:
            yield Broken(self.id, self.group, str(error), (self.image, path))
            return
        for value in values:
            others = tuple(other for other in values if other != value)
            rules = {task: (value,), **({"others": others} if others else {})}
            name, masks = f"{self.id}/{value:06d}", ((path, Labels(rules)),)
            yield replace(self, id=name, masks=masks, instances=False)

    def _digest(self) -> str:
        return _digest(_file_hashes(self.files), _rules(labels for _, labels in self.masks))

    def _orientations(self) -> list[int]:
        return [orientation(path) for path in self.files]

    def _load(self, tasks: tuple[str, ...]) -> Sample:
        image = self.reading.to_uint8.rgb(self.read(self.image), name=f"Image {self.image.name!r}")
        arrays = [self._values(path, labels) for path, labels in self.masks]
        image, *arrays = self._turned([image, *arrays])
        masks = []
        for values, (path, labels) in zip(arrays, self.masks, strict=True):
            if values.shape != image.shape[:2]:
                raise DataError(
                    f"Mask {path.name!r} has shape {values.shape}, image {self.image.name!r} has "
                    f"{image.shape[:2]}. Allowed: equal height and width. Resample the mask."
                )
            masks.append(labels.masks(values, f"Mask {path.name!r}"))
        image = np.ascontiguousarray(image)
        return _sample(self.id, self.group, image, _join(masks), tasks, None)

    def _values(self, path: Path, labels: Labels) -> NDArray[Any]:
        if self.read_mask is not None:
            return self.read_mask(path)
        values = read_mask(path, any_colour=labels.listed is None)
        if labels.listed is not None and len(labels.listed) <= MAX_VALUES:
            check_values(values, f"Mask {path.name!r}")
        return values

    def _turned(self, arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
        """Image and masks, all as viewers show them or all as stored."""
        tags = self._orientations()
        shown = [turned(array, tag) for array, tag in zip(arrays, tags, strict=True)]
        turn = self.reading.options.get("turn")
        if turn or len(set(tags)) == 1:
            return arrays if turn == "stored" else shown
        fits = [len({array.shape[:2] for array in way}) == 1 for way in (shown, arrays)]
        if all(fits):
            raise DataError(
                f"Image {self.image.name!r} and its masks have EXIF orientations {tags}, and fit "
                "turned or not. Allowed: --option turn=shown (as viewers do) or turn=stored."
            )
        return arrays if fits[1] else shown


@dataclass(frozen=True)
class Channel:
    """One 3D image of a scan: how to open it, its files, and what its numbers mean."""

    open: Callable[[], Volume]
    files: tuple[Path, ...]
    unit: Unit = ""


@dataclass(frozen=True)
class LabelVolume:
    """One 3D label image of a scan: how to open it, its files, and the values that count."""

    open: Callable[[], Volume]
    files: tuple[Path, ...]
    labels: Labels


@dataclass(eq=False)
class Scan:
    """A 3D image (or several on one grid) with one or more label volumes.

    Attributes
    ----------
    id, group : str
        The id of a case is ``<id>/<plane>-<index>``.
    channels : tuple of Channel
        One (grey), or red, green and blue.
    labels : tuple of LabelVolume
        Masks of one task are joined, or voted on.
    reading : Reading
    vote : bool
        Several label volumes are raters of the same tasks: a pixel counts where more than half
        of them say so.
    note : str
        Why the size of its pixels is not known, if it is not; once a slice was read.
    """

    id: str
    group: str
    channels: tuple[Channel, ...]
    labels: tuple[LabelVolume, ...]
    reading: Reading = field(default_factory=Reading)
    vote: bool = False
    note: str = field(default="", init=False)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that it is made of."""
        parts: tuple[Channel | LabelVolume, ...] = (*self.channels, *self.labels)
        return tuple(file for part in parts for file in part.files)

    def cases(self, tasks: Sequence[str]) -> Iterator[Case]:
        """A case a slice, of the tasks that have a pixel on it; one failed case if it is broken."""
        try:
            present = self.present
        except DataError as error:
            yield from Broken(self.id, self.group, str(error), self.files).cases(tasks)
            return
        for index, found in present.items():
            here = tuple(task for task in tasks if task in found)
            if here:
                name = f"{self.id}/{self.reading.cut}-{index:04d}"
                load, digest = partial(self._load, index, name, here), partial(self._digest, name)
                yield Case(name, self.group, here, load, digest, partial(self._place, index))

    @cached_property
    def present(self) -> Mapping[int, frozenset[str]]:
        """Tasks with a pixel, by slice; slices without any are left out. Reads the labels."""
        # Whose header is trusted decides which way the labels are cut.
        image = self.channels[:1] if self.reading.trust_image else ()
        labels = self._volumes((*image, *self.labels))[len(image) :]
        found = {}
        for index in range(labels[0].count(self.reading.cut)):
            masks = self._masks(labels, index)
            tasks = frozenset(task for task, mask in masks.items() if mask.any())
            if tasks:
                found[index] = tasks
        return found

    @cached_property
    def _files_digest(self) -> str:
        """Of every file and rule: read once a scan, not once a slice."""
        rules = _rules(part.labels for part in self.labels)
        return _digest(_file_hashes(self.files), rules, f"vote {self.vote}")

    def _digest(self, name: str) -> str:
        return _digest(self._files_digest, name)

    def _masks(self, volumes: Sequence[Volume], index: int) -> Masks:
        plane = self.reading.cut
        each = [
            part.labels.masks(volume.slice(plane, index), f"{volume.name}, {plane} slice {index}")
            for part, volume in zip(self.labels, volumes, strict=True)
        ]
        return _join(each, len(each) / 2 if self.vote else 0)

    def _place(self, index: int) -> Place:
        return self.channels[0].open().place(self.reading.cut, index)

    def _load(self, index: int, name: str, tasks: tuple[str, ...]) -> Sample:
        volumes = _opened(self)
        if isinstance(volumes, DataError):
            raise DataError(str(volumes))
        channels, labels = volumes[: len(self.channels)], volumes[len(self.channels) :]
        greys = [
            self.reading.to_uint8.grey(
                volume.slice(self.reading.cut, index),
                unit=channel.unit,
                name=f"{volume.name}, {self.reading.cut} slice {index}",
            )
            for volume, channel in zip(channels, self.channels, strict=True)
        ]
        image = np.stack(greys * (3 if len(greys) == 1 else 1), axis=-1)
        masks = self._masks(labels, index)
        return _sample(name, self.group, image, masks, tasks, channels[0].spacing(self.reading.cut))

    def _volumes(self, parts: Sequence[Channel | LabelVolume]) -> list[Volume]:
        """Those parts, checked to lie on the grid of the first."""
        volumes: list[Volume] = []
        for part in parts:
            volume = part.open()
            volumes.append(self._on_grid(volumes[0], volume) if volumes else volume)
        return volumes

    def _on_grid(self, first: Volume, other: Volume) -> Volume:
        """The other volume, if its slices lie on those of the first."""
        plane = "stored" if self.reading.trust_image else self.reading.cut
        shapes = [volume.slice_shape(plane) for volume in (first, other)]
        far = first.corner_distance(other, stored=plane == "stored")
        if shapes[0] != shapes[1] or (far > 0.5 and not self.reading.trust_image):
            raise DataError(
                f"{other.name} of {shapes[1]} slices, rows, columns lies up to {far:.1f} voxels "
                f"from {first.name} of {shapes[0]}. Allowed: one grid, within half a voxel. "
                "Resample the labels (nearest), or take the image's header (--headers image)."
            )
        return other.with_grid_of(first) if self.reading.trust_image else other


Source = Broken | Picture | Scan
"""One picture or scan: its id, and its cases of some tasks, in the order of their ids."""


@lru_cache(maxsize=1)
def _opened(scan: Scan) -> list[Volume] | DataError:
    """Image and label volumes of the scan that was read last, or why there are none.

    One at a time: cases come in order, and one that failed is not tried for each slice.
    """
    try:
        volumes = scan._volumes((*scan.channels, *scan.labels))
        scan.note = volumes[0].unsure
        return volumes
    except DataError as error:
        return error


class DiskDataset:
    """Pictures and scans with their labels, in the order of their ids.

    Parameters
    ----------
    key, title, modality : str
    tasks : sequence of str
        Every task that the sources tell.
    sources : sequence of Source
    reading : Reading
        How the sources read their files.
    units : sequence of {"", "HU", "SUV"}
        What the numbers of volumes mean, by channel.
    told : mapping of str to str
        What else decides the pixels, such as the rater.
    skipped : sequence of (name, reason)
        What else lay in the folder and was left out.
    progress : bool
        A bar on stderr while the labels of scans are read for the first time.

    Attributes
    ----------
    settings : dict of str to str
        What decides the pixels: part of what results depend on.

    Raises
    ------
    InputError
        If two sources have one id, or something that is asked for has no effect.
    """

    def __init__(
        self,
        key: str,
        title: str,
        modality: str,
        tasks: Sequence[str],
        sources: Sequence[Source],
        reading: Reading,
        units: Sequence[Unit] = ("",),
        *,
        told: Mapping[str, str] | None = None,
        skipped: Sequence[tuple[str, str]] = (),
        progress: bool = True,
    ):
        self.key, self.title, self.modality = key, title, modality
        self.tasks = tuple(tasks)
        self.skipped = list(skipped)
        self.progress = progress
        self.sources = sorted(sources, key=_first_id)
        ids = Counter(source.id for source in self.sources)
        reading.check_use(title, self.sources, units)
        volumes = any(isinstance(one, Scan) for one in self.sources)
        turn = reading.options.get("turn")
        self.settings = {
            **({"plane": reading.cut} if volumes else {}),
            "intensity": ", ".join(map(reading.to_uint8.words, units if volumes else ("",))),
            **(told or {}),
            **({"headers": reading.headers} if reading.headers != "agree" else {}),
            **({"turn": TURNS[turn]} if turn else {}),
        }
        twice = [one for one, times in ids.items() if times > 1]
        if twice:
            raise InputError(
                f"Dataset {key!r}: {len(twice)} of {len(ids)} ids stand for several images, such "
                f"as {twice[0]!r}. Allowed: one image an id. Give a folder with one copy."
            )

    def only(self, tasks: Sequence[str]) -> DiskDataset:
        """The same dataset, restricted to some tasks.

        Raises
        ------
        UnknownName
            If it has no such task.
        """
        for task in tasks:
            if task not in self.tasks:
                raise UnknownName("task", task, self.tasks)
        one = copy.copy(self)
        one.tasks = tuple(task for task in self.tasks if task in tasks)
        return one

    @property
    def empty(self) -> tuple[str, ...]:
        """Ids of scans without a pixel of these tasks, which make no case; reads the labels."""
        return tuple(
            one.id for one in self.sources if next(iter(one.cases(self.tasks)), None) is None
        )

    @property
    def notes(self) -> list[str]:
        """Of which of the scans that were read the size of a pixel is not known, and why."""
        notes: dict[str, list[str]] = {}
        for one in self.sources:
            if isinstance(one, Scan) and one.note:
                notes.setdefault(one.note, []).append(one.id)
        return [
            f"Size of a pixel not known (no mm) in {len(ids)} scans, such as {ids[0]!r}: {why}."
            for why, ids in notes.items()
        ]

    def __len__(self) -> int:
        """Number of cases; reads the labels of scans the first time."""
        bar = tqdm(
            self.sources,
            f"{self.key}: reading labels",
            unit="scan",
            disable=not self.progress,
            delay=1,
            file=sys.stderr,
            leave=False,
        )
        return sum(1 for source in bar for _ in source.cases(self.tasks))

    def cases(self) -> Iterator[Case]:
        """All cases, in the order of their ids."""
        return chain.from_iterable(source.cases(self.tasks) for source in self.sources)


def _first_id(source: Source) -> str:
    """What its first id begins with, so that all ids are sorted: "a-b/…" before "a/…"."""
    several = isinstance(source, Scan) or (isinstance(source, Picture) and source.instances)
    return f"{source.id}/" if several else source.id
