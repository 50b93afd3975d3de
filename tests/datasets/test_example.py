"""The example folder: the patients' slices as files, and the flaws that it tells of."""

import numpy as np
import pytest

from medsam.datasets import open_folders
from medsam.datasets.check import check
from medsam.datasets.example import example_folder
from medsam.datasets.patients import TASKS, open_patients


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return example_folder(tmp_path_factory.mktemp("example"))


def test_files_are_the_slices(folders):
    dataset = open_folders(*folders, progress=False)
    assert dataset.tasks == ("object-1", "object-2", "object-3")
    cases = {c.id.replace("/", "-"): c for d in open_patients(list(TASKS)) for c in d.cases()}
    for case in list(dataset.cases())[:14]:
        here, there = case.load(), cases[case.id].load()
        assert (here.image == there.image).all()
        for value, task in enumerate(TASKS, 1):
            wanted = there.masks.get(task, np.zeros(here.image.shape[:2]))
            assert (here.masks[f"object-{value}"] == wanted).all()


def test_flaws_are_found_and_nothing_else(folders):
    found = check(open_folders(*folders, progress=False), progress=False)
    reasons = [reason for _, reason in found.problems]
    assert len(reasons) == 3
    assert "has no mask" in reasons[0]
    assert "Allowed: equal height and width" in reasons[1]
    assert "torn" in reasons[2].lower() or "cannot be read" in reasons[2]
    assert [name for name, _ in found.skipped] == ["images/notes.txt"]
    # Enough images of each object for three percentiles to be three images.
    assert min(found.masks.values()) >= 3
