"""What a model predicts on one image, each prompt asked once."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from medsam.models.contract import Embedding, Prediction, PromptableModel
from medsam.prompts import Prompt

__all__ = ["Predictor"]

MEMORY = 256 * 2**20
"""Bytes of predictions that are kept for one image."""


class Predictor:
    """Predictions of prompts on one image, which is embedded at the first of them.

    A prompt that was asked before is not asked again: of one task, under one protocol or
    several, most prompts are the same. Those that were not used for the longest time are dropped
    when they would take more memory than allowed, which changes no result.

    Parameters
    ----------
    model : PromptableModel
    image : (H, W, 3) uint8
    memory : int
        Bytes of predictions to keep. The last one is always kept.

    Attributes
    ----------
    asked, computed : int
        Prompts so far, and those that the model was asked.
    """

    def __init__(self, model: PromptableModel, image: NDArray[np.uint8], memory: int = MEMORY):
        self._model, self._image, self._memory = model, image, memory
        self._embedding: Embedding | None = None
        self._known: OrderedDict[str, list[Prediction]] = OrderedDict()
        self._bytes = 0
        self.asked = self.computed = 0

    def __call__(self, prompt: Prompt) -> list[Prediction]:
        """Predictions of a prompt, one a box."""
        self.asked += 1
        if prompt.logits is not None:
            # The previous mask is no part of the prompt's JSON.
            return self._predict(prompt)
        key = prompt.to_json()
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        predictions = self._known[key] = self._predict(prompt)
        self._bytes += _size(predictions)
        while self._bytes > self._memory and len(self._known) > 1:
            self._bytes -= _size(self._known.popitem(last=False)[1])
        return predictions

    def forget(self) -> None:
        """Free the memory of what was predicted; the embedding stays."""
        self._known.clear()
        self._bytes = 0

    def _predict(self, prompt: Prompt) -> list[Prediction]:
        self.computed += 1
        if self._embedding is None:
            self._embedding = self._model.embed(self._image)
        return self._model.predict(self._embedding, prompt.split())


def _size(predictions: list[Prediction]) -> int:
    return sum(p.masks.nbytes + p.scores.nbytes + p.logits.nbytes for p in predictions)
