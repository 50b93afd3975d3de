"""Names of the tensors of SAM 2: from those of Meta's files to those of transformers.

Source: Ravi et al. 2024, SAM 2 (arXiv 2408.00714), its released files, and the names that
transformers gives the same tensors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medsam.errors import WeightsError

if TYPE_CHECKING:
    import torch

__all__ = ["as_transformers"]

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
