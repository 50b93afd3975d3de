import subprocess
import sys

import pytest
from toys import SquareModel

from medsam.datasets import BrainSample, FolderDataset
from medsam.datasets.subsets import Every
from medsam.errors import UnknownName
from medsam.models import registry
from medsam.pages import study
from medsam.pages.study import NoiseSettings, Variants, VariantSettings


def data(folder):
    return FolderDataset(folder / "images", folder / "masks", progress=False)


def test_the_default_part_of_the_sample_has_every_task_and_orientation():
    cases = list(Every(BrainSample(), study.EVERY).cases())
    assert {case.id.split("-")[0] for case in cases} == {"axial", "coronal", "sagittal"}
    counts = {task: sum(task in case.tasks for case in cases) for task in BrainSample().tasks}
    assert min(counts.values()) >= 4


@pytest.fixture
def settings(folder, monkeypatch):
    monkeypatch.setattr(study, "load", lambda _: SquareModel())
    monkeypatch.setitem(registry.MODELS, "square", "toys:SquareModel")
    return {
        "model": "square", "images": str(folder / "images"), "masks": str(folder / "masks"),
        "every": 2,
    }  # fmt: skip


def test_differences(settings, tmp_path):
    of = Variants.of_differences(VariantSettings(**settings, results=str(tmp_path / "r")))
    rows = of.rows
    assert set(rows.protocol) == {p.name for p in of.protocols}
    assert set(rows.image) == {"case0", "case2", "case4"}
    assert of.model.embedded == 3
    assert set(of.titles) == {"object-1", "object-2"}
    assert rows.nsd.isna().all()
    again = Variants.of_differences(VariantSettings(**settings, results=str(tmp_path / "r")))
    assert len(again.rows) == len(rows)
    assert again.model.embedded == 0


def test_noise(settings, tmp_path):
    of = Variants.of_noise(
        NoiseSettings(**settings, levels=[0, 0.2], results=str(tmp_path / "r"), protocol="released")
    )
    assert set(of.rows.protocol) == {"released", "released+click_jitter=0.2+box_jitter=0.2"}
    assert set(of.rows.experiment) == {"mode"}


def test_the_case_that_is_shown(settings, tmp_path):
    of = Variants.of_noise(NoiseSettings(**settings, levels=[0, 0.2], results=str(tmp_path / "r")))
    sample, task = of.clear_case()
    # Object 2 has one region; it is on the even images alone, of which the settings take these.
    assert task == "object-2"
    rows = of.rows.query(
        "task == 'object-2' and k == 3 and choice == 'top' and protocol == 'paper'"
    )
    assert rows.set_index("image").iou[sample.id] == rows.iou.max()
    assert sample.masks[task].any()


def test_names_are_checked_before_any_compute(settings, tmp_path):
    for changes in ({"model": "sam"}, {"tasks": "nose", "images": "", "masks": ""}):
        with pytest.raises(UnknownName):
            Variants.of_differences(VariantSettings(**settings | changes, results=str(tmp_path)))
    assert not list(tmp_path.glob("rows-*"))


def test_how_it_is_called():
    out = subprocess.run(
        [sys.executable, "-m", "medsam.pages.study"], capture_output=True, text=True, check=False
    )
    assert out.returncode == 1
    assert out.stderr == "Usage: python -m medsam.pages.study FOLDER\n"
