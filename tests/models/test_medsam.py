"""MedSAM's preparation, boxes and loading, with random weights and a small encoder."""

import numpy as np
import pytest
import torch
from torch_models import TinySam

from medsam.errors import InputError, WeightsError
from medsam.models.checkpoints import CHECKPOINTS, digest
from medsam.models.medsam import MedSam, preprocess
from medsam.models.sam import RandomSamVitB
from medsam.prompts import Prompt

WIDE = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
BOX = Prompt(boxes=[[10, 6, 35, 21]])


class TinyMedSam(MedSam):
    """MedSAM with an encoder of one block."""

    _build = TinySam._build


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Random weights in a file of the published name."""
    path = tmp_path_factory.mktemp("weights") / "medsam_vit_b.pth"
    torch.save(TinySam(device="cpu")._net.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def model(file):
    return TinyMedSam(file.parent, device="cpu")


def test_the_aspect_ratio_is_not_kept_and_contrast_is_stretched():
    image = np.full((40, 20, 3), 50, np.uint8)
    image[20:] = 150
    image[:20, :, 2] = 100
    out = preprocess(image)
    assert out.shape == (1, 3, 1024, 1024)
    assert out.dtype == np.float32
    # Red and green 50, blue 100, all 150 below: of the range of all channels 0, 1/2 and 1.
    np.testing.assert_allclose(out[0, :, 100, 512], [0, 0, 0.5], atol=0.011)
    np.testing.assert_allclose(out[0, :, 900, [0, 1023]], 1, atol=0.011)
    assert (out.min(), out.max()) == (0, 1)
    assert not preprocess(np.full((9, 5, 3), 7, np.uint8)).any()


@pytest.mark.parametrize("shape", [(218, 182), (1100, 90)])
def test_the_size_is_brought_about_as_by_scikit_image(shape):
    transform = pytest.importorskip("skimage.transform")
    image = np.random.default_rng(1).integers(20, 230, (*shape, 3), np.uint8)
    theirs = transform.resize(
        image, (1024, 1024), order=3, preserve_range=True, anti_aliasing=True
    ).astype(np.uint8)
    expected = (theirs - theirs.min()) / (theirs.max() - theirs.min())
    assert np.array_equal(preprocess(image)[0].transpose(1, 2, 0), expected.astype(np.float32))


def test_a_box_is_scaled_by_two_ratios(model):
    """50 wide and 30 high: x by 1024 / 50, y by 1024 / 30; one mask at the image's size."""
    seen = []
    hook = model._net.prompt_encoder.register_forward_pre_hook(
        lambda _, args, named: seen.append(named["boxes"].numpy()), with_kwargs=True
    )
    (one,) = model.predict(model.embed(WIDE), [BOX], multimask=True)
    hook.remove()
    assert seen[0].tolist() == [pytest.approx([204.8, 204.8, 716.8, 716.8])]
    assert one.masks.shape == (1, 30, 50)
    assert one.scores.shape == (1,)


def test_probabilities_are_brought_to_size_and_cut_at_one_half(model):
    (one,) = model.predict(model.embed(WIDE), [BOX])
    low = torch.from_numpy(one.logits)[None]
    wide = torch.nn.functional.interpolate(torch.sigmoid(low), (30, 50), mode="bilinear")
    assert np.array_equal(one.masks, wide[0].numpy() > 0.5)
    # Two pixels of log-odds 6 and -2, seen from eight: 1/8, 3/8, … of the way between them.
    first, last = 1 / (1 + np.exp([-6, 2]))
    between = first + (last - first) * np.array([1, 3, 5, 7]) / 8
    got = model.upscale(np.array([[[6, -2]]], np.float32), (1, 8))[0, 0]
    np.testing.assert_allclose(got[2:6], np.log(between / (1 - between)), rtol=1e-4)
    assert (got > 0).tolist() == [True] * 4 + [False] * 4  # logits would be above 0 for five


@pytest.mark.parametrize(
    ("prompt", "kinds"),
    [
        (Prompt([[1, 1]], [1]), "points"),
        (Prompt(boxes=[[1, 1, 9, 9]], logits=np.zeros((1, 256, 256), np.float32)), "mask"),
    ],
)
def test_boxes_only(model, prompt, kinds):
    says = f"'medsam-vit-b' does not take {kinds} prompts. It takes: box."
    with pytest.raises(InputError, match=says):
        model.predict(model.embed(WIDE), [prompt])


def test_the_hash_is_told_and_not_checked(model, file):
    told = model.provenance()
    assert told["sha256"] == digest(file)
    assert told["sha256_checked"] == "no: its authors state none"
    assert told["weights"] == CHECKPOINTS["medsam-vit-b"].page


def test_where_to_get_it(tmp_path):
    with pytest.raises(WeightsError, match=r"no file 'medsam_vit_b.pth' .* by hand from .*MedSAM"):
        MedSam(tmp_path)


def test_weights_of_another_network(file):
    with pytest.raises(WeightsError, match=r"do not fit SAM vit_b: \d+ of 314 tensors missing"):
        MedSam(file.parent)


@pytest.mark.slow
def test_the_whole_network_from_a_file(tmp_path):
    torch.save(RandomSamVitB._build().state_dict(), tmp_path / "medsam_vit_b.pth")
    model = MedSam(tmp_path, device="cpu")
    assert model.embed(WIDE).features.shape == (1, 256, 64, 64)
