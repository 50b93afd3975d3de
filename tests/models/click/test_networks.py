"""Networks and steps of RITM and SimpleClick against the public code."""

import numpy as np
import pytest
import torch

from medsam.models.click.predictor import State
from medsam.models.click.ritm import Ritm, RitmNetwork
from medsam.models.click.simpleclick import CfrIcl, SimpleClick, SimpleClickNetwork
from medsam.models.click.zoom import Zoom

TWO = np.array([[30.0, 20.0, 1], [60.0, 50.0, 0]])
FAR = np.array([[230.0, 200.0, 1], [60.0, 350.0, 0]])
SMALL = {
    "ritm-tiny": lambda: RitmNetwork(6, 8, 2, (1, 3, 2)),
    "simpleclick-tiny-16": lambda: SimpleClickNetwork(16, 32, 12, 4, (8, 16, 32, 64), 16),
    "simpleclick-tiny-14": lambda: SimpleClickNetwork(14, 32, 8, 4, (8, 16, 32, 64), 16),
}


def logits(name, network, tensor_of, first=2, label=0):
    """Every fourth or 37th pixel, of so many clicks, the second of them with that label."""
    simple = name.startswith("simpleclick")
    size, step, clicks = ((448, 448), 37, FAR) if simple else ((72, 58), 4, TWO)
    image, clicks = tensor_of(*size), clicks[:first].copy()
    clicks[1:, 2] = label
    with torch.inference_mode():
        got = network(torch.cat([image, 0.7 * image[:, :1]], 1), [clicks])
    assert got.shape == (1, 1, *size)
    return got[..., ::step, ::step].numpy()


@pytest.mark.parametrize(
    "name",
    ["ritm-h18", "ritm-h32", "simpleclick-vit-b", "simpleclick-vit-l", "simpleclick-vit-h"],
)
def test_weights_have_the_published_names_and_shapes(name, same_keys):
    same_keys(name)


@pytest.mark.parametrize(
    "name", ["ritm-h18", "ritm-h32", pytest.param("simpleclick-vit-b", marks=pytest.mark.slow)]
)
def test_logits_are_those_of_the_public_code(name, network_of, ready, tensor_of, golden):
    got = logits(name, ready(network_of(name)), tensor_of)
    np.testing.assert_allclose(got, golden(name)["logits"], atol=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_small_variants_give_the_logits_of_the_public_code(name, ready, tensor_of, golden):
    network, expected = ready(SMALL[name]()), golden(name)["logits"]
    np.testing.assert_allclose(logits(name, network, tensor_of), expected, atol=1e-5)
    # A click and its label matter.
    for other in ({"first": 1}, {"label": 1}):
        assert np.abs(logits(name, network, tensor_of, **other) - expected).max() > 1e-3


def asked(kind, network, zoom):
    """A model of a network that is in no file."""
    model = object.__new__(kind)
    model.net, model.zoom = network, zoom
    return model


@pytest.mark.parametrize("name", ["ritm-tiny", "simpleclick-tiny-16"])
def test_five_clicks_are_those_of_the_public_predictor(
    name, ready, tensor_of, twelve_clicks, golden
):
    network, expected = ready(SMALL[name]()), golden(name)
    zoom = Zoom(size=96, min_side=40, expansion=1.2, threshold=0.76)
    if name != "ritm-tiny":
        threshold = round(float(expected["threshold"]), 3)
        zoom = Zoom((448, 448), skip_clicks=-1, min_side=40, expansion=1.2, threshold=threshold)
    model, image, state, looked = asked(Ritm, network, zoom), tensor_of(), State(), []
    for k, each in enumerate(expected["probs"], start=1):
        with torch.inference_mode():
            state = model.step(image, twelve_clicks[:k], state)
        looked.append(state.roi)
        np.testing.assert_allclose(state.probability[0, 0, ::15, ::15], each, atol=1e-5)
    # RITM sees the whole picture first; SimpleClick never does.
    first = None if name == "ritm-tiny" else looked[0]
    assert (looked[0], None in looked[1:]) == (first, False)


def test_cfr_icl_corrects_its_first_mask_as_the_public_predictor(
    ready, tensor_of, twelve_clicks, golden
):
    """Five turns at the first click, and one at each of two more."""
    network = ready(SMALL["simpleclick-tiny-16"]())
    network.head.conv_seg.weight *= 40
    network.head.conv_seg.bias.fill_(0.5)
    zoom = Zoom((448, 448), skip_clicks=-1, min_side=40, expansion=1.2)
    model = asked(CfrIcl, network, zoom)
    image, state = tensor_of(), State()
    for k, each in enumerate(golden("cfr-icl-tiny-16")["probs"], start=1):
        with torch.inference_mode():
            state = model.step(image, twelve_clicks[:k], state)
        np.testing.assert_allclose(state.probability[0, 0, ::5, ::5], each, atol=1e-5)


@pytest.mark.parametrize(
    ("areas", "turns"), [((100, 79, 59, 40), 3), ((100, 100), 2), ((0, 50, 100, 150, 200, 250), 5)]
)
def test_cfr_icl_corrects_its_first_mask_until_it_settles(monkeypatch, areas, turns):
    """Settled is a turn that changes at most 20 pixels; there are at most five turns."""
    model, seen = object.__new__(CfrIcl), []

    def look(self, image, clicks, state):
        chance = torch.zeros(1, 1, 20, 20)
        chance.view(-1)[: areas[len(seen)]] = 0.9
        seen.append(state.probability)
        return State(chance)

    monkeypatch.setattr(SimpleClick, "step", look)
    state = model.step(None, TWO[:1], State())
    assert len(seen) == turns
    assert (state.probability > 0.49).sum() == areas[turns - 1]
    assert seen[0] is None
    assert seen[1].sum() == pytest.approx(0.9 * areas[0])
    # Later clicks are asked once.
    seen.clear()
    model.step(None, TWO, state)
    assert len(seen) == 1
