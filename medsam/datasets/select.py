"""From what a person names (task keys, a folder, a file) to a dataset."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from medsam.datasets.brain import TASKS, BrainSample
from medsam.datasets.catalog import DATA_VARIABLE, catalog, entry, place
from medsam.datasets.layouts import open_dataset
from medsam.datasets.own import FolderDataset, open_own, read_own
from medsam.datasets.sample import Dataset
from medsam.datasets.source import DiskDataset, Reading
from medsam.errors import InputError, UnknownName

__all__ = ["Reading", "select"]


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
        ``"all"`` for all of the embedded sample, or all of ``data``.
    images, masks : path, optional
        Two folders of equal file stems, of pictures or of volumes.
    data : str, optional
        ``KEY=PATH`` (a dataset of the paper and the folder into which it was unpacked), ``KEY``
        (in the data folder), or a YAML file of one's own; ``tasks`` may restrict it.
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
    reading = reading or Reading()
    given = bool(images or masks) + bool(data) + bool(keys and not data)
    if given != 1 or bool(images) != bool(masks):
        raise InputError(
            f"Got tasks {keys or 'none'}, data {str(data) or 'none'}, images {images or 'none'}, "
            f"masks {masks or 'none'}. Allowed: --tasks KEY… (or `all`; `medsam tasks` lists "
            "them), --data KEY=PATH or FILE.yaml (with --tasks to restrict it), or --images DIR "
            "and --masks DIR. Give one of the three."
        )
    if images and masks:
        return FolderDataset(images, masks, reading=reading, progress=progress)
    if data:
        found = _data(str(data), reading, progress)
        return found if keys in ([], ["all"]) else found.only(keys)
    return _tasks(keys, reading, progress)


def _data(given: str, reading: Reading, progress: bool) -> DiskDataset:
    if given.lower().endswith((".yaml", ".yml")):
        if reading.options:
            raise UnknownName("option of a data file", next(iter(reading.options)), ())
        file = Path(given)
        return open_own(read_own(file), file.parent, reading, progress=progress)
    key, equals, path = given.partition("=")
    one = entry(key)
    folder = Path(path).expanduser() if equals else place(key)
    if not equals and not folder.is_dir():
        raise InputError(
            f"{one.title} is not in the data folder: {str(folder)!r} does not exist. Allowed: "
            f"--data {key}=PATH, or another data folder ({DATA_VARIABLE}). To get it: medsam data "
            f"fetch {key}."
        )
    return open_dataset(key, folder, reading, progress=progress)


def _tasks(keys: list[str], reading: Reading, progress: bool) -> Dataset:
    dataset_of = {task.key: one.key for one in catalog().values() for task in one.tasks}
    datasets = sorted({dataset_of[key] for key in keys if key in dataset_of})
    others = [key for key in keys if key not in dataset_of]
    if not datasets:
        unknown = [key for key in keys if key not in TASKS]
        if unknown and keys != ["all"]:
            raise UnknownName("task", unknown[0], [*TASKS, *dataset_of])
        return BrainSample(None if keys == ["all"] else keys, intensity=reading.to_uint8)
    if len(datasets) > 1 or others:
        raise InputError(
            f"Tasks of several datasets: {', '.join([*datasets, *others])}. Allowed: tasks of one "
            "dataset a run. Run the command once for each; --out may be the same."
        )
    return _data(datasets[0], reading, progress).only(keys)
