"""MedSAM: SAM's ViT-B, fine-tuned on boxes of medical images. It is not zero-shot SAM.

Source: Ma et al. 2024, Segment anything in medical images (doi:10.1038/s41467-024-44824-z), and
its inference script, from which the preparation of images and boxes is: the image is brought to
1024 x 1024 pixels, its aspect ratio not kept (cubic, blurred before it is made smaller), cut to
whole numbers, minimum to maximum onto 0 to 1 over all channels; boxes are scaled by the same two
ratios; there is one mask, whose probabilities, not logits, are brought to the image's size
(bilinear) and cut at one half.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsam.models.contract import Embedding, Prediction
from medsam.models.onnx_sam import SIDE
from medsam.models.sam import SamVitB
from medsam.prompts import Prompt

__all__ = ["MedSam", "preprocess"]

_LEAST = 1e-6
"""Probabilities are kept this far from 0 and 1 where logits are made of them."""


def preprocess(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) uint8 RGB to the encoder's (1, 3, 1024, 1024) float32 in 0 to 1.

    The steps are those of scikit-image's ``resize`` as the inference script calls it, on the
    functions of SciPy that it stands on.
    """
    factors = np.divide(image.shape, (SIDE, SIDE, 3))
    pixels = image.astype(np.float64)
    if (factors > 1).any():
        pixels = ndimage.gaussian_filter(pixels, np.maximum(0, (factors - 1) / 2), mode="mirror")
    wide = ndimage.zoom(pixels, 1 / factors, order=3, mode="mirror", grid_mode=True)
    # A cubic curve overshoots at edges. The rest is cut off, not rounded, as released.
    whole = np.clip(wide, pixels.min(), pixels.max()).astype(np.uint8).astype(np.float64)
    low, high = whole.min(), whole.max()
    # An image of one value has no contrast: zero everywhere.
    scaled = (whole - low) / max(high - low, 1e-8)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], np.float32)


class MedSam(SamVitB):
    """MedSAM with its published checkpoint, which a person gets by hand. One mask a box.

    Its authors state no hash of the file: results name its sha256, but nothing checks it. What is
    checked is that it holds every tensor of ViT-B, by name and shape, and no other.

    Parameters and errors are those of :class:`medsam.models.sam.Sam`.

    Notes
    -----
    The score is what SAM's IoU head says. The authors' inference script does not use it, and with
    one mask it decides nothing.
    """

    name: ClassVar[str] = "medsam-vit-b"
    accepts: ClassVar[frozenset[str]] = frozenset({"box"})

    def predict(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask: bool = True
    ) -> list[Prediction]:
        """One mask a box, whatever ``multimask`` says: it was trained to give output 0 only."""
        return super().predict(embedding, prompts, multimask=False)

    def provenance(self) -> dict[str, str]:
        """As SAM's, and that the sha256 is not checked."""
        return super().provenance() | {"sha256_checked": "no: its authors state none"}

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return preprocess(image)

    def _scale(self, image_size: tuple[int, int]) -> NDArray[np.float64]:
        height, width = image_size
        return np.array([SIDE / width, SIDE / height])

    def _upscale(self, logits: Any, image_size: tuple[int, int]) -> Any:
        import torch
        from torch.nn.functional import interpolate

        wide = interpolate(torch.sigmoid(logits), image_size, mode="bilinear", align_corners=False)
        # Back to log-odds: above 0 is above one half, as the contract has it.
        return torch.logit(wide, eps=_LEAST)
