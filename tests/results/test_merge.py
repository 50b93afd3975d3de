"""Folders of parts become one results folder; nothing is lost, nothing counts twice."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from results_toys import A, complete, fill, identity, row, write

from medsam.errors import ResultsError
from medsam.protocol import PROTOCOLS
from medsam.results import rows as results
from medsam.results.check import check
from medsam.results.merge import merge
from medsam.results.store import Store


def test_parts_become_partitions_that_a_run_continues(tmp_path):
    whole = [(image, task) for image in "abc" for task in ("t", "u")]
    fill(tmp_path / "one", whole)
    fill(tmp_path / "p1", whole[:4])
    fill(tmp_path / "p2", whole[4:])
    done = merge([tmp_path / "p1", tmp_path / "p2"], tmp_path / "all")
    assert (done.units, done.rows, done.known) == (12, 6 * A, 0)
    names = sorted(
        p.relative_to(tmp_path / "all").as_posix() for p in results.shards(tmp_path / "all")
    )
    assert names == ["model=m/task=t/rows-000000.parquet", "model=m/task=u/rows-000001.parquet"]
    pd.testing.assert_frame_equal(results.read(tmp_path / "all"), results.read(tmp_path / "one"))
    with Store(tmp_path / "all", identity()) as store:
        assert store.is_done("c", "u", "mode", "x")
        path = store.write([row("z")])
    assert path.name == "rows-000002.parquet"
    assert len(results.read(tmp_path / "all")) == 6 * A + 1


def test_again_adds_nothing_and_a_grown_source_only_what_is_new(tmp_path):
    fill(tmp_path / "p", [("a", "t")])
    merge([tmp_path / "p"], tmp_path / "all")
    before = {p: p.read_bytes() for p in results.shards(tmp_path / "all")}
    again = merge([tmp_path / "p", tmp_path / "p"], tmp_path / "all")
    assert (again.units, again.files, again.known) == (0, 0, 4)
    assert {p: p.read_bytes() for p in results.shards(tmp_path / "all")} == before
    fill(tmp_path / "p", [("b", "t")])
    assert merge([tmp_path / "p"], tmp_path / "all").units == 2
    assert sorted(results.read(tmp_path / "all").image) == ["a"] * A + ["b"] * A
    assert check(tmp_path / "all").wrong == []


def test_a_stream_is_merged_from_the_folder_that_has_it_all(tmp_path):
    stream = {"protocol": PROTOCOLS["released"].as_dict()}
    for name, images in (("long", "abc"), ("short", "a"), ("else", "d")):
        for place, image in enumerate(images):
            state = {"mode": [place]}
            rows = complete(image, protocol="released")
            write(tmp_path / name, rows, state=state, **stream)
    # In whatever order they are named: a run goes on after the last image of all.
    merge([tmp_path / "long", tmp_path / "short"], tmp_path / "all")
    with Store(tmp_path / "all", identity(**stream)) as store:
        assert store.state == {"mode": [2]}
    with pytest.raises(ResultsError, match=r"d / m / released that go on from those before them"):
        merge([tmp_path / "long", tmp_path / "else"], tmp_path / "new")
    assert not results.shards(tmp_path / "new")


@settings(max_examples=8)
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
    with pytest.raises(ResultsError, match=r"image 'a', task t, but not the same ones \(digest\)"):
        merge([tmp_path / "p", tmp_path / "other"], tmp_path / "all")
    with pytest.raises(ResultsError, match=r"Allowed: at least one folder, and another one"):
        merge([tmp_path / "p"], tmp_path / "p")
    assert not results.shards(tmp_path / "all")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [*rows[:-1], rows[-1] | {"iou": 0.25}], "iou"),
        (lambda rows: [one | {"prompt": "[]"} for one in rows], "prompt"),
        (lambda rows: [one | {"nsd": 1.0} for one in rows], "nsd"),
        (lambda rows: rows[:-2], "one lacks a row"),
    ],
)
def test_sources_that_say_otherwise_of_the_same_files_are_both_named(tmp_path, change, words):
    fill(tmp_path / "p", [("a", "t"), ("b", "t")])
    write(tmp_path / "close", complete("b", iou=0.5 + 1e-9, reason="said otherwise"))
    assert merge([tmp_path / "p", tmp_path / "close"], tmp_path / "all").known == 2
    write(tmp_path / "other", change(complete("b")))
    (other,) = results.shards(tmp_path / "other")
    with pytest.raises(ResultsError, match=f"{other} have rows of image 'b'.*{words}"):
        merge([tmp_path / "p", tmp_path / "other"], tmp_path / "new")
    assert not results.shards(tmp_path / "new")
    # What was merged before is not taken for granted.
    with pytest.raises(ResultsError, match=rf"model=m/task=t/rows-0+\.parquet and .*{words}"):
        merge([tmp_path / "other"], tmp_path / "all")
