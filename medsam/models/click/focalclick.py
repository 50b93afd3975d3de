"""FocalClick: a coarse mask of the target, then a second look at what the last click changed.

Source: Chen et al., "FocalClick: Towards Practical Interactive Image Segmentation"
(arXiv 2204.02574).
"""

# A network called gives Any, and so do the classes of timm.
# mypy: disable-error-code="no-any-return, misc"

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from timm.models.pvt_v2 import OverlapPatchEmbed, PyramidVisionTransformerV2
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.ops import roi_align

from medsam import regions
from medsam.models.click.predictor import THRESHOLD, ClickModel, State, look
from medsam.models.click.ritm import RADIUS, Scale, named, normalised
from medsam.models.click.zoom import Clicks, Zoom, crop, disks, paste, resize

SIDE = 256
"""Side in pixels of what the network sees, coarse and refined."""
EXPANSION = 1.4
"""Of target and focus."""
PROGRESSIVE = 10
"""After so many clicks only the focus of each further one changes the mask."""
ZOOM = Zoom(
    size=None, skip_clicks=1, expansion=EXPANSION, min_side=10, keep_above=2, threshold=0.49
)
Window = tuple[int, int, int, int]
"""Top, bottom, left, right; bottom and right are the first that do not belong to it."""
_FEW = 10
"""A mask of fewer pixels has no box of its own."""
_SMALL = 3
"""A change is small if it is that many times less high or wide than the object."""
_AROUND = 0.2
"""For a small change: so many times the object's longest side to each side of the click."""

_WIDTH = 32
"""Channels of the refiner."""


