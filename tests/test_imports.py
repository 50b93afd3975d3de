"""Light things stay light: measured in a fresh interpreter."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "torchvision", "onnxruntime", "matplotlib", "pandas", "pyarrow", "nibabel"}
HEAVY |= {"SimpleITK", "pydicom", "highdicom", "scipy", "monai", "statsmodels"}
WITHOUT = {
    "medsam, medsam.prompts, medsam.cli, medsam.datasets": HEAVY,
    "medsam.study.runner, medsam.models.onnx_sam, medsam.figures, medsam.widgets": {
        "torch",
        "matplotlib.pyplot",
    },
}


@pytest.mark.parametrize("modules", WITHOUT)
def test_what_is_not_imported(modules):
    code = f"import sys, json, {modules}; print(json.dumps(sorted(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(json.loads(out.stdout.splitlines()[-1])) & WITHOUT[modules]


def test_torch_and_torchvision_are_a_matching_pair():
    import torch
    from torchvision.ops import nms

    assert nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5).tolist() == [0]
