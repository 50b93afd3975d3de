"""SimpleClick: a plain vision transformer whose clicks are patches like those of the image.

It attends within windows, and now and then to the whole picture.

Source: Liu et al., "SimpleClick: Interactive Image Segmentation with Simple Vision
Transformers" (arXiv 2210.11006).
"""

# A network called gives Any, and so do the classes of timm.
# mypy: disable-error-code="no-any-return, misc"

from __future__ import annotations

from collections.abc import Sequence

import torch
from segment_anything.modeling.image_encoder import window_partition, window_unpartition
from timm.layers import PatchEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import interpolate

from medsam.models.click.predictor import THRESHOLD, State, ZoomedModel
from medsam.models.click.ritm import ClickNetwork, named
from medsam.models.click.zoom import Clicks, Zoom

SIDE = 448
"""Side in pixels of what the network sees."""
PRETRAINED = 224
"""Side in pixels of a window, that of the pictures the transformer was first trained on."""


class PlainVit(VisionTransformer):
    """The backbone: timm's, most of whose blocks see windows of the picture.

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
        sizes = {"embed_dim": width, "depth": depth, "num_heads": heads}
        super().__init__(side, patch, global_pool="avg", weight_init="skip", **sizes)
        self.grid, self.window = side // patch, PRETRAINED // patch
        self.every = 6 if depth == 12 else depth // 4

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
        x, whole = x.unflatten(1, (self.grid, self.grid)), (self.grid, self.grid)
        for i, block in enumerate(self.blocks, start=1):
            side = self.grid if i % self.every == 0 else self.window
            windows, _ = window_partition(x, side)
            seen = block(windows.flatten(1, 2)).unflatten(1, (side, side))
            x = window_unpartition(seen, side, whole, whole)
        return x.permute(0, 3, 1, 2)


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(1, width)


class Pyramid(nn.Module):
    """One map of a sixteenth of the resolution to maps of 1/4, 1/8, 1/16 and 1/32."""

    def __init__(self, width: int, widths: Sequence[int]):
        super().__init__()
        a, b, c, d = widths
        half, most = max(2 * a, width // 2), max(d, 2 * width)
        self.down_4 = nn.Sequential(
            nn.ConvTranspose2d(width, half, 2, 2),
            _norm(half),
            nn.GELU(),
            nn.ConvTranspose2d(half, half // 2, 2, 2),
            _norm(half // 2),
            *self._to(half // 2, a),
        )
        eighth = max(b, width // 2)
        self.down_8 = nn.Sequential(
            nn.ConvTranspose2d(width, eighth, 2, 2), _norm(eighth), *self._to(eighth, b)
        )
        self.down_16 = nn.Sequential(*self._to(width, c))
        self.down_32 = nn.Sequential(nn.Conv2d(width, most, 2, 2), _norm(most), *self._to(most, d))

    @staticmethod
    def _to(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 1), _norm(outputs), nn.GELU()]

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, width, g, g) to four maps, finest first."""
        return [self.down_4(x), self.down_8(x), self.down_16(x), self.down_32(x)]


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return named(conv=nn.Conv2d(inputs, outputs, 1), relu=nn.ReLU())


class Head(nn.Module):
    """All maps at the finest resolution, mixed pixel by pixel.

    Notes
    -----
    ``up_conv1`` and ``up_conv2`` belong to finer variants of the head: they are in the
    checkpoints, but no mask depends on them.
    """

    def __init__(self, widths: Sequence[int], channels: int):
        super().__init__()
        self.convs = nn.ModuleList(_convolution(width, channels) for width in widths)
        self.fusion_conv = _convolution(channels * len(widths), channels)
        self.up_conv1, self.up_conv2 = self._up(channels), self._up(channels // 2)
        self.conv_seg = nn.Conv2d(channels, 1, 1)

    @staticmethod
    def _up(width: int) -> nn.Sequential:
        half = width // 2
        return nn.Sequential(
            nn.ConvTranspose2d(width, half, 2, 2),
            _norm(half),
            nn.Conv2d(half, half, 1),
            _norm(half),
            nn.GELU(),
        )

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Maps, finest first, to (B, 1, h, w) logits at the finest one's resolution."""
        size = maps[0].shape[2:]
        mixed = [
            interpolate(conv(x), size=size, mode="bilinear", align_corners=False)
            for conv, x in zip(self.convs, maps, strict=True)
        ]
        return self.conv_seg(self.fusion_conv(torch.cat(mixed, 1)))


class SimpleClickNetwork(ClickNetwork):
    """The network of the ``cocolvis_vit_*`` checkpoints.

    Parameters
    ----------
    patch, width, depth, heads : int
        Of the transformer.
    widths : (4,) int
        Of the pyramid's maps, finest first.
    channels : int
        Of the head.
    side : int
        Of the square picture, in pixels.
    """

    def __init__(
        self,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        widths: Sequence[int],
        channels: int = 256,
        side: int = SIDE,
    ):
        super().__init__()
        self.patch_embed_coords = PatchEmbed(side, patch, 3, width)
        self.backbone = PlainVit(side, patch, width, depth, heads)
        self.neck = Pyramid(width, widths)
        self.head = Head(widths, channels)

    def logits(self, image: Tensor, maps: Tensor) -> Tensor:
        """(B, 3, side, side) each, to (B, 1, side / 4, side / 4)."""
        return self.head(self.neck(self.backbone(image, self.patch_embed_coords(maps))))


class SimpleClick(ZoomedModel):
    """SimpleClick as its released evaluation asks it (``NoBRS``, ``cvpr``).

    The first click sees the whole image, brought to 448 x 448 pixels; later ones the
    surroundings of the previous mask. Logits are averaged with those of the mirrored picture.
    """

    network = SimpleClickNetwork
    zoom = Zoom(size=(SIDE, SIDE), skip_clicks=-1)


TURNS = 5
"""At most so often CFR-ICL looks at the first click."""
_SETTLED = 20
"""At most so many pixels change in the last of these turns."""


class CfrIcl(SimpleClick):
    """CFR-ICL, SimpleClick that corrects its first mask, as the paper's code asks it.

    Source: Sun et al., "CFR-ICL: Cascade-Forward Refinement with Iterative Click Loss for
    Interactive Image Segmentation" (arXiv 2303.05620).
    """

    def step(self, image: Tensor, clicks: Clicks, state: State) -> State:
        """One click more; the first is asked again with its own mask until that settles."""
        state = super().step(image, clicks, state)
        for _ in range(TURNS - 1 if len(clicks) == 1 else 0):
            before, state = state, super().step(image, clicks, state)
            assert before.probability is not None
            assert state.probability is not None
            changed = (before.probability > THRESHOLD) != (state.probability > THRESHOLD)
            if changed.sum() <= _SETTLED:
                break
        return state

    def settings(self) -> dict[str, str]:
        """As SimpleClick's, and the turns."""
        turns = f"up to {TURNS} at the first click, until at most {_SETTLED} pixels change"
        return super().settings() | {"turns": turns}
