"""SAM 2 and SAM 2.1 on single images, through transformers.

The network is that of transformers. It is read from Meta's published checkpoints, or by
``from_pretrained`` from a folder or the hub. Images and prompts are prepared as Meta's predictor
does: an image is brought to 1024 x 1024 pixels, its aspect ratio not kept (bilinear, antialiased,
not rounded to grey levels), less ImageNet's mean and by its deviation; logits are brought to the
image's size (bilinear) and cut at 0. The single mask is the first output where that is stable,
else the most confident of the three, as released.

Source: Ravi et al. 2024, SAM 2: Segment Anything in Images and Videos (arXiv 2408.00714).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from medsam.errors import InputError, WeightsError
from medsam.models.checkpoints import load_weights, renamed
from medsam.models.onnx_sam import SIDE
from medsam.models.torch_sam import TorchSam

__all__ = ["CLIP", "MAPS", "Sam2", "as_transformers"]

MAPS = ((32, 256), (64, 128), (256, 64))
"""Channels and side of the feature maps, fine to coarse."""
CLIP = 32.0
"""Previous logits are cut at plus and minus this, as the released predictor does."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_VIDEO = (
    *("maskmem_", "memory_", "mask_downsample.", "no_mem_pos_enc", "no_obj_", "obj_ptr_"),
    *("no_memory_positional_encoding", "no_object_pointer", "object_pointer_proj."),
    *("temporal_positional_encoding_projection_layer.", "occlusion_spatial_embedding_parameter"),
)
"""How names begin, Meta's and transformers', of what follows an object through a video."""
_RENAMES = (
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"^image_encoder\.neck\.convs\.(\d)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"patch_embed\.proj\.", "patch_embed.projection."),
    (r"^no_mem_embed$", "no_memory_embedding"),
    (r"^sam_(prompt_encoder|mask_decoder)\.", r"\1."),
    (r"\.norm(\d|_final)", r".layer_norm\1"),
    (r"\.out_proj\.", ".o_proj."),
    # Perceptrons of two layers, and heads of three.
    (r"\.mlp\.layers\.0\.", ".mlp.proj_in."),
    (r"\.mlp\.layers\.1\.", ".mlp.proj_out."),
    (r"(_head|_mlps\.\d)\.layers\.0\.", r"\1.proj_in."),
    (r"(_head|_mlps\.\d)\.layers\.1\.", r"\1.layers.0."),
    (r"(_head|_mlps\.\d)\.layers\.2\.", r"\1.proj_out."),
    (r"output_upscaling\.0\.", "upscale_conv1."),
    (r"output_upscaling\.1\.", "upscale_layer_norm."),
    (r"output_upscaling\.3\.", "upscale_conv2."),
    (r"mask_downscaling\.0\.", "mask_embed.conv1."),
    (r"mask_downscaling\.1\.", "mask_embed.layer_norm1."),
    (r"mask_downscaling\.3\.", "mask_embed.conv2."),
    (r"mask_downscaling\.4\.", "mask_embed.layer_norm2."),
    (r"mask_downscaling\.6\.", "mask_embed.conv3."),
    (r"pe_layer\.positional_encoding_gaussian_matrix$", "shared_embedding.positional_embedding"),
)
"""From the names of Meta's tensors to those of transformers, applied in this order."""
_POINTS = tuple(f"sam_prompt_encoder.point_embeddings.{i}.weight" for i in range(4))
_GRID = "prompt_encoder.shared_embedding.positional_embedding"
_SUFFIXES = (".pt", ".pth", ".safetensors")
"""Of files; other names that are not there are those of the hub."""
_IMAGE_GRID = "shared_image_embedding.positional_embedding"


