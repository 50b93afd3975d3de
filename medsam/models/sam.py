"""SAM with ViT-H, ViT-L and ViT-B through segment-anything, from the published checkpoints.

Source: Kirillov et al. 2023, Segment Anything (doi:10.1109/ICCV51070.2023.00371).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything import sam_model_registry

from medsam.models.attention import fuse_attention
from medsam.models.checkpoints import load_weights, renamed
from medsam.models.onnx_sam import preprocess
from medsam.models.torch_sam import TorchSam

__all__ = ["Sam", "as_segment_anything"]

_RENAMES = (
    (
        r"^(shared_image_embedding|prompt_encoder\.shared_embedding)\.positional_embedding$",
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    ),
    (r"^vision_encoder\.layers\.", "image_encoder.blocks."),
    (r"^vision_encoder\.", "image_encoder."),
    (r"patch_embed\.projection\.", "patch_embed.proj."),
    (r"\.point_embed\.", ".point_embeddings."),
    (r"neck\.conv1\.", "neck.0."),
    (r"neck\.layer_norm1\.", "neck.1."),
    (r"neck\.conv2\.", "neck.2."),
    (r"neck\.layer_norm2\.", "neck.3."),
    (r"mask_embed\.conv1\.", "mask_downscaling.0."),
    (r"mask_embed\.layer_norm1\.", "mask_downscaling.1."),
    (r"mask_embed\.conv2\.", "mask_downscaling.3."),
    (r"mask_embed\.layer_norm2\.", "mask_downscaling.4."),
    (r"mask_embed\.conv3\.", "mask_downscaling.6."),
    (r"\.upscale_conv1\.", ".output_upscaling.0."),
    (r"\.upscale_layer_norm\.", ".output_upscaling.1."),
    (r"\.upscale_conv2\.", ".output_upscaling.3."),
    (r"\.layer_norm(\d|_final)", r".norm\1"),
    # Heads of three layers; the middle one first.
    (r"(_head|_mlps\.\d)\.layers\.0\.", r"\1.layers.1."),
    (r"(_head|_mlps\.\d)\.proj_in\.", r"\1.layers.0."),
    (r"(_head|_mlps\.\d)\.proj_out\.", r"\1.layers.2."),
)
"""From the names of transformers' ``SamModel`` to those of segment-anything, in this order."""


def as_segment_anything(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors under segment-anything's names, where they have those of transformers."""
    if not any(re.search(r"^vision_encoder\.|\.upscale_conv1\.", name) for name in state):
        return state
    return renamed(state, _RENAMES)


class Sam(TorchSam):
    """SAM with one of its three encoders.

    Parameters
    ----------
    name : str
        In the registry of models and in the results.
    network : str
        Of segment-anything's registry: ``"vit_h"`` is the paper's; ``"vit_l"``, ``"vit_b"``.
    folder : Path, optional
        Folder with the checkpoint, or the file itself; by default where `medsam weights fetch`
        puts it.
    checkpoint, base : Path, optional
        A checkpoint of one's own for the same architecture (fine-tuned, say), in place of the
        published one: a file, or a folder as transformers saves its ``SamModel``; and what it is
        laid onto where it holds only some of the tensors. Results then name both and their sha256.
    compiled : bool
        Compile the encoder, which takes minutes and pays for many images.
    **options
        ``device``, ``precision``, ``images`` and ``prompts`` of
        :class:`medsam.models.torch_sam.TorchSam`.

    Raises
    ------
    WeightsError
        If the file is missing, torn, another one, or holds anything but the model's tensors.
    InputError
        If device or precision are not there.
    """

    def __init__(
        self,
        name: str,
        network: str,
        folder: Path | None = None,
        *,
        checkpoint: Path | None = None,
        base: Path | None = None,
        compiled: bool = False,
        **options: Any,
    ):
        loaded = load_weights(
            self.build(network), name, folder, checkpoint, base, as_segment_anything
        )
        super().__init__(*loaded, **options)
        fuse_attention(self.net.image_encoder)
        if compiled:
            self.net.image_encoder.compile()
            self._about |= {"compiled": "torch.compile"}

    @staticmethod
    def build(network: str) -> Any:
        """The architecture of that name, with random weights."""
        return sam_model_registry[network]()

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return preprocess(image)

    def _scale(self, image_size: tuple[int, int]) -> NDArray[np.float64]:
        height, width = image_size
        fit_h, fit_w = self._fit(image_size)
        return np.array([fit_w / width, fit_h / height])

    def _upscale(self, logits: Any, image_size: tuple[int, int]) -> Any:
        return self.net.postprocess_masks(logits, self._fit(image_size), image_size)
