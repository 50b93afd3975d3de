import pandas as pd
import pytest
from test_store import fill

from medsam import results
from medsam.errors import ResultsError
from medsam.results import COLUMNS, SCHEMA


def test_columns_are_the_documented_ones():
    text = (
        "dataset, task, image, group, modality, model, protocol, experiment, k, choice, iou, dice, "
        "score, object_px, n_regions, height, width, prompt, status, reason"
    )
    assert tuple(text.split(", ")) == COLUMNS
    assert all(field.metadata[b"meaning"] for field in SCHEMA)


def test_no_results(tmp_path):
    with pytest.raises(ResultsError, match="No results in .* run `medsam run` first"):
        results.read(tmp_path)


def test_export(tmp_path):
    fill(tmp_path / "r", "a", "b")
    assert results.export(tmp_path / "r", tmp_path / "rows.csv") == 4
    assert list(pd.read_csv(tmp_path / "rows.csv").columns) == list(COLUMNS)
    results.export(tmp_path / "r", tmp_path / "rows.parquet")
    assert len(pd.read_parquet(tmp_path / "rows.parquet")) == 4
    with pytest.raises(ResultsError, match=r"Allowed: a file ending in .csv or .parquet"):
        results.export(tmp_path / "r", tmp_path / "rows.xlsx")
    with pytest.raises(ResultsError, match="Cannot write"):
        results.export(tmp_path / "r", tmp_path / "nowhere" / "rows.csv")
