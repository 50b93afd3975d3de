"""HRNetV2: branches of halved resolution side by side, which exchange what they find.

Names of the weights are those of the published checkpoints.

Source: Wang et al., "Deep High-Resolution Representation Learning for Visual Recognition"
(doi:10.1109/TPAMI.2020.2983686), with blocks of two basic or one bottleneck convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

__all__ = ["HighResolutionNet"]


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


def _down(inputs: int, outputs: int, *, relu: bool) -> nn.Sequential:
    """Half the resolution."""
    layers: list[nn.Module] = [_conv(inputs, outputs, stride=2), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)


class Basic(nn.Module):
    """Two convolutions of 3 x 3 and a way around them."""

    def __init__(self, width: int):
        super().__init__()
        self.conv1, self.bn1 = _conv(width, width), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w) to the same shape."""
        out = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(out)) + x)


class Bottleneck(nn.Module):
    """Convolutions of 1 x 1, 3 x 3, 1 x 1 to four times the width, and a way around them."""

    def __init__(self, inputs: int, width: int):
        super().__init__()
        wide = 4 * width
        self.conv1, self.bn1 = _conv(inputs, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = _conv(width, wide, 1), nn.BatchNorm2d(wide)
        self.downsample: nn.Module = nn.Identity()
        if inputs != wide:
            self.downsample = nn.Sequential(_conv(inputs, wide, 1), nn.BatchNorm2d(wide))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, 4 x width, h, w)."""
        out = torch.relu(self.bn1(self.conv1(x)))
        out = torch.relu(self.bn2(self.conv2(out)))
        return torch.relu(self.bn3(self.conv3(out)) + self.downsample(x))


def _fuse(widths: Sequence[int], i: int, j: int) -> nn.Module:
    """What brings branch j to the width (and, if it is finer, the resolution) of branch i."""
    if j == i:
        return nn.Identity()
    if j > i:
        return nn.Sequential(_conv(widths[j], widths[i], 1), nn.BatchNorm2d(widths[i]))
    steps = [_down(widths[j], widths[j], relu=True) for _ in range(i - j - 1)]
    return nn.Sequential(*steps, _down(widths[j], widths[i], relu=False))


class Exchange(nn.Module):
    """Blocks along each branch, then the sum of all branches for each."""

    def __init__(self, widths: Sequence[int], blocks: int):
        super().__init__()
        n = len(widths)
        self.branches = nn.ModuleList(
            nn.Sequential(*(Basic(width) for _ in range(blocks))) for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_fuse(widths, i, j) for j in range(n)) for i in range(n)
        )

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        """(B, width_i, h / 2^i, w / 2^i) each, to the same shapes."""
        x = [branch(each) for branch, each in zip(self.branches, branches, strict=True)]
        out = []
        for i, layers in enumerate(self.fuse_layers):
            assert isinstance(layers, nn.ModuleList)
            total: Tensor | int = 0
            for j, layer in enumerate(layers):
                part = layer(x[j])
                if j > i:
                    part = _to(part, x[i])
                total = total + part
            assert isinstance(total, Tensor)
            out.append(torch.relu(total))
        return out


def _to(x: Tensor, like: Tensor) -> Tensor:
    return interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=True)


def _transition(before: Sequence[int], after: Sequence[int]) -> nn.ModuleList:
    """From the branches there are to one more."""
    layers: list[nn.Module] = []
    for i, width in enumerate(after):
        if i >= len(before):
            layers.append(nn.Sequential(_down(before[-1], width, relu=True)))
        elif before[i] == width:
            layers.append(nn.Identity())
        else:
            layers.append(nn.Sequential(_conv(before[i], width), nn.BatchNorm2d(width), nn.ReLU()))
    return nn.ModuleList(layers)


class HighResolutionNet(nn.Module):
    """The backbone: features of a quarter of the resolution.

    Parameters
    ----------
    width : int
        Of the finest branch, 18 or 32; each coarser one is twice as wide.
    blocks : int
        A branch; 4 but in small variants.
    modules : (int, int, int)
        Exchanges at two, three and four branches.

    Attributes
    ----------
    out_width : int
        Channels of the output, those of all branches.
    """

    def __init__(self, width: int, blocks: int = 4, modules: Sequence[int] = (1, 4, 3)):
        super().__init__()
        self.conv1, self.bn1 = _conv(3, 64, stride=2), nn.BatchNorm2d(64)
        self.conv2, self.bn2 = _conv(64, 64, stride=2), nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(
            Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(blocks - 1))
        )
        widths = [width * 2**i for i in range(4)]
        before = [256]
        for stage, count in enumerate(modules, start=2):
            setattr(self, f"transition{stage - 1}", _transition(before, widths[:stage]))
            exchanges = (Exchange(widths[:stage], blocks) for _ in range(count))
            setattr(self, f"stage{stage}", nn.Sequential(*exchanges))
            before = widths[:stage]
        self.out_width = sum(widths)

    def features(self, image: Tensor, extra: Tensor) -> Tensor:
        """Features of an image.

        Parameters
        ----------
        image : (B, 3, H, W) float32
            Normalised.
        extra : (B, 64, H / 2, W / 2) float32
            What is added after the first convolution: the clicks and the previous mask.

        Returns
        -------
        (B, out_width, H / 4, W / 4) float32
        """
        x = torch.relu(self.bn1(self.conv1(image))) + extra
        x = torch.relu(self.bn2(self.conv2(x)))
        branches: list[Tensor] = [self.layer1(x)]
        for stage in (2, 3, 4):
            transition = getattr(self, f"transition{stage - 1}")
            # A new branch starts from the coarsest there is.
            sources = [*branches, branches[-1]] if stage > 2 else branches * 2
            branches = [move(each) for move, each in zip(transition, sources, strict=True)]
            branches = getattr(self, f"stage{stage}")(branches)
        return torch.cat([branches[0], *(_to(each, branches[0]) for each in branches[1:])], 1)
