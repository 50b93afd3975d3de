"""Folders of parts become one results folder; nothing is lost, nothing counts twice."""

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_store import complete, identity, refused, row

from medsam.errors import ResultsError
from medsam.protocol import PROTOCOLS
from medsam.results import check
from medsam.results import rows as results
from medsam.results.merge import merge
from medsam.results.store import Store, Unit

SCORES = {"iou": 0.5, "dice": 2 / 3}
A = 2 * (5 + 9)
"""Rows a unit."""


def fill(folder, units, digest="d", failed=False, **changes):
    """A folder with a shard for each unit, an (image, task)."""
    with Store(folder, identity(**changes)) as store:
        for image, task in units:
            names = {"task": task, "model": changes.get("model", "m")}
            rows = [refused(image, **names)] if failed else complete(image, **names, **SCORES)
            store.write(rows, [Unit(image, task, digest, failed)], {})
    return folder


def test_parts_become_partitions_that_a_run_continues(tmp_path):
    whole = [(image, task) for image in "abc" for task in ("t", "u")]
    fill(tmp_path / "one", whole)
    fill(tmp_path / "p1", whole[:4])
    fill(tmp_path / "p2", whole[4:])
    done = merge([tmp_path / "p1", tmp_path / "p2"], tmp_path / "all")
    assert (done.units, done.rows, done.known) == (6, 6 * A, 0)
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
    assert count == (6 * A + 1,)


def test_again_adds_nothing_and_a_grown_source_only_what_is_new(tmp_path):
    fill(tmp_path / "p", [("a", "t")])
    merge([tmp_path / "p"], tmp_path / "all")
    before = {p: p.read_bytes() for p in results.shards(tmp_path / "all")}
    again = merge([tmp_path / "p", tmp_path / "p"], tmp_path / "all")
    assert (again.units, again.files, again.known) == (0, 0, 2)
    assert {p: p.read_bytes() for p in results.shards(tmp_path / "all")} == before
    fill(tmp_path / "p", [("b", "t")])
    assert merge([tmp_path / "p"], tmp_path / "all").units == 1
    assert sorted(results.read(tmp_path / "all").image) == ["a"] * A + ["b"] * A
    assert check.check(tmp_path / "all").wrong == []


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
    assert (done.units, done.rows, done.known) == (1, A, 1)
    assert len(results.read(tmp_path / "all")) == A
    assert check.check(tmp_path / "all").wrong == []


def store_rows(folder, rows, state=None, **changes):
    """A folder with one shard of these rows, whose units are named by them."""
    with Store(folder, identity(**changes)) as store:
        units = sorted({(one["image"], one["task"], one["status"]) for one in rows})
        store.write(
            rows,
            [Unit(image, task, "d", how == "error") for image, task, how in units],
            state or {},
        )
    return folder


def test_sources_that_say_otherwise_of_the_same_files_are_both_named(tmp_path):
    fill(tmp_path / "p", [("a", "t"), ("b", "t")])
    (_, shard) = results.shards(tmp_path / "p")
    last = [one | {"iou": 0.5 + 1e-9} for one in complete("b", **SCORES)]
    store_rows(tmp_path / "close", last)
    done = merge([tmp_path / "p", tmp_path / "close"], tmp_path / "all")
    assert (done.units, done.known) == (2, 1)
    store_rows(tmp_path / "other", [*last[:-1], last[-1] | {"iou": 0.25, "dice": 0.4}])
    (other,) = results.shards(tmp_path / "other")
    said = (
        f"{shard} and {other} both have rows of image 'b', task t, from the same files, but not "
        "the same ones: iou 0.5 and 0.25. Allowed: equal rows (scores to 1e-06), or those of one "
        "of them. Find out which is right and leave the other out."
    )
    with pytest.raises(ResultsError) as error:
        merge([tmp_path / "p", tmp_path / "other"], tmp_path / "new")
    assert str(error.value) == said
    assert not results.shards(tmp_path / "new")
    # What was merged before is not taken for granted.
    with pytest.raises(ResultsError, match=r"model=m/task=t/rows-0+\.parquet and .*iou 0\.5"):
        merge([tmp_path / "other"], tmp_path / "all")
    store_rows(tmp_path / "clicked", [one | {"prompt": "[]"} for one in last])
    with pytest.raises(ResultsError, match=r"prompt \{\} and \[\]\. Allowed: equal rows"):
        merge([tmp_path / "p", tmp_path / "clicked"], tmp_path / "new")
    store_rows(tmp_path / "short", last[:-2])
    with pytest.raises(ResultsError, match=r"28 and 26 rows of it\. Allowed: equal rows"):
        merge([tmp_path / "p", tmp_path / "short"], tmp_path / "new")


def test_a_stream_is_merged_from_the_folder_that_has_it_all(tmp_path):
    stream = {"protocol": PROTOCOLS["released"].as_dict()}
    kind = {"protocol": "released", **SCORES}
    for name, images in (("long", "abc"), ("short", "a"), ("else", "d")):
        for place, image in enumerate(images):
            state = {"mode": [place]}
            store_rows(tmp_path / name, complete(image, **kind), state, **stream)
    # In whatever order they are named: a run goes on after the last image of all.
    merge([tmp_path / "long", tmp_path / "short"], tmp_path / "all")
    with Store(tmp_path / "all", identity(**stream)) as store:
        assert store.state == {"mode": [2]}
    merge([tmp_path / "short"], tmp_path / "grown")
    assert merge([tmp_path / "long"], tmp_path / "grown").units == 2
    with Store(tmp_path / "grown", identity(**stream)) as store:
        assert store.state == {"mode": [2]}
    with pytest.raises(ResultsError) as error:
        merge([tmp_path / "long", tmp_path / "else"], tmp_path / "new")
    assert str(error.value) == (
        f"{tmp_path / 'long'}, {tmp_path / 'else'} each have rows of d / m / released that go on "
        "from those before them, image by image, and no folder has all of them. Allowed: one that "
        "was computed in one go, and parts of it. Leave the others out."
    )
    assert not results.shards(tmp_path / "new")


def test_a_mended_case_takes_the_place_of_its_error(tmp_path):
    fill(tmp_path / "p", [("a", "t")], failed=True)
    merge([tmp_path / "p"], tmp_path / "all")
    fill(tmp_path / "q", [("a", "t")], digest="e")
    assert merge([tmp_path / "p", tmp_path / "q"], tmp_path / "all").units == 1
    assert results.read(tmp_path / "all").iou.tolist() == [0.5] * A
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
    from medsam.results import merge as merging

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
    assert len(results.read(tmp_path / "all")) == 2 * A
