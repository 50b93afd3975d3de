"""A folder of pictures as people have it, written from the five patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from medsam.datasets.patients import TASKS, open_patients

_NO_MASK, _HALF, _TORN = 15, 18, 22  # slices of lungs, of which there are most


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
    images, masks = folder / "images", folder / "masks"
    for path in (images, masks):
        path.mkdir(parents=True, exist_ok=True)
    cases = [case for dataset in open_patients(list(TASKS)) for case in dataset.cases()]
    for at, case in enumerate(cases):
        sample, name = case.load(), f"{case.id.replace('/', '-')}.png"
        labels = np.zeros(sample.image.shape[:2], np.uint8)
        for value, task in enumerate(TASKS, 1):
            labels[sample.masks.get(task, np.zeros_like(labels, bool))] = value
        Image.fromarray(sample.image).save(images / name)
        if at == _TORN:
            content = (images / name).read_bytes()
            (images / name).write_bytes(content[: len(content) // 3])
        if at != _NO_MASK:
            Image.fromarray(labels[1::2, 1::2] if at == _HALF else labels).save(masks / name)
    (images / "notes.txt").write_text("Scanned on two days.\n")
    return images, masks
