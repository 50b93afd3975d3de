"""nnInteractive on single images, as volumes of one slice, through its own package.

Source: Isensee et al. 2025, nnInteractive: Redefining 3D Promptable Segmentation (arXiv
2503.08373). Its weights may not be used commercially (CC BY-NC-SA 4.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medsam.errors import InputError
from medsam.models.checkpoints import find_weights
from medsam.models.contract import Embedding, Prediction, PromptableModel, check_image
from medsam.models.device import Runtime
from medsam.prompts import Prompt


class NnInteractive(PromptableModel):
    """nnInteractive. Each point of a prompt is an interaction of its own, in their order.

    Parameters
    ----------
    folder : Path, optional
        Folder that holds the folder of its trained model; by default where weights are.
    device : str
        ``"auto"``, ``"cuda"`` or ``"cpu"``.

    Raises
    ------
    WeightsError
        If the model is missing.
    InputError
        If the package nnInteractive or the device is not there.

    Notes
    -----
    The embedding is the image in grey levels. There is one mask a prompt (K = 1), with a score of
    NaN and logits of plus and minus one, as nnInteractive gives neither.
    """

    name = "nninteractive"
    accepts = frozenset({"points", "box"})

    def __init__(self, folder: Path | None = None, *, device: str = "auto"):
        self._device = Runtime.choose(device).device
        path, self._about = find_weights(self.name, folder)
        try:
            package = import_module("nnInteractive.inference.inference_session")
        except ImportError as error:
            raise InputError(
                f"nnInteractive cannot be imported ({error}). Run `pip install nnInteractive`."
            ) from error
        self._session: Any = package.nnInteractiveInferenceSession(
            device=torch.device(self._device), torch_n_threads=torch.get_num_threads()
        )
        self._session.initialize_from_trained_model_folder(str(path.parents[1]))
        self._shown: NDArray[Any] | None = None

    def embed(self, image: NDArray[np.uint8]) -> Embedding:
        """The (H, W, 3) uint8 image in grey levels, (1, 1, H, W) float32."""
        check_image(image)
        grey = image.mean(2, dtype=np.float32)[None, None]
        return Embedding(grey, (image.shape[0], image.shape[1]), self.name)

    def predict(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask: bool = True
    ) -> list[Prediction]:
        """One mask a prompt; ``multimask`` changes nothing."""
        self.check_call(embedding, prompts)
        if self._shown is not embedding.features:
            self._session.set_image(embedding.features)
            self._shown = embedding.features
        return [self._answer(prompt, embedding.image_size) for prompt in prompts]

    def _answer(self, prompt: Prompt, size: tuple[int, int]) -> Prediction:
        found = torch.zeros((1, *size), dtype=torch.uint8)
        self._session.set_target_buffer(found)
        self._session.reset_interactions()
        for left, top, right, bottom in prompt.boxes.round().astype(int).tolist():
            box = [[0, 1], [top, bottom + 1], [left, right + 1]]
            self._session.add_bbox_interaction(box, include_interaction=True)
        for (x, y), label in zip(prompt.points.astype(int).tolist(), prompt.labels, strict=True):
            self._session.add_point_interaction((0, y, x), include_interaction=bool(label))
        masks = found.numpy() > 0
        logits = np.where(masks, 1, -1).astype(np.float32)
        return Prediction(masks, np.full(1, np.nan, np.float32), logits)

    def provenance(self) -> dict[str, str]:
        """Source, licence and sha256 of the weights, and the device."""
        return self._about | {"device": self._device.partition(":")[0]}
