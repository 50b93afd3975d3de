"""What the torch models have in common that end in SAM's prompt encoder and mask decoder."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medsam.errors import InputError
from medsam.models.contract import Embedding, Prediction, PromptableModel, stability
from medsam.models.device import Runtime, in_batches, to_host
from medsam.models.onnx_sam import SIDE, check_size, fit_size
from medsam.models.tensors import load_weights
from medsam.prompts import Prompt

IMAGES = 64
"""Images in one call of the encoder on an accelerator, if so many are given."""
PROMPTS = 64
"""Prompts in one call of the decoder on an accelerator, as segment-anything's generator."""


class TorchSam(PromptableModel):
    """Image encoder, prompt encoder and mask decoder as modules of one torch network.

    Only the encoder runs in the precision asked for. Prompts and masks are always float32: they
    are a small part of the time, and coordinates do not bear rounding.

    Parameters
    ----------
    name : str
        In the registry of models; results say so too, where the weights are the published ones.
    net : Module
        With ``image_encoder``, ``prompt_encoder`` and ``mask_decoder``, as segment-anything's.
    folder : Path, optional
        Folder with the published weights, or the file itself; by default where
        `medsam weights fetch` puts it, or where the package that brings it is installed.
    checkpoint, base : Path or str, optional
        Weights of one's own for the same network (fine-tuned, say), in place of the published
        ones: a file, or a folder or name on the hub as transformers saves it; and what they are
        laid onto where they are only some of the tensors. Results then name both and their sha256.
    rename : callable
        From a file's names of tensors to those of the network.
    device, precision : str
        See :meth:`medsam.models.device.Runtime.choose`.
    compiled : bool
        Let `torch.compile` translate the encoder at its first image, which takes minutes and pays
        for many. The provenance says so, as it changes last bits.
    images, prompts : int, optional
        At most that many in one call of the encoder and of the decoder; fewer when memory is
        short. By default :data:`IMAGES` and :data:`PROMPTS`, but one on a CPU: there many at once
        take as long as one after the other, and matrix products of other sizes are rounded
        otherwise, which can move a mask by a pixel where its logits are next to zero. One at a
        time the decoder gives the bits of segment-anything's ``SamPredictor``.

    Raises
    ------
    WeightsError
        If a file is missing, torn, another one, for another size, or holds anything but the
        model's tensors.
    InputError
        If device or precision are not there.

    Attributes
    ----------
    side : int
        Longest side of what the encoder sees, in pixels.
    one_mask : bool
        Whether it gives one mask a prompt (output 0), whatever is asked.
    """

    accepts = frozenset({"points", "box", "mask"})
    side = SIDE
    one_mask = False
    concurrent = True

    def __init__(
        self,
        name: str,
        net: Any,
        folder: Path | None = None,
        *,
        checkpoint: Path | str | None = None,
        base: Path | str | None = None,
        rename: Callable[[dict[str, Any]], dict[str, Any]] = dict,
        device: str = "auto",
        precision: str = "float32",
        compiled: bool = False,
        images: int | None = None,
        prompts: int | None = None,
    ):
        self.runtime = Runtime.choose(device, precision)
        cpu = self.runtime.device == "cpu"
        images = (1 if cpu else IMAGES) if images is None else images
        prompts = (1 if cpu else PROMPTS) if prompts is None else prompts
        if images < 1 or prompts < 1:
            raise InputError(
                f"{images} images and {prompts} prompts at a time. Allowed: at least 1 of each."
            )
        self.name, net, self._about = load_weights(net, name, folder, checkpoint, base, rename)
        self.net = net.to(self.runtime.device)
        self._images, self._prompts = images, prompts
        self._maps = self._features
        if compiled:
            self._maps = torch.compile(self._features)
            self._about |= {"compiled": "torch.compile"}
        self._kept = threading.local()

    @abstractmethod
    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W, 3) uint8 to what the encoder takes, (1, 3, side, side)."""

    def _scale(self, image_size: tuple[int, int]) -> NDArray[np.float64]:
        """(2,): what x and y are multiplied by to go from the image to the encoder's input.

        That is a square to which the image is brought, unless a model says otherwise.
        """
        height, width = image_size
        return np.array([self.side / width, self.side / height])

    @abstractmethod
    def _upscale(self, logits: Any, image_size: tuple[int, int]) -> Any:
        """(1, K, h, w) tensor to (1, K, H, W)."""

    def embed(self, image: NDArray[np.uint8]) -> Embedding:
        """Encode one (H, W, 3) uint8 RGB image into (1, 256, 64, 64) float32 features.

        Raises
        ------
        InputError
            If the image has another shape or dtype.
        DataError
            If it is so narrow that nothing of it is left at the encoder's size.
        """
        return self.embed_many([image])[0]

    def embed_many(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Encode several images, some at a time; they may differ in size.

        Raises
        ------
        InputError, DataError
            As :meth:`embed`, before any is encoded.
        MedsamError
            If memory is too short for a single one.
        """
        for image in images:
            check_size(image, self.side)
        out, self._images = in_batches(images, self._images, self._encode, "image")
        return out

    def _encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        batch = torch.from_numpy(np.concatenate([self._prepare(image) for image in images]))
        with torch.inference_mode(), self.runtime.autocast():
            maps = [one.float() for one in self._maps(batch.to(self.runtime.device))]
        # On an accelerator they stay there.
        here = [one.numpy() for one in maps] if self.runtime.device == "cpu" else maps
        out = []
        for i, image in enumerate(images):
            features = [one[i : i + 1] for one in here]
            size = (image.shape[0], image.shape[1])
            out.append(Embedding(features if len(features) > 1 else features[0], size, self.name))
        return out

    def _features(self, batch: Any) -> list[Any]:
        """(n, 3, side, side) to the encoder's maps, each (n, channels, h, w)."""
        return [self.net.image_encoder(batch)]

    def predict(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask: bool = True
    ) -> list[Prediction]:
        """Three masks a prompt (SAM's outputs 1 to 3), or the single one (output 0).

        Prompts with equal numbers of points, of boxes and of masks go through the decoder
        together, of several images as well, as many in a call as ``prompts`` allows; the
        predictions are in the order of the prompts. ``multimask`` changes nothing where
        :attr:`one_mask` holds.

        Raises
        ------
        InputError
            If a prompt is of a kind that the model does not take, before any compute.
        MedsamError
            If memory is too short for a single one.
        """
        return self._predict([embedding] * len(prompts), prompts, multimask)

    def predict_many(
        self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]
    ) -> list[Prediction]:
        """As :meth:`predict`, with an embedding for each prompt."""
        return self._predict(embeddings, prompts, True)

    def _predict(
        self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt], multimask: bool
    ) -> list[Prediction]:
        with torch.inference_mode():
            found = self._ask(embeddings, prompts, multimask, masks=True)
            arrays = to_host([tensor for one in found for tensor in one])
        parts = zip(arrays[2::3], arrays[1::3], arrays[::3], strict=True)
        return [Prediction(*each) for each in parts]

    def low(self, embedding: Embedding, prompts: Sequence[Prompt]) -> list[tuple[Any, Any]]:
        """Of each prompt the logits, which stay on the device, and the (K,) scores."""
        with torch.inference_mode():
            found = self._ask([embedding] * len(prompts), prompts)
            scores = to_host([one[1] for one in found])
        return [(one[0], score) for one, score in zip(found, scores, strict=True)]

    def stable(
        self, logits: Sequence[Any], image_size: tuple[int, int], offset: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Masks and their stability, both made on the device."""
        with torch.inference_mode():
            full = self._upscale(torch.stack(list(logits))[None], image_size)[0]
            counts = [(full > level).sum((1, 2)) for level in (offset, -offset)]
            masks, inner, outer = to_host([full > 0, *counts])
        return masks, stability(inner, outer)

    def _ask(
        self,
        embeddings: Sequence[Embedding],
        prompts: Sequence[Prompt],
        multimask: bool = True,
        *,
        masks: bool = False,
    ) -> list[tuple[Any, ...]]:
        """Of each prompt its logits (K, h, w), scores (K,) and perhaps its masks, on the device."""
        for embedding, prompt in zip(embeddings, prompts, strict=True):
            self.check_call(embedding, [prompt], tuple(self.net.prompt_encoder.mask_input_size))
        alike: dict[tuple[int, int, bool], list[int]] = defaultdict(list)
        for i, prompt in enumerate(prompts):
            alike[len(prompt.points), len(prompt.boxes), prompt.logits is not None].append(i)
        found: dict[int, tuple[Any, ...]] = {}

        def decode(group: Sequence[int]) -> list[tuple[Any, ...]]:
            several = multimask and not self.one_mask
            of = [embeddings[i] for i in group]
            pairs = self._decode(of, [prompts[i] for i in group], several)
            if not masks:
                return pairs
            # One prompt at a time: at full size the logits of many would fill the memory.
            return [
                (low, score, (self._upscale(low[None], embedding.image_size) > 0)[0])
                for embedding, (low, score) in zip(of, pairs, strict=True)
            ]

        for group in alike.values():
            out, self._prompts = in_batches(group, self._prompts, decode, "prompt")
            found |= dict(zip(group, out, strict=True))
        return [found[i] for i in range(len(prompts))]

    def _decode(
        self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt], multimask: bool
    ) -> list[tuple[Any, ...]]:
        """Logits and scores of each of some prompts alike, on the device."""
        pairs = [
            (prompt, self._scale(embedding.image_size))
            for embedding, prompt in zip(embeddings, prompts, strict=True)
        ]

        def tensor(arrays: list[NDArray[Any]]) -> Any:
            return torch.from_numpy(np.stack(arrays).astype(np.float32)).to(self.runtime.device)

        first = prompts[0]
        points = boxes = masks = None
        if len(first.points):
            labels = tensor([p.labels for p in prompts])
            points = (tensor([p.points * scale for p, scale in pairs]), labels)
        if len(first.boxes):
            corners = [self._scaled(p.boxes.reshape(2, 2), scale) for p, scale in pairs]
            boxes = tensor([one.ravel() for one in corners])
        if first.logits is not None:
            masks = tensor([p.logits for p in prompts if p.logits is not None])
        features = self._features_on_device(embeddings)
        return list(
            zip(*self._decoder_output(features, points, boxes, masks, multimask), strict=True)
        )

    def _scaled(
        self, corners: NDArray[np.float64], scale: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(2, 2) corners of a box, from the image to the encoder's input."""
        return corners * scale

    def _decoder_output(
        self, features: list[Any], points: Any, boxes: Any, masks: Any, multimask: bool
    ) -> tuple[Any, Any]:
        """Logits (n, K, h, w) and scores (n, K) of n prompts alike, on the encoder's scale.

        Parameters
        ----------
        features : list of Tensor
            The maps of one image, or of n: that of each prompt.
        points : pair of Tensor, or None
            (n, p, 2) and their labels (n, p).
        boxes, masks : Tensor or None
            (n, 4); (n, 1, h, w).
        multimask : bool
        """
        sparse, dense = self.net.prompt_encoder(points=points, boxes=boxes, masks=masks)
        logits, scores = self.net.mask_decoder(
            # It adds one image to what each prompt makes of its mask. Here each has its own image.
            image_embeddings=torch.zeros_like(features[0][:1]),
            image_pe=self.net.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=features[0] + dense,
            multimask_output=multimask,
        )
        return logits, scores

    def _features_on_device(self, embeddings: Sequence[Embedding]) -> list[Any]:
        """Maps on the device, of one image or of each prompt; those of a thread's last stay."""
        before, device = getattr(self._kept, "there", {}), self.runtime.device
        there = {}
        for one in embeddings:
            maps = one.features if isinstance(one.features, list) else [one.features]
            known = before.get(id(one))
            # The embedding is kept as well: no other object takes its id.
            there[id(one)] = known or (one, [torch.as_tensor(each, device=device) for each in maps])
        self._kept.there = there
        each = [there[id(one)][1] for one in embeddings]
        return each[0] if len(there) == 1 else list(map(torch.cat, zip(*each, strict=True)))

    def upscale(
        self, logits: NDArray[np.float32], image_size: tuple[int, int]
    ) -> NDArray[np.float32]:
        """(K, h, w) low-resolution logits to (K, H, W), of which the masks are those above 0."""
        low = torch.as_tensor(logits, device=self.runtime.device)[None]
        with torch.inference_mode():
            (full,) = to_host([self._upscale(low, image_size)[0]])
        return full

    def provenance(self) -> dict[str, str]:
        """Source, licence and sha256 of the weights, the device, and the encoder's precision."""
        kind = self.runtime.device.partition(":")[0]
        return self._about | {"device": kind, "precision": self.runtime.precision}

    def _fit(self, image_size: tuple[int, int]) -> tuple[int, int]:
        return fit_size(*image_size, self.side)
