"""Devices, precisions, and batches that do not fit into memory."""

import pytest
import torch

from medsam.errors import InputError, MedsamError
from medsam.models.device import MemoryNote, Runtime, in_batches


@pytest.mark.parametrize(
    ("device", "precision", "message"),
    [
        ("tpu", "float32", r"Device 'tpu'. Allowed on this machine.*: auto, .*cpu"),
        ("cpu", "float16", r"Precision 'float16' on cpu. Allowed there: float32, bfloat16"),
    ],
)
def test_devices_and_precisions_that_are_not_there(device, precision, message):
    with pytest.raises(InputError, match=message):
        Runtime.choose(device, precision)


def limited(most):
    """Fails as CUDA does when a batch is larger than that."""

    def compute(items):
        if len(items) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return [2 * item for item in items]

    return compute


def test_out_of_memory_makes_batches_smaller():
    with pytest.warns(MemoryNote, match="with 5 things at a time: going on with 2"):
        assert in_batches([1, 2, 3, 4, 5], 64, limited(2), "thing") == ([2, 4, 6, 8, 10], 2)
    with pytest.raises(MedsamError, match=r"Out of memory with a single thing \(CUDA out of"):
        in_batches([1], 1, limited(0), "thing")


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def fail(_):
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes cannot"):
        in_batches([1, 2], 2, fail, "thing")
