"""RITM's networks against the public code, and RITM as a model of the study."""

import numpy as np
import pytest
import torch

from medsam.models.click.predictor import State, zoomed_step
from medsam.models.click.ritm import RitmH18, RitmH32, RitmNetwork
from medsam.models.click.zoom import Zoom

TWO = np.array([[30.0, 20.0, 1], [60.0, 50.0, 0]])


def logits(network, weights, image, clicks=TWO):
    network.load_state_dict(weights)
    x = torch.from_numpy(image.transpose(2, 0, 1)[None].copy()).float() / 255
    with torch.inference_mode():
        return network.eval()(torch.cat([x, 0.7 * x[:, :1]], 1), [clicks])


@pytest.mark.parametrize("model", [RitmH18, RitmH32])
def test_weights_have_the_published_names_and_shapes(model, same_keys):
    same_keys(model)


@pytest.mark.slow
@pytest.mark.parametrize("model", [RitmH18, RitmH32])
def test_logits_are_those_of_the_public_code(model, weights_of, scene_of, golden):
    network = model.network()
    got = logits(network, weights_of(network), scene_of(72, 58))
    assert got.shape == (1, 1, 72, 58)
    np.testing.assert_allclose(got[..., ::4, ::4], golden(model.name)["logits"], atol=1e-4)


def test_a_small_variant_gives_the_logits_of_the_public_code(weights_of, scene_of, golden):
    network = RitmNetwork(6, 8, 2, (1, 3, 2))
    got = logits(network, weights_of(network), scene_of(72, 58))
    np.testing.assert_allclose(got[..., ::4, ::4], golden("ritm-tiny")["logits"], atol=1e-5)


@pytest.mark.parametrize("change", ["previous mask", "a click", "a label"])
def test_every_input_matters(change, weights_of, scene_of, golden):
    network = RitmNetwork(6, 8, 2, (1, 3, 2))
    expected = golden("ritm-tiny")["logits"]
    weights, clicks = weights_of(network), TWO.copy()
    if change == "previous mask":
        weights["maps_transform.0.weight"][:, 0] = 0
    elif change == "a click":
        clicks = TWO[:1]
    else:
        clicks[1, 2] = 1
    got = logits(network, weights, scene_of(72, 58), clicks)
    assert np.abs(got[..., ::4, ::4].numpy() - expected).max() > 1e-3


@pytest.mark.slow
def test_five_clicks_are_those_of_the_public_predictor(weights_of, picture, five_clicks, golden):
    network = RitmNetwork(6, 8, 2, (1, 3, 2)).eval()
    network.load_state_dict(weights_of(network))
    zoom = Zoom(size=96, min_side=40, expansion=1.2, threshold=0.76)
    image = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()).float() / 255
    state, looked = State(), []
    for k, expected in enumerate(golden("ritm-tiny")["probs"], start=1):
        with torch.inference_mode():
            state = zoomed_step(network, zoom, image, five_clicks[:k], state)
        looked.append(state.roi)
        np.testing.assert_allclose(state.probability[0, 0, ::15, ::15], expected, atol=1e-5)
    assert looked == [None, *[(0, 155, 0, 186)] * 4]


def test_with_flip_a_mirrored_image_gives_the_mirrored_answer(weights_of, scene_of):
    network = RitmNetwork(6, 8, 1, (1, 1, 1)).eval()
    network.load_state_dict(weights_of(network))
    image = torch.from_numpy(scene_of(72, 58).transpose(2, 0, 1)[None].copy()).float() / 255
    turned = TWO * [1, -1, 1] + [0, 57, 0]

    def answers(flip):
        with torch.inference_mode():
            pair = (
                zoomed_step(network, Zoom(), x, c, State(), flip=flip).probability
                for x, c in ((image, TWO), (image.flip(3), turned))
            )
            return [next(pair), next(pair).flip(3)]

    plain, mirrored = answers(flip=True)
    assert torch.allclose(plain, mirrored, atol=1e-6)
    plain, mirrored = answers(flip=False)
    assert not torch.allclose(plain, mirrored, atol=1e-3)
