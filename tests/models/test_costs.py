"""Times of a clock set by hand, and the memory of processes that do one thing."""

import multiprocessing
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from toys import SquareModel

from medsam.errors import MedsamError
from medsam.pages import models
from medsam.pages.models import apart, idle_memory, measure, peak_memory

IMAGE = np.zeros((40, 50, 3), np.uint8)
BOX = np.array([10.0, 6, 21, 15])


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only where a model says so."""
    now = SimpleNamespace(at=0.0)
    monkeypatch.setattr("medsam.pages.models.perf_counter", lambda: now.at)
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


def test_memory_of_the_accelerator_is_torchs_count(monkeypatch, clock):
    import torch

    asked = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", asked.append)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 123)
    model = Timed(clock, [0.1] * 4)
    assert measure(model, IMAGE, BOX).accelerator is None
    model.embedded = 0
    model.runtime = SimpleNamespace(device="cuda:1")
    assert measure(model, IMAGE, BOX).accelerator == 123
    assert asked == ["cuda:1"]


unix = pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell")


@unix
def test_memory_is_counted_in_bytes():
    before = peak_memory()
    filled = np.ones(before // 8 + 5_000_000)  # as much again, and 40 MB
    assert peak_memory() > before + 30_000_000
    assert filled.nbytes < peak_memory() < 100 * before


@unix
@pytest.mark.slow
@pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="no server to fork"
)
def test_what_this_process_holds_is_not_counted_there():
    """Nor is what it has let go of, which its own peak still tells."""
    first = idle_memory()
    ballast = np.ones(150_000_000)  # 1.2 GB
    assert peak_memory() > ballast.nbytes
    again = idle_memory()
    assert again < 1_000_000_000
    assert abs(again - first) < 0.1 * first


@pytest.mark.slow
def test_a_model_apart():
    one, found = apart("focalclick-b0-s1", IMAGE, BOX)
    assert (one.weights, one.by_name, one.model) == ("random", True, None)
    assert found.prompt > 0
    # Its numbers take four bytes each, and PyTorch is there.
    assert found.memory > 4 * one.numbers + 100_000_000
    assert apart("focalclick-b0-s1", None, BOX) == (one, None)


def _killed():
    os._exit(9)


@pytest.mark.slow
def test_a_process_that_is_killed():
    with pytest.raises(MedsamError, match="The process that ran a thing was killed. Allowed: a"):
        models._aside(_killed, "a thing")
