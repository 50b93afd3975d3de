"""FocalClick: a coarse mask of the target, then a second look at what the last click changed.

Source: Chen et al., "FocalClick: Towards Practical Interactive Image Segmentation"
(arXiv 2204.02574).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.ops import roi_align

from medsam.models.click.clickmaps import Clicks, disks
from medsam.models.click.focus import Window, focus, relative, scaled
from medsam.models.click.predictor import THRESHOLD, ClickModel, State
from medsam.models.click.published import PUBLISHED
from medsam.models.click.refine import Refiner
from medsam.models.click.ritm import RADIUS, Scale, normalised
from medsam.models.click.segformer import SegFormer
from medsam.models.click.zoom import Zoom, crop, paste, within
from medsam.models.weight_file import Checkpoint

__all__ = ["FocalClickB0S1", "FocalClickB0S2", "FocalClickB3S2", "FocalClickNetwork", "focal_step"]

SIDE = 256
"""Side in pixels of what the network sees, coarse and refined."""
EXPANSION = 1.4
"""Of target and focus."""
PROGRESSIVE = 10
"""After so many clicks only the focus of each further one changes the mask."""
ZOOM = Zoom(
    size=None, skip_clicks=1, expansion=EXPANSION, min_side=10, keep_above=2, threshold=0.49
)


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    return interpolate(x, size=size, mode="bilinear", align_corners=True)


class FocalClickNetwork(nn.Module):
    """The network of the SegFormer checkpoints.

    Parameters
    ----------
    widths, depths : (4,) int
        Of SegFormer's stages.
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
        self.feature_extractor = SegFormer(widths, depths, width)
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
        image = normalised(picture[:, :3])
        maps = torch.cat([picture[:, 3:], disks(clicks, size, radius, picture)], 1)
        if self.halved:
            image, maps = (
                interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=True)
                for x in (image, maps)
            )
        logits, features = self.feature_extractor(image, maps)
        return _resized(logits, size), features

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
        out: Tensor = self.refiner(image, disks([clicks], size, RADIUS, image), near, guess)
        return out


def _odds(probability: Tensor) -> Tensor:
    """Log-odds, infinite at 0 and 1."""
    return torch.log(probability / (1 - probability))


def focal_step(
    network: FocalClickNetwork, image: Tensor, clicks: Clicks, state: State, side: int = SIDE
) -> State:
    """One step of FocalClick: target crop, coarse mask, focus crop, merge.

    Parameters
    ----------
    network : FocalClickNetwork
    image : (1, 3, H, W) float32 Tensor
        RGB, 0 to 1.
    clicks : (N, 3) float
        All so far, at least one.
    state : State
    side : int
        Both crops are brought to ``side`` x ``side`` pixels.

    Notes
    -----
    As released: the coarse mask that decides on the focus is where its log-odds (not its
    probability) are above 0.49; and where nothing was left of the object, the network sees the
    whole picture, but its answer is put into the last target.
    """
    size = (image.shape[2], image.shape[3])
    before = image.new_zeros((1, 1, *size)) if state.probability is None else state.probability
    last = before[0, 0].cpu().numpy()
    found = ZOOM.region(None if state.probability is None else last, state.roi, clicks, size)
    picture, seen, into = torch.cat([image, before], 1), clicks, found or state.roi
    if found is not None:
        picture = crop(picture, found, None)
        seen = within(clicks, found, (picture.shape[2], picture.shape[3]))
    seen = scaled(seen, (0, picture.shape[2], 0, picture.shape[3]), side)
    coarse = network.coarse(_resized(picture, (side, side)), [seen])
    # Probabilities, not logits, are resized, as released.
    wide = _resized(torch.sigmoid(coarse[0]), (picture.shape[2], picture.shape[3]))
    odds = _odds(wide if into is None else paste(wide, into, size))
    target: Window = (0, size[0], 0, size[1])
    if into is not None:
        target = (into[0], into[1] + 1, into[2], into[3] + 1)

    click = (int(clicks[-1, 0]), int(clicks[-1, 1]))
    now = odds[0, 0].cpu().numpy() > THRESHOLD
    window = focus(now, last > THRESHOLD, click, target, EXPANSION)
    top, bottom, left, right = window
    roi = (top, bottom - 1, left, right - 1)
    refined = network.refine(
        _resized(crop(image, roi, None), (side, side)),
        scaled(clicks, window, side),
        coarse,
        relative(window, target, side),
    )
    merged = _odds(before) if len(clicks) > PROGRESSIVE else odds
    merged[:, :, top:bottom, left:right] = _resized(refined, (bottom - top, right - left))
    return State(torch.sigmoid(merged), into)


class _FocalClick(ClickModel):
    """FocalClick as its released evaluation asks it (``FocalClick``, ``infer-size`` 256)."""

    def step(self, image: Tensor, clicks: Clicks, state: State) -> State:
        """One click more; see :func:`focal_step`."""
        assert isinstance(self._network, FocalClickNetwork)
        return focal_step(self._network, image, clicks, state)

    def settings(self) -> dict[str, Any]:
        """Target, focus and merging."""
        return {
            "target": str(ZOOM),
            "focus": f"expansion {EXPANSION}, {SIDE} pixels",
            "merge": f"progressive after {PROGRESSIVE} clicks",
        }


class FocalClickB0S1(_FocalClick):
    """FocalClick on SegFormer-B0, coarse at 128 pixels."""

    name: ClassVar[str] = "focalclick-b0-s1"
    published: ClassVar[Checkpoint] = PUBLISHED["focalclick-b0-s1"]

    @staticmethod
    def network() -> nn.Module:
        """SegFormer-B0, S1."""
        return FocalClickNetwork((32, 64, 160, 256), (2, 2, 2, 2), 256, halved=True)


class FocalClickB0S2(_FocalClick):
    """FocalClick on SegFormer-B0, coarse at 256 pixels."""

    name: ClassVar[str] = "focalclick-b0-s2"
    published: ClassVar[Checkpoint] = PUBLISHED["focalclick-b0-s2"]

    @staticmethod
    def network() -> nn.Module:
        """SegFormer-B0, S2."""
        return FocalClickNetwork((32, 64, 160, 256), (2, 2, 2, 2), 256, halved=False)


class FocalClickB3S2(_FocalClick):
    """FocalClick on SegFormer-B3, coarse at 256 pixels: what the paper's code loads."""

    name: ClassVar[str] = "focalclick-b3-s2"
    published: ClassVar[Checkpoint] = PUBLISHED["focalclick-b3-s2"]

    @staticmethod
    def network() -> nn.Module:
        """SegFormer-B3, S2."""
        return FocalClickNetwork((64, 128, 320, 512), (3, 4, 18, 3), 512, halved=False)
