"""RITM: HRNet with object context that is shown its previous mask with the clicks.

HRNet has branches of halved resolution side by side, which exchange what they find. With object
context each pixel sees what the object as a whole is like.

Source: Sofiiuk, Petrov, Konushin, "Reviving Iterative Training with Mask Guidance for
Interactive Segmentation" (arXiv 2102.06583).
"""

# A network called gives Any.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from medsam.models.click.predictor import ZoomedModel
from medsam.models.click.zoom import Clicks, Zoom, disks, resize

RADIUS = 5
"""Of a click's disk, in pixels of what the network sees."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


def _down(inputs: int, outputs: int, *, relu: bool) -> nn.Sequential:
    """Half the resolution."""
    layers: list[nn.Module] = [_conv(inputs, outputs, stride=2), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)


def _bottlenecks(inputs: int, width: int, count: int) -> nn.Sequential:
    """From so many channels to four times the width."""
    wide = 4 * width
    down = nn.Sequential(_conv(inputs, wide, 1), nn.BatchNorm2d(wide))
    more = (Bottleneck(wide, width) for _ in range(count - 1))
    return nn.Sequential(Bottleneck(inputs, width, downsample=down), *more)


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
            nn.Sequential(*(BasicBlock(width, width) for _ in range(blocks))) for width in widths
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
                total = total + (resize(part, x[i].shape[2:]) if j > i else part)
            assert isinstance(total, Tensor)
            out.append(torch.relu(total))
        return out


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
        self.layer1 = _bottlenecks(64, 64, blocks)
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
        size = branches[0].shape[2:]
        return torch.cat([branches[0], *(resize(each, size) for each in branches[1:])], 1)


def gather(features: Tensor, logits: Tensor) -> Tensor:
    """The mean feature of each object, weighted by a first guess of where it is.

    Parameters
    ----------
    features : (B, C, h, w) float32
    logits : (B, K, h, w) float32
        A softmax over the pixels makes weights of them.

    Returns
    -------
    (B, C, K, 1) float32
    """
    weights = torch.softmax(logits.flatten(2), dim=2)
    return (weights @ features.flatten(2).transpose(1, 2)).transpose(1, 2)[..., None]


def _layer(inputs: int, outputs: int) -> list[nn.Module]:
    norm = nn.Sequential(nn.BatchNorm2d(outputs), nn.ReLU())
    return [nn.Conv2d(inputs, outputs, 1, bias=False), norm]


class ObjectAttention(nn.Module):
    """Attention of the pixels to the objects."""

    def __init__(self, width: int, key: int):
        super().__init__()
        self.key = key
        self.f_pixel = nn.Sequential(*_layer(width, key), *_layer(key, key))
        self.f_object = nn.Sequential(*_layer(width, key), *_layer(key, key))
        self.f_down = nn.Sequential(*_layer(width, key))
        self.f_up = nn.Sequential(*_layer(key, width))

    def forward(self, x: Tensor, objects: Tensor) -> Tensor:
        """(B, width, h, w) pixels and (B, width, K, 1) objects to (B, width, h, w)."""
        query = self.f_pixel(x).flatten(2).transpose(1, 2)
        keys = self.f_object(objects).flatten(2)
        values = self.f_down(objects).flatten(2).transpose(1, 2)
        attention = torch.softmax(query @ keys * self.key**-0.5, dim=-1)
        context = (attention @ values).transpose(1, 2).reshape(len(x), self.key, *x.shape[2:])
        return self.f_up(context)


class Distribute(nn.Module):
    """Each pixel with what its objects are like.

    Parameters
    ----------
    width, key : int
        Channels of the pixels, and of the attention.
    """

    def __init__(self, width: int, key: int):
        super().__init__()
        self.object_context_block = ObjectAttention(width, key)
        self.conv_bn_dropout = nn.Sequential(*_layer(2 * width, width))

    def forward(self, x: Tensor, objects: Tensor) -> Tensor:
        """(B, width, h, w) pixels and (B, width, K, 1) objects to (B, width, h, w)."""
        context = self.object_context_block(x, objects)
        return self.conv_bn_dropout(torch.cat([context, x], 1))


def normalised(image: Tensor) -> Tensor:
    """(B, 3, H, W) of 0 to 1, minus ImageNet's mean, over its standard deviation."""
    mean, std = (image.new_tensor(v)[None, :, None, None] for v in (MEAN, STD))
    return (image - mean) / std


class Scale(nn.Module):
    """Multiplies by the size of one learned number."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((1,), 0.05))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return x * self.scale.abs()


class _Backbone(HighResolutionNet):
    """HRNet and the object context upon it."""

    def __init__(self, width: int, ocr_width: int, blocks: int, modules: Sequence[int]):
        super().__init__(width, blocks, modules)
        wide = 2 * ocr_width
        self.conv3x3_ocr = nn.Sequential(
            nn.Conv2d(self.out_width, wide, 3, padding=1), nn.BatchNorm2d(wide), nn.ReLU()
        )
        self.ocr_distri_head = Distribute(wide, ocr_width)
        self.cls_head = nn.Conv2d(wide, 1, 1)
        self.aux_head = nn.Sequential(
            nn.Conv2d(self.out_width, self.out_width, 1),
            nn.BatchNorm2d(self.out_width),
            nn.ReLU(),
            nn.Conv2d(self.out_width, 1, 1),
        )

    def forward(self, image: Tensor, extra: Tensor) -> Tensor:
        """As :meth:`features`, to (B, 1, H / 4, W / 4) logits."""
        found = self.features(image, extra)
        guess = self.aux_head(found)
        pixels = self.conv3x3_ocr(found)
        return self.cls_head(self.ocr_distri_head(pixels, gather(pixels, guess)))


class RitmNetwork(nn.Module):
    """The network of the ``itermask`` checkpoints.

    Parameters
    ----------
    width, ocr_width : int
        Of HRNet's finest branch (18, 32) and of the object context (64, 128).
    blocks, modules
        As :class:`~medsam.models.click.ritm.HighResolutionNet`.
    """

    def __init__(
        self, width: int, ocr_width: int, blocks: int = 4, modules: Sequence[int] = (1, 4, 3)
    ):
        super().__init__()
        self.maps_transform = nn.Sequential(
            nn.Conv2d(3, 16, 1), nn.LeakyReLU(0.2), nn.Conv2d(16, 64, 3, 2, padding=1), Scale()
        )
        self.feature_extractor = _Backbone(width, ocr_width, blocks, modules)

    def forward(self, picture: Tensor, clicks: Sequence[Clicks]) -> Tensor:
        """Logits of the object.

        Parameters
        ----------
        picture : (B, 4, H, W) float32
            RGB and the previous mask's probability, all 0 to 1.
        clicks : sequence of B (N, 3) float arrays

        Returns
        -------
        (B, 1, H, W) float32
        """
        size = (picture.shape[2], picture.shape[3])
        maps = torch.cat([picture[:, 3:], disks(clicks, size, RADIUS, picture)], 1)
        logits = self.feature_extractor(normalised(picture[:, :3]), self.maps_transform(maps))
        return resize(logits, size)


class Ritm(ZoomedModel):
    """RITM as its released evaluation asks it (``NoBRS``, ``cvpr``).

    The first click sees the image as it is; from the second on, the surroundings of the
    previous mask with 400 pixels on their longest side. Logits are averaged with those of the
    mirrored picture.
    """

    network = RitmNetwork
    zoom = Zoom(size=400, skip_clicks=1)
