"""SAM with ViT-H, ViT-L and ViT-B through segment-anything, from the published checkpoints.

Source: Kirillov et al. 2023, Segment Anything (doi:10.1109/ICCV51070.2023.00371).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything import sam_model_registry

from medsam.models.attention import fuse_attention
from medsam.models.onnx_sam import preprocess
from medsam.models.tensors import renamed
from medsam.models.torch_sam import TorchSam

_GRID = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
_GRIDS = (
    "prompt_encoder.shared_embedding.positional_embedding",
    "shared_image_embedding.positional_embedding",
)


def as_segment_anything(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors under segment-anything's names, where they have those of transformers."""
    if not any(name.startswith("vision_encoder.") or ".upscale_conv1." in name for name in state):
        return state
    rest = {name: value for name, value in state.items() if name not in _GRIDS}
    grids = [state[name] for name in _GRIDS if name in state]
    return renamed(rest, "shared", "sam", back=True) | ({_GRID: grids[0]} if grids else {})


class Sam(TorchSam):
    """SAM with one of its three encoders.

    Parameters
    ----------
    name : str
        In the registry of models and in the results.
    network : str
        Of segment-anything's registry: ``"vit_h"`` is the paper's; ``"vit_l"``, ``"vit_b"``.
    **options
        Those of :class:`medsam.models.torch_sam.TorchSam`, which says what is raised.
    """

    def __init__(self, name: str, network: str, **options: Any):
        super().__init__(name, self.build(network), rename=as_segment_anything, **options)
        fuse_attention(self.net.image_encoder)

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
