"""From what is asked for to a dataset."""

import numpy as np
import pytest
from toys import write_volume

from medsam.datasets.catalog import DATA_VARIABLE, at_hand
from medsam.datasets.select import select
from medsam.errors import InputError, UnknownName


def spleen(folder):
    labels = np.zeros((6, 5, 3), np.uint8)
    labels[1:3, 1:4, 1] = 1
    write_volume(folder / "Task09_Spleen/imagesTr/spleen_2.nii.gz", np.full((6, 5, 3), 7, np.int16))
    write_volume(folder / "Task09_Spleen/labelsTr/spleen_2.nii.gz", labels)


def test_the_sample():
    assert len(select("brain").tasks) == 8
    assert select(["brain_stem,brain_caudate"]).tasks == ("brain_caudate", "brain_stem")


def test_a_dataset_by_path_by_key_and_by_task(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    spleen(tmp_path / "ct_spleen")
    for found in (
        select(data=f"ct_spleen={tmp_path / 'ct_spleen'}"),
        select(data="ct_spleen"),
        select("ct_spleen"),
        select("ct_spleen", data="ct_spleen"),
        select("all", data="ct_spleen"),
    ):
        assert [case.id for case in found.cases()] == ["spleen_2/axial-0001"]
    assert at_hand() == {"ct_spleen": tmp_path / "ct_spleen"}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, InputError, r"Got tasks none, data none, images none, masks none. Allowed: --tasks"),
        ({"tasks": "all", "images": "a", "masks": "b"}, InputError, r"Give one of the three"),
        ({"tasks": "ct_splen"}, UnknownName, r"Did you mean 'ct_spleen'"),
        ({"tasks": "ct_spleen,ct_colon"}, InputError, r"several datasets: ct_colon, ct_spleen\."),
    ],
)
def test_what_does_not_go_together(given, error, message):
    with pytest.raises(error, match=message):
        select(**given)
