"""Whole processes with torn shards or one folder: nothing is lost, nothing counts twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from medsam.results import COLUMNS, read, shards

pytestmark = pytest.mark.slow

RUN = [
    "run",
    "--tasks",
    "brain_stem",
    "--every",
    "24",
    "--experiments",
    "mode",
    "--shard",
    "1",
    "--quiet",
    "--out",
]
KEY = ["task", "image", "experiment", "k", "choice"]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def medsam(out: Path) -> subprocess.CompletedProcess[str]:
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


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    return content[:-40] + bytes(255 - byte for byte in content[-40:])


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