def as_transformers(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors of Meta's files under transformers' names, those for videos left out.

    A tensor whose name no rule knows keeps it, so that it is named where it does not fit.
    """
    rest = {name: value for name, value in state.items() if not name.startswith(_VIDEO)}
    if not any(name.startswith("sam_mask_decoder.") for name in rest):
        return _twice(rest)  # They have transformers' names already.
    out: dict[str, torch.Tensor] = {}
    if all(name in rest for name in _POINTS):
        # One table of four rows (not this, this, two corners of a box) in place of four tables.
        out["prompt_encoder.point_embed.weight"] = torch.cat([rest.pop(name) for name in _POINTS])
    return _twice(out | renamed(rest, _RENAMES))


def _twice(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """With the waves for points and for the image's grid, of which files keep one."""
    for one, other in ((_GRID, _IMAGE_GRID), (_IMAGE_GRID, _GRID)):
        if one in state:
            state.setdefault(other, state[one].clone())
    return state


def _transformers() -> Any:
    """The package, or an error that says how to get it."""
    try:
        return import_module("transformers")
    except ImportError as error:
        raise InputError(
            f"The network of SAM 2 cannot be imported ({error}). Allowed: with the package "
            'transformers. Run `pip install -e ".[sam2]"` in the clone.'
        ) from error


class Sam2(TorchSam):
    """SAM 2 or SAM 2.1 with one of its four encoders.

    An embedding's features are three maps, fine to coarse, (1, 32, 256, 256), (1, 64, 128, 128)
    and (1, 256, 64, 64) float32.

    Parameters
    ----------
    name : str
        In the registry of models and in the results.
    network : mapping of str to object
        Settings of transformers' ``Sam2HieraDetConfig``, where they differ from its defaults.
    folder : Path, optional
        Folder with Meta's checkpoint, or the file itself; by default where
        `medsam weights fetch` puts it.
    checkpoint : Path or str, optional
        Weights of one's own for the same network, in place of the published ones: a file as
        Meta's (``.pt``), a folder as transformers saves it, or a name on its hub
        (``"facebook/sam2.1-hiera-tiny"``), which is downloaded. Results then name it and the
        sha256 of its file.
    base : Path, optional
        What a checkpoint of some of the tensors is laid onto.
    **options
        ``device``, ``precision``, ``images`` and ``prompts`` of
        :class:`medsam.models.torch_sam.TorchSam`.

    Raises
    ------
    WeightsError
        If the file is missing, torn, another one, or holds anything but the model's tensors.
    InputError
        If transformers, the device or the precision are not there.
    """

    def __init__(
        self,
        name: str,
        network: Mapping[str, Any],
        folder: Path | None = None,
        *,
        checkpoint: Path | str | None = None,
        base: Path | None = None,
        **options: Any,
    ):
        own = None if checkpoint is None else Path(checkpoint)
        if own is None or own.exists() or own.suffix in _SUFFIXES:
            loaded = load_weights(self.build(network), name, folder, own, base, as_transformers)
        else:
            _, net, about = load_weights(
                self.build(network), name, None, _from_hub(str(checkpoint)), base, as_transformers
            )
            loaded = f"{name}+{own.name}", net, about | {"weights": str(checkpoint)}
        super().__init__(*loaded, **options)

    @staticmethod
    def build(network: Mapping[str, Any]) -> Any:
        """The architecture with these settings, with random weights."""
        return _transformers().Sam2Model(_config(network))

    def provenance(self) -> dict[str, str]:
        """As SAM's, and whose code the network is, with its version."""
        return super().provenance() | {"network": f"transformers {_transformers().__version__}"}

    @staticmethod
    def pack(features: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """The three maps as one array, for :class:`medsam.models.cache.CachedModel`."""
        return np.concatenate([TorchSam.pack(one).ravel() for one in features])

    @staticmethod
    def unpack(array: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The three maps of what :meth:`pack` gave."""
        ends = np.cumsum([channels * side**2 for channels, side in MAPS])[:-1]
        parts = zip(MAPS, np.split(array, ends), strict=True)
        return [part.reshape(1, channels, side, side) for (channels, side), part in parts]

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32)) / 255
        # Not rounded to grey levels in between, as transformers' processor would.
        wide = interpolate(pixels, (SIDE, SIDE), mode="bilinear", antialias=True)
        mean, std = (torch.tensor(one).view(3, 1, 1) for one in (_MEAN, _STD))
        prepared: NDArray[np.float32] = ((wide - mean) / std).numpy()
        return prepared

    def _scale(self, image_size: tuple[int, int]) -> NDArray[np.float64]:
        height, width = image_size
        return np.array([SIDE / width, SIDE / height])

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


def _config(network: Mapping[str, Any]) -> Any:
    package = _transformers()
    backbone = package.Sam2HieraDetConfig(**network)
    widths = backbone.embed_dim_per_stage
    vision = package.Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=list(widths[::-1])
    )
    return package.Sam2Config(vision_config=vision)


def _from_hub(name: str) -> Path:
    """The file of a model on transformers' hub, downloaded."""
    try:
        return Path(_transformers().utils.cached_file(name, "model.safetensors"))
    except OSError as error:
        raise WeightsError(
            f"Weights {name!r} are no file or folder here, and not on the hub. Check the name."
        ) from error
