"""Whole processes that are killed, short of room, or in each other's way: nothing is lost."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.report import faults
from medsam.errors import InputError
from medsam.results.rows import COLUMNS, read, read_metadata, shards

ROOT = Path(__file__).parents[2]

RUN = [
    "run", "--tasks", "brain_stem", "--every", "24", "--experiments", "mode", "--shard", "1",
    "--quiet", "--out",
]  # fmt: skip
KEY = ["task", "image", "experiment", "k", "choice"]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def medsam(out: Path, *python: str) -> subprocess.CompletedProcess[str]:
    """A run as a process; with other arguments of Python than the module."""
    command = [sys.executable, *(python or ("-m", "medsam.cli")), *RUN, str(out)]
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


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    return content[:-40] + bytes(255 - byte for byte in content[-40:])


@pytest.mark.slow
@pytest.mark.parametrize("harm", [_cut, _flipped])
def test_a_torn_shard_is_named_and_only_its_rows_are_computed_anew(tmp_path, whole, harm):
    out = tmp_path / "results"
    out.mkdir()
    for shard in shards(whole):
        (out / shard.name).write_bytes(shard.read_bytes())
    torn = shards(out)[1]
    torn.write_bytes(harm(torn.read_bytes()))
    ran = medsam(out)
    assert ran.returncode == 2
    assert f"Shard {torn} cannot be read" in ran.stderr
    assert "Delete it and run again" in ran.stderr
    torn.unlink()
    ran = medsam(out)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("1 cases computed")
    same(out, whole)


@pytest.mark.slow
def test_a_second_run_into_the_same_folder_is_refused(tmp_path, whole):
    out = tmp_path / "results"
    command = [sys.executable, "-m", "medsam.cli", *RUN, str(out)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL) as first:
        while not shards(out) and first.poll() is None:
            time.sleep(0.01)
        # Stopped, so that it holds the folder for as long as the second needs.
        first.send_signal(signal.SIGSTOP)
        try:
            second = medsam(out)
        finally:
            first.send_signal(signal.SIGCONT)
        assert second.returncode == 2
        assert f"Another run is writing to {out}. Allowed: one run a folder." in second.stderr
        assert first.wait() == 0
    same(out, whole)


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
    assert ran.stderr.replace("\n", " ").strip() == (
        f"medsam: Cannot write {out / 'rows-000001.parquet'}: No space left on device. The disk is "
        "full: free some space and run the same command again; every shard that was written is "
        "kept."
    )
    assert [shard.name for shard in shards(out)] == ["rows-000000.parquet"]
    assert not list(out.glob(".*.tmp"))
    more()
    ran = medsam(out)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("1 cases computed")
    same(out, whole)


CLOCK = """
import datetime, time
from medsam import cli
from medsam.results import store
shift, seconds, nanoseconds = {shift}, time.time, time.time_ns
time.time = lambda: seconds() + shift
time.time_ns = lambda: nanoseconds() + shift * 10**9
class Moved(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + datetime.timedelta(seconds=shift)
store.datetime = Moved
cli.main()
"""
YEARS = 10 * 365 * 86400


@pytest.mark.slow
def test_the_clock_may_be_set_back_and_forward(tmp_path, whole):
    out = tmp_path / "results"
    assert medsam(out, "-c", CLOCK.format(shift=YEARS)).returncode == 0
    first, second = shards(out)
    ahead = read_metadata(first)["created"]
    # As if it had been killed before the last shard; and files are of any time.
    second.unlink()
    for place, file in enumerate((first, out / ".lock")):
        os.utime(file, (YEARS * (9 - 9 * place), YEARS * (9 - 9 * place)))
    ran = medsam(out, "-c", CLOCK.format(shift=-YEARS))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("1 cases computed")
    back = read_metadata(shards(out)[1])["created"]
    assert int(ahead[:4]) - int(back[:4]) >= 19
    same(out, whole)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the CPU time of another process")
def test_kills_lose_no_row_and_cost_no_more_than_a_shard(tmp_path):
    script = [sys.executable, str(ROOT / "benchmarks" / "faults.py"), "--out", str(tmp_path)]
    few = ["--kills", "6", "--steps", "1", "--merges", "4", "--every", "24", "--shard", "1"]
    # It stops where rows are not those of an undisturbed run.
    ran = subprocess.run(
        [*script, *few, "--embeddings"], capture_output=True, text=True, env=environment(),
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = faults.kills(tmp_path)
    run, merge = (found[found.command == name] for name in ("run", "merge"))
    assert (len(run), len(merge)) == (6 + len(faults.STEPS), 4)
    assert set(run.lost) <= {0, 1}
    assert set(run.aim) == {"moment", *faults.STEPS}
    # What was renamed is kept; what was not is not, however much of it was written.
    aimed = run[run.aim != "moment"].set_index("aim")
    assert aimed.kept.to_dict() == {step: int(step == "after rename") for step in faults.STEPS}
    assert set(aimed.phase) == {"writing"}
    assert faults.provenance(tmp_path)["images"] == 2


def test_the_shipped_kills():
    found, about = faults.kills(), faults.provenance()
    chance = found[(found.command == "run") & (found.aim == "moment")]
    assert found.lost.between(0, about["images_a_shard"]).all()
    assert (found.kept + found.lost <= found.images).all()
    assert (found.seconds > 0).all()
    assert chance.lost.nunique() > 1
    assert chance.phase.nunique() > 1
    assert not any("/" in str(value) for value in about["versions"].values())


def test_kills_by_phase():
    found = pd.DataFrame(
        {
            "command": ["merge", "run", "run", "run"],
            "phase": ["reading", "writing", "starting", "writing"],
            "lost": [0, 2, 0, 1],
        }
    )
    table = faults.summary(found)
    assert table.values.tolist() == [
        ["run", "starting", 1, 0.0, 0],
        ["run", "writing", 2, 1.5, 2],
        ["merge", "reading", 1, 0.0, 0],
    ]
    about = {"images": 5, "images_a_shard": 2, "made": "2026-01-01"}
    told_of = faults.findings(found.assign(aim=["moment"] * 3 + ["half a file"]), about)
    assert told_of == {
        "random": 2, "aimed": 1, "merges": 1, "most": 2, "mean": 1.0, "images": 5, "shard": 2,
        "made": "2026-01-01",
    }  # fmt: skip


def test_what_is_no_table_of_kills(tmp_path):
    with pytest.raises(InputError, match=r"Cannot read .*kills\.csv .* Check the path\."):
        faults.kills(tmp_path)
    wrong = faults.kills().head(1).assign(phase="sleeping").drop(columns="again")
    wrong.to_csv(tmp_path / "kills.csv", index=False)
    with pytest.raises(InputError, match=r"kills\.csv: again; phase 'sleeping'\. Allowed: columns"):
        faults.kills(tmp_path)
