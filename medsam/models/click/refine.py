"""FocalClick's refiner: a small network that corrects a coarse mask in one window.

Names of the weights are those of the published FocalClick checkpoints.

Source: Chen et al., "FocalClick: Towards Practical Interactive Image Segmentation", section 3.2
(arXiv 2204.02574).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

__all__ = ["Refiner"]

_WIDTH = 32


class _Convolution(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h / stride, w / stride)."""
        return torch.relu(self.norm(self.conv(x)))


class _Separable(nn.Module):
    """A convolution of each channel, then one across channels."""

    def __init__(self, width: int):
        super().__init__()
        self.conv3x3 = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.conv1x1 = nn.Conv2d(width, width, 1)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w) to the same shape."""
        return torch.relu(self.norm(self.conv1x1(self.conv3x3(x))))


class Refiner(nn.Module):
    """Corrects logits near the boundary.

    Parameters
    ----------
    features : int
        Channels of the coarse step's features.
    """

    def __init__(self, features: int):
        super().__init__()
        self.image_conv1 = _Convolution(6, _WIDTH, 3, 2)
        self.image_conv2, self.image_conv3 = _Separable(_WIDTH), _Separable(_WIDTH)
        self.refine_fusion = _Convolution(features, _WIDTH, 1, 1)
        self.refine_fusion2, self.refine_fusion3 = _Separable(_WIDTH), _Separable(_WIDTH)
        # In the checkpoints, but no mask depends on it.
        self.feature_gate = nn.Sequential(nn.Conv2d(_WIDTH, 1, 1), nn.Sigmoid())
        self.refine_pred = nn.Conv2d(_WIDTH, 1, 3, padding=1)
        self.refine_trimap = nn.Conv2d(_WIDTH, 1, 3, padding=1)

    def forward(self, image: Tensor, maps: Tensor, features: Tensor, coarse: Tensor) -> Tensor:
        """Refined logits.

        Parameters
        ----------
        image : (B, 3, s, s) float32
            0 to 1.
        maps : (B, 2, s, s) float32
            Clicks.
        features : (B, C, h, w) float32
        coarse : (B, 1, s, s) float32
            Logits.

        Returns
        -------
        (B, 1, s, s) float32
            New logits near the boundary, as far as the network finds it to be near, and the
            coarse ones elsewhere.
        """

        def to(x: Tensor, like: Tensor) -> Tensor:
            return interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=True)

        x = self.image_conv1(torch.cat([image, maps, torch.sigmoid(coarse)], 1))
        x = self.image_conv3(self.image_conv2(x))
        x = to(self.refine_fusion(features), x) + x
        x = self.refine_fusion3(self.refine_fusion2(x))
        boundary = torch.sigmoid(to(self.refine_trimap(x), image))
        return to(self.refine_pred(x), image) * boundary + coarse * (1 - boundary)
