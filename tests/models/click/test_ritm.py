"""RITM's networks and steps against the public code."""

import numpy as np
import pytest
import torch

from medsam.models.click.predictor import State, zoomed_step
from medsam.models.click.ritm import RitmNetwork
from medsam.models.click.zoom import Zoom

TWO = np.array([[30.0, 20.0, 1], [60.0, 50.0, 0]])
TINY = (6, 8, 2, (1, 3, 2))


def logits(network, image, clicks=TWO):
    with torch.inference_mode():
        return network(torch.cat([image, 0.7 * image[:, :1]], 1), [clicks])


@pytest.mark.parametrize("name", ["ritm-h18", "ritm-h32"])
def test_names_shapes_and_logits_are_those_of_the_public_code(
    name, same_keys, network_of, ready, tensor_of, golden
):
    same_keys(name)
    got = logits(ready(network_of(name)), tensor_of(72, 58))
    assert got.shape == (1, 1, 72, 58)
    np.testing.assert_allclose(got[..., ::4, ::4], golden(name)["logits"], atol=1e-4)


def test_a_small_variant_gives_the_logits_of_the_public_code(ready, tensor_of, golden):
    network, expected = ready(RitmNetwork(*TINY)), golden("ritm-tiny")["logits"]
    image = tensor_of(72, 58)
    np.testing.assert_allclose(logits(network, image)[..., ::4, ::4], expected, atol=1e-5)
    # Every input matters: a click, a label, the previous mask.
    network_of_no_mask = ready(RitmNetwork(*TINY))
    network_of_no_mask.maps_transform[0].weight[:, 0] = 0
    others = (
        logits(network, image, TWO[:1]),
        logits(network, image, np.add(TWO, [[0, 0, 0], [0, 0, 1]])),
        logits(network_of_no_mask, image),
    )
    for other in others:
        assert np.abs(other[..., ::4, ::4].numpy() - expected).max() > 1e-3


def test_five_clicks_are_those_of_the_public_predictor(ready, tensor_of, five_clicks, golden):
    network = ready(RitmNetwork(*TINY))
    zoom = Zoom(size=96, min_side=40, expansion=1.2, threshold=0.76)
    image, state, looked = tensor_of(), State(), []
    for k, expected in enumerate(golden("ritm-tiny")["probs"], start=1):
        with torch.inference_mode():
            state = zoomed_step(network, zoom, image, five_clicks[:k], state)
        looked.append(state.roi)
        np.testing.assert_allclose(state.probability[0, 0, ::15, ::15], expected, atol=1e-5)
    assert looked == [None, *[(0, 155, 0, 186)] * 4]


def test_a_mirrored_image_gives_the_mirrored_answer(ready, tensor_of):
    network, image = ready(RitmNetwork(6, 8, 1, (1, 1, 1))), tensor_of(72, 58)
    opposite = TWO * [1, -1, 1] + [0, 57, 0]
    with torch.inference_mode():
        plain = zoomed_step(network, Zoom(), image, TWO, State()).probability
        mirrored = zoomed_step(network, Zoom(), image.flip(3), opposite, State()).probability
        alone = network(torch.cat([image, torch.zeros(1, 1, 72, 58)], 1), [TWO]).sigmoid()
    assert torch.allclose(plain, mirrored.flip(3), atol=1e-6)
    assert not torch.allclose(plain, alone, atol=1e-3)
