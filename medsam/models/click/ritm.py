"""RITM: HRNet with object context that is shown its previous mask with the clicks.

Source: Sofiiuk, Petrov, Konushin, "Reviving Iterative Training with Mask Guidance for
Interactive Segmentation" (arXiv 2102.06583).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from medsam.models.click.clickmaps import Clicks, disks
from medsam.models.click.hrnet import HighResolutionNet
from medsam.models.click.ocr import Distribute, gather
from medsam.models.click.predictor import ClickModel, State, zoomed_step
from medsam.models.click.published import PUBLISHED
from medsam.models.click.zoom import Zoom
from medsam.models.weight_file import Checkpoint

__all__ = ["RADIUS", "RitmH18", "RitmH32", "RitmNetwork", "Scale", "normalised"]

RADIUS = 5
"""Of a click's disk, in pixels of what the network sees."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


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
        out: Tensor = self.cls_head(self.ocr_distri_head(pixels, gather(pixels, guess)))
        return out


class RitmNetwork(nn.Module):
    """The network of the ``itermask`` checkpoints.

    Parameters
    ----------
    width, ocr_width : int
        Of HRNet's finest branch (18, 32) and of the object context (64, 128).
    blocks, modules
        As :class:`~medsam.models.click.hrnet.HighResolutionNet`.
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
        return interpolate(logits, size=size, mode="bilinear", align_corners=True)


class _Ritm(ClickModel):
    """RITM as its released evaluation asks it (``NoBRS``, ``cvpr``).

    The first click sees the image as it is; from the second on, the surroundings of the
    previous mask with 400 pixels on their longest side. Logits are averaged with those of the
    mirrored picture.
    """

    zoom: ClassVar[Zoom] = Zoom(size=400, skip_clicks=1)

    def step(self, image: Tensor, clicks: Clicks, state: State) -> State:
        """One click more; see :func:`~medsam.models.click.predictor.zoomed_step`."""
        return zoomed_step(self._network, self.zoom, image, clicks, state)

    def settings(self) -> dict[str, Any]:
        """The zoom and the mirroring."""
        return {"zoom": str(self.zoom), "flip": "average of logits"}


class RitmH18(_Ritm):
    """RITM on HRNet-18, which the paper's text names."""

    name: ClassVar[str] = "ritm-h18"
    published: ClassVar[Checkpoint] = PUBLISHED["ritm-h18"]

    @staticmethod
    def network() -> nn.Module:
        """HRNet-18 with an object context of 64."""
        return RitmNetwork(18, 64)


class RitmH32(_Ritm):
    """RITM on HRNet-32, which the paper's released code loads."""

    name: ClassVar[str] = "ritm-h32"
    published: ClassVar[Checkpoint] = PUBLISHED["ritm-h32"]

    @staticmethod
    def network() -> nn.Module:
        """HRNet-32 with an object context of 128."""
        return RitmNetwork(32, 128)
