"""SAM with ViT-H, ViT-L and ViT-B through segment-anything, from the published checkpoints.

Source: Kirillov et al. 2023, Segment Anything (doi:10.1109/ICCV51070.2023.00371).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from medsam.models.checkpoints import CHECKPOINTS, digest, fit, own, read_state, verified
from medsam.models.onnx_sam import SIDE, preprocess
from medsam.models.torch_sam import TorchSam

__all__ = ["RandomSamVitB", "Sam", "SamVitB", "SamVitH", "SamVitL"]


class Sam(TorchSam):
    """One of the published SAM models; see its subclasses.

    Parameters
    ----------
    folder : Path, optional
        Folder with the checkpoint, or the file itself; by default where `medsam weights fetch`
        puts it.
    checkpoint : Path, optional
        A checkpoint of one's own for the same architecture (fine-tuned, say), in place of the
        published one. Results then name it and its sha256.
    device : str
        ``"auto"``, ``"cuda"``, ``"mps"`` or ``"cpu"``.
    precision : str
        Of the encoder: ``"float32"``, or ``"bfloat16"`` (CUDA, CPU), ``"float16"`` (CUDA, MPS).
    images, prompts : int
        At most that many at a time; see :class:`medsam.models.torch_sam.TorchSam`.

    Raises
    ------
    WeightsError
        If the file is missing, torn, another one, or holds anything but the model's tensors.
    InputError
        If device or precision are not there.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"points", "box", "mask"})
    side: ClassVar[int] = SIDE
    variant: ClassVar[str]

    def __init__(
        self, folder: Path | None = None, *, checkpoint: Path | None = None, **options: Any
    ):
        known = CHECKPOINTS[self.name] if checkpoint is None else own(checkpoint, self.name)
        path = verified(known, folder if checkpoint is None else checkpoint)
        self._about = {"weights": known.source, "licence": known.licence, "sha256": digest(path)}
        net = self._build()
        fit(net, read_state(path), path, f"SAM {self.variant}")
        super().__init__(net, **options)

    @classmethod
    def _build(cls) -> Any:
        """The architecture, with random weights."""
        from segment_anything import sam_model_registry

        return sam_model_registry[cls.variant]()

    def provenance(self) -> dict[str, str]:
        """Address, licence and sha256 of the checkpoint, and the encoder's precision."""
        return self._about | {"precision": self.runtime.precision}

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return preprocess(image)

    def _scale(self, image_size: tuple[int, int]) -> NDArray[np.float64]:
        height, width = image_size
        fit_h, fit_w = self._fit(image_size)
        return np.array([fit_w / width, fit_h / height])

    def _upscale(self, logits: Any, image_size: tuple[int, int]) -> Any:
        return self._net.postprocess_masks(logits, self._fit(image_size), image_size)


class SamVitH(Sam):
    """SAM ViT-H, the model of the paper."""

    name: ClassVar[str] = "sam-vit-h"
    variant: ClassVar[str] = "vit_h"


class SamVitL(Sam):
    """SAM ViT-L."""

    name: ClassVar[str] = "sam-vit-l"
    variant: ClassVar[str] = "vit_l"


class SamVitB(Sam):
    """SAM ViT-B."""

    name: ClassVar[str] = "sam-vit-b"
    variant: ClassVar[str] = "vit_b"


class RandomSamVitB(SamVitB):
    """ViT-B with random weights: for tests and timings without a checkpoint. It segments nothing.

    Parameters
    ----------
    seed : int
    """

    name: ClassVar[str] = "sam-vit-b-random"

    def __init__(self, seed: int = 0, **options: Any):
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = self._build()
            # Upstream starts these at zero; a trained network has none at zero.
            for name, weight in net.image_encoder.named_parameters():
                if "rel_pos" in name or name == "pos_embed":
                    torch.nn.init.normal_(weight, std=0.02)
        self._about = {"weights": f"random, seed {seed}", "licence": "none"}
        TorchSam.__init__(self, net, **options)
