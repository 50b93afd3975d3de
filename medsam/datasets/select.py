"""From what a person names (task keys, a folder, a file) to a dataset."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from medsam.datasets import brain, patients
from medsam.datasets.brain import BrainSample
from medsam.datasets.catalog import DATA_VARIABLE, catalog, entry, place
from medsam.datasets.layouts.layout import open_dataset
from medsam.datasets.own import open_folders, open_nnunet, open_own, read_own
from medsam.datasets.sample import Dataset
from medsam.datasets.source import DiskDataset, Reading
from medsam.datasets.subsets import Joined, Subset, parts_of
from medsam.errors import InputError, UnknownName

EMBEDDED = {
    key: task.title for tasks in (patients.TASKS, brain.TASKS) for key, task in tasks.items()
}
"""The tasks that come with the installation, and what a reader calls them."""

_GROUPS = {
    "all": tuple(EMBEDDED),
    "patients": tuple(patients.TASKS),
    "brain": tuple(brain.TASKS),
}

NNUNET = "nnunet"
"""What stands for a key before the path of a folder in nnU-Net's form."""


def select(
    tasks: Iterable[str] | str = (),
    images: Path | str | None = None,
    masks: Path | str | None = None,
    *,
    data: str | Path = "",
    reading: Reading | None = None,
    progress: bool = True,
) -> Dataset:
    """The dataset of the given tasks, of a dataset's folder, or of two folders.

    Parameters
    ----------
    tasks : str or iterable of str
        Keys of tasks, joined with commas or one by one: of the embedded sample, or of one
        dataset of the paper (which then lies in :func:`medsam.datasets.catalog.data_folder`).
        ``"patients"`` and ``"brain"`` for the tasks of the patients and of the brain template,
        ``"all"`` for both, or for all of ``data``.
    images, masks : path, optional
        Two folders of equal file stems, of pictures or of volumes.
    data : str, optional
        ``KEY=PATH`` (a dataset of the paper and the folder into which it was unpacked), ``KEY``
        (in the data folder), ``nnunet=PATH`` (a folder in nnU-Net's form), or a YAML file of
        one's own; ``tasks`` may restrict it.
    reading : Reading, optional
        How files become pixels.
    progress : bool
        Show a progress bar while labels are read.

    Raises
    ------
    InputError
        If what is given does not go together, or a folder cannot be used.
    UnknownName
        If there is no such task, dataset or option; lists those there are.
    """
    words = tasks.split(",") if isinstance(tasks, str) else [w for t in tasks for w in t.split(",")]
    keys = [word.strip() for word in words if word.strip()]
    reading, data = reading or Reading(), str(data)
    given = bool(images or masks) + bool(data) + bool(keys and not data)
    if given != 1 or bool(images) != bool(masks):
        raise InputError(
            f"Got tasks {keys or 'none'}, data {data or 'none'}, images {images or 'none'}, "
            f"masks {masks or 'none'}. Allowed: --tasks KEY… (`medsam tasks`), --data KEY=PATH or "
            "FILE.yaml (with --tasks), or --images DIR and --masks DIR. Give one of the three."
        )
    found: DiskDataset
    if images and masks:
        found = open_folders(images, masks, reading=reading, progress=progress)
    elif not data and not (data := _dataset_of(keys)):
        return _embedded(keys, reading)
    else:
        found = _on_disk(data, reading, progress)
    return found if keys in ([], ["all"]) else found.only(keys)


def thinned(dataset: Dataset, every: int, template_every: int = 0) -> Dataset:
    """One of so many images of a dataset, and of the brain template another number.

    Parameters
    ----------
    dataset : Dataset
    every : int
        1 for all.
    template_every : int
        Of the brain template; 0 for the same.
    """
    parts = [
        part if n == 1 else Subset(part, every=n)
        for part in parts_of(dataset)
        for n in [template_every or every if part.key == BrainSample.key else every]
    ]
    return parts[0] if len(parts) == 1 else Joined(parts, dataset.title)


def _on_disk(given: str, reading: Reading, progress: bool) -> DiskDataset:
    if given.lower().endswith((".yaml", ".yml")):
        file = Path(given)
        return open_own(read_own(file), file.parent, reading, progress=progress)
    key, equals, path = given.partition("=")
    if key == NNUNET and equals:
        return open_nnunet(Path(path).expanduser(), reading, progress=progress)
    one = entry(key)
    folder = Path(path).expanduser() if equals else place(key)
    if not equals and not folder.is_dir():
        raise InputError(
            f"{one.title}: {str(folder)!r} does not exist. Allowed: --data {key}=PATH, or another "
            f"data folder ({DATA_VARIABLE}). To get it: medsam data fetch {key}."
        )
    return open_dataset(key, folder, reading, progress=progress)


def _dataset_of(keys: list[str]) -> str:
    """The dataset of these tasks; none of those of the embedded sample."""
    known = {task.key: one.key for one in catalog().values() for task in one.tasks}
    datasets = sorted({known[key] for key in keys if key in known})
    others = [key for key in keys if key not in known]
    if len(datasets) > 1 or (datasets and others):
        raise InputError(
            f"Tasks of several datasets: {', '.join([*datasets, *others])}. Allowed: tasks of one "
            "dataset a run. Run the command once for each; --out may be the same."
        )
    for key in others:
        if key not in EMBEDDED and key not in _GROUPS:
            raise UnknownName("task", key, [*_GROUPS, *EMBEDDED, *known])
    return "".join(datasets)


def _embedded(keys: list[str], reading: Reading) -> Dataset:
    """Patients first, then the template."""
    if reading != Reading(reading.intensity, reading.window):
        raise InputError(
            "Plane, headers or options with the embedded sample, on which they have no effect. "
            "Allowed: with volumes on disk. Leave them out."
        )
    chosen = {task for key in keys for task in _GROUPS.get(key, (key,))}
    found: list[Dataset] = []
    if of_patients := [task for task in patients.TASKS if task in chosen]:
        found += patients.open_patients(of_patients, reading)
    if of_brain := [task for task in brain.TASKS if task in chosen]:
        found.append(BrainSample(of_brain, intensity=reading.to_uint8))
    titles = ["patients"] * bool(of_patients) + ["brain template"] * bool(of_brain)
    return found[0] if len(found) == 1 else Joined(found, " and ".join(titles))
