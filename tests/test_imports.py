"""Light things stay light: measured in a fresh interpreter."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "torchvision", "onnxruntime", "matplotlib", "pandas", "pyarrow", "nibabel"}
HEAVY |= {"SimpleITK", "pydicom", "highdicom", "scipy", "monai", "statsmodels"}


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
    "module", ["medsam.study.runner", "medsam.models.onnx_sam", "medsam.figures", "medsam.widgets"]
)
def test_no_torch(module):
    assert "torch" not in modules_after(f"import {module}")


def test_segment_anything_imports():
    """torch and torchvision are a matching pair."""
    code = (
        "import segment_anything, torch; from torchvision.ops import nms; "
        "print(nms(torch.tensor([[0., 0., 1., 1.]]), torch.tensor([1.]), 0.5).tolist())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[0]"
