"""RITM: HRNet with object context that is shown its previous mask with the clicks.

HRNet has branches of halved resolution side by side, which exchange what they find. With object
context each pixel sees what the object as a whole is like.

Source: Sofiiuk, Petrov, Konushin, "Reviving Iterative Training with Mask Guidance for
Interactive Segmentation" (arXiv 2102.06583).
"""

# A network called gives Any, and so do the classes of timm.
# mypy: disable-error-code="no-any-return, misc"

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from timm.models.hrnet import HighResolutionModule, HighResolutionNet
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from medsam.models.click.predictor import ZoomedModel
from medsam.models.click.zoom import Clicks, Zoom, disks, resize

RADIUS = 5
"""Of a click's disk, in pixels of what the network sees."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def named(**parts: nn.Module) -> nn.Sequential:
    """Layers one after the other, under the names of a checkpoint."""
    return nn.Sequential(OrderedDict(parts))


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


class ClickNetwork(nn.Module):
    """A network that is shown a picture with its previous mask and the clicks as disks."""

    def logits(self, image: Tensor, maps: Tensor) -> Tensor:
        """(B, 3, H, W) normalised, and mask and clicks, (B, 3, H, W), to (B, 1, h, w)."""
        raise NotImplementedError

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
        return resize(self.logits(normalised(picture[:, :3]), maps), size)


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
        self.f_pixel = nn.Sequential(*_layer(width, key), *_layer(key, key))
        self.f_object = nn.Sequential(*_layer(width, key), *_layer(key, key))
        self.f_down = nn.Sequential(*_layer(width, key))
        self.f_up = nn.Sequential(*_layer(key, width))

    def forward(self, x: Tensor, objects: Tensor) -> Tensor:
        """(B, width, h, w) pixels and (B, width, K, 1) objects to (B, width, h, w)."""
        query = self.f_pixel(x).flatten(2).transpose(1, 2)
        keys = self.f_object(objects).flatten(2).transpose(1, 2)
        values = self.f_down(objects).flatten(2).transpose(1, 2)
        found = scaled_dot_product_attention(query, keys, values)
        return self.f_up(found.transpose(1, 2).reshape(len(x), -1, *x.shape[2:]))


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


def _stage(block: str, modules: int, widths: Sequence[int], blocks: int) -> dict[str, Any]:
    """Settings of timm for a stage with branches of these widths."""
    return {
        "block_type": block,
        "num_modules": modules,
        "num_branches": len(widths),
        "num_blocks": [blocks] * len(widths),
        "num_channels": widths,
        "fuse_method": "SUM",
    }


def _exchange(module: HighResolutionModule, branches: list[Tensor]) -> list[Tensor]:
    """Blocks along each branch, then the sum of all branches for each, in its resolution."""
    x = [branch(each) for branch, each in zip(module.branches, branches, strict=True)]
    out = []
    for own, layers in zip(x, module.fuse_layers, strict=True):
        parts = [resize(layer(each), own.shape[2:]) for layer, each in zip(layers, x, strict=True)]
        out.append(torch.relu(sum(parts, start=torch.zeros_like(own))))
    return out


class _Backbone(HighResolutionNet):
    """timm's HRNet, whose coarser branches are enlarged as RITM does, and object context upon it.

    Parameters
    ----------
    width : int
        Of the finest branch, 18 or 32; each coarser one is twice as wide.
    ocr_width : int
        Of the object context.
    blocks : int
        A branch; 4 but in small variants.
    modules : (int, int, int)
        Exchanges at two, three and four branches.
    """

    def __init__(self, width: int, ocr_width: int, blocks: int, modules: Sequence[int]):
        widths = [width * 2**i for i in range(4)]
        stages = {
            f"stage{n}": _stage("BASIC", count, widths[:n], blocks)
            for n, count in enumerate(modules, start=2)
        }
        first = _stage("BOTTLENECK", 1, [64], blocks)
        super().__init__({"stem_width": 64, "stage1": first, **stages}, head="")
        for module in self.modules():
            if isinstance(module, HighResolutionModule):
                module.forward = partial(_exchange, module)
            elif isinstance(module, nn.Upsample):
                module.scale_factor = 1  # `_exchange` enlarges.
        total, wide = sum(widths), 2 * ocr_width
        self.conv3x3_ocr = nn.Sequential(
            nn.Conv2d(total, wide, 3, padding=1), nn.BatchNorm2d(wide), nn.ReLU()
        )
        self.ocr_distri_head = Distribute(wide, ocr_width)
        self.cls_head = nn.Conv2d(wide, 1, 1)
        self.aux_head = nn.Sequential(
            nn.Conv2d(total, total, 1), nn.BatchNorm2d(total), nn.ReLU(), nn.Conv2d(total, 1, 1)
        )

    def forward(self, image: Tensor, extra: Tensor) -> Tensor:
        """Logits of an image.

        Parameters
        ----------
        image : (B, 3, H, W) float32
            Normalised.
        extra : (B, 64, H / 2, W / 2) float32
            What is added after the first convolution: the clicks and the previous mask.

        Returns
        -------
        (B, 1, H / 4, W / 4) float32
        """
        x = torch.relu(self.bn1(self.conv1(image))) + extra
        branches = self.stages(torch.relu(self.bn2(self.conv2(x))))
        found = torch.cat([resize(each, branches[0].shape[2:]) for each in branches], 1)
        pixels = self.conv3x3_ocr(found)
        return self.cls_head(self.ocr_distri_head(pixels, gather(pixels, self.aux_head(found))))


class RitmNetwork(ClickNetwork):
    """The network of the ``itermask`` checkpoints; parameters are those of its backbone."""

    def __init__(
        self, width: int, ocr_width: int, blocks: int = 4, modules: Sequence[int] = (1, 4, 3)
    ):
        super().__init__()
        self.maps_transform = nn.Sequential(
            nn.Conv2d(3, 16, 1), nn.LeakyReLU(0.2), nn.Conv2d(16, 64, 3, 2, padding=1), Scale()
        )
        self.feature_extractor = _Backbone(width, ocr_width, blocks, modules)

    def logits(self, image: Tensor, maps: Tensor) -> Tensor:
        """(B, 3, H, W) each, to (B, 1, H / 4, W / 4)."""
        return self.feature_extractor(image, self.maps_transform(maps))


class Ritm(ZoomedModel):
    """RITM as its released evaluation asks it (``NoBRS``, ``cvpr``).

    The first click sees the image as it is; from the second on, the surroundings of the
    previous mask with 400 pixels on their longest side. Logits are averaged with those of the
    mirrored picture.
    """

    network = RitmNetwork
    zoom = Zoom(size=400, skip_clicks=1)
