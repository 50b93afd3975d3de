import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from medsam.errors import ResultsError
from medsam.protocol import PROTOCOLS
from medsam.results import rows as results
from medsam.results import store
from medsam.results.rows import COLUMNS
from medsam.results.store import Identity, Store, Unit


def identity(**changes):
    fields = {
        "dataset": "d",
        "model": "m",
        "protocol": PROTOCOLS["paper"].as_dict(),
        "weights": {"sha256": "0"},
        "seed": 1,
    }
    return Identity(**(fields | changes))


def row(image, k=1, **changes):
    values = dict.fromkeys(COLUMNS) | {
        "dataset": "d", "task": "t", "image": image, "group": image, "modality": "MRI",
        "model": "m", "protocol": "paper", "experiment": "mode", "k": k, "choice": "top",
        "iou": 0.5, "dice": 2 / 3, "score": 0.9, "object_px": 10, "n_regions": 1,
        "height": 8, "width": 9, "prompt": "{}", "status": "ok",
    }  # fmt: skip
    return values | changes


def complete(image, experiments=("mode", "clicks"), **changes):
    """Rows of all prompts and choices of one case."""
    last = {"mode": 5, "clicks": 9}
    return [
        row(image, k, experiment=name, choice=choice, **changes)
        for name in experiments
        for k in range(1, last[name] + 1)
        for choice in ("top", "oracle")
    ]


def refused(image, status="error", reason="torn", **changes):
    """The one row of a case that has no object, or could not be read."""
    blank = dict.fromkeys(("experiment", "k", "choice", "iou", "dice", "score", "prompt"))
    return row(image, **blank | {"status": status, "reason": reason} | changes)


def fill(folder, *images, **changes):
    with Store(folder, identity(**changes)) as store:
        for image in images:
            told = store.identity
            names = {"model": told.model, "protocol": told.protocol["name"]}
            rows = [row(image, k, **names) for k in (1, 2)]
            store.write(rows, [Unit(image, "t", "x")], {})


def test_round_trip_and_resume(tmp_path):
    fill(tmp_path, "a", "b")
    with Store(tmp_path, identity()) as store:
        assert store.is_done(Unit("a", "t", "x"))
        assert not store.is_done(Unit("c", "t", "x"))
        assert not store.is_done(Unit("a", "other", "x"))
    frame = results.read(tmp_path)
    assert list(frame.columns) == list(COLUMNS)
    assert frame[["image", "k"]].to_numpy().tolist() == [["a", 1], ["a", 2], ["b", 1], ["b", 2]]


def test_provenance_is_in_every_shard(tmp_path):
    fill(tmp_path, "a", "b")
    shards = sorted(tmp_path.glob("rows-*.parquet"))
    assert [s.name for s in shards] == ["rows-000000.parquet", "rows-000001.parquet"]
    for shard in shards:
        told = json.loads(pq.read_schema(shard).metadata[b"medsam"])
        assert told["identity"]["weights"] == {"sha256": "0"}
        assert told["identity"]["protocol"]["distance"] == "exact"
        assert {"medsam", "numpy", "python"} <= set(told["versions"])
    assert len(results.provenance(tmp_path)) == 1


def test_a_changed_image_is_noticed(tmp_path):
    fill(tmp_path, "a")
    with (
        Store(tmp_path, identity()) as store,
        pytest.raises(ResultsError, match="'a' or its mask has changed"),
    ):
        store.is_done(Unit("a", "t", "y"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": 2}, "seed: there 1, now 2"),
        ({"weights": {"sha256": "1"}}, "weights: there .*'0'.*, now .*'1'"),
        ({"protocol": PROTOCOLS["paper"].but("paper", top="first").as_dict()}, "protocol: there"),
    ],
)
def test_rows_of_another_kind_are_not_continued(tmp_path, changes, says):
    fill(tmp_path, "a")
    with pytest.raises(ResultsError, match=says):
        fill(tmp_path, "b", **changes)


def test_other_models_and_protocols_share_a_folder(tmp_path):
    fill(tmp_path, "a")
    fill(tmp_path, "a", protocol=PROTOCOLS["released"].as_dict())
    fill(tmp_path, "a", model="n", seed=5)
    assert len(results.read(tmp_path)) == 6


def test_one_run_a_folder(tmp_path):
    with (
        Store(tmp_path, identity()),
        pytest.raises(ResultsError, match="Another run is writing to .* Allowed: one run a folder"),
        Store(tmp_path, identity()),
    ):
        pass


def test_torn_leftovers_are_removed_and_torn_shards_named(tmp_path):
    fill(tmp_path, "a")
    leftover = tmp_path / ".rows-000001.parquet.tmp"
    leftover.write_bytes(b"half")
    fill(tmp_path, "b")
    assert not leftover.exists()
    shard = tmp_path / "rows-000001.parquet"
    shard.write_bytes(shard.read_bytes()[:50])
    for act in (lambda: results.read(tmp_path), lambda: fill(tmp_path, "c")):
        with pytest.raises(
            ResultsError, match=r"rows-000001.parquet cannot be read .* Delete it and run again"
        ):
            act()


def test_full_disk_loses_nothing(tmp_path, monkeypatch):
    fill(tmp_path, "a")

    def full(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Store(tmp_path, identity()) as store:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(
            ResultsError, match="No space left on device. The disk is full: free some space"
        ):
            store.write([row("b")], [Unit("b", "t", "x")], {})
        monkeypatch.undo()
    assert set(results.read(tmp_path).image) == {"a"}
    assert not list(tmp_path.glob(".rows*"))


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_a_file_that_may_not_grow(tmp_path):
    """The same with the operating system's own refusal, in a process of its own."""
    code = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import test_store as t
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
t.fill(t.results.Path({str(tmp_path)!r}), "a")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    t.fill(t.results.Path({str(tmp_path)!r}), "b")
except t.ResultsError as error:
    print(error)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Cannot write" in out.stdout
    assert "A file may not grow so large: raise the limit (ulimit -f) and run" in out.stdout
    assert "every shard that was written is kept" in out.stdout
    assert set(results.read(tmp_path).image) == {"a"}


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        ResultsError, match="There is a file of that name|A part of the path is a file"
    ):
        fill(tmp_path / "file", "a")
    with pytest.raises(ResultsError, match="A part of the path is a file"):
        fill(tmp_path / "file" / "below", "a")


def test_read_only_folder(tmp_path, monkeypatch):
    def refuse(*_args, **_more):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(store.FileLock, "acquire", refuse)
    with pytest.raises(
        ResultsError, match="Permission is denied: choose a folder that you may write to"
    ):
        fill(tmp_path, "a")
