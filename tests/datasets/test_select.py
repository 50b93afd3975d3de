"""From what is asked for to a dataset, and to some of its cases: each n-th, or a part."""

import numpy as np
import pytest
from datasets.nifti_files import objects, write_pair
from typer.testing import CliRunner

from medsam.cli import app
from medsam.datasets import open_folders
from medsam.datasets.catalog import DATA_VARIABLE, at_hand
from medsam.datasets.select import select
from medsam.datasets.subsets import Subset
from medsam.errors import InputError, UnknownName


def test_a_dataset_by_path_by_key_and_by_task(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    write_pair(tmp_path / "ct_spleen/Task09_Spleen", "spleen_2", labels=np.uint8(objects() == 1))
    for found in (
        select(data=f"ct_spleen={tmp_path / 'ct_spleen'}"),
        select(data="ct_spleen"),
        select("ct_spleen"),
        select("ct_spleen", data="ct_spleen"),
        select("all", data="ct_spleen"),
    ):
        assert [case.id for case in found.cases()] == [f"spleen_2/axial-000{k}" for k in (1, 2, 3)]
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


@pytest.fixture
def data(folder):
    return open_folders(folder / "images", folder / "masks", progress=False)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_every_and_parts(data, n):
    whole = [case.id for case in data.cases()]
    some = Subset(data, every=n)
    assert [case.id for case in some.cases()] == whole[::n]
    assert (len(some), some.every) == (len(whole[::n]), n)
    assert some.title == data.title + (f", 1 of {n} images" if n > 1 else "")
    parts = [Subset(data, part=f"{i}/{n}") for i in range(1, n + 1)]
    found = [[case.id for case in part.cases()] for part in parts]
    assert sorted(case for ids in found for case in ids) == whole
    assert [len(part) for part in parts] == [len(ids) for ids in found]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert all(part.settings == data.settings for part in parts)


@pytest.mark.parametrize("text", ["0/2", "3/2", "a/b", ""])
def test_what_is_no_part(data, text):
    with pytest.raises(InputError, match=r"Allowed: I/N with I from 1 to N, such as 1/8\."):
        Subset(data, part=text)


def test_one_stream_over_all_images_cannot_be_cut(folder, tmp_path):
    command = ["run", "--images", str(folder / "images"), "--masks", str(folder / "masks")]
    command += ["--out", str(tmp_path / "out"), "--part", "1/2", "--protocol", "released"]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, InputError)
    assert "Allowed: --part 1/1" in str(done.exception)
    assert not (tmp_path / "out").exists()
