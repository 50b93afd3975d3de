"""A folder of pictures as people have it, written from the embedded sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from medsam.datasets.brain import BrainSample
from medsam.datasets.sample import Sample

__all__ = ["TASKS", "example_folder"]

TASKS = ("brain_ventricles", "brain_thalamus", "brain_stem", "brain_cerebellum")
"""Objects of the example: 1, 2, ... in its masks."""

_FLAWS = {1: "no mask", 3: "half", 5: "torn"}  # of slices at the back, with one object each


def _write_pair(folder: Path, sample: Sample) -> tuple[Path, Path]:
    """Write a sample as two PNG files of one stem; objects do not share pixels."""
    labels = np.zeros(sample.image.shape[:2], np.uint8)
    for value, task in enumerate(TASKS, 1):
        if task in sample.masks:
            labels[sample.masks[task]] = value
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
    cases = [case for case in BrainSample(TASKS).cases() if case.id.startswith("coronal")]
    for at, case in enumerate(cases):
        image, mask = _write_pair(folder, case.load())
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
