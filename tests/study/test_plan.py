"""A study as a plan, and run by Snakemake."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import study_toys
from typer.testing import CliRunner

from medsam.cli import app
from medsam.errors import InputError, ResultsError, UnknownName, WeightsError
from medsam.results import rows as results
from medsam.study.plan import read

SMALL = {"models": "minisam", "tasks": ["brain_stem"], "every": 20, "parts": 2, "out": "out"}


def written(folder, **changes):
    return study_toys.written(folder, **SMALL | changes)


def test_shards_by_hand(tmp_path):
    plan = read(written(tmp_path, protocols=["paper", "released", "published"]))
    assert plan.out == tmp_path / "out"
    shards = plan.jobs().shards
    names = [shard.folder.rpartition("/")[2] for shard in shards]
    # One stream over all images cannot be cut; the others are computed side by side.
    assert names == ["1-of-2", "2-of-2", "1-of-1"]
    assert [shard.images.part for shard in shards] == ["1/2", "2/2", "1/1"]
    both = ("paper", "published")
    assert [shard.protocols for shard in shards] == [both, both, ("released",)]
    assert len({shard.images.intensity for shard in shards}) == 2


def test_folders_change_with_what_rows_depend_on_and_with_nothing_else(tmp_path):
    def folders(**changes):
        return {shard.folder for shard in read(written(tmp_path, **changes)).jobs().shards}

    first = folders()
    assert folders(seed=2).isdisjoint(first)
    assert folders(protocols="paper+intensity=max").isdisjoint(first)
    assert folders(models=["minisam", "lite-medsam"]) > first
    same = {"gpus": 1, "out": "other", "parts_each": 2, "batch": 2, "embeddings": "always"}
    assert folders(**same) == folders(sources=["sample", "sample"]) == first
    # Other protocols and tasks go beside the rows that are there, in jobs of other names.
    two = {"tasks": ["brain_stem", "brain_putamen"], "protocols": ["published", "paper"]}
    assert folders(**two, every=None) == folders(every=None)
    jobs = [read(written(tmp_path, **of, every=None)).jobs() for of in (two, {})]
    assert set(jobs[0].evaluate).isdisjoint(jobs[1].evaluate)
    # One of so many images is another where images of the other task lie between.
    assert folders(**two).isdisjoint(first)
    # What one stream draws for an image depends on those before it.
    stream = {"protocols": "released", "every": None}
    assert folders(**stream).isdisjoint(folders(**stream, tasks=two["tasks"]))


def test_folders_change_with_the_files_and_not_with_their_place(tmp_path):
    def folders(place):
        plan = study_toys.written(place, models="minisam", sources=["own.yaml"])
        return [shard.folder for shard in read(plan).jobs().shards]

    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    study_toys.own(here)
    first = folders(here)
    here.rename(there)
    assert folders(there) == first
    with (there / "own" / "masks" / "case0.png").open("ab") as file:
        file.write(b" ")
    assert set(folders(there)).isdisjoint(first)


def test_weights_of_ones_own_are_a_model_of_their_own(tmp_path):
    def plan(name):
        own = {"model": "sam-vit-b", "checkpoint": name}
        return read(written(tmp_path, models=["minisam", own], parts=1))

    for name in ("mine.pth", "other.pth"):
        (tmp_path / name).write_bytes(name.encode())
    first, second = (plan(name).jobs() for name in ("mine.pth", "other.pth"))
    # Wherever the plan is read: a path is of its folder.
    named = f"sam-vit-b+checkpoint={tmp_path / 'mine.pth'}"
    assert [shard.model for shard in first.shards] == ["minisam", named]
    assert [*first.evaluate][1].startswith("sam-vit-b%2Bmine-")
    assert len({s.folder for s in first.shards} - {s.folder for s in second.shards}) == 1
    with pytest.raises(WeightsError, match=r"gone\.pth: no such file"):
        plan("gone.pth")
    (tmp_path / "mine.pt").write_bytes(b"")
    own = [{"model": "sam-vit-b", "checkpoint": f"mine.{end}"} for end in ("pt", "pth")]
    with pytest.raises(InputError, match=r"models of one name"):
        read(written(tmp_path, models=own))


def test_what_is_no_plan(tmp_path):
    with pytest.raises(UnknownName, match=r"study\.yaml 'model'\. Did you mean 'models'"):
        read(written(tmp_path, model="minisam"))
    with pytest.raises(InputError, match=r"study\.yaml: parts is 0\. Allowed: .*greater than"):
        read(written(tmp_path, parts=0))


@pytest.mark.slow
def test_a_killed_study_goes_on_and_a_changed_one_computes_only_what_is_new(tmp_path):
    """With the rows of one run."""
    content = {"models": "minisam", "sources": study_toys.own(tmp_path, images=2), "tasks": "one"}
    content |= {"parts": 2, "parts_each": 2, "out": "out", "protocols": "published"}
    out, plan = tmp_path / "out", study_toys.written(tmp_path, **content)

    def medsam(*command):
        done = CliRunner().invoke(app, list(map(str, command)), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def run(*more):
        return medsam("study", "--config", plan, "--cores", "2", *more)

    def left():
        return run("--dry-run", "--no-probe").partition("processes still to run")[2].split()[0]

    def stamps():
        return {p: p.stat().st_mtime_ns for p in (out / "parts").rglob("rows-*")}

    assert left() == "2"
    command = [sys.executable, "-m", "medsam.cli", "study", "--config", str(plan)]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    while not list(out.glob("parts/*/1-of-2/rows-*")):
        assert first.poll() is None
        time.sleep(0.05)
    first.kill()
    # Snakemake outlives the process that started it, and keeps the folder to itself.
    with pytest.raises(ResultsError, match="Another study is running in"):
        run()
    os.killpg(first.pid, signal.SIGKILL)
    with (out / ".study.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # waits for it
    before = stamps()
    assert len(before) == 1
    run()
    assert left() == "0"
    rows = results.read(out / "results")
    alone = ["--tasks", "one", "--protocol", "published", "--quiet", "--out", tmp_path / "one"]
    medsam("run", "--data", tmp_path / "own.yaml", *alone)
    pd.testing.assert_frame_equal(rows, results.read(tmp_path / "one"))
    after = stamps()
    assert after.items() > before.items()
    # Of the other protocol and the other task alone.
    content |= {"tasks": ["one", "two"], "protocols": ["published", "paper"]}
    study_toys.written(tmp_path, **content)
    run()
    assert stamps().items() > after.items()
    both = results.read(out / "results").query("protocol == 'published' and task == 'one'")
    pd.testing.assert_frame_equal(both.reset_index(drop=True), rows)
    # What is no longer asked for is kept, but not among the results.
    study_toys.written(tmp_path, **content | {"tasks": "two", "protocols": "paper"})
    before = stamps()
    run()
    assert stamps() == before
    rows = results.read(out / "results")
    assert (set(rows.task), set(rows.protocol)) == ({"two"}, {"paper"})
