"""A folder of pictures as people have it, written from the five patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from medsam.datasets.patients import TASKS, open_patients
from medsam.datasets.sample import Sample

_FLAWS = {15: "no mask", 18: "half", 22: "torn"}  # of slices of lungs, of which there are most


def _write_pair(folder: Path, sample: Sample) -> tuple[Path, Path]:
    """Write a sample as two PNG files of one stem; its object has the place of its task."""
    labels = np.zeros(sample.image.shape[:2], np.uint8)
    for value, task in enumerate(TASKS, 1):
        if task in sample.masks:
            labels[sample.masks[task]] = value
    name = f"{sample.id.replace('/', '-')}.png"
    paths = folder / "images" / name, folder / "masks" / name
    for path, array in zip(paths, (sample.image, labels), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    return paths


def example_folder(folder: Path) -> tuple[Path, Path]:
    """Write the example: the slices of the five patients, and four flaws.

    In the masks the tasks of :data:`medsam.datasets.patients.TASKS` are 1, 2 and 3.

    A mask is missing, another one has half the size of its image, an image is torn, and a text
    file lies among the images. Written again, the files are the same.

    Returns
    -------
    Path, Path
        Folders of the images and of the masks.
    """
    cases = [case for dataset in open_patients(list(TASKS)) for case in dataset.cases()]
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
