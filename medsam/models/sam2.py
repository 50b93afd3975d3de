"""SAM 2 and SAM 2.1 on single images, through transformers, from Meta's published checkpoints.

The network is that of transformers; this module reads Meta's files into it, and prepares images
and prompts as Meta's predictor does: an image is brought to 1024 x 1024 pixels, its aspect ratio
not kept (bilinear, antialiased, not rounded to grey levels), less ImageNet's mean and by its
deviation; logits are brought to the image's size (bilinear) and cut at 0. The single mask is the
first output where that is stable, else the most confident of the three, as released.

Source: Ravi et al. 2024, SAM 2: Segment Anything in Images and Videos (arXiv 2408.00714).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medsam.errors import WeightsError

if TYPE_CHECKING:
    import torch
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from medsam.errors import InputError
from medsam.models.checkpoints import CHECKPOINTS, digest, fit, own, read_state, verified
from medsam.models.contract import Embedding
from medsam.models.onnx_sam import SIDE
from medsam.models.torch_sam import TorchSam

__all__ = [
    "Sam2",
    "Sam2BasePlus",
    "Sam2Large",
    "Sam2Small",
    "Sam2Tiny",
    "Sam21BasePlus",
    "Sam21Large",
    "Sam21Small",
    "Sam21Tiny",
    "as_transformers",
]


# Names of the tensors of SAM 2: from those of Meta's files to those of transformers.


_VIDEO = re.compile(
    # What follows an object through a video, first as Meta names it, then as transformers does.
    r"maskmem_tpos_enc|no_mem_pos_enc|no_obj_ptr|no_obj_embed_spatial|obj_ptr_(tpos_)?proj\."
    r"|memory_(attention|encoder)\.|mask_downsample\."
    r"|memory_temporal_positional_encoding|no_memory_positional_encoding|no_object_pointer"
    r"|object_pointer_proj\.|temporal_positional_encoding_projection_layer\."
    r"|occlusion_spatial_embedding_parameter"
)

_RULES = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
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
        (
            r"pe_layer\.positional_encoding_gaussian_matrix$",
            "shared_embedding.positional_embedding",
        ),
    )
)

_POINTS = tuple(f"sam_prompt_encoder.point_embeddings.{i}.weight" for i in range(4))
_GRID = "prompt_encoder.shared_embedding.positional_embedding"


def as_transformers(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What segments an image, under transformers' names; what follows it through a video left out.

    Parameters
    ----------
    state : dict of str to Tensor
        As Meta released it, or under transformers' names already.

    Returns
    -------
    dict of str to Tensor
        A tensor whose name no rule knows keeps it, so that it is told where it does not fit.

    Raises
    ------
    WeightsError
        If two tensors of the file would have one name.
    """
    import torch

    rest = {name: value for name, value in state.items() if not _VIDEO.match(name)}
    if not any(name.startswith("sam_mask_decoder.") for name in rest):
        return rest
    out: dict[str, torch.Tensor] = {}
    if all(name in rest for name in _POINTS):
        # One table of four rows (not this, this, two corners of a box) in place of four tables.
        out["prompt_encoder.point_embed.weight"] = torch.cat([rest.pop(name) for name in _POINTS])
    for name, value in rest.items():
        new = name
        for pattern, replacement in _RULES:
            new = pattern.sub(replacement, new)
        if new in out:
            raise WeightsError(
                f"Weights of SAM 2 with two tensors for {new!r}, of which one is {name!r}. "
                "Allowed: one. Get the file again from its source."
            )
        out[new] = value
    if _GRID in out:
        # The same waves for points and for the grid of the image, which transformers keeps twice.
        out["shared_image_embedding.positional_embedding"] = out[_GRID]
    return out


MAPS = ((32, 256), (64, 128), (256, 64))
"""Channels and side of the feature maps, fine to coarse."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP = 32.0
"""Previous logits are cut at plus and minus this, as the released predictor does."""

_WIDE = {"num_attention_heads_per_stage": [2, 4, 8, 16]}
_BACKBONES: dict[str, dict[str, Any]] = {
    "tiny": {},
    "small": {"blocks_per_stage": [1, 2, 11, 2], "global_attention_blocks": [7, 10, 13]},
    "base-plus": _WIDE
    | {
        "embed_dim_per_stage": [112, 224, 448, 896],
        "blocks_per_stage": [2, 3, 16, 3],
        "global_attention_blocks": [12, 16, 20],
        "window_positional_embedding_background_size": [14, 14],
    },
    "large": _WIDE
    | {
        "embed_dim_per_stage": [144, 288, 576, 1152],
        "blocks_per_stage": [2, 6, 36, 4],
        "global_attention_blocks": [23, 33, 43],
        "window_size_per_stage": [8, 4, 16, 8],
    },
}
"""What differs from transformers' defaults, which are those of hiera-tiny."""


def _transformers() -> Any:
    """The package. Nothing is fetched by it: networks are built from settings, files are read here.

    Raises
    ------
    InputError
        If it is not there.
    """
    try:
        return import_module("transformers")
    except ImportError as error:
        raise InputError(
            f"The network of SAM 2 cannot be imported ({error}). Allowed: with the package "
            'transformers. Run `pip install "medsam[sam2]"`.'
        ) from error


