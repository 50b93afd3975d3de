"""What the page on one's own data says."""

import re

import pytest
from toys import blob, write_pair

from medsam.pages import your_data
from medsam.pages.study import Study
from medsam.pages.your_data import OwnSettings, study_of


@pytest.fixture
def study(folder, tmp_path, square):
    """Five images, of which one has no mask, with a toy model."""
    write_pair(folder, "alone", blob(1))
    (folder / "masks" / "alone.png").unlink()
    images, masks = str(folder / "images"), str(folder / "masks")
    return Study(OwnSettings(images=images, masks=masks, results=str(tmp_path / "r")), square)


def test_without_data_there_is_an_example(tmp_path):
    study = study_of(OwnSettings(example=str(tmp_path / "e")))
    assert study.dataset.tasks == ("object-1", "object-2", "object-3")
    assert f"{tmp_path / 'e' / 'images'}/  (" in your_data.folder(study)


def test_cases_by_status(study):
    html = your_data.statuses(study.rows, study.titles).html
    cells = re.findall(r">([^<>]+)</t[hd]>", html)
    assert cells[:4] == ["task", "ok", "empty", "error"]
    assert cells[4:] == ["object-1", "5", "0", "1", "object-2", "3", "2", "1"]
