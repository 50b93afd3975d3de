"""A transparent model and tiny images, for tests that count and compare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import imageio.v3 as iio
import numpy as np

from medsam.models.contract import Embedding, Prediction, PromptableModel


class SquareModel(PromptableModel):
    """Answers a point with three squares around it, and a box with the box: easy to check."""

    name: ClassVar[str] = "square"
    accepts: ClassVar[frozenset[str]] = frozenset({"points", "box", "mask"})
    concurrent = True

    def __init__(self):
        self.embedded = 0
        self.asked = []

    def embed(self, image):
        self.embedded += 1
        return Embedding(image, image.shape[:2])

    def predict(self, embedding, prompts: Sequence, *, multimask=True):
        out = []
        for prompt in prompts:
            self.check(prompt)
            self.asked.append(prompt.to_json())
            masks = np.zeros((3, *embedding.image_size), bool)
            for i, half in enumerate((1, 3, 6)):
                if len(prompt.boxes):
                    x0, y0, x1, y1 = prompt.boxes[0].astype(int)
                    masks[i, max(0, y0 - i) : y1 + 1 + i, max(0, x0 - i) : x1 + 1 + i] = True
                for (x, y), label in zip(prompt.points.astype(int), prompt.labels, strict=True):
                    rows = slice(max(0, y - half), y + half + 1)
                    masks[i, rows, max(0, x - half) : x + half + 1] = bool(label)
            scores = np.array([0.5, 0.9, 0.7], np.float32)
            logits = np.zeros((3, 4, 4), np.float32)
            out.append(Prediction(masks, scores, logits))
        return out

    def provenance(self):
        return {"weights": "none", "sha256": "0"}


class Boxes(SquareModel):
    """Takes boxes only, and answers with the smallest square: the box itself."""

    name = "lite-medsam"
    accepts = frozenset({"box"})

    def predict(self, embedding, prompts, *, multimask=True):
        found = super().predict(embedding, prompts)
        return [Prediction(p.masks[:1], p.scores[:1], p.logits[:1]) for p in found]


def write_pair(folder: Path, stem: str, mask: np.ndarray, image: np.ndarray | None = None) -> None:
    """An image and its mask, as two PNG files of one stem."""
    if image is None:
        image = np.uint8(40 + 150 * (mask > 0))
    for name, array in (("images", image), ("masks", mask.astype(np.uint8))):
        (folder / name).mkdir(parents=True, exist_ok=True)
        iio.imwrite(folder / name / f"{stem}.png", array)


def blob(seed: int, shape=(40, 50)) -> np.ndarray:
    """A label image with object 1 of two parts, and object 2 on even seeds only."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, np.uint8)
    y, x = rng.integers(2, 12, 2)
    mask[y : y + 9, x : x + 11] = 1
    mask[y + 15 : y + 20, x + 18 : x + 25] = 1
    if seed % 2 == 0:
        mask[30:38, 3:12] = 2
    return mask


def write_volume(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> None:
    """A NIfTI file; voxels of 0.5 x 2 x 3 mm, stored to the right, anterior, superior."""
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([0.5, 2.0, 3.0, 1.0]) if affine is None else affine
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
