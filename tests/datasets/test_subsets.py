"""Some cases of a dataset: each n-th, a part, those of one task."""

import pandas as pd
import pytest
from toys import SquareModel
from typer.testing import CliRunner

from medsam.cli import app
from medsam.datasets import open_folders
from medsam.datasets.subsets import Subset
from medsam.errors import InputError
from medsam.results import rows
from medsam.results.merge import merge
from medsam.study import runner


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


def test_parts_merge_into_the_rows_of_one_go(data, tmp_path):
    runner.run(data, SquareModel(), tmp_path / "whole", progress=False)
    for i in (1, 2):
        runner.run(Subset(data, part=f"{i}/2"), SquareModel(), tmp_path / str(i), progress=False)
    merge([tmp_path / "1", tmp_path / "2"], tmp_path / "all")
    pd.testing.assert_frame_equal(rows.read(tmp_path / "all"), rows.read(tmp_path / "whole"))
    # The merged folder is one that a run continues: there is nothing left to compute.
    assert runner.run(data, SquareModel(), tmp_path / "all", progress=False).computed == 0


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
