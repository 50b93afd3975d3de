"""SAM 2: Meta's names of tensors, and masks as transformers gives them when called plainly."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch_models import prompts

from medsam.errors import WeightsError
from medsam.models import MODELS
from medsam.models.cache import CachedModel
from medsam.models.sam2 import Sam2, Sam3, as_transformers
from medsam.prompts import Prompt

NAMES = Path(__file__).with_name("sam2.1_hiera_tiny.tsv")
"""Names and shapes of the tensors of Meta's network, 471 of SAM 2.1 with hiera-tiny."""


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers", reason="an optional extra: medsam[sam2]")


def published(device="meta"):
    """Random tensors under the names of Meta's file."""
    rows = (line.split("\t") for line in NAMES.read_text().splitlines())
    shapes = {name: [int(n) for n in shape.split("x")] for name, shape in rows}
    return {name: torch.empty(shape, device=device) for name, shape in shapes.items()}


NARROW = {
    "hidden_size": 8,
    "embed_dim_per_stage": [8, 16, 32, 64],
    "blocks_per_stage": [1, 1, 2, 1],
    "global_attention_blocks": [3],
}
"""A narrow encoder of five blocks."""


def narrow(file, **options):
    return Sam2("sam2.1-hiera-tiny", NARROW, checkpoint=file, device="cpu", **options)


