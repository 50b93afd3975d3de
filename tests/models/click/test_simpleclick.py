"""SimpleClick's networks and steps against the public code."""

import numpy as np
import pytest
import torch

from medsam.models.click.predictor import State, zoomed_step
from medsam.models.click.simpleclick import SimpleClickNetwork
from medsam.models.click.zoom import Zoom

TWO = np.array([[230.0, 200.0, 1], [60.0, 350.0, 0]])
TINY = {
    "simpleclick-tiny-16": (16, 32, 12, 4, (8, 16, 32, 64), 16),
    "simpleclick-tiny-14": (14, 32, 8, 4, (8, 16, 32, 64), 16),
}


def logits(network, image, clicks=TWO):
    with torch.inference_mode():
        return network(torch.cat([image, 0.7 * image[:, :1]], 1), [clicks])


@pytest.mark.parametrize("name", ["simpleclick-vit-b", "simpleclick-vit-l", "simpleclick-vit-h"])
def test_weights_have_the_published_names_and_shapes(name, same_keys):
    same_keys(name)


@pytest.mark.parametrize("name", TINY)
def test_small_variants_give_the_logits_of_the_public_code(name, ready, tensor_of, golden):
    network, image = ready(SimpleClickNetwork(*TINY[name])), tensor_of(448, 448)
    expected = golden(name)["logits"]
    np.testing.assert_allclose(logits(network, image)[..., ::37, ::37], expected, atol=1e-5)
    other = logits(network, image, TWO[:1])[..., ::37, ::37].numpy()
    assert np.abs(other - expected).max() > 1e-2  # clicks matter


@pytest.mark.slow
def test_logits_of_vit_b_are_those_of_the_public_code(network_of, ready, tensor_of, golden):
    got = logits(ready(network_of("simpleclick-vit-b")), tensor_of(448, 448))
    expected = golden("simpleclick-vit-b")["logits"]
    np.testing.assert_allclose(got[..., ::37, ::37], expected, atol=1e-4)


def test_five_clicks_are_those_of_the_public_predictor(ready, tensor_of, five_clicks, golden):
    network = ready(SimpleClickNetwork(*TINY["simpleclick-tiny-16"]))
    expected = golden("simpleclick-tiny-16")
    threshold = round(float(expected["threshold"]), 3)
    zoom = Zoom((448, 448), skip_clicks=-1, min_side=40, expansion=1.2, threshold=threshold)
    image, state = tensor_of(), State()
    for k, each in enumerate(expected["probs"], start=1):
        with torch.inference_mode():
            state = zoomed_step(network, zoom, image, five_clicks[:k], state)
        assert state.roi is not None
        np.testing.assert_allclose(state.probability[0, 0, ::15, ::15], each, atol=1e-5)
