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

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from medsam.models.checkpoints import NAMES, load_weights, renamed, transformers
from medsam.models.onnx_sam import SIDE
from medsam.models.torch_sam import TorchSam

CHANNELS = (32, 64, 256)
"""Of the feature maps, fine to coarse."""
CLIP = 32.0
"""Previous logits are cut at plus and minus this, as the released predictor does."""

_VIDEO = (
    *("maskmem_", "memory_", "mask_downsample.", "no_mem_pos_enc", "no_obj_", "obj_ptr_"),
    *("no_memory_positional_encoding", "no_object_pointer", "object_pointer_proj."),
    *("temporal_positional_encoding_projection_layer.", "occlusion_spatial_embedding_parameter"),
    "detector_model.",
)
"""How names begin, Meta's and transformers', of what follows an object through a video, and of SAM
3 of what finds objects by their names."""
_NAMES = (
    (".image_encoder.trunk.", ".vision_encoder.backbone."),
    *(
        (f".image_encoder.neck.convs.{n}.conv.", f".vision_encoder.neck.convs.{n}.")
        for n in range(4)
    ),
    (".no_mem_embed", ".no_memory_embedding"),
    (".sam_prompt_encoder.", ".prompt_encoder."),
    (".sam_mask_decoder.", ".mask_decoder."),
    (".out_proj.", ".o_proj."),
    (".mlp.layers.0.", ".mlp.proj_in."),
    (".mlp.layers.1.", ".mlp.proj_out."),
    (".pe_layer.positional_encoding_gaussian_matrix", ".shared_embedding.positional_embedding"),
    *NAMES,
)
"""Parts of names of Meta's tensors, and of those of transformers."""
_SAM3 = (
    (".detector_model.vision_encoder.backbone.", ".vision_encoder.backbone."),
    (".tracker_neck.", ".vision_encoder.neck."),
    (".tracker_model.", "."),
)
"""From the names of transformers' whole SAM 3 to those of its ``Sam3TrackerModel``."""
_POINTS = tuple(f"sam_prompt_encoder.point_embeddings.{i}.weight" for i in range(4))
_GRID = "prompt_encoder.shared_embedding.positional_embedding"
_IMAGE_GRID = "shared_image_embedding.positional_embedding"


def as_transformers(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors of Meta's files under transformers' names, those for videos left out.

    A tensor whose name no rule knows keeps it, so that it is named where it does not fit.
    """
    state = renamed(state, _SAM3)
    rest = {name: value for name, value in state.items() if not name.startswith(_VIDEO)}
    if not any(name.startswith("sam_mask_decoder.") for name in rest):
        return _twice(rest)  # They have transformers' names already.
    out: dict[str, torch.Tensor] = {}
    if all(name in rest for name in _POINTS):
        # One table of four rows (not this, this, two corners of a box) in place of four tables.
        out["prompt_encoder.point_embed.weight"] = torch.cat([rest.pop(name) for name in _POINTS])
    return _twice(out | renamed(rest, _NAMES))


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
    folder : Path, optional
        Folder with Meta's checkpoint, or the file itself; by default where
        `medsam weights fetch` puts it.
    side : int
        Of the square that the encoder sees, in pixels.
    checkpoint, base : Path or str, optional
        As of :class:`medsam.models.sam.Sam`.
    **options
        ``device``, ``precision``, ``images`` and ``prompts`` of
        :class:`medsam.models.torch_sam.TorchSam`.

    Raises
    ------
    WeightsError
        If the file is missing, torn, another one, for another size, or holds anything but the
        model's tensors.
    InputError
        If transformers, the device or the precision are not there.
    """

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    def __init__(
        self,
        name: str,
        network: Mapping[str, Any],
        folder: Path | None = None,
        *,
        side: int = SIDE,
        checkpoint: Path | str | None = None,
        base: Path | str | None = None,
        **options: Any,
    ):
        self.side = side
        net = self.build(network, side)
        super().__init__(
            *load_weights(net, name, folder, checkpoint, base, as_transformers), **options
        )

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

    @staticmethod
    def pack(features: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """The three maps as one array, for :class:`medsam.models.cache.CachedModel`."""
        return np.concatenate([TorchSam.pack(one).ravel() for one in features])

    def unpack(self, array: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The three maps of what :meth:`pack` gave."""
        pairs = zip(CHANNELS, self.net.backbone_feature_sizes, strict=True)
        shapes = [(1, channels, *size) for channels, size in pairs]
        parts = np.split(array, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32)) / 255
        # Not rounded to grey levels in between, as transformers' processor would.
        wide = interpolate(pixels, (self.side, self.side), mode="bilinear", antialias=True)
        mean, std = (torch.tensor(one).view(3, 1, 1) for one in (self.mean, self.std))
        prepared: NDArray[np.float32] = ((wide - mean) / std).numpy()
        return prepared

    def _scale(self, image_size: tuple[int, int]) -> NDArray[np.float64]:
        height, width = image_size
        return np.array([self.side / width, self.side / height])

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
