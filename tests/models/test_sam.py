"""SAM in torch against segment-anything's own predictor, with random weights."""

import numpy as np
import pytest
import torch
from segment_anything.modeling import ImageEncoderViT
from segment_anything.utils.transforms import ResizeLongestSide
from torch_models import one_by_one, prompts, random_sam

from medsam.datasets import BrainSample
from medsam.datasets.subsets import Subset
from medsam.models import torch_sam
from medsam.models.attention import BIAS, fuse_attention
from medsam.models.device import to_host
from medsam.models.onnx_sam import fit_size, preprocess
from medsam.models.sam import Sam
from medsam.prompts import Prompt
from medsam.study import runner


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
    _, singles = one_by_one(random_sam(), brain_image, asked, multimask, embedding.features)
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


def test_prompts_on_several_images_go_through_the_decoder_together(tiny, brain_image):
    images = [brain_image, brain_image[:90, ::-1].copy()]
    embeddings = tiny.embed_many(images)
    calls = []
    tiny.net.mask_decoder.register_forward_hook(lambda *_: calls.append(1))
    asked = prompts(90, 182, count=1)
    alone = [tiny.predict(one, [prompt])[0] for prompt in asked for one in embeddings]
    calls.clear()
    each = [(one, prompt) for prompt in asked for one in embeddings]
    together = tiny.predict_many(*zip(*each, strict=True))
    assert len(calls) == len(asked)
    for ours, single in zip(together, alone, strict=True):
        assert ours.masks.shape == single.masks.shape
        assert (ours.masks != single.masks).mean() < 1e-4
        np.testing.assert_allclose(ours.scores, single.scores, atol=1e-5)
    assert not np.allclose(together[0].scores, together[1].scores, atol=1e-4)


def test_a_block_of_images_is_waited_for_three_times_an_object_at_most(tiny, tmp_path, monkeypatch):
    """As on an accelerator, where each copy to the host waits for what was asked before it."""
    copies = []
    monkeypatch.setattr(torch_sam, "to_host", lambda found: copies.append(1) or to_host(found))
    sample = Subset(BrainSample(["brain_stem"]), every=6)
    runner.run(sample, tiny, tmp_path, batch=len(sample), progress=False)
    assert 0 < len(copies) <= 9 < 3 * len(sample)


@pytest.mark.parametrize("limit", [2**23, 2**14])
@pytest.mark.parametrize("window", [0, 14])
def test_fused_attention_is_segment_anythings(monkeypatch, window, limit):
    """All at once, and in parts of heads and rows; with windows that reach beyond the image."""
    monkeypatch.setitem(BIAS, "cpu", limit)
    torch.manual_seed(1)
    options = {"use_rel_pos": True, "window_size": window, "global_attn_indexes": (1,)}
    net = ImageEncoderViT(320, 16, embed_dim=32, depth=2, num_heads=4, out_chans=8, **options)
    for name, weight in net.named_parameters():
        if "rel_pos" in name or name == "pos_embed":
            torch.nn.init.normal_(weight)
    images = torch.randn(2, 3, 320, 320)
    with torch.inference_mode():
        theirs = net(images)
        fuse_attention(net)
        ours = net(images)
    assert not torch.equal(ours, theirs)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_a_compiled_encoder_is_another_one_for_the_rows(tiny_file):
    model = Sam("sam-vit-b", "tiny", checkpoint=tiny_file, device="cpu", compiled=True)
    assert model.provenance()["compiled"] == "torch.compile"


def test_a_folder_of_transformers_gives_the_masks_of_its_model(tmp_path, brain_image):
    transformers = pytest.importorskip("transformers")
    vision = transformers.SamVisionConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=1, global_attn_indexes=[]
    )
    torch.manual_seed(0)
    theirs = transformers.SamModel(transformers.SamConfig(vision_config=vision.to_dict())).eval()
    theirs.save_pretrained(tmp_path / "tuned.v2")
    mine = Sam("sam-vit-b", "tiny", checkpoint=tmp_path / "tuned.v2", device="cpu")
    assert mine.name == "sam-vit-b+tuned.v2"
    height, width = brain_image.shape[:2]
    fit_h, fit_w = fit_size(height, width)
    point = Prompt([[60, 70]], [1])
    (got,) = mine.predict(mine.embed(brain_image), [point])
    with torch.inference_mode():
        found = theirs(
            pixel_values=torch.from_numpy(preprocess(brain_image)),
            input_points=torch.tensor([[[[60 * fit_w / width, 70 * fit_h / height]]]]),
            input_labels=torch.tensor([[[1]]]),
        )
    scale = float(np.abs(got.logits).max())
    np.testing.assert_allclose(got.logits, found.pred_masks[0, 0], atol=1e-3 * scale)
    np.testing.assert_allclose(got.scores, found.iou_scores[0, 0], atol=1e-3)
