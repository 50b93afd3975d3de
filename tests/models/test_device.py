"""Devices, precisions, and batches that do not fit into memory."""

import pytest
import torch

from medsam.errors import MedsamError
from medsam.models.device import MemoryNote, in_batches


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
    with pytest.raises(MedsamError, match="Out of memory with a single thing"):
        in_batches([1], 1, limited(0), "thing")


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def fail(_):
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes cannot"):
        in_batches([1, 2], 2, fail, "thing")
