"""Eight models, each with a name and a file of its own, and none loaded before it is asked for."""

import subprocess
import sys
from importlib import import_module

import pytest

from medsam.errors import WeightsError
from medsam.models.contract import PromptableModel

CLASSES = [
    ("ritm", "RitmH18", "ritm-h18", "coco_lvis_h18_itermask.pth"),
    ("ritm", "RitmH32", "ritm-h32", "coco_lvis_h32_itermask.pth"),
    ("simpleclick", "SimpleClickB", "simpleclick-vit-b", "cocolvis_vit_base.pth"),
    ("simpleclick", "SimpleClickL", "simpleclick-vit-l", "cocolvis_vit_large.pth"),
    ("simpleclick", "SimpleClickH", "simpleclick-vit-h", "cocolvis_vit_huge.pth"),
    ("focalclick", "FocalClickB0S1", "focalclick-b0-s1", "segformerB0_S1_cclvs.pth"),
    ("focalclick", "FocalClickB0S2", "focalclick-b0-s2", "segformerB0_S2_cclvs.pth"),
    ("focalclick", "FocalClickB3S2", "focalclick-b3-s2", "segformerB3_S2_comb.pth"),
]


@pytest.mark.parametrize(("module", "attribute", "name", "file"), CLASSES)
def test_each_model_has_its_name_and_its_file(module, attribute, name, file, tmp_path):
    model = getattr(import_module(f"medsam.models.click.{module}"), attribute)
    assert issubclass(model, PromptableModel)
    assert (model.name, model.published.key, model.published.file) == (name, name, file)
    assert model.accepts == {"points", "mask"}
    with pytest.raises(WeightsError, match=f"no file {file!r} in .*https://github"):
        model(tmp_path)


def test_the_package_itself_is_light():
    code = "import sys, medsam.models.checkpoints; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
