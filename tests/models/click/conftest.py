"""Weights from a rule instead of a file, a picture and clicks, for all click models."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

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


CLICKS = np.array(
    [[115.0, 75.0, 1], [140.0, 60.0, 1], [20.0, 170.0, 0], [180.0, 90.0, 0], [100.0, 95.0, 1]]
)
"""Row, column, label."""
MORE = np.array(
    [
        [60.0, 60.0, 0],
        [200.0, 20.0, 1],
        [30.0, 30.0, 1],
        [115.0, 150.0, 0],
        [150.0, 120.0, 1],
        [90.0, 90.0, 0],
        [170.0, 40.0, 1],
    ]
)


@pytest.fixture(scope="session")
def weights_of():
    return seeded


@pytest.fixture
def picture():
    return scene()


@pytest.fixture
def five_clicks():
    return CLICKS.copy()


@pytest.fixture
def scene_of():
    return scene


@pytest.fixture
def golden():
    """Numbers of the public code, by the name of a model."""

    def load(name):
        return np.load(GOLDEN / f"{name}.npz", allow_pickle=False)

    return load


@pytest.fixture
def same_keys():
    """Asserts that a model's weights have the names and shapes of the public code's."""

    def check(model):
        expected = json.loads((GOLDEN / "keys.json").read_text())[model.name]
        with torch.device("meta"):
            shapes = {k: list(v.shape) for k, v in model.network().state_dict().items()}
        assert {k: shapes.get(k) for k in expected["some"]} == expected["some"]
        assert len(shapes) == expected["tensors"]
        assert sum(math.prod(s) for s in shapes.values()) == expected["numbers"]
        text = "".join(f"{k} {shapes[k]}\n" for k in sorted(shapes))
        assert hashlib.sha256(text.encode()).hexdigest() == expected["sha256"]

    return check


@pytest.fixture
def twelve_clicks():
    return np.vstack([CLICKS, MORE])
