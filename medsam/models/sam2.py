"""SAM 2, SAM 2.1 and SAM 3 on single images, through transformers.

The network is that of transformers. It is read from Meta's published checkpoints, from a folder as
transformers saves it, or from its hub. Images and prompts are prepared as Meta's predictor does: an
image is brought to a square of 1024 pixels (SAM 3: 1008), its aspect ratio not kept (bilinear,
antialiased, not rounded to grey levels), minus a mean and divided by a deviation; logits are
brought to the image's size (bilinear) and cut at 0. The single mask is the first output where that
is stable, else the most confident of the three, as released.

Sources: Ravi et al. 2024, SAM 2: Segment Anything in Images and Videos (arXiv 2408.00714); Carion
et al. 2025, SAM 3: Segment Anything with Concepts (arXiv 2511.16719).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from medsam.models.checkpoints import transformers
from medsam.models.onnx_sam import SIDE
from medsam.models.tensors import NAMES, renamed
from medsam.models.torch_sam import TorchSam

CLIP = 32.0
"""Previous logits are cut at plus and minus this, as the released predictor does."""

_POINTS = tuple(f"sam_prompt_encoder.point_embeddings.{i}.weight" for i in range(4))
_GRID = "prompt_encoder.shared_embedding.positional_embedding"
_IMAGE_GRID = "shared_image_embedding.positional_embedding"


def as_transformers(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors of Meta's files under transformers' names, those for videos left out.

    A tensor whose name no rule knows keeps it, so that it is named where it does not fit.
    """
    state = renamed(state, "sam3")
    rest = {
        name: value for name, value in state.items() if not name.startswith(tuple(NAMES["video"]))
    }
    if not any(name.startswith("sam_mask_decoder.") for name in rest):
        return _twice(rest)  # They have transformers' names already.
    out: dict[str, torch.Tensor] = {}
    if all(name in rest for name in _POINTS):
        # One table of four rows (not this, this, two corners of a box) in place of four tables.
        out["prompt_encoder.point_embed.weight"] = torch.cat([rest.pop(name) for name in _POINTS])
    return _twice(out | renamed(rest, "sam2", "shared"))


def _twice(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """With the waves for points and for the image's grid, of which files keep one."""
    for one, other in ((_GRID, _IMAGE_GRID), (_IMAGE_GRID, _GRID)):
        if one in state:
            state.setdefault(other, state[one].clone())
    return state


class Sam2(TorchSam):
    """SAM 2 or SAM 2.1 with one of its four encoders.

    An embedding's features are three maps, fine to coarse: at 1024 pixels (1, 32, 256, 256),
    (1, 64, 128, 128) and (1, 256, 64, 64) float32.

    Parameters
    ----------
    name : str
        In the registry of models and in the results.
    network : mapping of str to object
        Settings of transformers' ``Sam2HieraDetConfig``, where they differ from its defaults.
    side : int
        Of the square that the encoder sees, in pixels.
    **options
        Those of :class:`medsam.models.torch_sam.TorchSam`, which says what is raised.
    """

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    def __init__(self, name: str, network: Mapping[str, Any], *, side: int = SIDE, **options: Any):
        self.side = side
        super().__init__(name, self.build(network, side), rename=as_transformers, **options)

    @staticmethod
    def build(network: Mapping[str, Any], side: int = SIDE) -> Any:
        """The architecture with these settings, with random weights."""
        package = transformers()
        backbone = package.Sam2HieraDetConfig(image_size=[side, side], **network)
        vision = package.Sam2VisionConfig(
            backbone_config=backbone,
            backbone_channel_list=list(backbone.embed_dim_per_stage[::-1]),
            backbone_feature_sizes=[[side // n, side // n] for n in (4, 8, 16)],
        )
        prompts = {"image_size": side}
        config = package.Sam2Config(vision_config=vision, prompt_encoder_config=prompts)
        return package.Sam2Model(config)

    def provenance(self) -> dict[str, str]:
        """As SAM's, and whose code the network is, with its version."""
        return super().provenance() | {"network": f"transformers {transformers().__version__}"}

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32)) / 255
        # Not rounded to grey levels in between, as transformers' processor would.
        wide = interpolate(pixels, (self.side, self.side), mode="bilinear", antialias=True)
        mean, std = (torch.tensor(one).view(3, 1, 1) for one in (self.mean, self.std))
        prepared: NDArray[np.float32] = ((wide - mean) / std).numpy()
        return prepared

    def _features(self, batch: Any) -> list[Any]:
        maps: list[Any] = self.net.get_image_embeddings(batch)
        return maps

    def _decoder_output(
        self, features: list[Any], points: Any, boxes: Any, masks: Any, multimask: bool
    ) -> tuple[Any, Any]:
        count = next(len(one) for one in (*(points or ()), boxes, masks) if one is not None)
        # A prompt each is a batch of images there: the second axis holds the objects of one image.
        where, labels = points or (None, None)
        found = self.net(
            image_embeddings=[one.expand(count, -1, -1, -1) for one in features],
            input_points=None if where is None else where[:, None],
            input_labels=None if labels is None else labels[:, None].int(),
            input_boxes=None if boxes is None else boxes[:, None],
            input_masks=None if masks is None else masks.clamp(-CLIP, CLIP),
            multimask_output=multimask,
        )
        return found.pred_masks[:, 0], found.iou_scores[:, 0]

    def _upscale(self, logits: Any, image_size: tuple[int, int]) -> Any:
        return interpolate(logits, image_size, mode="bilinear", align_corners=False)


class Sam3(Sam2):
    """SAM 3 asked with points, boxes and masks, not with words.

    Parameters and errors are those of :class:`Sam2`; ``network`` are settings of transformers'
    ``Sam3TrackerConfig``, and ``side`` is 1008.
    """

    mean = std = (0.5, 0.5, 0.5)

    @staticmethod
    def build(network: Mapping[str, Any], side: int = 1008) -> Any:
        """The architecture with these settings, with random weights."""
        package = transformers()
        return package.Sam3TrackerModel(package.Sam3TrackerConfig(**network))
