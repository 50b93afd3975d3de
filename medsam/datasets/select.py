"""From what a person asks for (task keys, a folder, a file) to a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from medsam.errors import InputError, UnknownName

if TYPE_CHECKING:
    from medsam.datasets.intensity import Intensity
    from medsam.datasets.readers.volume import Plane
    from medsam.datasets.sample import Dataset
    from medsam.datasets.source import DiskDataset

__all__ = ["Reading", "select"]

_YAML = (".yaml", ".yml")


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
        How volumes are cut; the dataset's own by default (empty).
    options : mapping of str to str
        A dataset's own choices, such as ``rater``.
    headers : str
        ``"agree"``: image and labels must tell one grid; ``"image"``: the image's counts.
    """

    intensity: str = "modality"
    window: tuple[float, float] | None = None
    plane: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    headers: str = "agree"

    def __post_init__(self) -> None:
        if self.headers not in ("agree", "image"):
            raise UnknownName("headers", self.headers, ("agree", "image"))


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
        dataset of the paper (which then lies in :func:`medsam.datasets.catalog.home`).
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
    folders = [folder for folder in (images, masks) if folder]
    reading = reading or Reading()
    given = bool(folders) + bool(data) + bool(keys and not data)
    if given != 1 or len(folders) == 1:
        raise InputError(
            f"Got tasks {keys or 'none'}, data {str(data) or 'none'}, images {images or 'none'}, "
            f"masks {masks or 'none'}. Allowed: either --tasks KEY… (or `all`; `medsam tasks` "
            "lists them), or --data KEY=PATH or FILE.yaml (with --tasks to restrict it), or both "
            "--images DIR and --masks DIR. Give one of the three."
        )
    if images and masks:
        return _folders(Path(images), Path(masks), reading, progress)
    if data:
        found = _data(str(data), reading, progress)
        return found if keys in ([], ["all"]) else found.only(keys)
    return _tasks(keys, reading, progress)


def _folders(images: Path, masks: Path, reading: Reading, progress: bool) -> Dataset:
    from medsam.datasets.own import VOLUMES, open_volumes

    if images.is_dir() and any(
        path.name.lower().endswith(VOLUMES) and not path.name.startswith(".")
        for path in images.iterdir()
    ):
        return open_volumes(
            images,
            masks,
            intensity=_intensity(reading),
            plane=_plane(reading),
            progress=progress,
        )
    from medsam.datasets.own import FolderDataset

    return FolderDataset(images, masks, intensity=_intensity(reading), progress=progress)


def _data(given: str, reading: Reading, progress: bool) -> DiskDataset:
    if given.lower().endswith(_YAML):
        from medsam.datasets.own import open_own, read_own

        if reading.options:
            raise UnknownName("option of a data file", next(iter(reading.options)), ())
        own = read_own(Path(given))
        # The file's own way is taken unless another is asked for.
        way = reading.intensity != "modality" or reading.window is not None
        return open_own(
            own,
            Path(given).parent,
            intensity=_intensity(reading) if way else None,
            plane=_plane(reading),
            progress=progress,
        )
    key, equals, path = given.partition("=")
    return _paper(key, Path(path).expanduser() if equals else None, reading, progress)


def _paper(key: str, path: Path | None, reading: Reading, progress: bool) -> DiskDataset:
    from medsam.datasets.catalog import VARIABLE, entry, place
    from medsam.datasets.layouts import open_dataset

    one = entry(key)
    if path is None and not place(key).is_dir():
        raise InputError(
            f"{one.title} is not in the data folder: {str(place(key))!r} does not exist. Allowed: "
            f"a dataset that was fetched or put there, or --data {key}=PATH. How to get it: "
            f"medsam data fetch {key}. Another data folder: {VARIABLE}."
        )
    return open_dataset(
        key,
        path or place(key),
        intensity=_intensity(reading),
        plane=_plane(reading),
        options=reading.options,
        trust_image=reading.headers == "image",
        progress=progress,
    )


def _tasks(keys: list[str], reading: Reading, progress: bool) -> Dataset:
    from medsam.datasets.brain import TASKS, BrainSample
    from medsam.datasets.catalog import catalog, entry_of_task

    of = {task.key: one.key for one in catalog().values() for task in one.tasks}
    asked = sorted({of[key] for key in keys if key in of})
    if not asked:
        unknown = [key for key in keys if key not in TASKS]
        if unknown and keys != ["all"]:
            raise UnknownName("task", unknown[0], [*TASKS, *of])
        return BrainSample(None if keys == ["all"] else keys, intensity=_intensity(reading))
    strange = [key for key in keys if key not in of]
    if len(asked) > 1 or strange:
        names = ", ".join([*asked, *strange])
        raise InputError(
            f"Tasks of several datasets: {names}. Allowed: tasks of one dataset a run. "
            "Run the command once for each dataset; --out may be the same."
        )
    found = _paper(entry_of_task(keys[0]).key, None, reading, progress)
    return found.only(keys)


def _intensity(reading: Reading) -> Intensity:
    from medsam.datasets.intensity import WINDOW, Intensity

    return Intensity(reading.intensity, reading.window or WINDOW)


def _plane(reading: Reading) -> Plane | None:
    from medsam.datasets.readers.volume import check_plane

    return check_plane(reading.plane) if reading.plane else None
