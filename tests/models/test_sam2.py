"""SAM 2: Meta's names of tensors, and masks as transformers gives them when called plainly."""

import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_models import brain, prompts

from medsam.errors import InputError, WeightsError
from medsam.models import sam2
from medsam.models.cache import CachedModel
from medsam.models.checkpoints import digest
from medsam.models.contract import Embedding
from medsam.models.sam2 import as_transformers
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


class Narrow(sam2.Sam21Tiny):
    """SAM 2.1 with a narrow encoder of five blocks, and random weights all over."""

    @classmethod
    def _build(cls):
        package = sam2._transformers()
        backbone = package.Sam2HieraDetConfig(
            hidden_size=8,
            embed_dim_per_stage=[8, 16, 32, 64],
            blocks_per_stage=[1, 1, 2, 1],
            global_attention_blocks=[3],
        )
        vision = package.Sam2VisionConfig(
            backbone_config=backbone, backbone_channel_list=[64, 32, 16, 8]
        )
        return package.Sam2Model(package.Sam2Config(vision_config=vision))


def random_state(seed=0):
    torch.manual_seed(seed)
    state = Narrow._build().state_dict()
    # Some start at zero, which no trained network has; both copies of the waves are one.
    state = {k: v if v.any() else 0.1 * torch.randn(v.shape) for k, v in state.items()}
    grid = "prompt_encoder.shared_embedding.positional_embedding"
    return state | {"shared_image_embedding.positional_embedding": state[grid]}


