"""Checkpoints: read without running code, and loaded whole or not at all."""

import os
import sys
import types

import pytest
import torch
from torch import nn

from medsam.errors import WeightsError
from medsam.models.checkpoints import build


def network():
    return nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))


def saved(path, content):
    torch.save(content, path)
    return path


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_checkpoint_is_loaded_whole(tmp_path, wrapped):
    state = network().state_dict()
    config = {"class": "isegm.model.is_hrnet_model.HRNetModel", "params": {}}
    content = {"state_dict": state, "config": config} if wrapped else state
    net = build(network, saved(tmp_path / "a.pth", content))
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, state[name])


def test_halves_become_whole(tmp_path):
    state = {k: v.half() if v.is_floating_point() else v for k, v in network().state_dict().items()}
    net = build(network, saved(tmp_path / "a.pth", state))
    assert net[0].weight.dtype == torch.float32
    assert net[1].num_batches_tracked.dtype == torch.int64


def test_what_is_missing_left_over_or_misshapen_is_listed(tmp_path):
    state = dict(network().state_dict())
    del state["0.bias"]
    state["9.weight"] = torch.zeros(1)
    state["0.weight"] = torch.zeros(2, 4, 1, 1)
    with pytest.raises(WeightsError) as caught:
        build(network, saved(tmp_path / "a.pth", state))
    told = str(caught.value)
    assert "not those of Sequential: of its 7 tensors" in told
    assert "1 missing (0.bias)" in told
    assert "1 not known (9.weight)" in told
    assert "1 of another shape (0.weight (2, 4, 1, 1) instead of (2, 3, 1, 1))" in told


def test_long_lists_are_cut(tmp_path):
    with pytest.raises(WeightsError, match=r"7 missing \(.*, .*, .*, .* and 3 more\)"):
        build(network, saved(tmp_path / "a.pth", {"x": torch.zeros(1)}))


class Harmful:
    def __reduce__(self):
        return os.mkdir, (str(os.environ["HARM"]),)


def test_code_in_a_file_is_not_run_but_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HARM", str(tmp_path / "harm"))
    path = saved(tmp_path / "a.pth", {"state_dict": network().state_dict(), "config": Harmful()})
    with pytest.raises(WeightsError, match="Nothing of it was run"):
        build(network, path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("content", [[1, 2], {"state_dict": {"a": 1}}])
def test_a_file_without_tensors_by_name_is_told(tmp_path, content):
    with pytest.raises(WeightsError, match="other things than tensors by name"):
        build(network, saved(tmp_path / "a.pth", content))


def test_the_loss_in_simpleclick_settings_is_read_and_thrown_away(tmp_path, monkeypatch):
    # What SimpleClick's files hold beside the weights: an object of its training code.
    name = "isegm.model.modeling.transformer_helper.cross_entropy_loss"
    module = types.ModuleType(name)

    def cross_entropy():
        raise AssertionError("code of the file was run")

    class CrossEntropyLoss(nn.Module):
        def __init__(self):
            super().__init__()
            self.cls_criterion = cross_entropy

        def __setstate__(self, state):
            raise AssertionError("code of the file was run")

    for each in (cross_entropy, CrossEntropyLoss):
        each.__module__, each.__qualname__ = name, each.__name__
        setattr(module, each.__name__, each)
    parts = name.split(".")
    with monkeypatch.context() as patch:
        for i in range(1, len(parts)):
            patch.setitem(sys.modules, ".".join(parts[:i]), types.ModuleType(parts[i - 1]))
        patch.setitem(sys.modules, name, module)
        config = {"head_params": {"value": {"loss_decode": CrossEntropyLoss()}}}
        state = network().state_dict()
        path = saved(tmp_path / "a.pth", {"state_dict": state, "config": config})
    assert torch.equal(build(network, path)[0].weight, state["0.weight"])
    # Allowed for that one reading only.
    with pytest.raises(Exception, match="CrossEntropyLoss"):
        torch.load(path, weights_only=True)
