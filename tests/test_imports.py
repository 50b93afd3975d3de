"""Light things stay light: measured in a fresh interpreter."""

import json
import subprocess
import sys
import time

import pytest

HEAVY = {"torch", "torchvision", "onnxruntime", "matplotlib", "pandas", "pyarrow", "nibabel"}


def modules_after(statement):
    code = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(out.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "statement",
    ["import medsam", "import medsam.prompts", "import medsam.cli", "import medsam.datasets"],
)
def test_nothing_heavy(statement):
    assert not modules_after(statement) & HEAVY


@pytest.mark.parametrize(
    "module", ["medsam.study", "medsam.models.onnx_sam", "medsam.figures", "medsam.widgets"]
)
def test_no_torch(module):
    assert "torch" not in modules_after(f"import {module}")


def test_help_is_fast():
    command = [sys.executable, "-m", "medsam.cli", "--help"]
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    # The bar is 0.5 s; the best of five, as the machine may be busy with something else.
    assert min(seconds) < 0.5


def test_segment_anything_imports():
    """torch and torchvision are a matching pair."""
    code = (
        "import segment_anything, torch; from torchvision.ops import nms; "
        "print(nms(torch.tensor([[0., 0., 1., 1.]]), torch.tensor([1.]), 0.5).tolist())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[0]"