@pytest.fixture(scope="module")
def file(transformers, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "narrow.pt"
    torch.save({"model": random_state()}, path)
    return path


@pytest.fixture(scope="module")
def model(file):
    return Narrow(checkpoint=file, device="cpu")


@pytest.fixture(scope="module")
def image():
    return brain()[0]


@pytest.fixture(scope="module")
def embedding(model, image):
    return model.embed(image)


def test_metas_file_holds_every_tensor_of_the_network_and_no_other(transformers):
    got = {name: tuple(value.shape) for name, value in as_transformers(published()).items()}
    with torch.device("meta"):
        due = {name: tuple(v.shape) for name, v in sam2.Sam21Tiny._build().state_dict().items()}
    assert got == due
    assert len(due) == 309


def test_transformers_video_file_holds_it_too(transformers):
    """The published folders of transformers hold the whole model, video and all."""
    with torch.device("meta"):
        whole = transformers.Sam2VideoModel(transformers.Sam2VideoConfig()).state_dict()
        due = sam2.Sam21Tiny._build().state_dict()
    assert len(whole) > len(due)
    assert as_transformers(whole).keys() == due.keys()


def test_names_by_hand():
    state = {
        "image_encoder.trunk.blocks.3.mlp.layers.1.weight": 1,
        "sam_mask_decoder.iou_prediction_head.layers.1.bias": 2,
        "sam_mask_decoder.output_hypernetworks_mlps.3.layers.2.bias": 3,
        "sam_mask_decoder.transformer.layers.1.mlp.layers.0.bias": 4,
        "sam_mask_decoder.transformer.norm_final_attn.weight": 5,
        "memory_attention.norm.weight": 6,
        "maskmem_tpos_enc": 7,
        "of_another_network": 8,
    }
    assert as_transformers(state) == {
        "vision_encoder.backbone.blocks.3.mlp.proj_out.weight": 1,
        "mask_decoder.iou_prediction_head.layers.0.bias": 2,
        "mask_decoder.output_hypernetworks_mlps.3.proj_out.bias": 3,
        "mask_decoder.transformer.layers.1.mlp.proj_in.bias": 4,
        "mask_decoder.transformer.layer_norm_final_attn.weight": 5,
        "of_another_network": 8,
    }
    twice = {"sam_mask_decoder.x.out_proj.a": 1, "sam_mask_decoder.x.o_proj.a": 2}
    with pytest.raises(WeightsError, match=r"two tensors for 'mask_decoder.x.o_proj.a'"):
        as_transformers(twice)


@pytest.mark.parametrize(
    ("kind", "millions"),
    [
        (sam2.Sam21Tiny, 38.9),
        (sam2.Sam2Small, 46),
        (sam2.Sam21BasePlus, 80.8),
        (sam2.Sam2Large, 224.4),
    ],
)
def test_the_sizes_are_those_published(transformers, kind, millions):
    """Of the released models, in millions; what is for video is the same in all."""
    video = sum(np.prod([int(n) for n in line.split("\t")[1].split("x")]) for line in _for_video())
    with torch.device("meta"):
        numbers = sum(value.numel() for value in kind._build().parameters())
    assert (numbers + video) / 1e6 == pytest.approx(millions, abs=0.1)


def _for_video():
    lines = NAMES.read_text().splitlines()
    return [
        line for line in lines if not line.startswith(("image_encoder", "sam_", "no_mem_embed"))
    ]


def test_preparation(model, image):
    """Two rows of pixels, 0 and 255: less the mean and by the deviation of each channel."""
    two = np.repeat(np.array([0, 255], np.uint8)[:, None, None], 3, axis=2).repeat(5, axis=1)
    out = model._prepare(two)
    assert out.shape == (1, 3, 1024, 1024)
    np.testing.assert_allclose(out[0, :, 0, 7], [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225])
    np.testing.assert_allclose(out[0, :, -1, 7], [0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225])
    theirs = sam2._transformers().Sam2ImageProcessor()(images=image, return_tensors="np")
    # Theirs is in whole grey levels at 1024 pixels, up to one away; Meta's predictor is not.
    assert np.abs(model._prepare(image) - theirs["pixel_values"]).max() < 1.01 / 255 / 0.224


def plainly(model, image, prompt, multimask):
    """What transformers gives for one prompt, through its own processor, on our pixels."""
    package = sam2._transformers()
    processor = package.Sam2Processor(package.Sam2ImageProcessor())
    points, boxes = prompt.points, prompt.boxes
    inputs = processor(
        images=image,
        input_points=[[points.tolist()]] if len(points) else None,
        input_labels=[[prompt.labels.tolist()]] if len(points) else None,
        input_boxes=[boxes.tolist()] if len(boxes) else None,
        return_tensors="pt",
    )
    inputs["pixel_values"] = torch.from_numpy(model._prepare(image))
    sizes = inputs.pop("original_sizes")
    if prompt.logits is not None:
        inputs["input_masks"] = torch.from_numpy(prompt.logits)[None]
    with torch.inference_mode():
        out = model._net(**inputs, multimask_output=multimask)
    (masks,) = processor.post_process_masks(out.pred_masks, sizes)
    return masks[0].numpy(), out.iou_scores[0, 0].numpy(), out.pred_masks[0, 0].numpy()


@pytest.mark.parametrize("multimask", [True, False])
def test_masks_are_those_of_transformers_one_by_one(model, image, embedding, multimask):
    asked = [
        *prompts(*image.shape[:2], count=1),
        Prompt(boxes=[[30, 41, 90, 120]]),
    ]
    low = model.predict(embedding, asked[:1])[0].logits[:1]
    asked.append(Prompt([[60, 80]], [1], logits=np.clip(low, -30, 30)))
    for ours, prompt in zip(
        model.predict(embedding, asked, multimask=multimask), asked, strict=True
    ):
        masks, scores, logits = plainly(model, image, prompt, multimask)
        assert ours.masks.shape == (3 if multimask else 1, *image.shape[:2])
        assert np.array_equal(ours.masks, masks)
        np.testing.assert_allclose(ours.scores, scores, atol=1e-6)
        np.testing.assert_allclose(ours.logits, logits, atol=1e-5)
        assert np.array_equal(model.upscale(ours.logits, image.shape[:2]) > 0, ours.masks)


def test_many_at_once_are_those_one_by_one(file, image, embedding, model):
    asked = [Prompt([[60, 80]], [1]), Prompt(boxes=[[30, 41, 90, 120]]), Prompt([[90, 99]], [0])]
    many = Narrow(checkpoint=file, device="cpu", prompts=64).predict(embedding, asked)
    for ours, one in zip(many, model.predict(embedding, asked), strict=True):
        assert (ours.masks != one.masks).mean() < 1e-3
        np.testing.assert_allclose(ours.scores, one.scores, atol=1e-5)


def test_previous_logits_are_cut_as_released(model, embedding):
    def asked(scale):
        sign = np.where(np.arange(256) < 128, scale, -scale).astype(np.float32)
        return Prompt([[60, 80]], [1], logits=np.tile(sign, (1, 256, 1)))

    first, second, third = model.predict(embedding, [asked(32), asked(500), asked(5)])
    assert np.array_equal(first.logits, second.logits)
    assert not np.array_equal(first.logits, third.logits)
    with pytest.raises(InputError, match=r"Allowed: \(1, 256, 256\)"):
        model.predict(embedding, [Prompt([[1, 1]], [1], logits=np.zeros((1, 64, 64), np.float32))])


def test_maps_are_packed_and_cached(model, image, embedding, tmp_path):
    shapes = [one.shape for one in embedding.features]
    assert shapes == [(1, 32, 256, 256), (1, 64, 128, 128), (1, 256, 64, 64)]
    again = model.unpack(model.pack(embedding.features))
    assert all(map(np.array_equal, again, embedding.features))
    cached = CachedModel(model, tmp_path)
    fresh, stored = cached.embed(image), cached.embed(image)
    assert (cached.hits, cached.misses) == (1, 1)
    assert all(map(np.array_equal, stored.features, embedding.features))
    asked = [Prompt([[60, 80]], [1])]
    assert np.array_equal(
        cached.predict(stored, asked)[0].logits, cached.predict(fresh, asked)[0].logits
    )


def test_several_images_and_precision(file, image):
    model = Narrow(checkpoint=file, device="cpu", precision="bfloat16")
    wide = image[:90]
    first, second = model.embed_many([image, wide])
    assert (first.image_size, second.image_size) == (image.shape[:2], wide.shape[:2])
    assert all(one.dtype == np.float32 for one in second.features)
    (one,) = model.predict(second, [Prompt(boxes=[[5, 5, 40, 40]])])
    assert one.masks.shape == (3, *wide.shape[:2])
    assert model.provenance()["precision"] == "bfloat16"


def test_features_of_the_last_image_are_not_mixed_up(model, embedding):
    other = Embedding([one[..., ::-1].copy() for one in embedding.features], embedding.image_size)
    asked = [Prompt([[60, 80]], [1])]
    first, second, third = (model.predict(e, asked)[0] for e in (embedding, other, embedding))
    assert np.array_equal(first.logits, third.logits)
    assert not np.array_equal(first.logits, second.logits)


def test_a_folder_as_transformers_writes_it(model, file, tmp_path, transformers, embedding):
    model._net.save_pretrained(tmp_path)
    again = Narrow(checkpoint=tmp_path, device="cpu")
    asked = [Prompt([[60, 80]], [1])]
    assert np.array_equal(
        again.predict(embedding, asked)[0].logits, model.predict(embedding, asked)[0].logits
    )
    told = again.provenance()
    assert told["sha256"] == digest(tmp_path / "model.safetensors")
    assert told["licence"] == "own"
    assert told["network"] == f"transformers {transformers.__version__}"
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=r"torn or of another format"):
        Narrow(checkpoint=tmp_path)


def test_weights_of_another_size_are_refused(file):
    says = r"do not fit SAM 2 hiera-small: \d+ of 357 tensors missing .* of another shape"
    with pytest.raises(WeightsError, match=says):
        sam2.Sam21Small(checkpoint=file)


def test_a_torn_or_missing_file(tmp_path):
    with pytest.raises(WeightsError, match="`medsam weights fetch sam2.1-hiera-tiny`"):
        sam2.Sam21Tiny(tmp_path)
    (tmp_path / "sam2_hiera_large.pt").write_bytes(b"half")
    with pytest.raises(WeightsError, match="4 bytes. Allowed: 897,952,466 bytes"):
        sam2.Sam2Large(tmp_path)


def test_nothing_is_fetched(file, monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert Narrow(checkpoint=file, device="cpu").name == "sam2.1-hiera-tiny"


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    says = r'transformers. Run `pip install "medsam\[sam2\]"`'
    with pytest.raises(InputError, match=says):
        sam2.Sam21Tiny._build()
