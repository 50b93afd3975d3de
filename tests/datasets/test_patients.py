"""The five patients, what they are joined with, and how their files come."""

import tarfile

import pytest

from medsam.datasets import BrainSample, patients
from medsam.datasets.patients import ARCHIVE, FOLDER, fetch, open_patients
from medsam.datasets.select import EMBEDDED, select, thinned
from medsam.datasets.subsets import Subset
from medsam.errors import InputError, UnknownName
from medsam.files import sha256

SLICES = {"brain1": 7, "brain2": 3, "breast1": 3, "lung1": 3, "lung2": 11}
there = pytest.mark.skipif(not FOLDER.is_dir(), reason="the patients are not here: make env")


@there
def test_every_axial_slice_with_a_mask_is_a_case():
    mri, ct = open_patients(patients.TASKS)
    assert (mri.key, mri.modality) == ("patients_mri", "MRI")
    assert (ct.key, ct.modality) == ("patients_ct", "CT")
    assert ct.settings["intensity"] == "window 40/400"
    found = dict.fromkeys(SLICES, 0)
    for dataset in (mri, ct):
        for case in dataset.cases():
            sample = case.load()
            (mask,) = sample.masks.values()
            assert mask.any()
            found[case.group] += 1
    assert found == SLICES


@there
def test_all_is_the_patients_and_then_the_template():
    whole = select("all")
    few = thinned(whole, 1, 29)
    assert whole.tasks == tuple(EMBEDDED) == select("patients,brain").tasks
    ids = [case.id for case in whole.cases()]
    assert len(ids) == len(set(ids)) == len(whole) == sum(SLICES.values()) + len(BrainSample())
    template = ids[sum(SLICES.values()) :]
    assert [case.id for case in few.cases()] == ids[:27] + template[::29]
    # What is taken of all is taken of each.
    every = [case.id for case in Subset(whole, every=29).cases()]
    assert every == [ids[0], ids[13], *template[::29]]
    with pytest.raises(UnknownName, match="'patient'. Did you mean 'patients'"):
        select("patient")


def test_files_are_taken_out_of_the_archive_that_is_expected(tmp_path, monkeypatch):
    folder, archive = tmp_path / "patients", tmp_path / ARCHIVE
    parts = [f"data/{name}_{kind}.nrrd" for name in SLICES for kind in ("image", "label")]
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("LICENSE.txt", *parts, "setup.py"):
            tar.addfile(tarfile.TarInfo(f"pyradiomics-3.0.1/{name}"))
    with pytest.raises(InputError, match=f"has the sha256 {sha256(archive)}. Allowed: 47c57f"):
        fetch(folder)
    assert not folder.exists()
    monkeypatch.setattr(patients, "SHA256", sha256(archive))
    assert fetch(folder) == folder
    names = {path.name for path in folder.iterdir()}
    assert len(names) == 11
    assert "setup.py" not in names
    assert fetch(folder) == folder


def test_it_says_how_they_come(tmp_path):
    with pytest.raises(InputError, match="Run: medsam data fetch patients"):
        open_patients(["patients_lung_ct"], folder=tmp_path / "none")