def random_state(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = Sam2.build(NARROW).state_dict()
        # Some start at zero, which no trained network has; both copies of the waves are one.
        state = {k: v if v.any() else 0.1 * torch.randn(v.shape) for k, v in state.items()}
    grid = "prompt_encoder.shared_embedding.positional_embedding"
    return state | {"shared_image_embedding.positional_embedding": state[grid].clone()}


@pytest.fixture(scope="module")
def file(transformers, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "narrow.pt"
    torch.save({"model": random_state()}, path)
    return path


@pytest.fixture(scope="module")
def model(file):
    return narrow(file)


@pytest.fixture(scope="module")
def embedding(model, brain_image):
    return model.embed(brain_image)


def test_metas_file_holds_every_tensor_of_the_network_and_no_other(transformers):
    got = {name: value.shape for name, value in as_transformers(published()).items()}
    with torch.device("meta"):
        net = Sam2.build(MODELS["sam2.1-hiera-tiny"].arguments["network"])
    due = {name: value.shape for name, value in net.state_dict().items()}
    assert got == due
    assert len(due) == 309


def scaled(image, side):
    """As a square of 0 to 1, not rounded to grey levels."""
    pixels = torch.from_numpy(image.transpose(2, 0, 1)[None].copy()).float() / 255
    return torch.nn.functional.interpolate(pixels, (side, side), mode="bilinear", antialias=True)


def plainly(transformers, net, image, prompt, multimask):
    """What transformers gives for one prompt, through its own processor but for the pixels."""
    processor = transformers.Sam2Processor(transformers.Sam2ImageProcessor())
    points, boxes = prompt.points, prompt.boxes
    inputs = processor(
        images=image,
        input_points=[[points.tolist()]] if len(points) else None,
        input_labels=[[prompt.labels.tolist()]] if len(points) else None,
        input_boxes=[boxes.tolist()] if len(boxes) else None,
        return_tensors="pt",
    )
    # Theirs is in whole grey levels at 1024 pixels; Meta's predictor is not.
    wide = scaled(image, 1024)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    exact = (wide - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    assert (exact - inputs["pixel_values"]).abs().max() < 1.01 / 255 / 0.224
    inputs["pixel_values"] = exact
    sizes = inputs.pop("original_sizes")
    if prompt.logits is not None:
        inputs["input_masks"] = torch.from_numpy(prompt.logits)[None]
    with torch.inference_mode():
        out = net(**inputs, multimask_output=multimask)
    (masks,) = processor.post_process_masks(out.pred_masks, sizes)
    return masks[0].numpy(), out.iou_scores[0, 0].numpy(), out.pred_masks[0, 0].numpy()


@pytest.mark.parametrize("multimask", [True, False])
def test_masks_are_those_of_transformers_one_by_one(
    transformers, model, brain_image, embedding, multimask
):
    size = brain_image.shape[:2]
    asked = [*prompts(*size, count=1)[:4:2], Prompt(boxes=[[30, 41, 90, 120]])]
    low = model.predict(embedding, asked[:1])[0].logits[:1]
    asked.append(Prompt([[60, 80]], [1], logits=np.clip(low, -30, 30)))
    answers = model.predict(embedding, asked, multimask=multimask)
    for ours, prompt in zip(answers, asked, strict=True):
        masks, scores, logits = plainly(transformers, model.net, brain_image, prompt, multimask)
        assert ours.masks.shape == (3 if multimask else 1, *size)
        assert np.array_equal(ours.masks, masks)
        np.testing.assert_allclose(ours.scores, scores, atol=1e-6)
        np.testing.assert_allclose(ours.logits, logits, atol=1e-5)
        assert np.array_equal(model.upscale(ours.logits, size) > 0, ours.masks)


def test_prompts_on_several_images_keep_their_image(model, brain_image, embedding):
    other = model.embed(brain_image[:90, ::-1].copy())
    point = Prompt([[60, 80]], [1])
    alone = [model.predict(one, [point])[0] for one in (embedding, other)]
    model._prompts = 2
    together = model.predict_many([embedding, other], [point, point])
    model._prompts = 1
    for ours, single in zip(together, alone, strict=True):
        assert ours.masks.shape == single.masks.shape
        np.testing.assert_allclose(ours.logits, single.logits, atol=1e-4)


def test_previous_logits_are_cut_as_released(model, embedding):
    def asked(scale):
        sign = np.where(np.arange(256) < 128, scale, -scale).astype(np.float32)
        return Prompt([[60, 80]], [1], logits=np.tile(sign, (1, 256, 1)))

    first, second, third = model.predict(embedding, [asked(32), asked(500), asked(5)])
    assert np.array_equal(first.logits, second.logits)
    assert not np.array_equal(first.logits, third.logits)


def test_maps_are_cached(model, brain_image, embedding, tmp_path):
    shapes = [one.shape for one in embedding.features]
    assert shapes == [(1, 32, 256, 256), (1, 64, 128, 128), (1, 256, 64, 64)]
    cached = CachedModel(model, tmp_path)
    _, stored = cached.embed(brain_image), cached.embed(brain_image)
    assert (cached.hits, cached.misses) == (1, 1)
    assert all(map(np.array_equal, stored.features, embedding.features))


def test_a_folder_of_the_whole_model_video_and_all(transformers, tmp_path):
    """The published folders of transformers hold what follows an object through a video too."""
    vision = Sam2.build(NARROW).config.vision_config
    config = transformers.Sam2VideoConfig(vision_config=vision)
    whole = transformers.Sam2VideoModel(config)
    whole.save_pretrained(tmp_path)
    net = narrow(tmp_path).net.state_dict()
    assert len(whole.state_dict()) > len(net)
    assert all(torch.equal(whole.state_dict()[name], value) for name, value in net.items())


def test_medsam2_is_asked_at_512_pixels_and_nothing_else(tmp_path, brain_image):
    file = tmp_path / "MedSAM2_mine.pt"
    torch.save({"model": random_state()}, file)
    small = Sam2("medsam2", NARROW, checkpoint=file, side=512, device="cpu")
    features = small.embed(brain_image).features
    assert [one.shape[2] for one in features] == [128, 64, 32]
    (answer,) = small.predict(small.embed(brain_image), [Prompt([[60, 80]], [1])])
    assert answer.logits.shape == (3, 128, 128)
    with pytest.raises(WeightsError, match="are for images of 512 pixels; sam2.1-hiera-tiny sees"):
        narrow(file)
    small.net.save_pretrained(tmp_path / "folder")
    with pytest.raises(WeightsError, match="of 512 pixels; sam2.1-hiera-tiny sees 1024. Allowed"):
        narrow(tmp_path / "folder")


def test_sam_3_from_a_file_of_its_whole_model(transformers, tmp_path, brain_image):
    """Under the names of the published folder, in which the tracker is one part of two."""
    backbone = {"model_type": "sam3_vit_model", "hidden_size": 32, "intermediate_size": 32}
    backbone |= {"num_hidden_layers": 2, "num_attention_heads": 2, "global_attn_indexes": [1]}
    small = {"vision_config": {"backbone_config": backbone}}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Sam3.build(small).eval()
    state = {"detector_model.text_encoder.weight": torch.zeros(1)}
    for name, value in net.state_dict().items():
        whole = name.replace("vision_encoder.neck.", "tracker_neck.")
        if name.startswith("vision_encoder.backbone."):
            whole = f"detector_model.{name}"
        elif whole == name:
            whole = f"tracker_model.{name}"
        state[whole] = value
    torch.save(state, tmp_path / "sam3.pt")
    model = Sam3("sam3", small, side=1008, checkpoint=tmp_path / "sam3.pt", device="cpu")
    (got,) = model.predict(model.embed(brain_image), [Prompt([[60, 80]], [1])])
    points = np.array([60, 80]) * 1008 / brain_image.shape[1::-1]
    with torch.inference_mode():
        theirs = net(
            (scaled(brain_image, 1008) - 0.5) / 0.5,
            input_points=torch.tensor(points, dtype=torch.float32)[None, None, None],
            input_labels=torch.ones((1, 1, 1), dtype=torch.int),
        )
    assert got.masks.shape == (3, *brain_image.shape[:2])
    np.testing.assert_allclose(got.logits, theirs.pred_masks[0, 0], atol=1e-5)
    np.testing.assert_allclose(got.scores, theirs.iou_scores[0, 0], atol=1e-6)
