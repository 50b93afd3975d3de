"""``medsam study``: a whole study as a workflow."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medsam.errors import InputError, ResultsError

if TYPE_CHECKING:
    from medsam.plan import Plan

__all__ = ["study"]

SNAKEFILE = Path(__file__).resolve().parents[2] / "Snakefile"


def study(
    config: Annotated[Path, typer.Option(metavar="FILE", help="What is wanted, as YAML.")],
    cores: Annotated[int, typer.Option(min=1, help="Processes at a time.")] = 1,
    profile: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A Snakemake profile, for a cluster, such as slurm."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Say what would be done, and do nothing.")
    ] = False,
) -> None:
    """Run a whole study: parts of tasks beside each other, merged into OUT/results.

    Run the same command again after an interruption, or with a changed plan: only what is missing
    is computed.
    """
    from medsam.plan import read
    from medsam.profile import find

    plan = read(config)
    if dry_run:
        for name, number in plan.counts().items():
            typer.echo(f"{name:26} {number:>12,}")
        left = sum(not (plan.out / shard.folder / ".done").is_file() for shard in plan.shards)
        typer.echo(f"{'processes still to run':26} {left:>12,}")
        return
    if find_spec("snakemake") is None or not SNAKEFILE.is_file():
        raise InputError(
            "A study needs Snakemake and a checkout of medsam with its Snakefile. Allowed: "
            "pip install -e '.[workflow]' in a clone. Or use `medsam run`."
        )
    profile = find(profile) if profile else None
    import fcntl  # which Windows has not, nor would Snakemake run there

    plan.out.mkdir(parents=True, exist_ok=True)
    with (plan.out / ".study.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ResultsError(
                f"Another study is running in {plan.out}. Allowed: one a folder. Wait for it, or "
                "choose another out."
            ) from error
        _run(plan, cores, profile, lock.fileno())


def _run(plan: Plan, cores: int, profile: Path | None, lock: int) -> None:
    out, settings = plan.out, plan.out / "study.json"
    # Snakemake reads its file again in every job: the data are looked at here, once.
    content = {"gpus": plan.gpus, "lines": {each.folder: each.line for each in plan.shards}}
    settings.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
    command += ["--directory", str(out), "--configfile", str(settings), "--nolock"]
    command += ["--cores", str(cores), "--keep-going", "--rerun-incomplete", "--quiet", "rules"]
    command += ["--profile", str(profile)] if profile else []
    # Snakemake's own lock would stay when it is killed. Ours goes with the last process that has it
    # open: with Snakemake, should it outlive this one.
    done = subprocess.run(command, check=False, pass_fds=(lock,))
    if done.returncode:
        raise ResultsError(
            f"Snakemake ended with {done.returncode}; the logs are in {out / 'logs'}. Allowed: 0. "
            "Mend what they name and run the same command again; what is done stays."
        )
    typer.echo(f"The rows are in {out / 'results'}.")
