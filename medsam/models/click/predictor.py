"""How a click model is asked: click after click, each with the mask that came of the last.

A click model's answer to n clicks depends on its answer to the first n - 1. Here this makes no
hidden state: a prompt of n points without a previous mask means n steps, from the first click
on, and is answered alike whenever and in whatever order it is asked. Steps already made are
remembered, so that a study of nine clicks costs nine.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medsam.models.click.zoom import (
    Clicks,
    Roi,
    Zoom,
    crop,
    in_region,
    mirrored,
    paste,
)
from medsam.models.contract import Embedding, Prediction, PromptableModel, check_image
from medsam.models.device import Runtime
from medsam.models.tensors import load_weights
from medsam.prompts import Prompt

THRESHOLD = 0.49
"""Probability above which a pixel is the object, in all of the released evaluations."""
_REMEMBERED = 32
"""States that a model keeps, one image-sized float32 array each."""
_CERTAIN = 1e-7
"""Probabilities are kept this far from 0 and 1 where logits are made of them."""


@dataclass(frozen=True)
class State:
    """What a step leaves to the next.

    Attributes
    ----------
    probability : (1, 1, H, W) float32 Tensor or None
        Of the object; ``None`` before the first click.
    roi : Roi or None
        Where the network looked, once it has zoomed in.
    """

    probability: Tensor | None = None
    roi: Roi | None = None


class ClickModel(PromptableModel):
    """A model that takes clicks, one after the other, and the mask of the last.

    Parameters
    ----------
    name : str
        In the registry of models and in the results.
    network : mapping of str to object
        What the network of this class is made with.
    folder : Path, optional
        Folder with the checkpoint, or the file itself; by default where downloads go.
    checkpoint, base : Path or str, optional
        As of :class:`medsam.models.sam.Sam`.
    device : str
        ``"auto"``, ``"cuda"``, ``"mps"`` or ``"cpu"``.

    Raises
    ------
    WeightsError
        If the checkpoint is missing, torn, not this model's, or holds anything but tensors.
    InputError
        If there is no such device.

    Notes
    -----
    The embedding is the image. There is one mask a prompt (K = 1), with a score of NaN, as these
    models estimate no IoU. ``Prediction.logits`` is (1, H, W), the log-odds of the probability
    at every pixel of the image; given back in :attr:`Prompt.logits`, it is the previous mask, and
    all points of the prompt are one step that starts from it (with a zoom that starts afresh).
    """

    accepts = frozenset({"points", "mask"})
    network: ClassVar[Callable[..., nn.Module]]

    def __init__(
        self,
        name: str,
        network: Mapping[str, Any],
        folder: Path | None = None,
        *,
        checkpoint: Path | str | None = None,
        base: Path | str | None = None,
        device: str = "auto",
    ):
        self._device = Runtime.choose(device).device
        # Made without memory, as every weight comes from the file.
        with torch.device("meta"):
            net = self.build(network)
        self.name, net, self._about = load_weights(net, name, folder, checkpoint, base)
        self.net: Any = net.to(self._device)
        self._states: OrderedDict[tuple[bytes, bytes], State] = OrderedDict()

    @classmethod
    def build(cls, network: Mapping[str, Any]) -> nn.Module:
        """The network of that size, with random weights."""
        return cls.network(**network)

    @abstractmethod
    def step(self, image: Tensor, clicks: Clicks, state: State) -> State:
        """One step: (1, 3, H, W) image (0 to 1), all (N, 3) clicks so far, and the last state."""

    def embed(self, image: NDArray[np.uint8]) -> Embedding:
        """The (H, W, 3) uint8 RGB image itself.

        Raises
        ------
        InputError
            If the image has another shape or dtype.
        """
        check_image(image)
        return Embedding(image, (image.shape[0], image.shape[1]), self.name)

    def predict(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask: bool = True
    ) -> list[Prediction]:
        """One mask a prompt; ``multimask`` changes nothing.

        Raises
        ------
        InputError
            Before anything is computed: if a prompt has a box, a click beside the image, or a
            previous mask of another size.
        """
        self.check_call(embedding, prompts, embedding.image_size)
        pixels = np.ascontiguousarray(embedding.features)
        key = hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).digest()
        with torch.inference_mode():
            image = torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy())
            image = image.to(self._device).float() / 255
            return [self._answer(image, key, prompt) for prompt in prompts]

    def _answer(self, image: Tensor, key: bytes, prompt: Prompt) -> Prediction:
        clicks = np.column_stack([prompt.points[:, ::-1], prompt.labels]).astype(np.float64)
        if prompt.logits is None:
            state = self._replay(image, key, clicks)
        else:
            before = torch.sigmoid(torch.as_tensor(prompt.logits, dtype=image.dtype))[None]
            state = self.step(image, clicks, State(before.to(self._device)))
        assert state.probability is not None
        probability = state.probability[0].cpu()
        logits = torch.logit(probability, eps=_CERTAIN).numpy()
        return Prediction((probability > THRESHOLD).numpy(), np.full(1, np.nan, np.float32), logits)

    def _replay(self, image: Tensor, key: bytes, clicks: Clicks) -> State:
        """The state after the clicks, from the longest beginning that is remembered."""
        names = [(key, clicks[:k].tobytes()) for k in range(len(clicks) + 1)]
        done = next((k for k in range(len(clicks), 0, -1) if names[k] in self._states), 0)
        state = self._states[names[done]] if done else State()
        for k in range(done + 1, len(clicks) + 1):
            state = self.step(image, clicks[:k], state)
            self._states[names[k]] = state
        self._states.move_to_end(names[-1])
        while len(self._states) > _REMEMBERED:
            self._states.popitem(last=False)
        return state

    def provenance(self) -> dict[str, str]:
        """Source, licence and sha256 of the checkpoint, and how the model is asked."""
        how = {"threshold": str(THRESHOLD), "precision": "float32"}
        return self._about | how | {"device": self._device.partition(":")[0]} | self.settings()

    def settings(self) -> dict[str, str]:
        """How the model is asked, for the provenance."""
        return {}


class ZoomedModel(ClickModel):
    """A click model that is asked as RITM and SimpleClick are: zoomed in, with the mirror image."""

    zoom: ClassVar[Zoom]

    def step(self, image: Tensor, clicks: Clicks, state: State) -> State:
        """Zoom in, predict, average with the logits of the mirror image."""
        picture, seen, roi = look(self.zoom, image, clicks, state)
        twice = torch.cat([picture, picture.flip(3)])
        plain, flipped = self.net(twice, [seen, mirrored(seen, picture.shape[3])])
        logits = 0.5 * (plain + flipped.flip(2))[None]
        return State(paste(torch.sigmoid(logits), roi, (image.shape[2], image.shape[3])), roi)

    def settings(self) -> dict[str, str]:
        """The zoom and the mirroring."""
        return {"zoom": str(self.zoom), "flip": "average of logits"}


def look(
    zoom: Zoom, image: Tensor, clicks: Clicks, state: State
) -> tuple[Tensor, Clicks, Roi | None]:
    """What a network is shown at a step: picture with previous mask, clicks in it, the region.

    Where nothing was left of the object this is the whole picture, but the region is that of the
    last step, into which the answer is put, as released.
    """
    size = (image.shape[2], image.shape[3])
    before = image.new_zeros((1, 1, *size)) if state.probability is None else state.probability
    last = None if state.probability is None else before[0, 0].cpu().numpy()
    picture = torch.cat([image, before], 1)
    roi = zoom.region(last, state.roi, clicks, size)
    if roi is None:
        return picture, clicks, state.roi
    picture = crop(picture, roi, zoom.size)
    return picture, in_region(clicks, roi, (picture.shape[2], picture.shape[3])), roi
