"""Pictures and scans: which cases they make, and what becomes of those that are broken."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from datasets.checks import reasons, samples
from datasets.nifti_files import ORIENTATIONS, SHAPE, affine, body, objects, stored, write

from medsam.datasets.labels import Labels
from medsam.datasets.readers.nifti import open_nifti
from medsam.datasets.source import Channel, LabelVolume, Reading, Scan

RULES = Labels({"ell": (1,), "bar": (2,)})
TASKS = ("ell", "bar")


def scan(folder: Path, *, labels=("labels.nii.gz",), vote=False, headers="agree") -> Scan:
    image = folder / "image.nii.gz"
    files = [folder / one for one in labels]
    parts = tuple(LabelVolume(partial(open_nifti, one), (one,), RULES) for one in files)
    channel = Channel(partial(open_nifti, image), (image,))
    return Scan("a", "a", (channel,), parts, Reading(headers=headers), vote)


def files(folder: Path, way=ORIENTATIONS[0], image=None, labels=None, grid=None) -> Path:
    grid = affine() if grid is None else grid
    write(folder / "image.nii.gz", *stored(body() if image is None else image, grid, way))
    write(folder / "labels.nii.gz", *stored(objects() if labels is None else labels, grid, way))
    return folder


def test_a_case_a_slice_with_an_object(tmp_path):
    cases = list(scan(files(tmp_path)).cases(TASKS))
    assert [(case.id, case.tasks) for case in cases] == [
        ("a/axial-0001", ("ell",)),
        ("a/axial-0002", ("ell", "bar")),
        ("a/axial-0003", ("ell", "bar")),
        ("a/axial-0004", ("bar",)),
    ]
    assert {case.group for case in cases} == {"a"}
    sample = cases[1].load()
    assert sample.image.shape == (6, 7, 3)
    assert sample.spacing == pytest.approx((0.75, 0.5))
    # The L, seen from below: its long arm runs along the rows, at the back.
    assert sample.masks["ell"].astype(int).tolist() == [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 1, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ]
    assert sample.masks["bar"][:, 0].tolist() == [False, True, True, True, True, True]
    # A case of one task keeps the union of all.
    found = samples(scan(tmp_path), ("bar",))
    assert list(found) == ["a/axial-0002", "a/axial-0003", "a/axial-0004"]
    assert list(found["a/axial-0002"].masks) == ["bar"]
    assert found["a/axial-0002"].any_object.sum() == 6 + 5


def test_half_a_voxel(tmp_path):
    files(tmp_path, grid=affine(turn=0))
    moved = affine(turn=0)
    moved[0, 3] += 0.2  # voxels of 0.5 mm
    write(tmp_path / "labels.nii.gz", objects(), moved)
    assert not reasons(scan(tmp_path), TASKS)
    moved[0, 3] += 0.1
    write(tmp_path / "labels.nii.gz", objects(), moved)
    found = reasons(scan(tmp_path), TASKS)
    assert "lies up to 0.6 voxels from" in found["a/axial-0001"]
    assert not reasons(scan(tmp_path, headers="image"), TASKS)


def test_trusted_image_decides_which_way_up(tmp_path):
    # Labels on the image's grid whose header lost it: they must turn with the image.
    files(tmp_path, way=ORIENTATIONS[11])
    wanted = samples(scan(tmp_path), TASKS)
    array, _ = stored(objects(), affine(), ORIENTATIONS[11])
    write(tmp_path / "labels.nii.gz", array, np.eye(4))
    found = samples(scan(tmp_path, headers="image"), TASKS)
    assert list(found) == list(wanted)
    for name, sample in found.items():
        for task, mask in sample.masks.items():
            assert (mask == wanted[name].masks[task]).all()


def test_raters_vote(tmp_path):
    files(tmp_path)
    one, two, three = (np.zeros(SHAPE, np.uint8) for _ in range(3))
    one[1, 1, 1] = two[1, 1, 1] = two[2, 1, 1] = three[3, 1, 1] = 1
    names = []
    for index, array in enumerate((one, two, three)):
        names.append(f"{index}.nii.gz")
        write(tmp_path / names[-1], array)
    voted = samples(scan(tmp_path, labels=names, vote=True), TASKS)
    assert [int(sample.masks["ell"].sum()) for sample in voted.values()] == [1]
    joined = samples(scan(tmp_path, labels=names), TASKS)
    assert [int(sample.masks["ell"].sum()) for sample in joined.values()] == [3]
    write(tmp_path / names[1], two[:, :-1])
    for vote in (True, False):
        ((name, reason),) = reasons(scan(tmp_path, labels=names, vote=vote), TASKS).items()
        assert (name, "Allowed: one grid" in reason) == ("a", True)


def test_digest_follows_bytes_and_rules(tmp_path):
    def digests(source):
        return [case.digest() for case in source.cases(TASKS)]

    files(tmp_path)
    before = digests(scan(tmp_path))
    assert before == digests(scan(tmp_path))
    one = scan(tmp_path)
    part = one.labels[0]
    other = LabelVolume(part.open, part.files, Labels({"ell": (1,), "bar": (1, 2)}))
    assert digests(Scan("a", "a", one.channels, (other,)))[0] != before[0]
    write(tmp_path / "image.nii.gz", body() + 1)
    assert not set(digests(scan(tmp_path))) & set(before)
