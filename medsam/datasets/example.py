"""A folder of pictures as people have it, written from the embedded sample."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from medsam.datasets.brain import BrainSample
from medsam.datasets.sample import Sample
from medsam.errors import InputError

__all__ = ["TASKS", "example_folder", "write_pair"]

TASKS = ("brain_ventricles", "brain_thalamus", "brain_stem", "brain_cerebellum")
"""Objects of the example: 1, 2, ... in its masks."""

_FLAWS = {1: "no mask", 3: "half", 5: "torn"}  # of slices at the back, with one object each


def write_pair(folder: Path, sample: Sample, values: Mapping[str, int]) -> tuple[Path, Path]:
    """Write a sample as two PNG files of one stem, ``images/<id>.png`` and ``masks/<id>.png``.

    Parameters
    ----------
    folder : Path
    sample : Sample
    values : mapping of str to int
        Value of each task in the mask, 1 to 255.

    Returns
    -------
    Path, Path
        Image and mask.

    Raises
    ------
    InputError
        If two objects share a pixel, which one mask cannot say.
    """
    labels = np.zeros(sample.image.shape[:2], np.uint8)
    for task, mask in sample.masks.items():
        if task not in values:
            continue
        if (labels[mask] > 0).any():
            raise InputError(
                f"Object {task!r} of {sample.id!r} shares pixels with another one. Allowed: "
                "objects apart from each other. Write them as one mask file each."
            )
        labels[mask] = values[task]
    paths = folder / "images" / f"{sample.id}.png", folder / "masks" / f"{sample.id}.png"
    for path, array in zip(paths, (sample.image, labels), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    return paths


def example_folder(folder: Path) -> tuple[Path, Path]:
    """Write the example: coronal slices of the embedded sample, and four flaws.

    A mask is missing, another one has half the size of its image, an image is torn, and a text
    file lies among the images. Written again, the files are the same.

    Returns
    -------
    Path, Path
        Folders of the images and of the masks.
    """
    values = {task: value for value, task in enumerate(TASKS, 1)}
    cases = [case for case in BrainSample(TASKS).cases() if case.id.startswith("coronal")]
    for at, case in enumerate(cases):
        image, mask = write_pair(folder, case.load(), values)
        _spoil(image, mask, _FLAWS.get(at, ""))
    (folder / "images" / "notes.txt").write_text("Scanned on two days.\n")
    return folder / "images", folder / "masks"


def _spoil(image: Path, mask: Path, flaw: str) -> None:
    if flaw == "no mask":
        mask.unlink()
    elif flaw == "half":
        with Image.open(mask) as whole:
            whole.resize((whole.width // 2, whole.height // 2), Image.Resampling.NEAREST).save(mask)
    elif flaw == "torn":
        content = image.read_bytes()
        image.write_bytes(content[: len(content) // 3])
