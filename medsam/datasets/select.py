"""From what a person asks for (task keys, or two folders) to a dataset."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from medsam.errors import InputError

if TYPE_CHECKING:
    from medsam.datasets.sample import Dataset

__all__ = ["select"]


def select(
    tasks: Iterable[str] | str = (),
    images: Path | str | None = None,
    masks: Path | str | None = None,
    *,
    progress: bool = True,
) -> Dataset:
    """The dataset of the given tasks, or of two folders of images and masks.

    Parameters
    ----------
    tasks : str or iterable of str
        Keys of tasks, joined with commas or one by one; ``"all"`` for every task at hand.
    images, masks : path, optional
        Two folders of equal file stems, instead of tasks.
    progress : bool
        Show a progress bar while a large folder is scanned.

    Raises
    ------
    InputError
        If neither or both are given, or a folder cannot be used.
    UnknownName
        If there is no such task; lists those there are.
    """
    words = tasks.split(",") if isinstance(tasks, str) else [w for t in tasks for w in t.split(",")]
    keys = [word.strip() for word in words if word.strip()]
    folders = [folder for folder in (images, masks) if folder]
    if bool(keys) == bool(folders) or len(folders) == 1:
        raise InputError(
            f"Got tasks {keys or 'none'}, images {images or 'none'}, masks {masks or 'none'}. "
            "Allowed: either --tasks KEY… (or `all`; `medsam tasks` lists "
            "them) or both --images DIR and --masks DIR. Give one of the two."
        )
    if images and masks:
        from medsam.datasets.folder import FolderDataset

        return FolderDataset(Path(images), Path(masks), progress=progress)
    from medsam.datasets.brain import BrainSample

    return BrainSample(None if keys == ["all"] else keys)
