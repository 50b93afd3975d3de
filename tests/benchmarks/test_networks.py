"""Networks counted by hand, and the memory of a process."""

import numpy as np
import pytest

from benchmarks import networks

IMAGE = np.zeros((40, 50, 3), np.uint8)
BOX = np.array([10.0, 6, 21, 15])


def test_a_large_network_is_counted_only():
    one = networks.network("sam-vit-h")
    assert (one.tensors, one.model) == (594, None)
    assert 640e6 < one.numbers < 642e6  # 636 M of the encoder, as published, and the rest


@pytest.mark.slow
def test_a_model_in_a_process_of_its_own():
    one, found = networks.apart("focalclick-b0-s1", IMAGE, BOX)
    assert (one.weights, one.by_name, one.model) == ("random", True, None)
    assert found.prompt > 0
    # Its numbers take four bytes each, and PyTorch is there.
    assert found.memory > 4 * one.numbers + 100_000_000


def test_what_is_shipped_is_of_every_network():
    content = networks.load_measured()
    assert [row["model"] for row in content["models"]] == networks.distinct()
