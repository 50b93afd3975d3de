"""SAM with ViT-H, ViT-L and ViT-B through segment-anything, from the published checkpoints.

Source: Kirillov et al. 2023, Segment Anything (doi:10.1109/ICCV51070.2023.00371).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from segment_anything import sam_model_registry

from medsam.models.checkpoints import find_weights, fit, read_state
from medsam.models.onnx_sam import preprocess
from medsam.models.torch_sam import TorchSam

__all__ = ["Sam"]


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
    checkpoint : Path, optional
        A checkpoint of one's own for the same architecture (fine-tuned, say), in place of the
        published one. Results then name it and its sha256.
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
        **options: Any,
    ):
        path, about = find_weights(name, folder, checkpoint)
        net = fit(self.build(network), read_state(path), path, name)
        super().__init__(name, net, about, **options)

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
