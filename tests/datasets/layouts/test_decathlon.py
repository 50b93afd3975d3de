"""The Decathlon's form on real files of a tenth task, and what goes wrong in it."""

import shutil

import nibabel as nib
import numpy as np
import pytest
from datasets.layouts.scan_trees import TREES, write_nifti

from medsam.datasets.layouts import open_dataset
from medsam.datasets.layouts.layout import open_layout
from medsam.datasets.layouts.scans import _layout
from medsam.errors import DataError


def test_real_hippocampus(shared_data, tmp_path):
    """Two labels that are joined, as of the pancreas; counts taken from the files themselves."""
    folder = shared_data / "msd_hippocampus" / "data" / "TrainingSet"
    wanted, alone = {}, set()
    for path in sorted((folder / "images").glob("hippocampus_1*.nii.gz")):
        for source, target in (("images", "imagesTr"), ("labels", "labelsTr")):
            if (folder / source / path.name).is_file():
                where = tmp_path / "Task04_Hippocampus" / target
                where.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / source / path.name, where)
        name = path.name.removesuffix(".nii.gz")
        if not (folder / "labels" / path.name).is_file():
            alone.add(name)
            continue
        labels = nib.load(folder / "labels" / path.name)
        assert nib.aff2axcodes(labels.affine) == ("R", "A", "S")
        for z in np.flatnonzero((np.asarray(labels.dataobj) > 0).any((0, 1))):
            wanted[f"{name}/axial-{z:04d}"] = np.asarray(labels.dataobj)[::-1, ::-1, z].T > 0
    layout = _layout("ct_pancreas", "Task04_Hippocampus", "hippocampus", "")
    cases = {case.id: case for case in open_layout(layout, tmp_path, progress=False).cases()}
    assert cases.keys() == wanted.keys() | alone
    assert len(wanted) > 100
    assert alone == {"hippocampus_118"}  # in this copy
    for name in list(wanted)[::40]:
        sample = cases[name].load()
        assert (sample.masks["ct_pancreas"] == wanted[name]).all()
        assert sample.image.max() == 255
    for name in alone:
        with pytest.raises(DataError, match="has no mask"):
            cases[name].load()


def test_labels_that_lie_elsewhere_are_refused_unless_the_image_is_trusted(tmp_path):
    tree = TREES["ct_spleen"](tmp_path)
    path = tmp_path / tree.a_mask
    stored = nib.load(path)
    moved = stored.affine.copy()
    moved[2, 3] += 30  # ten slices
    nib.save(nib.Nifti1Image(np.asarray(stored.dataobj), moved), path)
    *_, last = open_dataset("ct_spleen", tmp_path, progress=False).cases()
    with pytest.raises(DataError, match="lies up to 10.0 voxels from"):
        last.load()
    trusted = open_dataset("ct_spleen", tmp_path, trust_image=True, progress=False)
    assert trusted.settings["headers"] == "image"
    *_, last = trusted.cases()
    wanted = tree.slices[last.id].masks["ct_spleen"]
    assert (last.load().masks["ct_spleen"] == wanted).all()


def test_labels_of_another_size_are_refused(tmp_path):
    tree = TREES["ct_spleen"](tmp_path)
    write_nifti(tmp_path / tree.a_mask, np.ones((4, 20, 25)), "LAS")
    *_, last = open_dataset("ct_spleen", tmp_path, progress=False).cases()
    with pytest.raises(DataError, match=r"has \(4, 20, 25\) .* has \(4, 20, 26\)"):
        last.load()


def test_other_planes(tmp_path):
    tree = TREES["ct_spleen"](tmp_path)
    dataset = open_dataset("ct_spleen", tmp_path, plane="coronal", progress=False)
    assert dataset.settings["plane"] == "coronal"
    # The first patient's L covers rows 1 to 3 of 20 from anterior; slices count from posterior.
    ids = [case.id for case in dataset.cases() if case.group == "spleen_2"]
    assert ids == [f"spleen_2/coronal-{y:04d}" for y in (16, 17, 18)]
    sample = next(case for case in dataset.cases() if case.id == ids[0]).load()
    shown = np.stack([tree.slices[f"spleen_2/axial-{z:04d}"].masks["ct_spleen"] for z in (1, 2)])
    assert (sample.masks["ct_spleen"][[2, 1]] == shown[:, 3]).all()  # superior up
    assert sample.spacing == (3.0, 1.5)
