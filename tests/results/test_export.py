"""Rows in one file with what is said beside it, and a deposit that a stranger can check."""

import hashlib
import json
import re

import pandas as pd
import pyarrow.parquet as pq
import pytest
from results_toys import A, fill, refused, row, write
from typer.testing import CliRunner

from medsam.cli import app
from medsam.errors import ResultsError
from medsam.results import rows as results
from medsam.results.export import deposit, export
from medsam.results.rows import MASKS


def test_both_formats_have_the_rows_that_are_read(tmp_path):
    rows = [row("a", k, iou=1 / 3, prompt='{"points":[[1,2]]}', mask="04") for k in (2, 1)]
    torn = refused("b", reason='a "torn", file')
    empty = refused("c", "empty", None)
    write(tmp_path / "r", [torn], rows, [row("b", hd95=1e-7, digest="y")], [empty])
    wanted = results.read(tmp_path / "r", masks=True)
    assert len(wanted) == 4
    assert export(tmp_path / "r", tmp_path / "rows.csv") == 4
    assert export(tmp_path / "r", tmp_path / "rows.parquet") == 4
    found = pd.read_csv(tmp_path / "rows.csv")
    plain = wanted.drop(columns=[*MASKS])
    pd.testing.assert_frame_equal(found, plain, check_dtype=False, check_exact=True)
    found = pq.read_table(tmp_path / "rows.parquet").to_pandas()
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False, check_exact=True)
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize("command", [["export"], ["results", "export"]])
def test_a_choice_of_rows_with_a_data_package(tmp_path, command):
    fill(tmp_path / "r", [("a", "t"), ("a", "u"), ("a", "v")])
    fill(tmp_path / "r", [("a", "t")], model="n")
    out = tmp_path / "some.csv"
    given = [*command, str(tmp_path / "r"), str(out), "--task", "t", "--task", "u", "--model", "m"]
    run = CliRunner().invoke(app, given, catch_exceptions=False)
    assert run.output == f"56 rows in {out}\n"
    rows = pd.read_csv(out)
    assert (set(rows.task), set(rows.model)) == ({"t", "u"}, {"m"})
    told = json.loads((tmp_path / "some.csv.datapackage.json").read_text())
    (entry,) = told["resources"]
    assert entry["hash"] == f"sha256:{hashlib.sha256(out.read_bytes()).hexdigest()}"
    assert (entry["path"], entry["rows"], entry["bytes"]) == ("some.csv", 56, out.stat().st_size)
    assert entry["only"] == {"task": ["t", "u"], "model": ["m"]}
    assert [field["name"] for field in entry["schema"]["fields"]] == list(rows.columns)
    assert told["depends_on"][0]["identity"]["weights"] == {"sha256": "0"}


@pytest.fixture
def doi(tmp_path):
    fill(tmp_path / "p", [("a", "t"), ("b", "u")])
    (tmp_path / "list.txt").write_text(f"{tmp_path / 'p'}\n\n")
    command = ["results", "merge", "--list", str(tmp_path / "list.txt")]
    run = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "all")])
    assert run.output.strip().endswith(f"4 units ({2 * A} rows, 2 files) added, 0 there already.")
    run = CliRunner().invoke(
        app, ["results", "deposit", *map(str, (tmp_path / "all", tmp_path / "doi"))]
    )
    assert run.output == f"{tmp_path / 'doi'}: 2 files, means.csv and datapackage.json.\n"
    return tmp_path / "doi"


def test_the_data_package(doi):
    """By the specification, worked by hand: specs.frictionlessdata.io, version 1."""
    told = json.loads((doi / "datapackage.json").read_text())
    assert re.fullmatch(r"[-a-z0-9._/]+", told["name"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["created"])
    assert told["profile"] == "data-package"
    assert [one["name"] for one in told["licenses"]] == ["CC-BY-4.0"]
    assert all(source["title"] for source in told["sources"])
    assert len({one["name"] for one in told["resources"]}) == len(told["resources"]) == 3
    for one in told["resources"]:
        assert re.fullmatch(r"[-a-z0-9._]+", one["name"])
        content = (doi / one["path"]).read_bytes()
        assert one["bytes"] == len(content)
        assert one["hash"] == "sha256:" + hashlib.sha256(content).hexdigest()
    assert len([file for file in doi.rglob("*") if file.is_file()]) == 3 + 4
    assert told["depends_on"][0]["identity"]["seed"] == 1
    means = told["resources"][-1]
    columns = pd.read_csv(doi / means["path"]).columns.tolist()
    assert [field["name"] for field in means["schema"]["fields"]] == columns


def test_what_cannot_be_deposited(doi, tmp_path):
    with pytest.raises(ResultsError, match=r"doi is there already"):
        deposit(tmp_path / "all", doi)
    shard = results.shards(tmp_path / "all")[0]
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(ResultsError, match=r"is not fit for a deposit: File .* cannot be read"):
        deposit(tmp_path / "all", tmp_path / "new")
    assert not (tmp_path / "new").exists()
