"""FocalClick's networks and steps against the public code, and where it looks twice."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medsam.models.click.focalclick import FocalClick, FocalClickBaseline, FocalClickNetwork, focus
from medsam.models.click.predictor import State
from medsam.prompts import Prompt

TWO = np.array([[60.0, 50.0, 1], [20.0, 100.0, 0]])
SMALL = {"widths": (32, 64, 160, 256), "depths": (1, 1, 1, 1), "width": 32, "halved": True}
WHOLE = (0, 100, 0, 100)


@pytest.mark.parametrize("name", ["focalclick-b0-s1", "focalclick-b0-s2", "focalclick-b3-s2"])
def test_names_shapes_and_both_looks_are_those_of_the_public_code(
    name, same_keys, network_of, ready, tensor_of, golden
):
    same_keys(name)
    network, image, expected = ready(network_of(name)), tensor_of(128, 128), golden(name)
    with torch.inference_mode():
        coarse = network.coarse(torch.cat([image, 0.7 * image[:, :1]], 1), [TWO])
        refined = network.refine(image, TWO, coarse, (20.5, 100.25, 10.0, 90.0))
    np.testing.assert_allclose(coarse[0][..., ::10, ::10], expected["logits"], atol=1e-4)
    np.testing.assert_allclose(refined[..., ::10, ::10], expected["refined"], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("focalclick-b0-s1", FocalClick),
        ("focalclick-b0-s2", FocalClick),
        ("focalclick-b0-s1-baseline", FocalClickBaseline),
    ],
)
def test_twelve_clicks_are_those_of_the_public_predictor(
    name, kind, network_of, ready, tensor_of, twelve_clicks, golden
):
    named = name.removesuffix("-baseline")
    model = object.__new__(kind)
    model.net, model.side = ready(network_of(named)), 128
    # Steep, and low enough that a small part of the picture is the object: targets are crops.
    last = model.net.feature_extractor.decode_head.linear_pred
    last.weight *= 20
    last.bias.fill_(float(golden(named)["bias"]))
    image, state, looked = tensor_of(), State(), []
    for k, each in enumerate(golden(name)["probs"], start=1):
        with torch.inference_mode():
            state = model.step(image, twelve_clicks[:k], state)
        looked.append(state.roi)
        np.testing.assert_allclose(state.probability[0, 0, ::15, ::15], each, atol=1e-4)
    assert (len(looked), looked[0]) == (12, None)
    assert any(roi not in (None, (0, 230, 0, 186)) for roi in looked)


def test_a_model_of_the_study_takes_clicks(tmp_path, ready, tensor_of):
    state = ready(FocalClickNetwork(**SMALL)).state_dict()
    torch.save({"state_dict": state}, tmp_path / "small.pth")
    image = np.uint8(255 * tensor_of(70, 60)[0].permute(1, 2, 0).numpy())
    model = FocalClick("focalclick-b0-s1", SMALL, checkpoint=tmp_path / "small.pth")
    prompts = [Prompt([[20, 30], [40, 50]][:k], [1, 0][:k]) for k in (1, 2)]
    one, two = model.predict(model.embed(image), prompts)
    assert one.masks.shape == (1, 70, 60)
    assert np.isfinite(two.logits).all()
    assert not np.array_equal(one.logits, two.logits)
    assert "focus" in model.provenance()
    once = FocalClickBaseline("focalclick-b3-s2-baseline", SMALL, checkpoint=tmp_path / "small.pth")
    (coarse,) = once.predict(once.embed(image), prompts[1:])
    assert not np.array_equal(coarse.logits, two.logits)
    assert once.provenance()["focus"] == "none"


def mask(*blocks):
    out = np.zeros((100, 100), bool)
    for top, bottom, left, right in blocks:
        out[top:bottom, left:right] = True
    return out


def test_the_focus_lies_in_the_target():
    now = mask((10, 20, 10, 30))
    assert focus(now, mask(), (15, 15), (8, 18, 8, 28)) == (8, 18, 8, 28)
    assert focus(now, mask(), (15, 15), (50, 90, 40, 80)) == (50, 90, 40, 80)  # Nothing in it.


@given(st.integers(0, 99), st.integers(0, 99), st.integers(1, 40), st.integers(0, 1))
def test_a_focus_always_has_pixels(row, column, side, started):
    now = mask((row, row + side, column, column + side))
    before = mask((0, 30, 0, 30)) if started else mask()
    top, bottom, left, right = focus(now, before, (row, column), (20, 80, 20, 80))
    assert 20 <= top < bottom <= 80
    assert 20 <= left < right <= 80