class _Backbone(nn.Module):
    """SegFormer's four stages, as timm's PVT v2 has them; the clicks join after the first."""

    def __init__(self, widths: Sequence[int], depths: Sequence[int]):
        super().__init__()
        settings = {"num_heads": (1, 2, 5, 8), "mlp_ratios": (4, 4, 4, 4), "num_classes": 0}
        net = PyramidVisionTransformerV2(depths=depths, embed_dims=widths, **settings)
        for i, stage in enumerate(net.stages, start=1):
            setattr(self, f"patch_embed{i}", stage.downsample or net.patch_embed)
            setattr(self, f"block{i}", stage.blocks)
            setattr(self, f"norm{i}", stage.norm)
            for block in stage.blocks:
                block.mlp.dwconv = named(dwconv=block.mlp.dwconv)
        self.patch_embed_side1 = OverlapPatchEmbed(7, 4, 3, widths[0])

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(B, 6, H, W), image and maps, to features of 1/4, 1/8, 1/16 and 1/32."""
        x, extra, out = picture[:, :3], picture[:, 3:], []
        for i in range(1, 5):
            x = getattr(self, f"patch_embed{i}")(x)
            size = (x.shape[1], x.shape[2])
            x = x.flatten(1, 2)
            for block in getattr(self, f"block{i}"):
                x = block(x, size)
            x = getattr(self, f"norm{i}")(x).unflatten(1, size).permute(0, 3, 1, 2)
            out.append(x)
            if i == 1:
                x = x + self.patch_embed_side1(extra).permute(0, 3, 1, 2)
        return out


class _Linear(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.proj = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h, w)."""
        return self.proj(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Head(nn.Module):
    """All maps at the finest resolution, mixed pixel by pixel."""

    def __init__(self, widths: Sequence[int], width: int):
        super().__init__()
        for i, each in enumerate(widths, start=1):
            setattr(self, f"linear_c{i}", _Linear(each, width))
        fuse = nn.Conv2d(4 * width, width, 1, bias=False)
        self.linear_fuse = named(conv=fuse, bn=nn.BatchNorm2d(width), relu=nn.ReLU())
        self.linear_pred = nn.Conv2d(width, 1, 1)

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Maps, finest first, to logits and features at the finest one's resolution."""
        size = maps[0].shape[2:]
        mixed = [
            interpolate(getattr(self, f"linear_c{i}")(maps[i - 1]), size, mode="bilinear")
            for i in (4, 3, 2, 1)
        ]
        features: Tensor = self.linear_fuse(torch.cat(mixed, 1))
        return self.linear_pred(features), features


def _convolution(inputs: int, kernel: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, _WIDTH, kernel, stride, padding=kernel // 2)
    return named(conv=conv, norm=nn.BatchNorm2d(_WIDTH), relu=nn.ReLU())


def _separable() -> nn.Sequential:
    """A convolution of each channel, then one across channels."""
    return named(
        conv3x3=nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, groups=_WIDTH),
        conv1x1=nn.Conv2d(_WIDTH, _WIDTH, 1),
        norm=nn.BatchNorm2d(_WIDTH),
        relu=nn.ReLU(),
    )


class Refiner(nn.Module):
    """Corrects logits near the boundary.

    Parameters
    ----------
    features : int
        Channels of the coarse step's features.
    """

    def __init__(self, features: int):
        super().__init__()
        self.image_conv1 = _convolution(6, 3, 2)
        self.image_conv2, self.image_conv3 = _separable(), _separable()
        self.refine_fusion = _convolution(features, 1, 1)
        self.refine_fusion2, self.refine_fusion3 = _separable(), _separable()
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
        size = image.shape[2:]
        x = self.image_conv1(torch.cat([image, maps, torch.sigmoid(coarse)], 1))
        x = self.image_conv3(self.image_conv2(x))
        x = resize(self.refine_fusion(features), x.shape[2:]) + x
        x = self.refine_fusion3(self.refine_fusion2(x))
        boundary = torch.sigmoid(resize(self.refine_trimap(x), size))
        return resize(self.refine_pred(x), size) * boundary + coarse * (1 - boundary)


def box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """First and last row and column of a mask; the whole picture for fewer than 10 pixels."""
    if np.count_nonzero(mask) < _FEW:
        return 0, mask.shape[0], 0, mask.shape[1]
    left, top, right, bottom = regions.box(mask)
    return top, bottom, left, right


def grown(box: tuple[float, float, float, float], ratio: float, size: tuple[int, int]) -> Window:
    """A box, enlarged about its centre and cut at the picture.

    Examples
    --------
    >>> grown((10, 19, 10, 29), 1.4, (100, 100))
    (7, 21, 5, 33)
    """
    out = []
    for first, last, end in ((*box[:2], size[0]), (*box[2:], size[1])):
        centre, half = 0.5 * (first + last), ratio * (last - first + 1) * 0.5
        out += [max(0, int(centre - half)), min(end, int(centre + half))]
    return out[0], out[1], out[2], out[3]


def focus(
    now: NDArray[np.bool_],
    before: NDArray[np.bool_],
    click: tuple[int, int],
    target: Window,
    ratio: float = 1.4,
) -> Window:
    """The window to refine after a click.

    Parameters
    ----------
    now, before : (H, W) bool
        The coarse mask of this click, and the final one of the last.
    click : (row, column) int
        The last one.
    target : Window
        What the coarse step saw; the window lies within.
    ratio : float
        By what the sides are multiplied.

    Returns
    -------
    Window
        Around the object, if there was none before; else around what changed at the click,
        or around the click where that is small. All of ``target`` where nothing of the
        window lies in it.
    """
    if before.any():
        _, labels = cv2.connectedComponents((now ^ before).astype(np.uint8))
        changed = box(labels == labels[click])
        whole = box(now)
        high, wide = whole[1] - whole[0], whole[3] - whole[2]
        if changed[1] - changed[0] < high / _SMALL or changed[3] - changed[2] < wide / _SMALL:
            reach = _AROUND * max(high, wide)
            around = click[0] - reach, click[0] + reach, click[1] - reach, click[1] + reach
            found = grown(around, ratio, now.shape)
        else:
            found = grown(changed, ratio, now.shape)
    else:
        found = grown(box(now), ratio, now.shape)
    top, bottom = max(found[0], target[0]), min(found[1], target[1])
    left, right = max(found[2], target[2]), min(found[3], target[3])
    if top >= bottom or left >= right:
        return target
    return top, bottom, left, right


def relative(window: Window, target: Window, side: int) -> tuple[float, float, float, float]:
    """A window in pixels of its target brought to ``side`` x ``side``.

    Examples
    --------
    >>> relative((10, 20, 10, 30), (0, 40, 0, 40), 80)
    (20.0, 40.0, 20.0, 60.0)
    """
    down, across = side / (target[1] - target[0]), side / (target[3] - target[2])
    return (
        max((window[0] - target[0]) * down, 0),
        min((window[1] - target[0]) * down, side),
        max((window[2] - target[2]) * across, 0),
        min((window[3] - target[2]) * across, side),
    )


def scaled(clicks: Clicks, window: Window, side: int) -> Clicks:
    """The clicks in pixels of a window brought to ``side`` x ``side``.

    Examples
    --------
    >>> scaled(np.array([[15.0, 20.0, 1.0]]), (10, 20, 10, 30), 80)
    array([[40., 40.,  1.]])
    """
    out = clicks.copy()
    out[:, 0] = (clicks[:, 0] - window[0]) * (side / (window[1] - window[0]))
    out[:, 1] = (clicks[:, 1] - window[2]) * (side / (window[3] - window[2]))
    return out


class FocalClickNetwork(nn.Module):
    """The network of the SegFormer checkpoints.

    Parameters
    ----------
    widths, depths : (4,) int
        Of SegFormer's stages: 32, 64, 160, 256 and 2, 2, 2, 2 for B0; 64, 128, 320, 512 and
        3, 4, 18, 3 for B3.
    width : int
        Of its head.
    halved : bool
        S1: the coarse mask is made at half the resolution, from smaller disks. Else S2.

    Notes
    -----
    ``maps_transform`` is in the checkpoints, but no mask depends on it.
    """

    def __init__(self, widths: Sequence[int], depths: Sequence[int], width: int, *, halved: bool):
        super().__init__()
        self.halved = halved
        self.maps_transform = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(16, 32, 3, 2, padding=1),
            Scale(),
        )
        self.feature_extractor = named(
            backbone=_Backbone(widths, depths), decode_head=_Head(widths, width)
        )
        self.refiner = Refiner(width)

    def coarse(self, picture: Tensor, clicks: Sequence[Clicks]) -> tuple[Tensor, Tensor]:
        """Logits of the object, and the features they come from.

        Parameters
        ----------
        picture : (B, 4, s, s) float32
            RGB and the previous mask's probability, all 0 to 1.
        clicks : sequence of B (N, 3) float arrays

        Returns
        -------
        (B, 1, s, s) and (B, width, s / 4, s / 4) float32
            Features have half that resolution for S1.
        """
        size = (picture.shape[2], picture.shape[3])
        radius = 3 if self.halved else RADIUS
        maps = disks(clicks, size, radius, picture)
        x = torch.cat([normalised(picture[:, :3]), picture[:, 3:], maps], 1)
        if self.halved:
            x = interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=True)
        logits, features = self.feature_extractor(x)
        return resize(logits, size), features

    def refine(
        self,
        image: Tensor,
        clicks: Clicks,
        coarse: tuple[Tensor, Tensor],
        where: tuple[float, float, float, float],
    ) -> Tensor:
        """Logits of the object in a window.

        Parameters
        ----------
        image : (1, 3, s, s) float32
            The window, 0 to 1. As released it is not normalised.
        clicks : (N, 3) float
            In pixels of ``image``.
        coarse : (Tensor, Tensor)
            Of :meth:`coarse`.
        where : (top, bottom, left, right) float
            The window in pixels of what the coarse step saw.

        Returns
        -------
        (1, 1, s, s) float32
        """
        logits, features = coarse
        top, bottom, left, right = where
        size = (image.shape[2], image.shape[3])
        box = image.new_tensor([[0, left, top, right, bottom]])
        near = roi_align(
            features, box, features.shape[2:], features.shape[3] / image.shape[3], aligned=True
        )
        guess = roi_align(logits, box, size, 1.0, aligned=True)
        return self.refiner(image, disks([clicks], size, RADIUS, image), near, guess)