class Sam2(TorchSam):
    """One of the published SAM 2 models; see its subclasses.

    An embedding's features are three maps, fine to coarse, (1, 32, 256, 256), (1, 64, 128, 128)
    and (1, 256, 64, 64) float32.

    Parameters
    ----------
    folder : Path, optional
        Folder with the checkpoint, or the file itself; by default where `medsam weights fetch`
        puts it.
    checkpoint : Path, optional
        A checkpoint of one's own for the same architecture, in place of the published one: as
        Meta's (``.pt``), or transformers' ``.safetensors``, or a folder with its
        ``model.safetensors``. Results then name it and its sha256.
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

    accepts: ClassVar[frozenset[str]] = frozenset({"points", "box", "mask"})
    side: ClassVar[int] = SIDE
    variant: ClassVar[str]

    def __init__(
        self, folder: Path | None = None, *, checkpoint: Path | None = None, **options: Any
    ):
        if checkpoint is not None and checkpoint.is_dir():
            checkpoint = checkpoint / "model.safetensors"
        known = CHECKPOINTS[self.name] if checkpoint is None else own(checkpoint, self.name)
        path = verified(known, folder if checkpoint is None else checkpoint)
        self._about = {"weights": known.source, "licence": known.licence, "sha256": digest(path)}
        net = self._build()
        fit(net, as_transformers(read_state(path)), path, f"SAM 2 hiera-{self.variant}")
        super().__init__(net, **options)

    @classmethod
    def _build(cls) -> Any:
        """The architecture, with random weights."""
        package = _transformers()
        backbone = _BACKBONES[cls.variant]
        widths = backbone.get("embed_dim_per_stage", [96, 192, 384, 768])
        vision = package.Sam2VisionConfig(
            backbone_config=package.Sam2HieraDetConfig(hidden_size=widths[0], **backbone),
            backbone_channel_list=widths[::-1],
        )
        return package.Sam2Model(package.Sam2Config(vision_config=vision))

    def provenance(self) -> dict[str, str]:
        """Address, licence and sha256 of the checkpoint, the encoder's precision, and whose code.

        The version of transformers is named, as the network is its.
        """
        code = f"transformers {_transformers().__version__}"
        return self._about | {"precision": self.runtime.precision, "network": code}

    @staticmethod
    def pack(features: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """The three maps as one array, for :class:`medsam.models.cache.CachedModel`."""
        return np.concatenate([one.ravel() for one in features])

    @staticmethod
    def unpack(array: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The three maps of what :meth:`pack` gave."""
        ends = np.cumsum([channels * side**2 for channels, side in MAPS])[:-1]
        parts = zip(MAPS, np.split(array, ends), strict=True)
        return [part.reshape(1, channels, side, side) for (channels, side), part in parts]

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        import torch
        from torch.nn.functional import interpolate

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
        maps: list[Any] = self._net.get_image_embeddings(batch)
        return maps

    def _embedding(self, features: list[NDArray[np.float32]], size: tuple[int, int]) -> Embedding:
        return Embedding(features, size)

    def _answer(
        self, features: list[Any], points: Any, boxes: Any, masks: Any, multimask: bool
    ) -> tuple[Any, Any]:
        count = next(len(one) for one in (*(points or ()), boxes, masks) if one is not None)
        # A prompt each is a batch of images there: the second axis holds the objects of one image.
        where, labels = points or (None, None)
        found = self._net(
            image_embeddings=[one.expand(count, -1, -1, -1) for one in features],
            input_points=None if where is None else where[:, None],
            input_labels=None if labels is None else labels[:, None].int(),
            input_boxes=None if boxes is None else boxes[:, None],
            input_masks=None if masks is None else masks.clamp(-CLIP, CLIP),
            multimask_output=multimask,
        )
        return found.pred_masks[:, 0], found.iou_scores[:, 0]

    def _upscale(self, logits: Any, image_size: tuple[int, int]) -> Any:
        from torch.nn.functional import interpolate

        return interpolate(logits, image_size, mode="bilinear", align_corners=False)


class Sam21Tiny(Sam2):
    """SAM 2.1 with hiera-tiny."""

    name: ClassVar[str] = "sam2.1-hiera-tiny"
    variant: ClassVar[str] = "tiny"


class Sam21Small(Sam2):
    """SAM 2.1 with hiera-small."""

    name: ClassVar[str] = "sam2.1-hiera-small"
    variant: ClassVar[str] = "small"


class Sam21BasePlus(Sam2):
    """SAM 2.1 with hiera-base-plus."""

    name: ClassVar[str] = "sam2.1-hiera-base-plus"
    variant: ClassVar[str] = "base-plus"


class Sam21Large(Sam2):
    """SAM 2.1 with hiera-large."""

    name: ClassVar[str] = "sam2.1-hiera-large"
    variant: ClassVar[str] = "large"


class Sam2Tiny(Sam2):
    """SAM 2 with hiera-tiny: the first release, the network of SAM 2.1 with other weights."""

    name: ClassVar[str] = "sam2-hiera-tiny"
    variant: ClassVar[str] = "tiny"


class Sam2Small(Sam2):
    """SAM 2 with hiera-small."""

    name: ClassVar[str] = "sam2-hiera-small"
    variant: ClassVar[str] = "small"


class Sam2BasePlus(Sam2):
    """SAM 2 with hiera-base-plus."""

    name: ClassVar[str] = "sam2-hiera-base-plus"
    variant: ClassVar[str] = "base-plus"


class Sam2Large(Sam2):
    """SAM 2 with hiera-large."""

    name: ClassVar[str] = "sam2-hiera-large"
    variant: ClassVar[str] = "large"
