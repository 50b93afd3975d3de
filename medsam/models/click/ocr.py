"""Object-contextual representations: each pixel is told what the object as a whole is like.

Names of the weights are those of the published checkpoints.

Source: Yuan, Chen, Wang, "Object-Contextual Representations for Semantic Segmentation"
(arXiv 1909.11065).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Distribute", "gather"]


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
        out: Tensor = self.f_up(context)
        return out


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
        out: Tensor = self.conv_bn_dropout(torch.cat([context, x], 1))
        return out
