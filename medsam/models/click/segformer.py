"""SegFormer with a way in for clicks: four stages of attention to a coarser picture.

Names of the weights are those of the published FocalClick checkpoints.

Source: Xie et al., "SegFormer: Simple and Efficient Design for Semantic Segmentation with
Transformers" (arXiv 2105.15203); Chen et al., "FocalClick: Towards Practical Interactive Image
Segmentation", section 3.2 (arXiv 2204.02574).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, scaled_dot_product_attention

__all__ = ["SegFormer"]

_HEADS = (1, 2, 5, 8)
_COARSER = (8, 4, 2, 1)
"""By what keys and values are coarser than queries, stage by stage."""


def _as_map(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, h x w, C) to (B, C, h, w)."""
    return x.transpose(1, 2).reshape(len(x), x.shape[2], *size)


def _as_list(x: Tensor) -> Tensor:
    """(B, C, h, w) to (B, h x w, C)."""
    return x.flatten(2).transpose(1, 2)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, coarser: int):
        super().__init__()
        self.heads, self.coarser = heads, coarser
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        if coarser > 1:
            self.sr = nn.Conv2d(width, width, coarser, coarser)
            self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, h x w, width) to the same shape."""
        query = self.q(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
        if self.coarser > 1:
            x = self.norm(_as_list(self.sr(_as_map(x, size))))
        both = self.kv(x).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = scaled_dot_product_attention(query, both[0], both[1])
        out: Tensor = self.proj(found.transpose(1, 2).flatten(2))
        return out


class _Depthwise(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 3, padding=1, groups=width)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, h x w, width) to the same shape."""
        return _as_list(self.dwconv(_as_map(x, size)))


class _Mlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dwconv = _Depthwise(4 * width)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, h x w, width) to the same shape."""
        out: Tensor = self.fc2(gelu(self.dwconv(self.fc1(x), size)))
        return out


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, coarser: int):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = _Attention(width, heads, coarser), _Mlp(width)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, h x w, width) to the same shape."""
        x = x + self.attn(self.norm1(x), size)
        out: Tensor = x + self.mlp(self.norm2(x), size)
        return out


class _Patches(nn.Module):
    """Patches that overlap."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int):
        super().__init__()
        self.proj = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """(B, inputs, H, W) to (B, h x w, outputs), and (h, w)."""
        out = self.proj(x)
        normal: Tensor = self.norm(_as_list(out))
        return normal, (out.shape[2], out.shape[3])


class _Backbone(nn.Module):
    """Four stages; the clicks join after the first."""

    def __init__(self, widths: Sequence[int], depths: Sequence[int]):
        super().__init__()
        before = 3
        for i, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            kernel, stride = (3, 2) if i else (7, 4)
            setattr(self, f"patch_embed{i + 1}", _Patches(before, width, kernel, stride))
            blocks = (_Block(width, _HEADS[i], _COARSER[i]) for _ in range(depth))
            setattr(self, f"block{i + 1}", nn.ModuleList(blocks))
            setattr(self, f"norm{i + 1}", nn.LayerNorm(width, eps=1e-6))
            before = width
        self.patch_embed_side1 = _Patches(3, widths[0], 7, 4)

    def forward(self, image: Tensor, extra: Tensor) -> list[Tensor]:
        """(B, 3, H, W) image and (B, 3, H, W) maps to features of 1/4, 1/8, 1/16 and 1/32."""
        out, x = [], image
        for i in range(1, 5):
            x, size = getattr(self, f"patch_embed{i}")(x)
            for block in getattr(self, f"block{i}"):
                x = block(x, size)
            x = _as_map(getattr(self, f"norm{i}")(x), size)
            out.append(x)
            if i == 1:
                x = x + _as_map(*self.patch_embed_side1(extra))
        return out


class _Linear(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.proj = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h, w)."""
        return _as_map(self.proj(_as_list(x)), (x.shape[2], x.shape[3]))


class _Fuse(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h, w)."""
        return torch.relu(self.bn(self.conv(x)))


class _Head(nn.Module):
    def __init__(self, widths: Sequence[int], width: int):
        super().__init__()
        for i, each in enumerate(widths, start=1):
            setattr(self, f"linear_c{i}", _Linear(each, width))
        self.linear_fuse = _Fuse(4 * width, width)
        self.linear_pred = nn.Conv2d(width, 1, 1)

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Maps, finest first, to logits and features at the finest one's resolution."""
        size = maps[0].shape[2:]
        mixed = [
            interpolate(
                getattr(self, f"linear_c{i}")(maps[i - 1]),
                size=size,
                mode="bilinear",
                align_corners=False,
            )
            for i in (4, 3, 2, 1)
        ]
        features: Tensor = self.linear_fuse(torch.cat(mixed, 1))
        return self.linear_pred(features), features


class SegFormer(nn.Module):
    """Backbone and all-MLP head.

    Parameters
    ----------
    widths, depths : (4,) int
        Of the stages: 32, 64, 160, 256 and 2, 2, 2, 2 for B0; 64, 128, 320, 512 and
        3, 4, 18, 3 for B3.
    width : int
        Of the head.
    """

    def __init__(self, widths: Sequence[int], depths: Sequence[int], width: int):
        super().__init__()
        self.backbone = _Backbone(widths, depths)
        self.decode_head = _Head(widths, width)

    def forward(self, image: Tensor, extra: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and features.

        Parameters
        ----------
        image : (B, 3, H, W) float32
            Normalised.
        extra : (B, 3, H, W) float32
            Previous mask, positive and negative clicks.

        Returns
        -------
        (B, 1, H / 4, W / 4) and (B, width, H / 4, W / 4) float32
        """
        logits, features = self.decode_head(self.backbone(image, extra))
        return logits, features
