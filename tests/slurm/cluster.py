"""A SLURM of its own on this machine: a controller and two nodes, n1 and n2, of one CPU each.

As root, ``python tests/slurm/cluster.py start`` and ``stop``; ``sbatch`` and the others find it.
It has its own munged, ports and folder, needs neither systemd nor cgroups, and is not for work:
nothing keeps a job within its memory.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["HOME", "PROGRAMS", "SETTINGS", "foreign", "start", "stop"]

# Not in /tmp: munged wants folders that nobody else can write and everybody can enter.
HOME = Path("/run/medsam-slurm")
# Jobs are started with no SLURM_CONF, so there is no other place for it.
SETTINGS = Path("/etc/slurm/slurm.conf")
MARK = "# Made by the tests of medsam, and removed by them."
NODES = ("n1", "n2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")

CONTENT = """\
{mark}
ClusterName=medsam
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={home}/munge.socket
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool-%n
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd-%n.pid
SlurmctldLogFile={home}/slurmctld.log
SlurmdLogFile={home}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
# Seconds that an ended job can still be asked for.
MinJobAge=86400
MailProg=/bin/true
# What is said here of a node holds, whatever the machine has.
SlurmdParameters=config_overrides
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def foreign() -> bool:
    """Whether the machine has a SLURM that is not ours."""
    return SETTINGS.exists() and not SETTINGS.read_text().startswith(MARK)


def start() -> None:
    """Start all daemons and wait until both nodes are idle.

    Raises
    ------
    RuntimeError
        If the machine has a SLURM of its own, or the nodes do not come up.
    """
    if foreign():
        raise RuntimeError(f"{SETTINGS} is there: this machine has a SLURM of its own.")
    stop()  # what a killed test left
    HOME.mkdir(mode=0o755)
    for name in ("state", *(f"spool-{node}" for node in NODES)):
        (HOME / name).mkdir(mode=0o755)
    SETTINGS.parent.mkdir(parents=True, exist_ok=True)
    SETTINGS.write_text(_settings())
    _start_munged()
    subprocess.run(["slurmctld"], check=True)
    for node in NODES:
        subprocess.run(["slurmd", "-N", node], check=True)
    deadline = time.monotonic() + 60
    while (states := _states()) != ["idle", "idle"]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"Nodes are {states} after a minute, not idle.\n{_logs()}")
        time.sleep(0.2)


def stop() -> None:
    """Cancel all jobs, stop the daemons by their pid files, and remove all that was made."""
    if (HOME / "slurmctld.pid").exists():
        _cancel_all()
    for name in (*(f"slurmd-{node}" for node in NODES), "slurmctld", "munged"):
        _end(HOME / f"{name}.pid", name.partition("-")[0])
    shutil.rmtree(HOME, ignore_errors=True)
    if not foreign():
        SETTINGS.unlink(missing_ok=True)


def _settings() -> str:
    host = socket.gethostname().partition(".")[0]
    ports = _free_ports(1 + len(NODES))
    nodes = "\n".join(
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
        "CPUs=1 RealMemory=16000"
        for node, port in zip(NODES, ports[1:], strict=True)
    )
    return CONTENT.format(mark=MARK, host=host, home=HOME, ports=ports, nodes=nodes)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _start_munged() -> None:
    key = HOME / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    own = {"key-file": key, "socket": HOME / "munge.socket", "pid-file": HOME / "munged.pid"}
    own |= {"seed-file": HOME / "munged.seed", "log-file": HOME / "munged.log"}
    subprocess.run(["munged", *(f"--{name}={path}" for name, path in own.items())], check=True)


def _states() -> list[str]:
    command = ["sinfo", "--noheader", "--Node", "--format=%t"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def _cancel_all() -> None:
    """A node daemon that ends leaves its jobs running."""
    try:
        subprocess.run(["scancel", "--partition=main"], check=True, timeout=20)
        for _ in range(100):
            left = ["squeue", "--noheader"]
            if not subprocess.run(left, capture_output=True, check=True, timeout=20).stdout:
                return
            time.sleep(0.2)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return  # the controller does not answer


def _logs() -> str:
    return "\n".join(f"== {log.name}\n{log.read_text()[-2000:]}" for log in HOME.glob("*.log"))


def _end(pid_file: Path, program: str) -> None:
    """End the process of a pid file, if it is one of this program."""
    try:
        pid = int(pid_file.read_text())
        if Path(f"/proc/{pid}/comm").read_text().strip() != program:
            return
        os.kill(pid, signal.SIGTERM)
        for _ in range(100):
            time.sleep(0.1)
            os.kill(pid, 0)
        os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return  # it is gone


if __name__ == "__main__":
    {"start": start, "stop": stop}[sys.argv[1]]()
