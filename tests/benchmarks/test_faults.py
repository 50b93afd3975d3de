"""Whole processes that are killed or short of room: nothing is lost."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.report import faults
from medsam.results.rows import COLUMNS, read, shards

ROOT = Path(__file__).parents[2]

RUN = [
    "run", "--tasks", "brain_stem", "--every", "24", "--experiments", "mode", "--shard", "1",
    "--quiet", "--out",
]  # fmt: skip
KEY = ["task", "image", "experiment", "k", "choice"]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def medsam(out: Path) -> subprocess.CompletedProcess[str]:
    """A run as a process."""
    command = [sys.executable, "-m", "medsam.cli", *RUN, str(out)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)


def same(out: Path, whole: Path) -> None:
    """The rows of an undisturbed run, each once also where shards are read one by one."""
    pd.testing.assert_frame_equal(read(out), read(whole))
    found = pd.concat([pd.read_parquet(shard) for shard in shards(out)])
    assert list(found.columns) == list(COLUMNS)
    assert not found.duplicated(KEY).any()
    assert not list(out.glob(".*.tmp"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("faults") / "whole"
    ran = medsam(out)
    assert ran.returncode == 0, ran.stderr
    return out


@pytest.fixture
def room(tmp_path):
    """A file system of its own with room for one shard; and the means to make it larger."""
    if not shutil.which("mount"):
        pytest.skip("no mount here")
    folder = tmp_path / "small"
    folder.mkdir()
    make = ["mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", str(folder)]
    if subprocess.run(make, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield (
            folder / "results",
            lambda: subprocess.run(
                ["mount", "-o", "remount,size=1m", str(folder)], check=True, capture_output=True
            ),
        )
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_run_that_fills_the_disk_goes_on_when_there_is_room(room, whole):
    out, more = room
    ran = medsam(out)
    assert ran.returncode == 2
    assert "rows-000001.parquet: No space left on device" in ran.stderr.replace("\n", " ")
    assert [shard.name for shard in shards(out)] == ["rows-000000.parquet"]
    assert not list(out.glob(".*.tmp"))
    more()
    ran = medsam(out)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("1 cases computed")
    same(out, whole)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the CPU time of another process")
def test_kills_lose_no_row_and_cost_no_more_than_a_shard(tmp_path):
    script = [sys.executable, str(ROOT / "benchmarks" / "faults.py"), "--out", str(tmp_path)]
    few = ["--kills", "4", "--steps", "1", "--merges", "2", "--every", "24", "--shard", "1"]
    # It stops where rows are not those of an undisturbed run.
    ran = subprocess.run(
        [*script, *few, "--embeddings"], capture_output=True, text=True, env=environment(),
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = faults.kills(tmp_path)
    run, merge = (found[found.command == name] for name in ("run", "merge"))
    assert (len(run), len(merge)) == (4 + len(faults.STEPS), 2)
    assert set(run.lost) <= {0, 1}
    assert set(run.aim) == {"moment", *faults.STEPS}
    # What was renamed is kept; what was not is not, however much of it was written.
    aimed = run[run.aim != "moment"].set_index("aim")
    assert aimed.kept.to_dict() == {step: int(step == "after rename") for step in faults.STEPS}
    assert set(aimed.phase) == {"writing"}
    assert faults.provenance(tmp_path)["images"] == 2


def test_kills_by_phase():
    lines = [("merge", "reading", 0), ("run", "writing", 2), ("run", "starting", 0)]
    lines += [("run", "writing", 1)]
    table = faults.summary(pd.DataFrame(lines, columns=["command", "phase", "lost"]))
    assert table.values.tolist() == [
        ["run", "starting", 1, 0.0, 0],
        ["run", "writing", 2, 1.5, 2],
        ["merge", "reading", 1, 0.0, 0],
    ]
