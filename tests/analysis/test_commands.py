import csv
import io
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from claims_by_hand import case, frame
from typer.testing import CliRunner

from medsam.analysis.claims import claims as listed
from medsam.analysis.commands import app
from medsam.errors import InputError, ResultsError, UnknownName
from medsam.results.rows import KEY, SCHEMA


def claims(*arguments, columns="90"):
    out = CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": columns})
    if out.exception and not isinstance(out.exception, SystemExit):
        raise out.exception
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A results folder of two models."""
    folder = tmp_path_factory.mktemp("results")
    rows = frame(case(), case("b", top=(0.2, 0.2, 0.7, 0.7, 0.7)), case(model="n"))
    table = pa.Table.from_pylist(rows.to_dict("records"), schema=SCHEMA)
    told = {"identity": {}, "versions": {}, "units": [], "state": {}}
    table = table.replace_schema_metadata({KEY: json.dumps(told).encode()})
    pq.write_table(table, folder / "rows-000000.parquet")
    return folder


@pytest.mark.parametrize("columns", ["80", "100"])
def test_the_table_is_readable(columns):
    out = claims(columns=columns).stdout
    assert max(map(len, out.splitlines())) <= int(columns)
    for one in listed():
        assert one.id in out
    flat = " ".join(out.split())
    assert f"published (SAM ViT-H, 28 tasks of the paper): {len(listed())} claims: " in flat
    assert "A run of your own beside them: medsam claims --results DIR" in flat
    assert "run:" not in out


def test_with_a_run(folder):
    out = claims("--results", folder, "--model", "m").stdout
    assert "run:" in out
    assert "run (m on d, protocol paper: 1 image, 2 tasks): " in " ".join(out.split())


def test_only_some_verdicts():
    text = claims("--verdict", "does-not-hold", "--format", "json").stdout
    found = json.loads(text)
    assert 0 < len(found) < len(listed())
    assert {one["published"]["verdict"] for one in found} == {"does not hold"}
    both = json.loads(
        claims("--verdict", "does-not-hold", "--verdict", "holds", "--format", "json").stdout
    )
    assert {one["published"]["verdict"] for one in both} == {"does not hold", "holds"}


def test_a_run_counts_for_the_verdict_too(folder):
    given = ("--results", folder, "--model", "m", "--verdict", "does-not-hold", "--format", "json")
    found = json.loads(claims(*given).stdout)
    assert any(one["published"]["verdict"] != "does not hold" for one in found)
    for one in found:
        assert "does not hold" in (one["published"]["verdict"], one["run"]["verdict"])


def test_none_left(folder):
    given = ("--verdict", "not-decidable-here")
    out = " ".join(claims(*given).stdout.split())
    assert "claims: 0 holds, 0 holds in part, 0 does not hold" in out


def test_csv_and_json_hold_the_same(folder):
    given = ("--results", folder, "--model", "m", "--format")
    lines = list(csv.DictReader(io.StringIO(claims(*given, "csv").stdout)))
    found = json.loads(claims(*given, "json").stdout)
    assert [line["id"] for line in lines] == [one["id"] for one in found]
    for line, one in zip(lines, found, strict=True):
        assert line["published_verdict"] == one["published"]["verdict"]
        assert line["run_says"] == one["run"]["says"]
        assert line["figure"] == ("" if one["figure"] is None else str(one["figure"]))
    by_id = {one["id"]: one for one in found}
    assert by_id["mean-sam"]["stated"] == {"iou": "0.4595"}
    assert round(by_id["mean-sam"]["published"]["values"]["mean"], 4) == 0.4595


def test_into_a_file(tmp_path):
    claims("--out", tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text().startswith("id,claim,source,where")
    claims("--out", tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text())
    claims("--out", tmp_path / "c.txt")
    text = (tmp_path / "c.txt").read_text()
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text
    claims("--out", tmp_path / "d.csv", "--format", "json")
    assert json.loads((tmp_path / "d.csv").read_text())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.csv", "c.json", "c.txt", "d.csv"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--verdict", "true"), "not-decidable-here"),
        (("--format", "xml"), "'table', 'csv', 'json'"),
    ],
)
def test_unknown_words_list_what_is_allowed(arguments, says):
    out = claims(*arguments, columns="200")
    assert out.exit_code == 2
    assert says in out.stderr
    assert "Traceback" not in out.stderr


def test_errors(folder, tmp_path):
    with pytest.raises(InputError, match=r"--model and --protocol without --results. Allowed"):
        claims("--model", "minisam")
    with pytest.raises(ResultsError, match="No results in"):
        claims("--results", tmp_path)
    with pytest.raises(UnknownName, match=r"'o'.* Allowed: m, n"):
        claims("--results", folder, "--model", "o")
    with pytest.raises(UnknownName, match="Allowed: paper"):
        claims("--results", folder, "--model", "m", "--protocol", "released")
    with pytest.raises(InputError, match="Choose with --model"):
        claims("--results", folder)
    with pytest.raises(InputError, match="Cannot write"):
        claims("--out", tmp_path / "none" / "c.csv")


def test_help():
    out = claims("--help", columns="100").stdout
    for word in ("--results", "--model", "--protocol", "--verdict", "--format", "--out"):
        assert word in out
    assert "does-not-hold" in claims("--help", columns="200").stdout


def test_help_loads_nothing_heavy():
    heavy = "{'pandas', 'scipy', 'yaml'} & set(sys.modules)"
    code = f"import sys, medsam.analysis.commands; print({heavy})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
