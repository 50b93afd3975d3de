"""Small networks with random weights, in files of their own."""

import pytest
import torch
from torch_models import brain, random_sam


@pytest.fixture(scope="session")
def brain_image():
    return brain()[0]


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory):
    """SAM with an encoder of one block, as a checkpoint."""
    path = tmp_path_factory.mktemp("weights") / "tiny.pth"
    torch.save(random_sam().state_dict(), path)
    return path
