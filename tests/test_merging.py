"""Folders of parts become one results folder; nothing is lost, nothing counts twice."""

import hashlib
import json
import shutil
import subprocess

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_store import identity, row
from typer.testing import CliRunner

from medsam import checking, results
from medsam.cli import app
from medsam.deposit import deposit
from medsam.errors import ResultsError
from medsam.merging import merge
from medsam.store import Store, Unit

SCORES = {"iou": 0.5, "dice": 2 / 3}


def fill(folder, units, digest="d", failed=False, **changes):
    """A folder with a shard for each unit, an (image, task)."""
    with Store(folder, identity(**changes)) as store:
        for image, task in units:
            scores = {"status": "error", "iou": None} if failed else SCORES
            rows = [
                row(image, k, task=task, model=changes.get("model", "m"), **scores) for k in (1, 2)
            ]
            store.write(rows, [Unit(image, task, digest, failed)], {})
    return folder


def test_parts_become_partitions_that_a_run_continues(tmp_path):
    whole = [(image, task) for image in "abc" for task in ("t", "u")]
    fill(tmp_path / "one", whole)
    fill(tmp_path / "p1", whole[:4])
    fill(tmp_path / "p2", whole[4:])
    done = merge([tmp_path / "p1", tmp_path / "p2"], tmp_path / "all")
    assert (done.units, done.rows, done.known) == (6, 12, 0)
    names = sorted(
        p.relative_to(tmp_path / "all").as_posix() for p in results.shards(tmp_path / "all")
    )
    assert names == ["model=m/task=t/rows-000000.parquet", "model=m/task=u/rows-000001.parquet"]
    pd.testing.assert_frame_equal(results.read(tmp_path / "all"), results.read(tmp_path / "one"))
    with Store(tmp_path / "all", identity()) as store:
        assert store.is_done(Unit("c", "u", "d"))
        path = store.write([row("z", task="t", **SCORES)], [Unit("z", "t", "d")], {})
    assert path.name == "rows-000002.parquet"
    files = [str(file) for file in results.shards(tmp_path / "all")]
    with duckdb.connect() as connection:
        count = connection.execute("select count(*) from read_parquet(?)", [files]).fetchone()
    assert count == (13,)


def test_again_adds_nothing_and_a_grown_source_only_what_is_new(tmp_path):
    fill(tmp_path / "p", [("a", "t")])
    merge([tmp_path / "p"], tmp_path / "all")
    before = {p: p.read_bytes() for p in results.shards(tmp_path / "all")}
    again = merge([tmp_path / "p", tmp_path / "p"], tmp_path / "all")
    assert (again.units, again.files, again.known) == (0, 0, 2)
    assert {p: p.read_bytes() for p in results.shards(tmp_path / "all")} == before
    fill(tmp_path / "p", [("b", "t")])
    assert merge([tmp_path / "p"], tmp_path / "all").units == 1
    assert sorted(results.read(tmp_path / "all").image) == ["a", "a", "b", "b"]
    assert checking.check(tmp_path / "all").wrong == []


def test_a_run_goes_on_from_the_state_after_the_last_image(tmp_path):
    both = [row("a", task=task, **SCORES) for task in ("t", "u")]
    with Store(tmp_path / "p", identity()) as store:
        store.write(both, [Unit("a", "t", "d"), Unit("a", "u", "d")], {"draw": "early"})
        # Of the first task alone: its rows are not in the file with the highest number.
        store.write([row("b", task="t", **SCORES)], [Unit("b", "t", "d")], {"draw": "last"})
    merge([tmp_path / "p"], tmp_path / "all")
    with Store(tmp_path / "all", identity()) as store:
        assert store.state == {"draw": "last"}


def test_rows_keep_the_tolerance_of_their_nsd(tmp_path):
    for name, mm in (("p", 7.0), ("q", 3.0)):
        fill(tmp_path / name, [(name, "t")])
        (shard,) = results.shards(tmp_path / name)
        rows = pq.read_table(shard)
        schema = results.told_at(mm).with_metadata(rows.schema.metadata)
        pq.write_table(pa.Table.from_arrays(rows.columns, schema=schema), shard)
    merge([tmp_path / "p"], tmp_path / "all")
    assert [about["tolerance_mm"] for about in results.provenance(tmp_path / "all")] == [7.0]
    with pytest.raises(ResultsError, match=r"different tolerances: 3, 7 mm\. Allowed: one"):
        merge([tmp_path / "q"], tmp_path / "all")


def test_a_source_that_is_named_twice_counts_once(tmp_path):
    fill(tmp_path / "p", [("a", "t")])
    done = merge([tmp_path / "p", tmp_path / "p"], tmp_path / "all")
    assert (done.units, done.rows, done.known) == (1, 2, 1)
    assert len(results.read(tmp_path / "all")) == 2
    assert checking.check(tmp_path / "all").wrong == []


