"""A deposit that a stranger can read and check."""

import hashlib
import json
import re
import subprocess

import duckdb
import pandas as pd
import pytest
from test_merging import SCORES, A, fill
from test_store import complete, identity, refused
from typer.testing import CliRunner

from medsam.cli import app
from medsam.errors import ResultsError, UnknownName
from medsam.results import rows as results
from medsam.results.export import deposit
from medsam.results.merge import merge
from medsam.results.rows import COLUMNS
from medsam.results.store import Store, Unit


@pytest.fixture
def doi(tmp_path):
    fill(tmp_path / "p", [("a", "t"), ("b", "u")])
    (tmp_path / "list.txt").write_text(f"{tmp_path / 'p'}\n\n")
    command = ["results", "merge", "--list", str(tmp_path / "list.txt")]
    run = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "all")])
    assert run.output.strip().endswith(f"2 units ({2 * A} rows, 2 files) added, 0 there already.")
    run = CliRunner().invoke(
        app, ["results", "deposit", *map(str, (tmp_path / "all", tmp_path / "doi"))]
    )
    assert run.output == f"{tmp_path / 'doi'}: 2 files, SHA256SUMS and datapackage.json.\n"
    return tmp_path / "doi"


def test_the_manifest_and_the_sums(doi):
    manifest = json.loads((doi / "manifest.json").read_text())
    for entry in manifest["files"]:
        content = (doi / entry["file"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["rows"] == A
    assert manifest["columns"]["iou"]["meaning"].startswith("intersection over union")
    assert manifest["depends_on"][0]["identity"]["seed"] == 1
    done = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=doi, check=True, capture_output=True, text=True
    )
    summed = {line.removesuffix(": OK") for line in done.stdout.splitlines()}
    files = {file.relative_to(doi).as_posix() for file in doi.rglob("*") if file.is_file()}
    assert summed == files - {"SHA256SUMS"}
    assert len(files) == 9


def test_the_means(tmp_path):
    with Store(tmp_path / "r", identity()) as store:
        for image, iou in (("a", 0.0), ("b", 0.1), ("c", 0.8)):
            rows = complete(image, iou=iou, dice=2 * iou / (1 + iou))
            store.write(rows, [Unit(image, "t", "d")], {})
        store.write([refused("d")], [Unit("d", "t", "d", True)], {})
    deposit(tmp_path / "r", tmp_path / "doi")
    means = pd.read_csv(tmp_path / "doi" / "means.csv")
    scored = means[means.experiment.notna()]
    assert len(scored) == A
    assert set(scored.n) == {3}
    assert scored.mean_iou.tolist() == pytest.approx([0.3] * A)
    assert scored.median_iou.tolist() == pytest.approx([0.1] * A)
    (rest,) = means[means.experiment.isna()].itertuples()
    assert (rest.n, rest.errors) == (1, 1)


def test_the_data_package(doi):
    """By the specification, worked by hand: specs.frictionlessdata.io, version 1."""
    told = json.loads((doi / "datapackage.json").read_text())
    assert re.fullmatch(r"[-a-z0-9._/]+", told["name"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["created"])
    assert told["profile"] == "data-package"
    (licence,) = told["licenses"]
    assert licence["name"] == "CC-BY-4.0"
    assert licence["path"].startswith("https://creativecommons.org/licenses/by/4.0/")
    assert all(source["title"] for source in told["sources"])
    names = [one["name"] for one in told["resources"]]
    assert len(set(names)) == len(names) == 3
    for one in told["resources"]:
        assert re.fullmatch(r"[-a-z0-9._]+", one["name"])
        content = (doi / one["path"]).read_bytes()
        assert one["bytes"] == len(content)
        assert one["hash"] == "sha256:" + hashlib.sha256(content).hexdigest()
    *rows, means = told["resources"]
    assert {one["schema"] for one in rows} == {"schema.json"}
    assert means["profile"] == "tabular-data-resource"
    columns = pd.read_csv(doi / means["path"]).columns.tolist()
    assert [field["name"] for field in means["schema"]["fields"]] == columns


def test_the_schema_has_types_and_units(doi):
    fields = json.loads((doi / "schema.json").read_text())["fields"]
    assert [field["name"] for field in fields] == list(COLUMNS)
    of = {field["name"]: field for field in fields}
    assert all(field["description"] for field in fields)
    assert (of["iou"]["type"], of["iou"]["unit"]) == ("number", "1")
    assert (of["hd95"]["type"], of["hd95"]["unit"]) == ("number", "mm")
    assert (of["object_px"]["type"], of["object_px"]["unit"]) == ("integer", "pixel")
    assert "unit" not in of["image"]
    assert of["image"]["type"] == "string"
    assert of["image"]["constraints"] == {"required": True}
    assert "constraints" not in of["iou"]
    kinds = {"BIGINT": "integer", "INTEGER": "integer", "SMALLINT": "integer", "DOUBLE": "number"}
    files = str(doi / "model=*/task=*/*.parquet")
    with duckdb.connect() as connection:
        found = connection.execute(
            "describe select * from read_parquet(?, hive_partitioning = false)", [files]
        ).fetchall()
    stored = {name: kinds.get(kind, "string") for name, kind, *_ in found}
    assert {name: field["type"] for name, field in of.items()} == stored


def test_the_words(doi):
    readme = (doi / "README.md").read_text()
    assert "| `hd95` | number | mm | 95th percentile" in readme
    assert "2 Parquet files" in readme
    assert "- Model m; sha256: 0" in readme
    licence = (doi / "LICENSE").read_text()
    assert licence.startswith("Creative Commons Attribution 4.0 International (CC-BY-4.0)\n")


def test_a_dataset_of_the_paper_is_named_with_its_licence(tmp_path):
    rows = [one | {"dataset": "ct_spleen"} for one in complete("a", **SCORES)]
    with Store(tmp_path / "r", identity(dataset="ct_spleen")) as store:
        store.write(rows, [Unit("a", "t", "d")], {})
    deposit(tmp_path / "r", tmp_path / "doi", "CC0-1.0")
    told = json.loads((tmp_path / "doi" / "datapackage.json").read_text())
    assert told["licenses"][0]["name"] == "CC0-1.0"
    data = told["sources"][0]
    assert data["path"].startswith("https://")
    assert data["licence"].startswith("CC BY")


def test_what_cannot_be_deposited(doi, tmp_path):
    with pytest.raises(ResultsError, match=r"doi is there already"):
        deposit(tmp_path / "all", doi)
    with pytest.raises(UnknownName, match=r"Unknown licence 'CC-BY'\. Did you mean 'CC-BY-4\.0'"):
        deposit(tmp_path / "all", tmp_path / "new", "CC-BY")
    shard = results.shards(tmp_path / "all")[0]
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(ResultsError, match=r"is not fit for a deposit: Shard .* cannot be read"):
        deposit(tmp_path / "all", tmp_path / "new")
    merge([tmp_path / "p"], tmp_path / "again")
    assert not (tmp_path / "new").exists()
