"""Weights from a rule instead of a file, a picture and clicks, for all click models."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from medsam.models import MODELS

GOLDEN = Path(__file__).parent / "golden"


def seeded(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A state dict that depends on the names and shapes of the weights alone (golden/README.md)."""
    state = {}
    for name, like in network.state_dict().items():
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
        shape = tuple(like.shape)
        noise = np.random.RandomState(seed).random_sample(shape or 1) - 0.5
        noise = (noise * np.sqrt(12)).reshape(shape)
        if not like.is_floating_point():
            state[name] = torch.zeros(shape, dtype=like.dtype)
            continue
        if name.endswith("running_var"):
            value = 1 + 0.1 * np.abs(noise)
        elif name.endswith(".scale"):
            value = 3 + 0.6 * noise
        elif len(shape) > 1:
            value = noise / np.sqrt(np.prod(shape[1:]))
        elif name.endswith("weight"):
            value = 0.9 + 0.1 * noise
        else:
            value = 0.1 * noise
        state[name] = torch.from_numpy(np.asarray(value, np.float32).reshape(shape))
    return state


def scene(height: int = 231, width: int = 187) -> np.ndarray:
    """(H, W, 3) uint8: smooth waves with a bright ellipse, different in each channel."""
    yy, xx = np.mgrid[:height, :width]
    waves = [np.sin(yy / (7 + c)) * np.cos(xx / (11 - c)) for c in range(3)]
    inside = ((yy - 0.5 * height) / 50) ** 2 + ((xx - 0.4 * width) / 35) ** 2 < 1
    return np.stack([np.uint8(100 + 50 * w + 80 * inside) for w in waves], axis=2)


@pytest.fixture
def tensor_of():
    """A picture as click models see it: (1, 3, H, W), 0 to 1."""

    def tensor(*size):
        return torch.from_numpy(scene(*size).transpose(2, 0, 1)[None].copy()).float() / 255

    return tensor


@pytest.fixture(scope="session")
def ready():
    """A network with the seeded weights."""

    def fill(network):
        network.load_state_dict(seeded(network))
        return network.eval().requires_grad_(False)

    return fill


@pytest.fixture(scope="session")
def network_of():
    """The network of the model of that name."""
    return lambda name: MODELS[name].model_class.build(MODELS[name].arguments["network"])


@pytest.fixture
def golden():
    """Numbers of the public code, by the name of a model."""
    return lambda name: np.load(GOLDEN / f"{name}.npz", allow_pickle=False)


@pytest.fixture
def same_keys(network_of):
    """Asserts that a model's weights have the names and shapes of the public code's."""

    def check(name):
        expected = json.loads((GOLDEN / "keys.json").read_text())[name]
        with torch.device("meta"):
            shapes = {k: list(v.shape) for k, v in network_of(name).state_dict().items()}
        assert {k: shapes.get(k) for k in expected["some"]} == expected["some"]
        assert len(shapes) == expected["tensors"]
        assert sum(math.prod(s) for s in shapes.values()) == expected["numbers"]
        text = "".join(f"{k} {shapes[k]}\n" for k in sorted(shapes))
        assert hashlib.sha256(text.encode()).hexdigest() == expected["sha256"]

    return check


@pytest.fixture
def twelve_clicks():
    """Row, column, label."""
    first = [[115, 75, 1], [140, 60, 1], [20, 170, 0], [180, 90, 0], [100, 95, 1]]
    more = [[60, 60, 0], [200, 20, 1], [30, 30, 1], [115, 150, 0], [150, 120, 1]]
    return np.array([*first, *more, [90, 90, 0], [170, 40, 1]], float)