def test_a_mended_case_takes_the_place_of_its_error(tmp_path):
    fill(tmp_path / "p", [("a", "t")], failed=True)
    merge([tmp_path / "p"], tmp_path / "all")
    fill(tmp_path / "q", [("a", "t")], digest="e")
    assert merge([tmp_path / "p", tmp_path / "q"], tmp_path / "all").units == 1
    assert results.read(tmp_path / "all").iou.tolist() == [0.5, 0.5]
    assert merge([tmp_path / "p", tmp_path / "q"], tmp_path / "all").units == 0


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_any_split_gives_the_rows_of_one_folder(tmp_path_factory, split):
    folder = tmp_path_factory.mktemp("split")
    whole = [(image, task) for image in "abc" for task in ("t", "u")]
    one = results.read(fill(folder / "one", whole))
    parts = []
    for part in sorted(set(split)):
        units = [unit for unit, where in zip(whole, split, strict=True) if where == part]
        parts.append(fill(folder / str(part), units))
    merge(parts, folder / "all")
    pd.testing.assert_frame_equal(results.read(folder / "all"), one)


def test_what_cannot_be_merged(tmp_path):
    fill(tmp_path / "p", [("a", "t")])
    fill(tmp_path / "seed", [("b", "t")], seed=2)
    with pytest.raises(ResultsError, match=r"differ in seed\. Allowed: rows of one kind\."):
        merge([tmp_path / "p", tmp_path / "seed"], tmp_path / "all")
    fill(tmp_path / "other", [("a", "t")], digest="e")
    with pytest.raises(ResultsError, match=r"image 'a', but its files were not the same"):
        merge([tmp_path / "p", tmp_path / "other"], tmp_path / "all")
    with pytest.raises(ResultsError, match=r"No results in .*gone"):
        merge([tmp_path / "p", tmp_path / "gone"], tmp_path / "all")
    with pytest.raises(ResultsError, match=r"Allowed: at least one folder, and another one"):
        merge([tmp_path / "p"], tmp_path / "p")
    assert not results.shards(tmp_path / "all")
    with (
        Store(tmp_path / "held", identity()),
        pytest.raises(ResultsError, match=r"Another run is writing to .*held"),
    ):
        merge([tmp_path / "p"], tmp_path / "held")


def test_a_full_disk_leaves_whole_files_only(tmp_path, monkeypatch):
    fill(tmp_path / "p", [("a", "t"), ("a", "u")])
    from medsam import merging

    def full(path, *_args, **_more):
        if "task=u" in str(path):
            raise results.cannot("write", path, OSError(28, "No space left on device"))
        return write(path, *_args, **_more)

    write = merging.write
    monkeypatch.setattr(merging, "write", full)
    with pytest.raises(ResultsError, match=r"The disk is full: free some space"):
        merge([tmp_path / "p"], tmp_path / "all")
    monkeypatch.undo()
    assert merge([tmp_path / "p"], tmp_path / "all").units == 1
    assert len(results.read(tmp_path / "all")) == 4


def test_faults_are_found(tmp_path):
    fill(tmp_path / "p", [("a", "t")])
    fill(tmp_path / "q", [("a", "t"), ("b", "t")])
    for number, shard in enumerate(results.shards(tmp_path / "q")):
        shutil.copy(shard, tmp_path / "p" / f"rows-00000{number + 1}.parquet")
    (tmp_path / "p" / "rows-000009.parquet").write_bytes(b"PAR1 torn")
    with Store(tmp_path / "r", identity()) as store:
        wrong = [row("c", task="t", iou=1.5, dice=0.1), row("d", task="t", **SCORES)]
        store.write([*wrong, wrong[1]], [Unit("c", "t", "d"), Unit("e", "t", "d")], {})
    words = " ".join(checking.check(tmp_path / "p").wrong)
    assert "image 'a', task t is in" in words
    assert "rows-000009.parquet cannot be read" in words
    words = " ".join(checking.check(tmp_path / "r").wrong)
    for fault in (
        "image 'e', task t has no row",
        "rows of 1 units that it does not name",
        "1 rows with iou outside 0 to 1",
        "1 rows with Dice",
        "1 rows that are there twice",
    ):
        assert fault.replace("with Dice", "whose Dice is not 2 IoU / (1 + IoU)") in words
    run = CliRunner().invoke(app, ["results", "validate", str(tmp_path / "r")])
    assert run.exit_code == 1
    assert "5 wrong" in run.output


def test_a_deposit_can_be_checked_by_a_stranger(tmp_path):
    fill(tmp_path / "p", [("a", "t"), ("b", "u")])
    (tmp_path / "list.txt").write_text(f"{tmp_path / 'p'}\n\n")
    run = CliRunner().invoke(
        app,
        ["results", "merge", "--list", str(tmp_path / "list.txt"), "--out", str(tmp_path / "all")],
    )
    assert run.output.strip().endswith("2 units (4 rows, 2 files) added, 0 there already.")
    assert deposit(tmp_path / "all", tmp_path / "doi") == 2
    manifest = json.loads((tmp_path / "doi" / "manifest.json").read_text())
    for entry in manifest["files"]:
        content = (tmp_path / "doi" / entry["file"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["rows"] == 2
    assert manifest["columns"]["iou"]["meaning"].startswith("intersection over union")
    assert manifest["depends_on"][0]["identity"]["seed"] == 1
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "doi", check=False)
    assert done.returncode == 0
    means = pd.read_csv(tmp_path / "doi" / "means.csv")
    assert means.n.tolist() == [1, 1, 1, 1]
    assert means.mean_iou.tolist() == [0.5] * 4
    with pytest.raises(ResultsError, match=r"doi is there already"):
        deposit(tmp_path / "all", tmp_path / "doi")
