import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from claims_by_hand import case, frame
from typer.testing import CliRunner

from medsam.analysis.claims import claims as listed
from medsam.analysis.commands import app
from medsam.errors import InputError, UnknownName
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
    top = (0.2, 0.2, 0.7, 0.7, 0.7)
    others = [case("b", group, top, group=group) for group in "hijkl"]
    rows = frame(case(), *others, case(model="n"))
    table = pa.Table.from_pylist(rows.to_dict("records"), schema=SCHEMA)
    told = {"identity": {}, "versions": {}, "units": [], "state": {}}
    table = table.replace_schema_metadata({KEY: json.dumps(told).encode()})
    pq.write_table(table, folder / "rows-000000.parquet")
    return folder


def test_a_run_counts_for_the_verdict_too(folder):
    given = ("--results", folder, "--model", "m", "--verdict", "does-not-hold", "--format", "json")
    found = json.loads(claims(*given).stdout)
    assert any(one["published_verdict"] != "does not hold" for one in found)
    for one in found:
        assert "does not hold" in (one["published_verdict"], one["run_verdict"])


def test_csv_and_json_hold_the_same(folder):
    given = ("--results", folder, "--model", "m", "--format")
    lines = list(csv.DictReader(io.StringIO(claims(*given, "csv").stdout)))
    found = json.loads(claims(*given, "json").stdout)
    words = [{name: "" if v is None else str(v) for name, v in one.items()} for one in found]
    assert lines == words
    assert {one["id"]: one["stated"] for one in found}["mean-of-mode-3"] == "0.5891"


@pytest.mark.parametrize("more", [(), ("--all",)])
def test_it_fits_the_screen_and_has_every_claim(folder, more):
    out = claims("--results", folder, "--model", "m", *more, columns="80").stdout
    assert max(map(len, out.splitlines())) <= 80
    for one in listed():
        lines = [line for line in out.splitlines() if line.split()[:1] == [one.id]]
        assert len(lines) == 1
    assert f"{len(listed())} claims: " in " ".join(out.split())
    assert ("than with point prompts.” (Abstract, section 4)" in " ".join(out.split())) == bool(
        more
    )


def test_into_a_file_of_the_kind_of_its_name(tmp_path):
    claims("--out", tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text().startswith("id,quote,where,figure,reading")
    claims("--out", tmp_path / "c.json")
    assert len(json.loads((tmp_path / "c.json").read_text())) == len(listed())


def test_what_is_not_in_the_folder(folder):
    with pytest.raises(InputError, match=r"--model and --protocol without --results. Allowed"):
        claims("--model", "minisam")
    with pytest.raises(UnknownName, match=r"'o'.* Allowed: m, n"):
        claims("--results", folder, "--model", "o")
