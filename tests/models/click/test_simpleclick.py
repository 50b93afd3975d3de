"""SimpleClick's networks against the public code."""

import numpy as np
import pytest
import torch

from medsam.models.click.predictor import State, zoomed_step
from medsam.models.click.simpleclick import (
    PlainVit,
    SimpleClickB,
    SimpleClickH,
    SimpleClickL,
    SimpleClickNetwork,
)
from medsam.models.click.zoom import Zoom

TWO = np.array([[230.0, 200.0, 1], [60.0, 350.0, 0]])
TINY = {
    "simpleclick-tiny-16": (16, 32, 12, 4, (8, 16, 32, 64), 16),
    "simpleclick-tiny-14": (14, 32, 8, 4, (8, 16, 32, 64), 16),
}


def ready(network, weights_of):
    network.load_state_dict(weights_of(network))
    return network.eval()


def logits(network, image, clicks=TWO):
    x = torch.from_numpy(image.transpose(2, 0, 1)[None].copy()).float() / 255
    with torch.inference_mode():
        return network(torch.cat([x, 0.7 * x[:, :1]], 1), [clicks])


@pytest.mark.parametrize("model", [SimpleClickB, SimpleClickL, SimpleClickH])
def test_weights_have_the_published_names_and_shapes(model, same_keys):
    same_keys(model)


@pytest.mark.parametrize("name", TINY)
def test_small_variants_give_the_logits_of_the_public_code(name, weights_of, scene_of, golden):
    got = logits(ready(SimpleClickNetwork(*TINY[name]), weights_of), scene_of(448, 448))
    np.testing.assert_allclose(got[..., ::37, ::37], golden(name)["logits"], atol=1e-5)


def test_clicks_matter(weights_of, scene_of, golden):
    network = ready(SimpleClickNetwork(*TINY["simpleclick-tiny-14"]), weights_of)
    got = logits(network, scene_of(448, 448), TWO[:1])
    assert (
        np.abs(got[..., ::37, ::37].numpy() - golden("simpleclick-tiny-14")["logits"]).max() > 1e-2
    )


@pytest.mark.slow
def test_logits_of_vit_b_are_those_of_the_public_code(weights_of, scene_of, golden):
    got = logits(ready(SimpleClickB.network(), weights_of), scene_of(448, 448))
    np.testing.assert_allclose(got[..., ::37, ::37], golden(SimpleClickB.name)["logits"], atol=1e-4)


@pytest.mark.slow
def test_five_clicks_are_those_of_the_public_predictor(weights_of, picture, five_clicks, golden):
    network = ready(SimpleClickNetwork(*TINY["simpleclick-tiny-16"]), weights_of)
    expected = golden("simpleclick-tiny-16")
    zoom = Zoom(
        size=(448, 448),
        skip_clicks=-1,
        min_side=40,
        expansion=1.2,
        threshold=round(float(expected["threshold"]), 3),
    )
    image = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()).float() / 255
    state = State()
    for k, each in enumerate(expected["probs"], start=1):
        with torch.inference_mode():
            state = zoomed_step(network, zoom, image, five_clicks[:k], state)
        assert state.roi is not None
        np.testing.assert_allclose(state.probability[0, 0, ::15, ::15], each, atol=1e-5)


def test_windows_are_taken_apart_and_joined_without_loss():
    vit = PlainVit(448, 16, 4, 4, 2)
    x = torch.arange(2 * 28 * 28 * 4.0).reshape(2, 784, 4)
    apart = vit._split(x)
    assert apart.shape == (8, 196, 4)
    # The second window of the first picture begins 14 patches to the right, in the first row.
    assert torch.equal(apart[1, 0], x[0, 14])
    assert torch.equal(apart[2, 0], x[0, 14 * 28])
    assert torch.equal(vit._join(apart), x)
