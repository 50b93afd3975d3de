"""What `medsam results validate` finds: each fault with where it is and what to do."""

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


def prompts(rows):
    return ", ".join(f"{one['k']} {one['choice']}" for one in sorted(rows, key=_place))


def _place(one):
    return one["k"], one["choice"]


ALL = complete("a")
CLICKS = [one for one in ALL if one["experiment"] == "clicks"]
NAMED = "image 'a', task t, clicks has rows of"
MINISAM = [one | {"model": "minisam"} for one in complete("a", ["mode"])]


@pytest.mark.parametrize(
    ("words", "rows", "changes"),
    [
        (f"{NAMED} {prompts(CLICKS[:-1])}, not of {prompts(CLICKS)}.", ALL[:-1], {}),
        (f"{NAMED} {prompts(CLICKS)}, 10 top, not of", [*ALL, ALL[-2] | {"k": 10}], {}),
        (f"{NAMED} {prompts([*CLICKS, CLICKS[0]])}, not of", [*ALL, CLICKS[0]], {}),
        ("1 rows with status ok without an IoU, such as", [*ALL[:-1], ALL[-1] | {"iou": None}], {}),
        ("1 rows with status empty or error without a rea", [refused("a", reason="")], {}),
        ("image 'a', task t, mode has rows of", MINISAM[2:], {"model": "minisam"}),
        ("1 rows with iou outside 0 to 1", [ALL[0] | {"iou": 1.5, "dice": 1.2}, *ALL[1:]], {}),
        ("1 rows with a Dice that is not 2", [ALL[0] | {"dice": 0.1}, *ALL[1:]], {}),
        ("1 rows with another dataset, model", [ALL[0] | {"model": "n"}, *ALL[1:]], {}),
    ],
)
def test_what_no_run_writes(tmp_path, words, rows, changes):
    first, *_ = found(tmp_path / "r", rows, **changes)
    assert first.startswith(words)
    assert first.endswith(ANEW)


def test_units_that_are_there_twice_and_torn_files(tmp_path):
    fill(tmp_path / "p", [("a", "t")])
    fill(tmp_path / "q", [("a", "t")])
    shutil.copy(tmp_path / "q" / "rows-000000.parquet", tmp_path / "p" / "rows-000001.parquet")
    (tmp_path / "p" / "rows-000009.parquet").write_bytes(b"PAR1 torn")
    run = CliRunner().invoke(app, ["results", "validate", str(tmp_path / "p")])
    assert run.exit_code == 1
    twice, _, torn, total = run.output.splitlines()
    assert "rows-000009.parquet cannot be read" in torn
    assert f"image 'a', task t, clicks is in {tmp_path / 'p' / 'rows-000000.parquet'}," in twice
    assert total == f"{tmp_path / 'p'}: 3 files, 56 rows, 4 units, 3 wrong."


def test_a_deposit_whose_files_are_not_those_that_it_names(tmp_path):
    fill(tmp_path / "p", [("a", "t"), ("b", "u")])
    merge([tmp_path / "p"], tmp_path / "all")
    deposit(tmp_path / "all", tmp_path / "doi")
    assert check(tmp_path / "doi").wrong == []
    changed, gone, *_ = (one for one in results.shards(tmp_path / "doi"))
    shutil.copy(changed, changed.with_name("rows-000007.parquet"))
    (tmp_path / "doi" / "means.csv").write_text("other")
    gone.unlink()
    wrong = "\n".join(check(tmp_path / "doi").wrong)
    for name in ("means.csv: sha256:", f"{gone.name}: not there", "rows-000007.parquet: sha256:"):
        assert name in wrong
