"""FocalClick's networks and steps against the public code."""

import numpy as np
import pytest
import torch

from medsam.models.click.focalclick import (
    FocalClickB0S1,
    FocalClickB0S2,
    FocalClickB3S2,
    FocalClickNetwork,
    focal_step,
)
from medsam.models.click.predictor import State
from medsam.prompts import Prompt

TWO = np.array([[60.0, 50.0, 1], [20.0, 100.0, 0]])
MODELS = [FocalClickB0S1, FocalClickB0S2, pytest.param(FocalClickB3S2, marks=pytest.mark.slow)]


def tensor(image):
    return torch.from_numpy(image.transpose(2, 0, 1)[None].copy()).float() / 255


@pytest.mark.parametrize("model", [FocalClickB0S1, FocalClickB0S2, FocalClickB3S2])
def test_weights_have_the_published_names_and_shapes(model, same_keys):
    same_keys(model)


@pytest.mark.parametrize("model", MODELS)
def test_both_looks_are_those_of_the_public_code(model, weights_of, scene_of, golden):
    network = model.network().eval()
    network.load_state_dict(weights_of(network))
    image, expected = tensor(scene_of(128, 128)), golden(model.name)
    with torch.inference_mode():
        coarse = network.coarse(torch.cat([image, 0.7 * image[:, :1]], 1), [TWO])
        refined = network.refine(image, TWO, coarse, (20.5, 100.25, 10.0, 90.0))
    np.testing.assert_allclose(coarse[0][..., ::10, ::10], expected["logits"], atol=1e-4)
    np.testing.assert_allclose(refined[..., ::10, ::10], expected["refined"], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("model", [FocalClickB0S1, FocalClickB0S2])
def test_twelve_clicks_are_those_of_the_public_predictor(
    model, weights_of, picture, twelve_clicks, golden
):
    network, expected = model.network().eval(), golden(model.name)
    weights = weights_of(network)
    # Steep, and low enough that a small part of the picture is the object: targets are crops.
    weights["feature_extractor.decode_head.linear_pred.weight"] *= 20
    weights["feature_extractor.decode_head.linear_pred.bias"].fill_(float(expected["bias"]))
    network.load_state_dict(weights)
    image, state, looked = tensor(picture), State(), []
    for k, each in enumerate(expected["probs"], start=1):
        with torch.inference_mode():
            state = focal_step(network, image, twelve_clicks[:k], state, 128)
        looked.append(state.roi)
        np.testing.assert_allclose(state.probability[0, 0, ::15, ::15], each, atol=1e-4)
    assert len(looked) == 12
    assert looked[0] is None
    assert any(roi not in (None, (0, 230, 0, 186)) for roi in looked)


def test_after_ten_clicks_only_the_focus_changes(weights_of, scene_of):
    network = FocalClickNetwork((32, 64, 160, 256), (1, 1, 1, 1), 32, halved=True).eval()
    weights = weights_of(network)
    weights["feature_extractor.decode_head.linear_pred.bias"].fill_(-8)  # Finds nothing.
    network.load_state_dict(weights)
    image, before = tensor(scene_of(96, 80)), torch.zeros(1, 1, 96, 80)
    far, near = (slice(10, 30), slice(10, 30)), (slice(60, 80), slice(50, 70))
    before[0, 0][far] = before[0, 0][near] = 0.9
    clicks = np.tile([[70.0, 60.0, 0.0]], (11, 1))

    def after(k):
        with torch.inference_mode():
            return focal_step(network, image, clicks[:k], State(before), 64).probability[0, 0]

    assert after(10)[far].max() < 0.01
    assert torch.allclose(after(11)[far], before[0, 0][far])
    assert after(11)[near].max() < 0.89
    assert torch.equal(after(10)[near], after(11)[near])


def test_a_model_of_the_study_takes_clicks(tmp_path, weights_of, scene_of):
    class Small(FocalClickB0S1):
        @staticmethod
        def network():
            return FocalClickNetwork((32, 64, 160, 256), (1, 1, 1, 1), 32, halved=True)

    torch.save({"state_dict": weights_of(Small.network())}, tmp_path / Small.published.file)
    model = Small(tmp_path)
    prompts = [Prompt([[20, 30], [40, 50]][:k], [1, 0][:k]) for k in (1, 2)]
    one, two = model.predict(model.embed(scene_of(70, 60)), prompts)
    assert one.masks.shape == (1, 70, 60)
    assert np.isfinite(two.logits).all()
    assert not np.array_equal(one.logits, two.logits)
    assert "focus" in model.provenance()
