"""The example folder: the patients' slices as files, and the flaws that it tells of."""

import pytest

from medsam.datasets import open_folders
from medsam.datasets.check import check
from medsam.datasets.example import example_folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return example_folder(tmp_path_factory.mktemp("example"))


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
