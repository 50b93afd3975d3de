"""The plain vision transformer of SimpleClick: attention in windows, and now and then to all.

Names of the weights are those of the published checkpoints.

Source: Liu et al., "SimpleClick: Interactive Image Segmentation with Simple Vision
Transformers", section 3.1 (arXiv 2210.11006); Li et al., "Exploring Plain Vision Transformer
Backbones for Object Detection" (arXiv 2203.16527).
"""

from __future__ import annotations

from torch import Tensor, nn, zeros
from torch.nn.functional import gelu, scaled_dot_product_attention

__all__ = ["Patches", "PlainVit"]

PRETRAINED = 224
"""Side in pixels of a window, that of the pictures the transformer was first trained on."""
_CLASSES = 1000


class Patches(nn.Module):
    """Each patch of a picture as one vector."""

    def __init__(self, channels: int, width: int, patch: int):
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, patch)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, H / patch * W / patch, width), row by row."""
        out: Tensor = self.proj(picture)
        return out.flatten(2).transpose(1, 2)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, width) to the same shape."""
        split = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = scaled_dot_product_attention(split[0], split[1], split[2])
        out: Tensor = self.proj(found.transpose(1, 2).flatten(2))
        return out


class _Mlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, width) to the same shape."""
        out: Tensor = self.fc2(gelu(self.fc1(x)))
        return out


class _Block(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = _Attention(width, heads), _Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, width) to the same shape."""
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class PlainVit(nn.Module):
    """The backbone.

    Parameters
    ----------
    side : int
        Of the square picture, in pixels, a multiple of ``patch``.
    patch, width, depth, heads : int

    Notes
    -----
    Four blocks attend to the whole picture (of twelve blocks only two do), the others within
    windows of 224 pixels. ``cls_token``, ``fc_norm`` and ``head`` serve the first training; they
    are in the checkpoints, but no mask depends on them.
    """

    def __init__(self, side: int, patch: int, width: int, depth: int, heads: int):
        super().__init__()
        self.grid = side // patch
        self.windows = self.grid // (PRETRAINED // patch)
        self.every = 6 if depth == 12 else depth // 4
        self.patch_embed = Patches(3, width, patch)
        self.cls_token = nn.Parameter(zeros(1, 1, width))
        self.pos_embed = nn.Parameter(zeros(1, self.grid**2 + 1, width))
        self.blocks = nn.Sequential(*(_Block(width, heads) for _ in range(depth)))
        self.fc_norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, _CLASSES)

    def _split(self, x: Tensor) -> Tensor:
        """(B, grid^2, C) to windows as pictures of their own."""
        n, side = self.windows, self.grid // self.windows
        windows = x.reshape(-1, n, side, n, side, x.shape[2]).transpose(2, 3)
        return windows.flatten(3, 4).flatten(0, 2)

    def _join(self, x: Tensor) -> Tensor:
        """What :meth:`_split` took apart."""
        n, side = self.windows, self.grid // self.windows
        return x.reshape(-1, n, n, side, side, x.shape[2]).transpose(2, 3).flatten(1, 4)

    def forward(self, picture: Tensor, extra: Tensor) -> Tensor:
        """Features of a picture.

        Parameters
        ----------
        picture : (B, 3, side, side) float32
            Normalised.
        extra : (B, grid^2, width) float32
            What is added to the patches: the clicks and the previous mask.

        Returns
        -------
        (B, width, grid, grid) float32
        """
        x = self.patch_embed(picture) + extra + self.pos_embed[:, 1:]
        apart = False
        for i, block in enumerate(self.blocks, start=1):
            whole = i % self.every == 0
            if whole and apart:
                x = self._join(x)
            elif not whole and not apart:
                x = self._split(x)
            apart = not whole
            x = block(x)
        out: Tensor = x.transpose(1, 2).unflatten(2, (self.grid, self.grid))
        return out