class FocalClickBaseline(ClickModel):
    """FocalClick as the paper's code asks it (``NoBRS``): coarse masks, without a second look.

    Attributes
    ----------
    side : int
        Target and focus are brought to ``side`` x ``side`` pixels.
    """

    network = FocalClickNetwork
    side = SIDE

    def coarse(
        self, image: Tensor, clicks: Clicks, state: State
    ) -> tuple[State, tuple[Tensor, Tensor]]:
        """Target crop and coarse mask: the new state, and what the network gave for the crop."""
        picture, seen, into = look(ZOOM, image, clicks, state)
        size = (picture.shape[2], picture.shape[3])
        seen = scaled(seen, (0, size[0], 0, size[1]), self.side)
        coarse = self.net.coarse(resize(picture, (self.side, self.side)), [seen])
        # Probabilities, not logits, are resized, as released.
        wide = resize(torch.sigmoid(coarse[0]), size)
        return State(paste(wide, into, (image.shape[2], image.shape[3])), into), coarse

    def step(self, image: Tensor, clicks: Clicks, state: State) -> State:
        """One click more: the coarse mask."""
        return self.coarse(image, clicks, state)[0]

    def settings(self) -> dict[str, str]:
        """Target, and that there is no focus."""
        return {"target": str(ZOOM), "focus": "none", "merge": "none"}


class FocalClick(FocalClickBaseline):
    """FocalClick as its released evaluation asks it (``FocalClick``, ``infer-size`` 256).

    Notes
    -----
    As released: the coarse mask that decides on the focus is where its log-odds (not its
    probability) are above 0.49.
    """

    def step(self, image: Tensor, clicks: Clicks, state: State) -> State:
        """One click more: coarse mask, focus crop, merge."""
        size = (image.shape[2], image.shape[3])
        before = image.new_zeros((1, 1, *size)) if state.probability is None else state.probability
        found, coarse = self.coarse(image, clicks, state)
        assert found.probability is not None
        odds, into = torch.logit(found.probability), found.roi
        target: Window = (0, size[0], 0, size[1])
        if into is not None:
            target = (into[0], into[1] + 1, into[2], into[3] + 1)

        click = (int(clicks[-1, 0]), int(clicks[-1, 1]))
        now, last = (x[0, 0].cpu().numpy() > THRESHOLD for x in (odds, before))
        window = focus(now, last, click, target, EXPANSION)
        top, bottom, left, right = window
        refined = self.net.refine(
            resize(crop(image, (top, bottom - 1, left, right - 1), None), (self.side, self.side)),
            scaled(clicks, window, self.side),
            coarse,
            relative(window, target, self.side),
        )
        merged = torch.logit(before) if len(clicks) > PROGRESSIVE else odds
        merged[:, :, top:bottom, left:right] = resize(refined, (bottom - top, right - left))
        return State(torch.sigmoid(merged), into)

    def settings(self) -> dict[str, str]:
        """Target, focus and merging."""
        return {
            "target": str(ZOOM),
            "focus": f"expansion {EXPANSION}, {SIDE} pixels",
            "merge": f"progressive after {PROGRESSIVE} clicks",
        }
