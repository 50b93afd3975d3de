"""Light things stay light: measured in a fresh interpreter."""

import json
import resource
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


BARE = """
import sys, typer
app = typer.Typer()
@app.command()
def one(a: int = 1): ...
@app.command()
def two(a: int = 1): ...
app(["--help"])
"""


def cpu_seconds(command):
    """CPU time of the fastest of five runs: less than wall time does it depend on the machine."""
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds)


def test_help_costs_little_more_than_typer_itself():
    ours, bare = cpu_seconds(["-m", "medsam.cli", "--help"]), cpu_seconds(["-c", BARE])
    assert ours < 1.5 * bare


def test_segment_anything_imports():
    """torch and torchvision are a matching pair."""
    code = (
        "import segment_anything, torch; from torchvision.ops import nms; "
        "print(nms(torch.tensor([[0., 0., 1., 1.]]), torch.tensor([1.]), 0.5).tolist())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[0]"
