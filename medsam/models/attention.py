"""Attention of SAM's image encoder by ``scaled_dot_product_attention``, with the same weights.

segment-anything writes down the attention of all 4096 x 4096 pairs of patches for every head, adds
relative positions to it twice, and takes its softmax: on a CPU most of the time goes into that
memory. Here the two relative positions of a pair are one bias of PyTorch's fused attention, for a
few heads at a time. Results differ in the last bits.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import product
from typing import Any

import torch
from segment_anything.modeling.image_encoder import Attention, get_rel_pos
from torch.nn.functional import scaled_dot_product_attention

BIAS = {"cpu": 2**23, "cuda": 2**28}
"""Numbers of the bias at a time: on a CPU half the rows of one head of one image of 1024 pixels."""


def fuse_attention(encoder: Any) -> None:
    """Let every attention of an encoder of segment-anything run fused, weights unchanged."""
    # Patches come in the order of a convolution; each norm of each block would turn them anew.
    encoder.patch_embed.register_forward_hook(lambda _, given, patches: patches.contiguous())
    for module in encoder.modules():
        if isinstance(module, Attention):
            module.forward = partial(_attend, module)


def _attend(layer: Attention, x: torch.Tensor) -> torch.Tensor:
    """(B, H, W, C) to the same, as the layer's own ``forward``."""
    count, height, width, _ = x.shape
    pairs, heads = height * width, layer.num_heads
    # Each (B, heads, H * W, channels of a head).
    q, k, v = layer.qkv(x).view(count, pairs, 3, heads, -1).permute(2, 0, 3, 1, 4)
    out = q.new_empty(count, pairs, heads, q.shape[-1])
    limit = BIAS.get(x.device.type, BIAS["cuda"])
    some = min(heads, max(1, limit // (count * pairs**2)))
    rows = min(height, max(1, limit // (count * some * width * pairs)))
    # One piece of memory for all: that of the system comes page by page, each time it is asked.
    space = q.new_empty(count * some * rows * width * pairs)
    for first, top in product(range(0, heads, some), range(0, height, rows)):
        part = slice(first, first + some)
        if not top:
            keys, values = k[:, part].contiguous(), v[:, part].contiguous()
        at = slice(top * width, (top + rows) * width)
        asked = q[:, part, at]
        bias = None
        if layer.use_rel_pos:
            bias = _bias(layer, asked.unflatten(2, (-1, width)), top, height, space)
        found = scaled_dot_product_attention(asked, keys, values, attn_mask=bias)
        out[:, at, part] = found.transpose(1, 2)
    fused: torch.Tensor = layer.proj(out.view(count, height, width, -1))
    return fused


def _bias(
    layer: Attention, asked: torch.Tensor, top: int, height: int, space: torch.Tensor
) -> torch.Tensor:
    """(B, heads, h * W, H * W): relative positions of the pairs of some rows and all patches."""
    width = asked.shape[3]
    along = get_rel_pos(height, height, layer.rel_pos_h)[top : top + asked.shape[2]]
    across = get_rel_pos(width, width, layer.rel_pos_w)
    rows = torch.einsum("bnhwc,hkc->bnhwk", asked, along)
    columns = torch.einsum("bnhwc,wkc->bnhwk", asked, across)
    shape = (*rows.shape, width)
    # A compiler plans memory on its own, and takes none that is given.
    bias = None if torch.compiler.is_compiling() else space[: math.prod(shape)].view(shape)
    bias = torch.add(rows[..., None], columns[..., None, :], out=bias)
    return bias.flatten(4).flatten(2, 3)
