"""The five patients, what they are joined with, and how their files come."""

import io
import tarfile

import pytest
from toys import SquareModel

from medsam.datasets import BrainSample, patients
from medsam.datasets.patients import ARCHIVE, FOLDER, fetch, open_patients
from medsam.datasets.select import EMBEDDED, select, thinned
from medsam.datasets.subsets import Subset
from medsam.errors import InputError, UnknownName
from medsam.files import sha256
from medsam.protocol import PROTOCOLS
from medsam.results.rows import read
from medsam.study import runner

SLICES = {"brain1": 7, "brain2": 3, "breast1": 3, "lung1": 3, "lung2": 11}
there = pytest.mark.skipif(not FOLDER.is_dir(), reason="the patients are not here: make env")


@there
def test_every_axial_slice_with_a_mask_is_a_case():
    mri, ct = open_patients(patients.TASKS)
    assert [(one.key, one.modality) for one in (mri, ct)] == [
        *(("patients_mri", "MRI"), ("patients_ct", "CT"))
    ]
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
    assert [case.id for case in Subset(whole, every=29).cases()] == [
        ids[0],
        ids[13],
        *template[::29],
    ]
    halves = [{case.id for case in Subset(whole, part=f"{i}/2").cases()} for i in (1, 2)]
    assert halves[0] | halves[1] == set(ids)
    assert len(Subset(whole, part="1/2")) == len(halves[0])
    with pytest.raises(UnknownName, match="'patient'. Did you mean 'patients'"):
        select("patient")


@there
def test_rows_of_a_part_are_those_of_the_whole(tmp_path):
    """Whoever has run all has run each."""
    few = Subset(select("patients_breast_mri,patients_lung_ct"), every=5)
    options = {"experiments": ["mode", "clicks"], "progress": False}
    both = [PROTOCOLS["published"], PROTOCOLS["paper"]]
    done = runner.run(few, SquareModel(), tmp_path, *both, **options)
    assert (done.computed, done.resumed) == (2 * len(few), 0)
    rows = read(tmp_path)
    assert dict(zip(rows.dataset, rows.modality, strict=True)) == {
        "patients_mri": "MRI", "patients_ct": "CT",
    }  # fmt: skip
    lungs = Subset(select("patients_lung_ct"), every=5)
    assert runner.run(lungs, SquareModel(), tmp_path, both[0], **options).computed == 0
    # The best of three masks does not depend on their order.
    keys = ["image", "task", "experiment", "k", "choice"]
    oracle = rows[rows.choice == "oracle"].set_index([*keys, "protocol"]).iou.unstack()
    assert (oracle.published == oracle.paper).all()


def packed(path, names):
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(f"pyradiomics-3.0.1/{name}")
            member.size = 2
            tar.addfile(member, io.BytesIO(b"ab"))


def test_files_are_taken_out_of_the_archive_that_is_expected(tmp_path, monkeypatch):
    folder, archive = tmp_path / "patients", tmp_path / ARCHIVE
    parts = [f"data/{name}_{kind}.nrrd" for name in SLICES for kind in ("image", "label")]
    packed(archive, ["LICENSE.txt", *parts, "setup.py"])
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
