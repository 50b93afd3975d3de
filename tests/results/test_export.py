"""Rows in one file, and what is told beside it."""

import hashlib
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from test_merging import fill as fill_tasks
from test_results import at, rewrite
from test_store import fill, identity, refused, row
from typer.testing import CliRunner

from medsam.cli import app
from medsam.errors import ResultsError, UnknownName
from medsam.results import rows as results
from medsam.results.export import export
from medsam.results.rows import COLUMNS
from medsam.results.store import Store, Unit


def test_both_formats_have_the_rows_that_are_read(tmp_path):
    with Store(tmp_path / "r", identity()) as store:
        store.write([refused("b", reason='a "torn", file')], [Unit("b", "t", "x", True)], {})
        rows = [row("a", k, iou=1 / 3, prompt='{"points":[[1,2]]}') for k in (2, 1)]
        store.write(rows, [Unit("a", "t", "x")], {})
        store.write([row("b", hd95=1e-7)], [Unit("b", "t", "y")], {})
        store.write([refused("c", "empty", None)], [Unit("c", "t", "x")], {})
    wanted = results.read(tmp_path / "r")
    assert len(wanted) == 4
    assert export(tmp_path / "r", tmp_path / "rows.csv") == 4
    assert export(tmp_path / "r", tmp_path / "rows.parquet") == 4
    found = pd.read_csv(tmp_path / "rows.csv")
    assert list(found.columns) == list(COLUMNS)
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False, check_exact=True)
    found = pq.read_table(tmp_path / "rows.parquet").to_pandas()
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False, check_exact=True)
    assert not list(tmp_path.glob(".*.tmp"))


def test_what_cannot_be_exported(tmp_path):
    fill(tmp_path / "r", "a")
    with pytest.raises(ResultsError, match=r"Allowed: a file ending in .csv or .parquet"):
        export(tmp_path / "r", tmp_path / "rows.xlsx")
    with pytest.raises(ResultsError, match="Cannot write"):
        export(tmp_path / "r", tmp_path / "nowhere" / "rows.csv")
    with pytest.raises(UnknownName, match=r"Unknown task 'tt'\. Did you mean 't'\?"):
        export(tmp_path / "r", tmp_path / "rows.csv", tasks=["tt"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r"]


def test_columns_keep_their_meaning_and_the_tolerance_of_the_rows(tmp_path):
    fill(tmp_path / "r", "a")
    rewrite(tmp_path / "r" / "rows-000000.parquet", at(1.0))
    export(tmp_path / "r", tmp_path / "all.parquet")
    schema = pq.read_schema(tmp_path / "all.parquet")
    # Not that of the code that exports them.
    assert schema.field("nsd").metadata[b"tolerance_mm"] == b"1.0"
    assert schema.field("object_px").metadata[b"meaning"] == b"pixels of the object"


def test_a_choice_of_rows_with_a_manifest(tmp_path):
    fill_tasks(tmp_path / "r", [("a", "t"), ("a", "u"), ("a", "v")])
    fill_tasks(tmp_path / "r", [("a", "t")], model="n")
    out = tmp_path / "some.csv"
    command = ["results", "export", str(tmp_path / "r"), str(out), "--task", "t", "--task", "u"]
    run = CliRunner().invoke(app, [*command, "--model", "m"], catch_exceptions=False)
    assert run.output == f"56 rows in {out}, told of in {out}.manifest.json.\n"
    rows = pd.read_csv(out)
    assert (set(rows.task), set(rows.model)) == ({"t", "u"}, {"m"})
    told = json.loads((tmp_path / "some.csv.manifest.json").read_text())
    (entry,) = told["files"]
    assert entry["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert (entry["file"], entry["rows"], entry["bytes"]) == ("some.csv", 56, out.stat().st_size)
    assert entry["only"] == {"tasks": ["t", "u"], "models": ["m"]}
    assert told["columns"]["hd95"]["unit"] == "mm"
    assert told["depends_on"][0]["identity"]["weights"] == {"sha256": "0"}
